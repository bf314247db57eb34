"""The panes of one key: what waits to be folded, and rows that stand in for histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.intervals import IntervalSet
from barograph_processor.engine.known_features import KnownCounts, to_states
from barograph_processor.engine.open_features import FEATURE_ROWS
from barograph_processor.engine.window_state import merge_all
from barograph_processor.signals.api import StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.engine.feature_lane import FeatureCounts
    from barograph_processor.engine.outcomes import OutcomeRows
    from barograph_processor.engine.window_state import States
    from barograph_processor.signals.api import State, StreamId

FEATURE_KINDS = frozenset(
    {StreamKind.FEATURE_VALUE, StreamKind.FEATURE_STATES, StreamKind.FEATURE_CATEGORIES}
)


OF_FEATURES = FEATURE_KINDS | {FEATURE_ROWS}


class Pane:
    """Increments of one pane since it was last folded.

    Attributes:
        states: Histogram lane, all sources together.
        rows: Outcomes lane, by source.
        features: Rows lane, by source.
        relayed: Rows that edges counted, by source.
    """

    __slots__ = ("features", "relayed", "rows", "states")

    def __init__(self) -> None:
        self.states: States = {}
        self.rows: dict[str, list[OutcomeRows]] = {}
        self.features: dict[str, FeatureCounts] = {}
        self.relayed: dict[str, States] = {}

    def add_features(self, source: str, counts: FeatureCounts) -> int:
        """Add counts of a source; returns by how many bytes the pane grew."""
        held = self.features.get(source)
        if held is None:
            self.features[source] = counts
            return counts.size_bytes
        before = held.size_bytes
        held.merge(counts)  # type: ignore[arg-type]  # one key counts in one way
        return held.size_bytes - before


class CountedRows:
    """What was counted of rows, by pane and source, as long as histograms may come in its place.

    Lanes never double count: of each kind of stream, a source's histograms of a pane take the place
    of its rows there, whichever comes first. So what rows count stays apart from the window's states
    until no histogram can be in time any more.

    Attributes:
        panes: Pane to source to states.
        known: Pane to source to counts of features that the baseline describes.
        histograms: (source, stream kind) to the panes where the histogram lane has come.
        decided: Panes before it are decided: their rows count, later histograms are refused. None: none.
        size: Number of (pane, source) of `panes`.
        feature_bytes: Estimate of the memory that features take.
    """

    __slots__ = ("_bytes", "decided", "feature_bytes", "histograms", "known", "panes", "size")

    def __init__(self) -> None:
        self.panes: dict[int, dict[str, States]] = {}
        self.known: dict[int, dict[str, KnownCounts]] = {}
        self.histograms: dict[tuple[str, str], IntervalSet] = {}
        self.decided: int | None = None
        self.size = 0
        self.feature_bytes = 0
        self._bytes: dict[int, int] = {}

    def saw_histogram(self, source: str, kind: str, pane: int) -> None:
        """Note that a source's histogram lane has come for a pane."""
        seen = self.histograms.get((source, kind))
        if seen is None:
            seen = self.histograms[source, kind] = IntervalSet()
        seen.add(pane)

    def replaced(self, source: str, kind: str, pane: int) -> bool:
        """Whether histograms take the place of a source's rows in a pane."""
        seen = self.histograms.get((source, StreamKind.FEATURE_STATES if kind == FEATURE_ROWS else kind))
        return seen is not None and pane in seen

    def add(self, pane: int, source: str, states: Mapping[StreamId, State]) -> int:
        """Add states made of rows; returns how many could not be merged."""
        sources = self.panes.setdefault(pane, {})
        if source not in sources:
            sources[source] = {}
            self.size += 1
        return merge_all(sources[source], states)

    def add_known(self, pane: int, source: str, counts: KnownCounts) -> None:
        """Add counts of features that the baseline describes; takes them over."""
        sources = self.known.setdefault(pane, {})
        held = sources.get(source)
        if held is None:
            sources[source] = held = counts
        else:
            held.merge(counts)
        held.compact()
        self.grew(pane, held.size_bytes)

    def grew(self, pane: int, size_bytes: int) -> None:
        """Note that features of a pane take so much more memory."""
        self._bytes[pane] = self._bytes.get(pane, 0) + size_bytes
        self.feature_bytes += size_bytes

    def effective(self, panes: Iterable[int]) -> list[States]:
        """The states of panes that no histogram takes the place of."""
        found = []
        alike: dict[tuple[int, frozenset[str]], list[KnownCounts]] = {}
        for pane in panes:
            for source, states in self.panes.get(pane, {}).items():
                found.append(
                    {
                        stream: state
                        for stream, state in states.items()
                        if not self.replaced(source, stream.kind, pane)
                    }
                )
            for source, counts in self.known.get(pane, {}).items():
                kinds = frozenset(kind for kind in FEATURE_KINDS if not self.replaced(source, kind, pane))
                alike.setdefault((id(counts.plan), kinds), []).append(counts)
        found += [to_states(parts, kinds) for (_, kinds), parts in alike.items()]
        return found

    def within(self, first: int, end: int) -> list[States]:
        """As `effective`, of every pane from `first` to before `end`."""
        held = self.panes.keys() | self.known.keys()
        return self.effective(sorted(pane for pane in held if first <= pane < end))

    def decide_before(self, pane: int) -> dict[int, list[States]]:
        """Take out the panes before `pane`, with the states that count for good."""
        taken = {}
        for one in sorted(one for one in self.panes.keys() | self.known.keys() if one < pane):
            taken[one] = self.effective([one])
            self.size -= len(self.panes.pop(one, ()))
            self.known.pop(one, None)
            self.feature_bytes -= self._bytes.pop(one, 0)
        return taken

    def forget_before(self, pane: int) -> None:
        """Forget where histograms came before `pane`, of which no row is taken any more.

        Not before that: a late row of a pane that was decided must not count beside its histograms.
        """
        for name, seen in list(self.histograms.items()):
            seen.forget_before(pane)
            if not seen.bounds:
                del self.histograms[name]
