"""What the rules ask about where they are: lines of a block, and the end of a text that grows."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

GROWS = "grows"  # in a parser's environment: nothing follows the text, or nothing yet
LAST = "last"  # the words that are parsed are the text's last ones
FAILED = "failed"  # how often a rule looked through the text in vain
MOST_FAILED = 50
UNDECIDED = "undecided"  # the first line that may be read otherwise when more has come


def line_of(state: StateBlock, number: int) -> str:
    """Give a line without what its containers put before it, and without trailing space."""
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()


def at_end(state: StateInline) -> bool:
    """Tell whether what stands here may still be completed by what comes."""
    return bool(state.env.get(LAST)) and state.posMax == len(state.src)


def may_try(state: StateBlock) -> bool:
    """Tell whether a rule may look through the whole text once more for an end.

    A text that is made of beginnings would else be looked through for each of them.
    """
    return int(state.env.get(FAILED, 0)) < MOST_FAILED


def failed(state: StateBlock) -> None:
    """Note that a rule looked through the text in vain."""
    state.env[FAILED] = state.env.get(FAILED, 0) + 1


def undecided(state: StateBlock, line: int) -> None:
    """Note that the blocks from this line on may be read otherwise when more has come."""
    state.env[UNDECIDED] = min(line, state.env.get(UNDECIDED, line))


def inline_rule(state: StateCore) -> None:
    """Parse words as markdown-it does, and tell the rules which are the last."""
    inlines = [token for token in state.tokens if token.type == "inline"]
    last = next((token for token in reversed(state.tokens) if token.nesting >= 0), None)
    for token in inlines:
        state.env[LAST] = token is last and state.env.get(GROWS, False)
        token.children = token.children or []
        state.md.inline.parse(token.content, state.md, state.env, token.children)


def places_plugin(md: MarkdownIt) -> None:
    """Make the rules' questions answerable."""
    md.core.ruler.at("inline", inline_rule)
