"""Who is served next: by priority, then in turn between owners."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import zip_longest
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Waiting items; within a priority each owner has a line of their own, served in rotation."""

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[str, deque[Item]]] = {}
        self._length = 0

    def __len__(self) -> int:
        """May be asked on any thread, which going through the lines may not."""
        return self._length

    def __iter__(self) -> Iterator[Item]:
        """In the order in which `pop` would give them."""
        for priority in sorted(self._levels):
            for turn in zip_longest(*self._levels[priority].values()):
                yield from (item for item in turn if item is not None)

    def push(self, item: Item, *, priority: int, owner: str) -> None:
        owners = self._levels.setdefault(priority, OrderedDict())
        owners.setdefault(owner, deque()).append(item)
        self._length += 1

    def pop(self) -> Item:
        """The next item; its owner goes to the end of the rotation. IndexError when empty."""
        for priority in sorted(self._levels):
            owners = self._levels[priority]
            owner, line = next(iter(owners.items()))
            item = line.popleft()
            self._length -= 1
            if line:
                owners.move_to_end(owner)
            else:
                self._drop(priority, owner)
            return item
        raise IndexError("the queue is empty")

    def remove(self, item: Item) -> bool:
        """Take an item out of its line; False when it does not wait."""
        for priority, owners in self._levels.items():
            for owner, line in owners.items():
                if item in line:
                    line.remove(item)
                    self._length -= 1
                    if not line:
                        self._drop(priority, owner)
                    return True
        return False

    def _drop(self, priority: int, owner: str) -> None:
        del self._levels[priority][owner]
        if not self._levels[priority]:
            del self._levels[priority]
