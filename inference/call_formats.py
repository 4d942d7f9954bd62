"""How model families write tool calls, as grammars: what mlx-lm's parsers read back exactly.

A format is a function of a writer, the tools and whether several calls may stand between one pair
of markers; it gives the Lark expression of what stands there, or None where the format cannot say
what a tool's schema demands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from inference.call_parameters import Kind, Parameter, exact_numbers, parameters
from inference.call_writer import CallWriter, literal, separated
from inference.types import JSON, ToolSpec

MOST_PARALLEL_CALLS = 8
IN_XML = re.compile(r"[^\s<>&\"']+")
WORD = re.compile(r"[A-Za-z0-9_]+")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NUMBER = "/[0-9]{1,3}/"
SINGLE_KINDS: set[Kind] = {"integer", "number", "boolean", "null", "array", "object"}


@dataclass(frozen=True, slots=True)
class CallFormat:
    """`write` one call. `several`: calls follow each other between one pair of markers, with
    `between` them. `inner`: markers inside of a call, beside those around it. `typed`: the reader
    converts values by their types, and is to be shown a single one for each."""

    write: Callable[[CallWriter, ToolSpec], str | None]
    several: bool = False
    between: str = ""
    around: tuple[str, str] = ("", "")
    inner: tuple[str, ...] = ()
    typed: bool = False

    def calls(self, writer: CallWriter, tools: Sequence[ToolSpec], parallel: bool) -> str | None:
        """The expression for what stands between the markers."""
        written = [self.write(writer, tool) for tool in tools]
        if None in written:
            return None
        call = writer.rule(" | ".join(str(each) for each in written), "call")
        if parallel and self.several:
            more = f"{{0,{MOST_PARALLEL_CALLS - 1}}}"
            between = writer.term(self.between) if self.between else ""
            call = f"{call} ({between} {call}){more}"
        before, after = (writer.term(each) if each else "" for each in self.around)
        return f"{before} {call} {after}"


# --- Arguments as one JSON object -----------------------------------------------------------------


def _mistral(writer: CallWriter, tool: ToolSpec) -> str:
    return f"{writer.term(f'{tool.name}[ARGS]')} {_arguments(writer, tool)}"


def _kimi_k2(writer: CallWriter, tool: ToolSpec) -> str:
    begin = writer.term(f"<|tool_call_begin|>functions.{tool.name}:")
    middle, end = writer.term("<|tool_call_argument_begin|>"), writer.term("<|tool_call_end|>")
    return f"{begin} {NUMBER} {middle} {_arguments(writer, tool)} {end}"


def _arguments(writer: CallWriter, tool: ToolSpec) -> str:
    return writer.json(tool.parameters)


# --- One element a parameter ----------------------------------------------------------------------


def _tagged(
    writer: CallWriter,
    tool: ToolSpec,
    *,
    opening: str,
    closing: str,
    names: re.Pattern[str] = IN_XML,
    value: Callable[[CallWriter, Parameter, str], str | None],
) -> list[str] | None:
    """Each parameter as opening, value and closing; `opening` has the name in {name}."""
    known = parameters(tool)
    if known is None or not all(names.fullmatch(each.name) for each in known):
        return None
    written = []
    for each in known:
        held = value(writer, each, closing)
        if held is None:
            return None
        item = f"{writer.term(opening.replace('{name}', each.name))} {held}"
        written.append(item if each.required else f"({item})?")
    return written


def _single_type(writer: CallWriter, each: Parameter, close: str) -> str | None:
    """For readers that convert a value by the one type they are shown; null is null to them, even
    where a text is expected."""
    if each.kind == "text":
        text = writer.text(each, close, not_null=True, strips=True)
        null = f" | {writer.term('null' + close)}" if each.nullable else ""
        return text and f"({text}{null})"
    if each.kind not in SINGLE_KINDS:
        return None
    return f"{writer.json(exact_numbers(each.schema))} {writer.term(close)}"


def _text_or_json(writer: CallWriter, each: Parameter, close: str) -> str | None:
    """For readers that take declared text as it is, and read everything else as JSON."""
    if each.kind == "text" and not each.nullable and each.schema.get("type") == "string":
        return writer.text(each, close, strips=True)
    return f"{writer.json(_typed(each))} {writer.term(close)}"


def _typed(each: Parameter) -> JSON:
    """The schema for JSON; a text's was cut down to what concerns texts."""
    if each.kind != "text" or not each.nullable:
        return each.schema
    return {"anyOf": [each.schema, {"type": "null"}]}


def _qwen3_coder(writer: CallWriter, tool: ToolSpec) -> str | None:
    items = _tagged(
        writer,
        tool,
        opening="<parameter={name}>\n",
        closing="\n</parameter>\n",
        value=_single_type,
    )
    if items is None:
        return None
    begin, end = f"\n<function={tool.name}>\n", "</function>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


def _minimax(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening, closing = '<parameter name="{name}">', "</parameter>\n"
    items = _tagged(writer, tool, opening=opening, closing=closing, value=_single_type)
    if items is None:
        return None
    begin, end = f'<invoke name="{tool.name}">\n', "</invoke>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


def _minicpm5(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter, close: str) -> str | None:
        if each.kind != "text" or each.choices is not None:
            return _single_type(writer, each, close)
        texts = (
            writer.text(each, close, pattern=r"[^<&\n]*", not_null=True, strips=True),
            f"{literal('<![CDATA[')} "
            f"{writer.text(each, ']]>' + close, pattern='[^<]*', not_null=True, strips=True)}",
        )
        null = [literal("null" + close)] if each.nullable else []
        return f"({' | '.join([*map(str, texts), *null])})"

    opening = '<param name="{name}">'
    items = _tagged(writer, tool, opening=opening, closing="</param>", value=value)
    begin = f'"{tool.name}">'
    return None if items is None else f"{literal(begin)} {' '.join(items)}"


def _muse_spark(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter, close: str) -> str:
        return f"{writer.json(_typed(each))} {writer.term(close)}"

    opening, closing = '<atem:parameter name="{name}">', "</atem:parameter>\n"
    items = _tagged(writer, tool, opening=opening, closing=closing, value=value)
    if items is None:
        return None
    begin, end = f'<atem:invoke name="{tool.name}">\n', "</atem:invoke>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


def _glm47(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening = "<arg_key>{name}</arg_key><arg_value>"
    closing = "</arg_value>"
    items = _tagged(writer, tool, opening=opening, closing=closing, value=_text_or_json)
    return None if items is None else f"{writer.term(tool.name)} {' '.join(items)}"


def _longcat(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening = "<longcat_arg_key>{name}</longcat_arg_key><longcat_arg_value>"
    closing = "</longcat_arg_value>"
    items = _tagged(writer, tool, opening=opening, closing=closing, value=_text_or_json)
    if items is None:
        return None
    # The reader knows a call without arguments as JSON alone.
    empty = literal(f'{{"name": "{tool.name}", "arguments": {{}}}}')
    full = [f"{writer.term(tool.name)} {some}" for some in _at_least_one(items)]
    return " | ".join(full if _has_required(tool) else [*full, empty])


def _has_required(tool: ToolSpec) -> bool:
    return bool(tool.parameters.get("required"))


def _at_least_one(items: Sequence[str]) -> list[str]:
    """Ways to write some of the items, optional ones being in (...)?, but not none."""
    if any(not item.endswith(")?") for item in items):
        return [" ".join(items)]
    return [" ".join([item[:-1], *items[index + 1 :]]) for index, item in enumerate(items)]


def _kimi_k3(writer: CallWriter, tool: ToolSpec) -> str | None:
    closing = "<|close|>argument<|sep|>"
    known = parameters(tool)
    if known is None or not all(IN_XML.fullmatch(each.name) for each in known):
        return None
    items = []
    for each in known:
        is_text = each.kind == "text" and not each.nullable
        kind = "string" if is_text else "null" if each.nullable else each.kind
        opening = f'<|open|>argument key="{each.name}" type="{kind}"<|sep|>'
        if is_text:
            held = writer.text(each, closing)
        else:
            held = f"{writer.json(_typed(each))} {writer.term(closing)}"
        if held is None:
            return None
        item = f"{writer.term(opening)} {held}"
        items.append(item if each.required else f"({item})?")
    begin = writer.term(f'<|open|>call tool="{tool.name}" index="')
    opened, end = writer.term('"<|sep|>'), writer.term("<|close|>call<|sep|>")
    return f"{begin} {NUMBER} {opened} {' '.join(items)} {end}"


# --- Parameters between brackets ------------------------------------------------------------------


def _bracketed(
    writer: CallWriter,
    tool: ToolSpec,
    names: re.Pattern[str],
    separator: str,
    value: Callable[[CallWriter, Parameter], str | None],
) -> str | None:
    known = parameters(tool)
    if known is None or not all(map(names.fullmatch, [tool.name, *(p.name for p in known)])):
        return None
    items = [(value(writer, each), each.required) for each in known]
    kept = [(str(item), required) for item, required in items if item is not None]
    return separated(writer, kept, separator) if len(kept) == len(items) else None


def _pythonic(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter) -> str | None:
        if iskeyword(each.name):
            return None
        return f"{literal(each.name + '=')} {writer.json(_typed(each))}"

    if iskeyword(tool.name):
        return None
    items = _bracketed(writer, tool, IDENTIFIER, '", "', value)
    return None if items is None else f'{literal(tool.name + "(")} {items} ")"'


def _gemma(writer: CallWriter, tool: ToolSpec, *, quote: str, pattern: str) -> str | None:
    """Names without quotes, texts between `quote`s; nested values have no exact form."""

    def value(writer: CallWriter, each: Parameter) -> str | None:
        name = literal(each.name + ":")
        if each.kind == "text":
            text = writer.text(each, quote, pattern=pattern)
            null = ' | "null"' if each.nullable else ""
            return text and f"{name} ({writer.term(quote)} {text}{null})"
        if each.kind in ("array", "object", "mixed"):
            return None
        return f"{name} {writer.json(each.schema)}"

    items = _bracketed(writer, tool, WORD, '","', value)
    begin = f"call:{tool.name}" + "{"
    return None if items is None else f'{literal(begin)} {items} "}}"'


def _function_gemma(writer: CallWriter, tool: ToolSpec) -> str | None:
    return _gemma(writer, tool, quote="<escape>", pattern="[^}]*")


def _gemma4(writer: CallWriter, tool: ToolSpec) -> str | None:
    return _gemma(writer, tool, quote='<|"|>', pattern=r"[^\x00]*")


GLM47 = CallFormat(_glm47)
FORMATS = {  # by the names of mlx_lm.tool_parsers
    "function_gemma": CallFormat(_function_gemma),
    "gemma4": CallFormat(_gemma4),
    "glm47": GLM47,
    "kimi_k2": CallFormat(_kimi_k2, several=True, inner=("<|tool_call_end|>",)),
    "kimi_k3": CallFormat(_kimi_k3, several=True, inner=("<|close|>", "<|open|>")),
    "laguna": GLM47,
    "longcat": CallFormat(_longcat),
    "minicpm5": CallFormat(_minicpm5, typed=True),
    "minimax_m2": CallFormat(
        _minimax, several=True, around=("\n", ""), inner=("</invoke>", "</parameter>"), typed=True
    ),
    "mistral": CallFormat(_mistral, several=True, between="[TOOL_CALLS]"),
    "muse_spark": CallFormat(
        _muse_spark,
        several=True,
        around=("\n", ""),
        inner=("</atem:invoke>", "</atem:parameter>"),
    ),
    "pythonic": CallFormat(_pythonic, several=True, between=", ", around=("[", "]")),
    "qwen3_coder": CallFormat(_qwen3_coder, inner=("</function>", "</parameter>"), typed=True),
}


def typed_tools(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The tools with each parameter reduced to its type, for readers that know no more."""
    return [ToolSpec(tool.name, tool.description, _typed_schema(tool)) for tool in tools]


def _typed_schema(tool: ToolSpec) -> JSON:
    known = parameters(tool) or []
    kinds = {each.name: "string" if each.kind == "text" else each.kind for each in known}
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
