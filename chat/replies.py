"""The loop of a chat answer: from the tree of messages to a request, and on to the reply loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User

from agents.loops import Execute, Loop, Policy
from agents.loops.reply import reply_loop
from agents.models import Run
from chat.models import Conversation, Message
from chat.parts import Part, parts_decode
from chat.tree import path_read
from inference import services as inference
from inference import types
from inference.types import JSON, GenerationRequest, Sampling, ToolCall, ToolSpec
from tooling.base import ToolResult
from tooling.services import result_for_model, tool_execute, tool_specs

GO_ON = (
    "Your last message broke off. Continue it from exactly where it stopped: "
    "no introduction, nothing repeated."
)


def reply_run(run: Run) -> Loop:
    """Write the answer that the run belongs to."""
    message = Message.objects.select_related("conversation__owner").get(id=run.params["message"])
    conversation = message.conversation
    return reply_loop(
        request_build(message, run),
        inference.generate,
        _executor(conversation.owner, run),
        policy=_policy(conversation),
        offer=lambda: tools_offered(conversation),
    )


def request_build(message: Message, run: Run) -> GenerationRequest:
    """What the model is asked: the path to the answer, and what stands of the answer already."""
    conversation = message.conversation
    before = parts_decode(run.params.get("before", []))
    return GenerationRequest(
        messages=tuple(_messages(message, before, bool(run.params.get("asked_to_continue")))),
        model=conversation.model,
        sampling=Sampling(
            temperature=_or(conversation.temperature, settings.DEFAULT_TEMPERATURE),
            top_p=_or(conversation.top_p, settings.DEFAULT_TOP_P),
            seed=conversation.seed,
        ),
        max_tokens=conversation.max_tokens,
        tools=tools_offered(conversation),
        owner=str(conversation.owner_id),
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _messages(message: Message, before: list[Part], ask: bool) -> Iterator[types.Message]:
    """A last message by the assistant means: continue it. One that only asks says so in words."""
    if message.conversation.system_prompt:
        yield types.Message("system", message.conversation.system_prompt)
    yield from _merged(path_read(message.parent_id))
    yield from part_messages(before)
    if ask:
        yield types.Message("user", GO_ON)


def _merged(path: Iterable[Message]) -> Iterator[types.Message]:
    """Questions whose answer never came are put together: templates want the roles to alternate."""
    pending: list[str] = []
    for message in path:
        if message.role == Message.Role.USER:
            pending.append(message.content)
            continue
        answer = list(part_messages(_parts(message)))
        if answer:
            yield types.Message("user", "\n\n".join(pending))
            pending.clear()
            yield from answer
    if pending:
        yield types.Message("user", "\n\n".join(pending))


def _parts(message: Message) -> list[Part]:
    return parts_decode(message.parts) or [Part("text", text=message.content)]


def part_messages(parts: Iterable[Part]) -> Iterator[types.Message]:
    """An answer as the turns that it took: text, calls, results. Thinking is not given back."""
    for part in parts:
        if part.kind == "text" and part.text:
            yield types.Message("assistant", part.text)
        elif part.kind == "tool":
            call = ToolCall(part.id, part.name, part.arguments)
            yield types.Message("assistant", tool_calls=(call,))
            yield types.Message("tool", _result(part), tool_call_id=part.id, name=part.name)


def _result(part: Part) -> str:
    if part.success is None:
        return "The answer broke off before a result came."
    return result_for_model(
        ToolResult(
            part.success, part.result, error=part.error or None, untrusted=bool(part.untrusted)
        )
    )


def _executor(caller: User, run: Run) -> Execute:
    def execute(*, name: str, arguments: JSON, cancelled: Callable[[], bool]) -> ToolResult:
        return tool_execute(
            name=name, arguments=arguments, caller=caller, run=run.id, cancelled=cancelled
        )

    return execute


def tools_offered(conversation: Conversation) -> tuple[ToolSpec, ...]:
    """The tools that are open here at this moment."""
    words = _tool_words(conversation)
    allowed = [name for name, word in words.items() if word != "deny"]
    return tuple(tool_specs(allowed, caller=conversation.owner)) if allowed else ()


def _policy(conversation: Conversation) -> Policy:
    """A tool that was turned off meanwhile is refused at once: nobody is asked about it."""

    def word(name: str) -> Literal["allow", "ask", "deny"]:
        open_now = {spec.name for spec in tools_offered(conversation)}
        return _tool_words(conversation).get(name, "deny") if name in open_now else "deny"

    return word


def _tool_words(conversation: Conversation) -> dict[str, Literal["allow", "ask", "deny"]]:
    """The permissions as they stand in the database: they may change while an answer is written."""
    stored = Conversation.objects.filter(id=conversation.id).values_list("tools", flat=True)
    return stored.first() or {}
