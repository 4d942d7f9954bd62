"""The tree that an expression becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Node: TypeAlias = "Number | Name | Call | Unary | Binary | Comparison | Sequence | Group"


@dataclass(frozen=True)
class Number:
    """As written (digits, one point, an exponent), or a ratio of whole numbers."""

    text: str


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Unary:
    """`operator` is one of - ! !! % ‰ ° (all but the first stand behind their operand)."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary:
    """`operator` is one of + - * / // mod ^ C P off"""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison:
    """1 < 2 <= 3: one operator fewer than operands; each is one of = != < > <= >="""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Group:
    """What brackets hold together: (1/2)x is clear, 1/2x is not."""

    inner: Node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for part in _parts(node):
        yield from walk(part)


def bare(node: Node) -> Node:
    """Give what stands inside of brackets."""
    while isinstance(node, Group):
        node = node.inner
    return node


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Call(_, parts) | Sequence(parts) | Comparison(_, parts):
            return parts
        case Unary(_, part) | Group(part):
            return (part,)
        case Binary(_, left, right):
            return (left, right)
    return ()
