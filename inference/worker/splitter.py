"""Splitting a text that arrives in pieces at the markers that stand in it.

Which piece a marker arrives in makes no difference: what may still become one is held back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Edges = Mapping[str, Sequence[tuple[str, str | None]]]  # state -> (marker, next state; None ends)


class Splitter:
    """Follows one text through its states; markers themselves are left out."""

    def __init__(self, edges: Edges, state: str) -> None:
        self._edges = edges
        self.state: str | None = state
        self._held = ""

    def feed(self, text: str) -> list[tuple[str | None, str]]:
        """What has become certain: (state, text) for each state passed, the current one last. The
        state None says that a marker has ended the text: what follows it is dropped."""
        self._held += text
        segments: list[tuple[str | None, str]] = []
        while self.state is not None:
            found = self._first(self.state)
            if found is None:
                kept = self._kept(self.state)
                certain = self._held[: len(self._held) - kept]
                segments.append((self.state, certain))
                self._held = self._held[len(certain) :]
                return segments
            begin, end, target = found
            segments.append((self.state, self._held[:begin]))
            self._held = self._held[end:]
            self.state = target
        segments.append((None, ""))
        self._held = ""
        return segments

    def flush(self) -> str:
        """What is still held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held

    def _first(self, state: str) -> tuple[int, int, str | None] | None:
        """The marker that is complete first; of those that end together, the longest."""
        best: tuple[int, int, str | None] | None = None
        for marker, target in self._edges.get(state, ()):
            begin = self._held.find(marker)
            if begin < 0:
                continue
            end = begin + len(marker)
            if best is None or (end, begin) < (best[1], best[0]):
                best = begin, end, target
        return best

    def _kept(self, state: str) -> int:
        """The length of the longest ending that is the beginning of a marker."""
        most = 0
        for marker, _ in self._edges.get(state, ()):
            for length in range(min(len(marker) - 1, len(self._held)), most, -1):
                if self._held.endswith(marker[:length]):
                    most = length
                    break
        return most
