"""From messages to the text of a prompt, through the chat template that came with the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.types import PromptMessage, ToolSpec
from inference.worker.prompt import message_plain, raw_prompt, template_apply, tool_plain


class _Generation(Extension):
    """`{% generation %}` marks what the assistant says, for training: here it means nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """One model's template, compiled when it is first needed."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "", thinks: bool = False) -> None:
        self._source = source
        self._given = {"bos_token": bos, "eos_token": eos, "enable_thinking": thinks}
        self._compiled: Any = None

    def render(self, messages: Sequence[PromptMessage], tools: Sequence[ToolSpec]) -> str:
        """The prompt's text; the raw prompt for a model without a template. A last message of the
        assistant is continued. Raises InvalidRequest or GenerationFailed where the template does
        not take the conversation."""
        if not self._source:
            return raw_prompt(messages)
        return template_apply(messages, partial(self._render, tools))[0]

    def _render(
        self, tools: Sequence[ToolSpec], messages: Sequence[PromptMessage], continues: bool
    ) -> str:
        if self._compiled is None:
            self._compiled = _environment().from_string(self._source)
        text: str = self._compiled.render(
            messages=[message_plain(message) for message in messages],
            tools=[tool_plain(tool) for tool in tools] or None,
            add_generation_prompt=not continues,
            **self._given,
        )
        return _up_to(text, messages[-1].content.strip()) if continues else text


def _up_to(text: str, last: str) -> str:
    """The text up to where the last message ends: there it is to go on."""
    found = text.rfind(last)
    if found < 0:
        raise ValueError("the chat template leaves out the message that is to be continued")
    return text[: found + len(last)]


def _environment() -> ImmutableSandboxedEnvironment:
    """As transformers has it, for which templates are written."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment


def _tojson(value: Any, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, **options)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)
