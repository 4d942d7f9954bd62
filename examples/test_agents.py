"""Try the agents of a running Cortex: what there is, a plan, and a goal that is carried out.

`python examples/test_agents.py`; the address is http://localhost:8000.
"""

import requests

AGENTS = "http://localhost:8000/api/agents"


def show_info():
    response = requests.get(f"{AGENTS}/info")
    response.raise_for_status()
    for agent in response.json()["agents"]:
        print(f"{agent['name']}: {agent['description']}")
        for capability in agent["capabilities"]:
            print(f"  - {capability}")


def make_plan(goal):
    response = requests.post(f"{AGENTS}/plan", json={"goal": goal})
    response.raise_for_status()
    print(f"\nPlan for: {goal}\n{response.json()['plan']}")


def execute(goal, max_iterations):
    response = requests.post(
        f"{AGENTS}/execute",
        json={"goal": goal, "max_iterations": max_iterations, "verbose": True},
    )
    response.raise_for_status()
    result = response.json()
    print(f"\nGoal: {goal}")
    print(f"Success: {result['success']}")
    print(f"Answer: {result['final_answer']}")
    for step in result["steps"]:
        print(f"\nStep {step['step_number']}:")
        print(f"  Thought: {step['thought']}")
        if step["action"]:
            print(f"  Action: {step['action']}")
            print(f"  Input: {step['action_input']}")
        if step["observation"]:
            print(f"  Observation: {step['observation']}")


if __name__ == "__main__":
    show_info()
    make_plan("Calculate the sum of squares from 1 to 10")
    execute("What is 2 to the power of 8?", max_iterations=5)
