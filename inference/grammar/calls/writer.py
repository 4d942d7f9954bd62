"""Lark rules for tool calls, put together piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from common.types import JSON
from inference.grammar.calls.parameters import Parameter
from inference.grammar.calls.texts import guard
from inference.grammar.schema.narrow import schema_prepare

Term = Callable[[str], str]
NULL = r"/\s*[nN][uU][lL][lL]\s*/"
EMPTY = '""'
ANY = r"(.|\n)*"


def literal(text: str) -> str:
    """Text as a Lark term."""
    return json.dumps(text, ensure_ascii=False)


@dataclass
class CallWriter:
    """Collects the rules and the JSON parts of a grammar. `term` turns text, special tokens among
    it, into Lark terms; `markers` must not appear inside of any value."""

    term: Term
    markers: tuple[str, ...]
    rules: list[str] = field(default_factory=list)
    parts: list[JSON] = field(default_factory=list)

    def rule(self, body: str, prefix: str = "part") -> str:
        """The name of a new rule."""
        name = f"{prefix}_{len(self.rules)}"
        self.rules.append(f"{name}: {body}")
        return name

    def json(self, schema: JSON) -> str:
        """A JSON value that fits the schema and holds none of the markers."""
        name = f"value_{len(self.parts)}"
        schema = schema_prepare(guard(schema, self.markers))
        self.parts.append({"name": name, "json_schema": schema})
        return f"@{name}"

    def text(
        self,
        parameter: Parameter,
        close: str,
        *,
        pattern: str = ANY,
        not_null: bool = False,
        strips: bool = False,
    ) -> str | None:
        """A text parameter as it is, up to the closing marker, which is written too; None when a
        choice cannot be told from something else. `pattern` is what the format can hold."""
        forbidden = [marker for marker in (*self.markers, close.strip()) if marker]
        if (choices := parameter.choices) is not None:
            return self._choice(choices, close, forbidden, not_null=not_null, strips=strips)
        terms = [f"/{pattern}/"]
        least, most = parameter.schema.get("minLength", 0), parameter.schema.get("maxLength")
        if least or most is not None:
            # A closing marker would count as text; and what is stripped would not count.
            terms.append(self._sized(r"[^<\s]" if strips else "[^<]", least, most))
        number = len(self.rules)
        bad = [f"ANY_{number} {literal(each)} ANY_{number}" for each in forbidden]
        rules = [
            f"TEXT_{number}: {' & '.join([*terms, f'~BAD_{number}'])}",
            f"BAD_{number}: {' | '.join([*bad, NULL] if not_null else bad)}",
            f"ANY_{number}: /{ANY}/",
        ]
        closing = self.term(close)
        if closing.startswith('"'):
            rules += [f"CLOSED_{number}: TEXT_{number} {closing}"]
            rules += [f"text_{number}[lazy]: CLOSED_{number}"]
        else:
            rules += [f"text_{number}: TEXT_{number} {closing}"]
        self.rules.append("\n".join(rules))
        return f"text_{number}"

    @staticmethod
    def _sized(edge: str, least: int, most: int | None) -> str:
        """Of at least and at most so many characters, with such a first and last one."""
        if most is not None and most < 2:
            return f"/{edge}{{{least},{most}}}/"
        middle = f"{{{max(0, least - 2)},{'' if most is None else most - 2}}}"
        long = f"{edge}[^<]{middle}{edge}"
        short = "" if least > 1 else f"|{edge}" if least else f"|{edge}?"
        return f"/{long}{short}/"

    def _choice(
        self,
        choices: Sequence[str],
        close: str,
        forbidden: Sequence[str],
        *,
        not_null: bool,
        strips: bool,
    ) -> str | None:
        for text in choices:
            stripped = text.strip() if strips else text
            if stripped != text or (not_null and text.strip().lower() == "null"):
                return None
            if any(marker in text for marker in forbidden):
                return None
        either = " | ".join(literal(text) for text in choices)
        return f"({either}) {self.term(close)}"


def separated(writer: CallWriter, items: Sequence[tuple[str, bool]], separator: str) -> str:
    """Items in their order, each with whether it must be there, the separator between them."""
    after, first = "", ""
    for item, required in reversed(items):
        here = f"{item} {after}".strip()
        rest = writer.rule(f"{separator} {here}" if required else f"({separator} {here})")
        skipped = [] if required else [first or EMPTY]
        first = writer.rule(" | ".join([here, *skipped]))
        after = rest if required else writer.rule(f"{rest} | {after or EMPTY}")
    return first or EMPTY
