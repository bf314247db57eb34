"""The panes of one key: what waits to be folded, and rows that stand in for histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.intervals import IntervalSet
from barograph_processor.engine.window_state import merge_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.outcomes import OutcomeRows
    from barograph_processor.engine.window_state import States
    from barograph_processor.signals.api import State, StreamId


class Pane:
    """Increments of one pane since it was last folded.

    Attributes:
        states: Histogram lane, all sources together.
        rows: Outcomes lane, by source.
    """

    __slots__ = ("rows", "states")

    def __init__(self) -> None:
        self.states: States = {}
        self.rows: dict[str, list[OutcomeRows]] = {}


class CountedRows:
    """States made of outcome rows, by pane and source, as long as histograms may come in their place.

    Lanes never double count: of each kind of stream, a source's histograms of a pane take the place
    of its rows there, whichever comes first. So the rows' states stay apart from the window's until
    no histogram can be in time any more.

    Attributes:
        panes: Pane to source to states.
        histograms: (source, stream kind) to the panes where the histogram lane has come.
        decided: Panes before it are decided: their rows count, later histograms are refused. None: none.
        size: Number of (pane, source).
    """

    __slots__ = ("decided", "histograms", "panes", "size")

    def __init__(self) -> None:
        self.panes: dict[int, dict[str, States]] = {}
        self.histograms: dict[tuple[str, str], IntervalSet] = {}
        self.decided: int | None = None
        self.size = 0

    def saw_histogram(self, source: str, kind: str, pane: int) -> None:
        """Note that a source's histogram lane has come for a pane."""
        seen = self.histograms.get((source, kind))
        if seen is None:
            seen = self.histograms[source, kind] = IntervalSet()
        seen.add(pane)

    def add(self, pane: int, source: str, states: Mapping[StreamId, State]) -> int:
        """Add states made of rows; returns how many could not be merged."""
        sources = self.panes.setdefault(pane, {})
        if source not in sources:
            sources[source] = {}
            self.size += 1
        return merge_all(sources[source], states)

    def effective(self, pane: int) -> list[States]:
        """By source, the states of a pane that no histogram takes the place of."""
        return [
            {
                stream: state
                for stream, state in states.items()
                if pane not in self.histograms.get((source, stream.kind), ())
            }
            for source, states in self.panes.get(pane, {}).items()
        ]

    def within(self, first: int, end: int) -> list[States]:
        """As `effective`, of every pane from `first` to before `end`."""
        panes = self.panes if len(self.panes) < end - first else range(first, end)
        held = [pane for pane in panes if first <= pane < end and pane in self.panes]
        return [states for pane in held for states in self.effective(pane)]

    def decide_before(self, pane: int) -> dict[int, list[States]]:
        """Take out the panes before `pane`, with the states that count for good."""
        taken = {}
        for one in sorted(one for one in self.panes if one < pane):
            taken[one] = self.effective(one)
            self.size -= len(self.panes.pop(one))
        for name, seen in list(self.histograms.items()):
            seen.forget_before(pane)
            if not seen.bounds:
                del self.histograms[name]
        return taken
