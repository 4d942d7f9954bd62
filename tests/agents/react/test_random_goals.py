"""Random goals on the embedded model at a temperature: every step parses and could be run.

CORTEX_TEST_GOALS sets how many goals there are.
"""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from jsonschema import Draft202012Validator

from agents.react.loop import react_loop
from agents.react.parser import FINISH_SPEC, step_parse
from agents.react.steps import COMPLETED, FAILED, OBSERVING, Task
from inference import services
from inference.types import Sampling
from tests.agents.react.random_goals import random_goals
from tooling.base import ToolResult
from tooling.errors import ToolError
from tooling.services import tool_execute, tool_specs

pytestmark = [pytest.mark.model, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3000)]

GOALS = int(os.environ.get("CORTEX_TEST_GOALS", "6"))
SEED = 20
MODEL = "smollm2-135m-instruct"
TOKENS = 160  # a step; longer ones are cut off, and closed
SLOW = "code_generator"  # it asks the model again, for much more than this is about


@pytest.fixture
def model(transactional_db):
    services.model_load(name=MODEL)
    yield MODEL
    services.shutdown()


def test_every_step_parses_and_names_an_enabled_tool_with_valid_arguments(model, owner):
    tools = tuple(tool_specs(caller=owner))
    schemas = {spec.name: spec.parameters for spec in (*tools, FINISH_SPEC)}

    def execute(name, arguments, step):
        if name == SLOW:
            return ToolResult(True, "print(1)")
        try:
            return tool_execute(name=name, arguments=arguments, caller=owner)
        except ToolError as error:
            return ToolResult(False, error=str(error))

    def work(number_and_goal):
        number, goal = number_and_goal
        sampling = Sampling(temperature=1.0, top_p=1.0, seed=number)
        task = Task(
            goal, tools, model=model, max_iterations=2, step_tokens=TOKENS, sampling=sampling
        )
        steps = {}
        try:
            for event in react_loop(task, generate=services.generate, execute=execute):
                if event.kind == "step":
                    steps[event.data["step_number"]] = event.data
        finally:
            connections.close_all()
        return event, list(steps.values())

    goals = list(enumerate(random_goals(GOALS, SEED)))
    results = [work(goals[0])]
    with ThreadPoolExecutor(16) as pool:
        results += pool.map(work, goals[1:])

    actions, cut = Counter(), 0
    for last, steps in results:
        assert last.kind == "done"
        for step in steps:
            was_cut = step["usage"]["completion_tokens"] >= TOKENS and step["action"] != "finish"
            assert step["status"] in ((FAILED,) if was_cut else (OBSERVING, COMPLETED)), step
            assert step["thought"], step
            parsed = step_parse(step["text"], tools)
            assert (parsed.action, parsed.action_input) == (step["action"], step["action_input"])
            assert parsed.notes == ()
            problems = list(
                Draft202012Validator(schemas[step["action"]]).iter_errors(step["action_input"])
            )
            assert not problems, (step, problems)
            actions[step["action"]] += 1
            cut += step["usage"]["completion_tokens"] >= TOKENS
        assert steps[-1]["action"] == "finish"
    print(f"{len(results)} goals, {sum(actions.values())} steps: {dict(actions)}, {cut} cut off")
    assert len(results) == GOALS
