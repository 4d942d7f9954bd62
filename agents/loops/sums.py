"""Recognises a message that is a sum and nothing else, and gives what the calculator takes."""

from __future__ import annotations

import re

MAX_LENGTH = 120

_LEAD = re.compile(
    r"(?:please\s+)?(?:what\s+is|what's|what’s|how\s+much\s+is|calculate|compute|work\s+out)\s+"
)
_WORDS = (
    (r"%\s+of\s+(?=[\d(])", "/100*"),
    (r"\bmultiplied\s+by\b|\btimes\b", "*"),
    (r"\bdivided\s+by\b", "/"),
    (r"\bplus\b", "+"),
    (r"\bminus\b", "-"),
    (r"[×·]|(?<=\d)\s*x\s*(?=\d)", "*"),
    (r"÷", "/"),
    (r"−", "-"),
    (r"\^", "**"),
)
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_TOKEN = re.compile(rf"\s*(?:(?P<number>{_NUMBER})|(?P<sign>\*\*|[-+*/()]))")
# Without a question around them, 2024-2025 is a season, 555-1234 a phone and 1/2/2024 a date.
_DOUBTFUL = re.compile(r"\+?[\d\s()./-]*")
_SPACED = re.compile(r"[\d.)]\s+[-+*/]\s+[\d(]")


def sum_of(text: str) -> str | None:
    """Give the expression that the message asks for, or None if it may be anything else."""
    if len(text) > MAX_LENGTH:
        return None
    bare = text.strip().lower().rstrip("?=. \t")
    lead = _LEAD.match(bare)
    body = bare[lead.end() :] if lead else bare
    is_equation = text.rstrip(" ?").endswith("=")
    if not lead and not is_equation and _DOUBTFUL.fullmatch(body) and not _SPACED.search(body):
        return None
    if re.search(r"\d\s*[-/]\s*\d+\s*[-/]\s*\d", body) and re.search(r"\b(?:19|20)\d\d\b", body):
        return None  # a date, whatever is asked of it
    for pattern, sign in _WORDS:
        body = re.sub(pattern, sign, body)
    return _expression(body)


def _expression(body: str) -> str | None:
    """Read numbers and signs in turn; one sign before a number is a minus at most."""
    parts: list[str] = []
    depth, signs, at, wants_number = 0, 0, 0, True
    while at < len(body):
        token = _TOKEN.match(body, at)
        if not token:
            return None
        at, sign = token.end(), token["sign"]
        if token["number"]:
            if not wants_number:
                return None
            parts.append(token["number"].replace(",", ""))
            wants_number = False
        elif sign == "(":
            if not wants_number:
                return None
            parts.append(sign)
            depth += 1
        elif sign == ")":
            depth -= 1
            if wants_number or depth < 0:
                return None
            parts.append(sign)
        elif wants_number:
            if sign != "-" or (parts and parts[-1] == "-"):
                return None
            parts.append(sign)
        else:
            parts.append(sign)
            signs += 1
            wants_number = True
    return "".join(parts) if signs and not wants_number and not depth else None
