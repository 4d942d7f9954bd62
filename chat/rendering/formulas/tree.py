r"""A formula's source as a tree of groups and environments.

Whoever rewrites a formula must know which `&` and `\\` belong to which environment. Whatever is not
closed here makes the whole formula one that cannot be read: half of it is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DEEPEST = 40  # levels; what a person can read has ten
TOKEN = re.compile(
    r"\\(?P<edge>begin|end)\s*\{\s*(?P<name>[A-Za-z]+\*?)\s*\}"
    r"|\\(?:[A-Za-z]+|.)|\s+|[^\\\s]",
    re.DOTALL,
)
REMARK = re.compile(r"%[^\n]*(?:\n|$)")  # on a line of its own
LENGTH = re.compile(r"\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm|in|mu|px|bp|pc|sp|\\[a-z]+)")
NOTE = re.compile(r"%[ \t]+[A-Za-z][^\n]*\n")  # behind a line's formula


class UnreadableFormula(ValueError):
    """The source is no whole formula."""


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between braces."""

    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Environment:
    r"""What stands between \begin and \end."""

    name: str
    nodes: list[Node] = field(default_factory=list)


Node = str | Group | Environment


def parse(source: str) -> list[Node]:
    """Make the tree; its leaves are commands, characters and runs of white space."""
    top: list[Node] = []
    open_ones: list[Group | Environment] = []
    for token in _tokens(source):
        nodes = open_ones[-1].nodes if open_ones else top
        edge = TOKEN.fullmatch(token)
        if token == "{" or (edge and edge["edge"] == "begin"):
            made = Environment(edge["name"]) if edge and edge["edge"] else Group()
            nodes.append(made)
            open_ones.append(made)
            if len(open_ones) > DEEPEST:
                raise UnreadableFormula("nested too deeply")
        elif token == "}" or (edge and edge["edge"] == "end"):
            name = edge["name"] if edge and edge["edge"] else None
            if not open_ones or getattr(open_ones.pop(), "name", None) != name:
                raise UnreadableFormula(f"{token} closes nothing")
        else:
            nodes.append(token)
    if open_ones:
        raise UnreadableFormula("something is not closed")
    return top


def _tokens(source: str) -> Iterator[str]:
    at = 0
    while at < len(source):
        if source[at] == "%" and (end := _remark_end(source, at)):
            at = end
            continue
        found = TOKEN.match(source, at)
        if not found:  # a lone backslash at the end
            raise UnreadableFormula("ends with a backslash")
        yield found[0]
        at = found.end()


def _remark_end(source: str, at: int) -> int:
    r"""Give where a remark ends that starts here; 0 where the sign means per cent.

    Models forget the backslash of "50\%". TeX would drop the rest of the line without a word.
    """
    before = source[source.rfind("\n", 0, at) + 1 : at]
    if before and not before[-1].isspace():
        return 0
    found = (NOTE if before.strip() else REMARK).match(source, at)
    return found.end() if found else 0


def source_of(nodes: Sequence[Node]) -> str:
    """Write the tree as it was."""
    return "".join(map(_source, nodes))


def _source(node: Node) -> str:
    if isinstance(node, str):
        return node
    inner = source_of(node.nodes)
    if isinstance(node, Group):
        return f"{{{inner}}}"
    return f"\\begin{{{node.name}}}{inner}\\end{{{node.name}}}"


class Reader:
    """Walks over nodes; what a command takes is read from here."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._at = 0

    def __iter__(self) -> Iterator[Node]:
        while self._at < len(self._nodes):
            self._at += 1
            yield self._nodes[self._at - 1]

    def peek(self) -> Node | None:
        """Give the next node that is no white space, without taking it."""
        at = self._next()
        return self._nodes[at] if at < len(self._nodes) else None

    def take(self, character: str) -> bool:
        """Take this character if it comes next."""
        if self.peek() != character:
            return False
        self._at = self._next() + 1
        return True

    def argument(self) -> list[Node]:
        """Take a command's next argument: a group, or a single node."""
        node = self.peek()
        if node is None or node == "&":
            raise UnreadableFormula("an argument is missing")
        self._at = self._next() + 1
        return node.nodes if isinstance(node, Group) else [node]

    def option(self) -> str | None:
        """Take what stands in square brackets, if they come next."""
        if self.peek() != "[":
            return None
        start = self._next() + 1
        for at in range(start, len(self._nodes)):
            if self._nodes[at] == "]":
                self._at = at + 1
                return source_of(self._nodes[start:at])
        return None

    def rest(self) -> Sequence[Node]:
        """Give what has not been read."""
        return self._nodes[self._at :]

    def behind(self) -> Node | None:
        """Give the node before the one that was read last, past white space."""
        before = self._nodes[: max(0, self._at - 1)]
        return next((node for node in reversed(before) if not _is_space(node)), None)

    def skip_distance(self) -> None:
        r"""Pass over what may follow `\\`: a star, and a distance in brackets."""
        self.take("*")
        rest = source_of(self._nodes[self._next() : self._next() + 20])
        if rest.startswith("[") and LENGTH.match(rest, 1):
            self.option()

    def _next(self) -> int:
        at = self._at
        while at < len(self._nodes) and _is_space(self._nodes[at]):
            at += 1
        return at


def _is_space(node: Node) -> bool:
    return isinstance(node, str) and node.isspace()
