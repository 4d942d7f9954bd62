"""Folds text, so that what people take for the same word becomes the same characters.

Case, accents, vowel points, widths and the shapes of quotation marks and dashes go; so do the
characters of Markdown's emphasis and code, which no reader sees. It is done here and not by a
database: each of them folds in a way of its own.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate

# Marks that people leave out when they type. Those of other scripts (Devanagari's vowels, the
# Japanese voicing marks) make another word.
SILENT = (
    (0x0300, 0x036F), (0x0483, 0x0487), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F),
    (0x0670, 0x0670), (0x06D6, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0),
    (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
)  # fmt: skip
SAME = {
    **dict.fromkeys("*`ـ", ""),  # Markdown, and the bar that stretches Arabic words
    **dict.fromkeys("‘’‚‛ʼʹ′", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
    "þ": "th", "ى": "ي", "ی": "ي", "ک": "ك",
}  # fmt: skip
HALFWIDTH_MARKS = re.compile("[\uff9e\uff9f]")
SPACES = re.compile(" {2,}")


class _Folds(dict[int, str]):
    """What each character becomes, worked out when it first comes: a table for `str.translate`."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


_folds = _Folds()


def _fold_character(character: str) -> str:
    if character.isspace():
        return " "
    small = unicodedata.normalize("NFKD", character).casefold()
    spread = unicodedata.normalize("NFKD", small)
    kept = "".join(SAME.get(part, part) for part in spread if not _is_silent(part))
    return unicodedata.normalize("NFC", kept)


def _is_silent(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs"):  # controls, joiners and soft hyphens, halves of pairs
        return True
    code = ord(character)
    return category in ("Mn", "Me") and any(low <= code <= high for low, high in SILENT)


def composed(text: str) -> str:
    """Give the same text with its marks joined to their letters, as `spans` counts it."""
    return unicodedata.normalize("NFKC" if HALFWIDTH_MARKS.search(text) else "NFC", text)


def fold(text: str) -> str:
    """Fold a text, or a word that is looked for in folded texts."""
    return SPACES.sub(" ", composed(text).translate(_folds))


def spans(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Give the places in a composed text at which one of the folded words stands."""
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    if not longest_first:
        return []
    pieces = [_folds[ord(character)] for character in text]
    starts = list(accumulate(map(len, pieces), initial=0))
    pattern = "|".join(re.escape(word).replace(r"\ ", " +") for word in longest_first)
    return [
        (bisect_right(starts, match.start()) - 1, bisect_left(starts, match.end()))
        for match in re.finditer(pattern, "".join(pieces))
    ]
