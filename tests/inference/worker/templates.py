"""Chat templates that do not take every conversation, as families have them, and broken ones."""

from __future__ import annotations

from common.errors import InvalidRequest
from inference.errors import GenerationFailed
from inference.types import PromptMessage, WrittenCall

# Gemma's rules: no system role, and the two take turns.
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/...') }}{% endif %}"
    "<{{ message['role'] }}>{{ message['content'] | trim }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
# Mistral's: an optional system message, then turns.
MISTRAL = (
    "{% set turns = messages %}"
    "{% if messages[0]['role'] == 'system' %}[{{ messages[0]['content'] }}]"
    "{% set turns = messages[1:] %}{% endif %}"
    "{% for message in turns %}"
    "{% if message['role'] == 'system' or (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<{{ message['role'] }}>{{ message['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
# Qwen 3's: the system speaks first or not at all.
QWEN = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}"
    "<{{ message['role'] }}>{{ message['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

# Mistral's, where there are tools: an id has nine characters.
NINE = (
    "{% for message in messages %}{% for call in message.tool_calls or [] %}"
    "{% if call.id | length != 9 %}{{ raise_exception('IDs have length 9!') }}{% endif %}"
    "({{ call.function.name }}){% endfor %}"
    "{% if message.tool_call_id is defined and message.tool_call_id | length != 9 %}"
    "{{ raise_exception('IDs have length 9!') }}{% endif %}"
    "<{{ message['role'] }}>{{ message['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

SYSTEM = PromptMessage("system", "Be brief.")
POLITE = PromptMessage("system", "Be polite.")
HELLO, AGAIN = PromptMessage("user", "Hello."), PromptMessage("user", "Hello?")
HI, BEGUN = PromptMessage("assistant", "Hi."), PromptMessage("assistant", "I am")

CALL = PromptMessage("assistant", "", (WrittenCall("call_0123456789", "f", "{}"),))
RESULT = PromptMessage("tool", "4", tool_call_id="call_0123456789")

# Templates, conversations, and what the model is to read.
REFUSING = [
    (GEMMA, (HELLO,), "<user>Hello.</><assistant>"),
    (GEMMA, (SYSTEM, HELLO), "<user>Be brief.\n\nHello.</><assistant>"),
    (GEMMA, (SYSTEM,), "<user>Be brief.</><assistant>"),
    (
        GEMMA,
        (SYSTEM, HELLO, HI, POLITE, AGAIN),
        "<user>Be brief.\n\nBe polite.\n\nHello.</><assistant>Hi.</><user>Hello?</><assistant>",
    ),
    (GEMMA, (SYSTEM, HI, HELLO), "<user>Be brief.</><assistant>Hi.</><user>Hello.</><assistant>"),
    (GEMMA, (HI, HELLO), "<user></><assistant>Hi.</><user>Hello.</><assistant>"),
    (GEMMA, (HELLO, AGAIN), "<user>Hello.\n\nHello?</><assistant>"),
    (GEMMA, (SYSTEM, HELLO, BEGUN), "<user>Be brief.\n\nHello.</><assistant>I am"),
    (MISTRAL, (SYSTEM, HELLO, AGAIN), "[Be brief.]<user>Hello.\n\nHello?</><assistant>"),
    (MISTRAL, (HELLO, HI, BEGUN), "<user>Hello.</><assistant>Hi.\n\nI am"),
    (MISTRAL, (HELLO, SYSTEM), "[Be brief.]<user>Hello.</><assistant>"),
    (QWEN, (HELLO, SYSTEM), "<system>Be brief.</><user>Hello.</><assistant>"),
    (QWEN, (HELLO, AGAIN), "<user>Hello.</><user>Hello?</><assistant>"),
    (
        NINE,
        (HELLO, CALL, RESULT),
        "<user>Hello.</>(f)<assistant></><tool>4</><assistant>",
    ),
]
FAILING = [
    ("{{ raise_exception('no more talk') }}", InvalidRequest, "refuses.* no more talk"),
    ("{{ messages[7]['content']['a'] }}", GenerationFailed, "template fails"),
    ("{% for x in", GenerationFailed, "template fails"),
    ("{{ ''.__class__.__mro__ }}", GenerationFailed, "unsafe"),
    (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        GenerationFailed,
        "more than 0.5 s",
    ),
    ("{# nothing #}", GenerationFailed, "gave nothing"),
]
