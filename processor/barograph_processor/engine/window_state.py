"""One window of one key while it is open or may still be revised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import StateError
from barograph_processor.signals import codec
from barograph_processor.signals.counts import OTHER, CategoryCounts, kept
from barograph_processor.signals.exponential import ExponentialHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.engine.results import Status
    from barograph_processor.signals.api import Reading, State, StreamId

States = dict["StreamId", "State"]


class Slice(NamedTuple):
    """A horizon bucket and segment of a window's labels; the whole window where the name is ``""``."""

    horizon: int
    segment: str = ""
    value: str = ""


class Published(NamedTuple):
    """What was last made of the feature and prediction streams.

    Attributes:
        status: State of the monitor.
        baseline_id: What the readings compare with, or None.
        readings: Readings of window signals, without those of labels.
        predictions: Rows of the window.
    """

    status: Status
    baseline_id: str | None
    readings: tuple[Reading, ...]
    predictions: int


class WindowState:
    """What is known of one window.

    Attributes:
        start_ns: Start, Unix nanoseconds.
        end_ns: End, exclusive.
        states: Folded feature and prediction streams; outcome rows that histograms may still take
            the place of are with the key.
        segment_rows: (segment, value) to predictions, from the outcomes lane.
        labels: Performance states by disjoint horizon bucket and segment.
        stale: Whether `states` changed since they were last published.
        changed_horizon: Least horizon bucket that changed since it was last published, None: none.
        revision: -1 until the window is first closed.
        matured: Number of horizons published.
        published: What was last made of `states`; the states themselves go when none can be late.
        frozen: Whether `states` are gone.
    """

    __slots__ = (
        "changed_horizon",
        "end_ns",
        "frozen",
        "labels",
        "matured",
        "published",
        "revision",
        "segment_rows",
        "stale",
        "start_ns",
        "states",
    )

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.states: States = {}
        self.segment_rows: dict[tuple[str, str], int] = {}
        self.labels: dict[Slice, States] = {}
        self.stale = False
        self.changed_horizon: int | None = None
        self.revision = -1
        self.matured = 0
        self.published: Published | None = None
        self.frozen = False

    def add_labels(self, part: Slice, states: Mapping[StreamId, State]) -> int:
        """Merge performance states; returns how many could not be."""
        refused = merge_all(self.labels.setdefault(part, {}), states)
        if self.changed_horizon is None or part.horizon < self.changed_horizon:
            self.changed_horizon = part.horizon
        return refused

    def add_segment_rows(self, name: str, rows: Mapping[str, int], limit: int) -> int:
        """Count predictions by segment value; returns those that count as ``__other__`` for want of room."""
        names = self.segment_names(name, rows, limit)
        for value, count in rows.items():
            slot = (name, names[value])
            self.segment_rows[slot] = self.segment_rows.get(slot, 0) + count
        return sum(count for value, count in rows.items() if names[value] != value)

    def segment_names(self, name: str, values: Iterable[str], limit: int) -> dict[str, str]:
        """What each value counts as, itself or ``__other__``, so that at most `limit` stay.

        Those with the least hashes stay, as in `CategoryCounts`: which they are depends on the values
        alone, not on their order, so a value that gives way was never counted elsewhere.

        Returns:
            Value to name, and how many values newly gave way.
        """
        held = {value for segment, value in self.segment_rows if segment == name}
        held |= {part.value for part in self.labels if part.segment == name}
        held.discard(OTHER)
        wanted = set(values)
        stay = kept((held | wanted) - {OTHER}, limit)
        for value in held - stay:
            self._pool(name, value)
        return {value: value if value in stay else OTHER for value in wanted}

    def _pool(self, name: str, value: str) -> None:
        rows = self.segment_rows.pop((name, value), 0)
        if rows:
            self.segment_rows[name, OTHER] = self.segment_rows.get((name, OTHER), 0) + rows
        for part in [one for one in self.labels if (one.segment, one.value) == (name, value)]:
            merge_all(self.labels.setdefault(part._replace(value=OTHER), {}), self.labels.pop(part))


def merge_all(into: States, states: Mapping[StreamId, State]) -> int:
    """Merge states of many streams; returns the number of those that are unlike what is there.

    What else a state of another package raises costs the same: itself.
    """
    refused = 0
    for stream, state in states.items():
        held = into.get(stream)
        if held is None:
            into[stream] = state
            continue
        try:
            into[stream] = held.merge(state)
        except StateError:
            refused += 1
        except Exception:
            if not codec.is_foreign(held):
                raise
            refused += 1
    return refused


def merge_many(into: States, parts: Iterable[States]) -> int:
    """As `merge_all` of each part; of many parts in a fraction of the time."""
    alike: dict[StreamId, list[State]] = {}
    for part in parts:
        for stream, state in part.items():
            alike.setdefault(stream, []).append(state)
    refused = 0
    for stream, states in alike.items():
        held = [into[stream], *states] if stream in into else states
        try:
            found = _together(held)
        except StateError:  # one by one, those that fit
            found = None
        if found is not None:
            into[stream] = found
            continue
        for state in states:
            refused += merge_all(into, {stream: state})
    return refused


def _together(states: list[State]) -> State | None:
    """What the states make together; None where it isn't known how to do that at once."""
    histograms = [state for state in states if type(state) is ExponentialHistogram]
    if len(histograms) == len(states):
        return ExponentialHistogram.together(histograms)
    counts = [state for state in states if type(state) is CategoryCounts]
    return CategoryCounts.together(counts) if len(counts) == len(states) else None
