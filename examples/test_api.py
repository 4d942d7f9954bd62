"""Ask a running Cortex for a chat completion: `python examples/test_api.py`."""

import json

import requests

response = requests.post(
    "http://localhost:8000/api/chat/completions",
    json={
        "messages": [{"role": "user", "content": "Hello! Say hi back."}],
        "max_tokens": 50,
        "temperature": 0.7,
    },
)

print(f"Status: {response.status_code}")
print(json.dumps(response.json(), indent=2))
