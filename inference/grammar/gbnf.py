"""Grammars in llama.cpp's notation, as Lark ones."""

from __future__ import annotations

import re

from llguidance.gbnf_to_lark import gbnf_to_lark

from common.errors import InvalidRequest

RULE = re.compile(r"^[ \t]*[A-Za-z0-9_-]+[ \t]*::=", re.MULTILINE)


def lark_of(grammar: str) -> str:
    """The grammar in Lark, whichever of the two it is written in: a rule of GBNF is `name ::= ...`.

    Raises InvalidRequest for a broken one.
    """
    if not RULE.search(grammar):
        return grammar
    try:
        return str(gbnf_to_lark(grammar))
    except Exception as error:  # the reader raises anything
        raise InvalidRequest(
            f"the grammar is no GBNF: {error}", field="constraint.value"
        ) from error
