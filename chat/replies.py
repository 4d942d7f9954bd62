"""The loop of a chat answer: from the tree of messages to a request, and on to the reply loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from django.contrib.auth.models import User

from agents.loops.contract import Execute, Loop, Policy
from agents.loops.reply import reply_loop
from agents.loops.sums import sum_of
from agents.models import Run
from agents.react.goals import is_small
from chat.models import Conversation, Message
from chat.parts import Part, parts_decode
from chat.tree import path_read
from common.types import JSON
from inference import services as inference
from inference.errors import ModelNotFound
from inference.types import GenerationRequest, PromptMessage, Sampling, ToolSpec, WrittenCall
from tooling.base import ToolResult
from tooling.results import result_for_model
from tooling.services import tool_execute, tool_specs

CALCULATOR = "calculator"
GO_ON = (
    "Your last message broke off. Continue it from exactly where it stopped: "
    "no introduction, nothing repeated."
)


def reply_run(run: Run) -> Loop:
    """Write the answer that the run belongs to."""
    message = Message.objects.select_related("conversation__owner").get(id=run.params["message"])
    conversation = message.conversation
    request = request_build(message, run)
    expression = _sum_asked(conversation, request)
    policy = _policy(conversation)
    if expression is not None:
        policy = _policy_of_sum(conversation, policy)
    return reply_loop(
        request,
        inference.generate,
        _executor(conversation.owner, run),
        policy=policy,
        offer=lambda: tools_offered(conversation),
        expression=expression,
    )


def _sum_asked(conversation: Conversation, request: GenerationRequest) -> str | None:
    """Give what the calculator is asked for a small model, which never calls it by itself."""
    last = request.messages[-1]
    expression = sum_of(last.content) if last.role == "user" else None
    if expression is None or _calculator_word(conversation) == "deny":
        return None
    return expression if works_sums_out(request.model) else None


def works_sums_out(model: str) -> bool:
    """Tell whether sums in a chat with that model go to the calculator without being asked to."""
    try:
        return is_small(inference.model_resolve(model))
    except ModelNotFound:
        return False  # the loop asks for that model, and tells of it


def _calculator_word(conversation: Conversation) -> Literal["allow", "ask", "deny"]:
    """The calculator is harmless: for a sum it is on until somebody turns it off."""
    if not tool_specs([CALCULATOR], caller=conversation.owner):
        return "deny"
    return _tool_words(conversation).get(CALCULATOR, "allow")


def request_build(message: Message, run: Run) -> GenerationRequest:
    """Tell what the model is asked: the path to the answer, and what stands of the answer
    already."""
    conversation = message.conversation
    before = parts_decode(run.params.get("before", []))
    sampling, unsaid = _sampling(conversation)
    return GenerationRequest(
        messages=tuple(_messages(message, before, bool(run.params.get("asked_to_continue")))),
        model=conversation.model,
        sampling=sampling,
        unsaid=unsaid,
        max_tokens=conversation.max_tokens,
        tools=tools_offered(conversation),
        owner=str(conversation.owner_id),
    )


def _sampling(conversation: Conversation) -> tuple[Sampling, tuple[str, ...]]:
    values = {name: getattr(conversation, name) for name in Sampling.__dataclass_fields__}
    chosen = {name: value for name, value in values.items() if value is not None}
    return inference.sampling_make(chosen)


def _messages(message: Message, before: list[Part], ask: bool) -> Iterator[PromptMessage]:
    """A last message by the assistant means: continue it. One that only asks says so in words."""
    if message.conversation.system_prompt:
        yield PromptMessage("system", message.conversation.system_prompt)
    yield from _merged(path_read(message.parent_id))
    yield from part_messages(before)
    if ask:
        yield PromptMessage("user", GO_ON)


def _merged(path: Iterable[Message]) -> Iterator[PromptMessage]:
    """Questions whose answer never came are put together: templates want the roles to alternate."""
    pending: list[str] = []
    for message in path:
        if message.role == Message.Role.USER:
            pending.append(message.content)
            continue
        answer = list(part_messages(_parts(message)))
        if answer:
            if pending:  # an imported chat may begin with an answer, or go on with a second one
                yield PromptMessage("user", "\n\n".join(pending))
            pending.clear()
            yield from answer
    if pending:
        yield PromptMessage("user", "\n\n".join(pending))


def _parts(message: Message) -> list[Part]:
    return parts_decode(message.parts) or [Part("text", text=message.content)]


def part_messages(parts: Iterable[Part]) -> Iterator[PromptMessage]:
    """Yield an answer as the turns that it took: text, calls, results. Thinking is not given
    back."""
    for part in parts:
        if part.kind == "text" and part.text:
            yield PromptMessage("assistant", part.text)
        elif part.kind == "tool":
            call = WrittenCall(part.id, part.name, part.arguments)
            yield PromptMessage("assistant", tool_calls=(call,))
            yield PromptMessage("tool", _result(part), tool_call_id=part.id, name=part.name)


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
    """Give the tools that are open here at this moment."""
    words = _tool_words(conversation)
    allowed = [name for name, word in words.items() if word != "deny"]
    return tuple(tool_specs(allowed, caller=conversation.owner)) if allowed else ()


def _policy(conversation: Conversation) -> Policy:
    """A tool that was turned off meanwhile is refused at once: nobody is asked about it."""

    def word(name: str) -> Literal["allow", "ask", "deny"]:
        open_now = {spec.name for spec in tools_offered(conversation)}
        return _tool_words(conversation).get(name, "deny") if name in open_now else "deny"

    return word


def _policy_of_sum(conversation: Conversation, policy: Policy) -> Policy:
    return lambda name: _calculator_word(conversation) if name == CALCULATOR else policy(name)


def _tool_words(conversation: Conversation) -> dict[str, Literal["allow", "ask", "deny"]]:
    """The permissions as they stand in the database: they may change while an answer is written."""
    stored = Conversation.objects.filter(id=conversation.id).values_list("tools", flat=True)
    return stored.first() or {}
