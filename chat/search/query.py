"""What somebody looks for: words, and phrases in quotation marks, each folded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from common.folding import fold

Where = Literal["all", "title", "text", "you", "answers"]

LONGEST_QUERY = 200  # characters
WHERE: dict[Where, str] = {
    "all": "Titles and texts",
    "title": "Titles",
    "text": "Texts",
    "you": "What I wrote",
    "answers": "Answers",
}
QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
TERM = re.compile(r'"([^"]+)"|([^\s"]+)')  # a quotation mark without its partner is passed over


@dataclass(frozen=True, slots=True)
class Query:
    """A search: all `terms` stand in one title, or in one message. `text` is as it was typed."""

    text: str = ""
    where: Where = "all"
    terms: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing was typed: the list is not searched."""
        return not self.text.strip()

    @property
    def is_too_long(self) -> bool:
        return len(self.text) > LONGEST_QUERY

    @property
    def in_titles(self) -> bool:
        return self.where in ("all", "title")

    @property
    def in_texts(self) -> bool:
        return self.where != "title"


def query_read(text: str, where: str = "") -> Query:
    """Read what was typed. An unknown `where` means everywhere."""
    place: Where = next((name for name in WHERE if name == where), "all")
    if len(text) > LONGEST_QUERY:
        return Query(text, place)
    found = (phrase or word for phrase, word in TERM.findall(text.translate(QUOTES)))
    folded = (fold(term).strip() for term in found)
    return Query(text, place, tuple(dict.fromkeys(term for term in folded if term)))
