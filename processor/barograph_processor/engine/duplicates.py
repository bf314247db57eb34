"""Tells repeated points from new ones, in bounded memory.

A repeat of the same (source, stream, item, start, end) is a repeat. Queues reorder and
Collectors retry, so every slice of the time to live is remembered. A slice is the pane that
its start lies in, its offset there and its length; sources that flush regularly have few
offsets and lengths, and their panes are neighbours: a few runs for each stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph_processor.engine.intervals import IntervalSet
from barograph_processor.signals.api import StreamId  # noqa: TC001 msgspec reads SliceRun's annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.engine.batch import Point


class SliceRun(NamedTuple):
    """The remembered slices of one shape, for snapshots."""

    source: str
    stream: StreamId
    item: str
    offset_ns: int
    length_ns: int
    bounds: list[int]


class _Source:
    """What is remembered of one source.

    Attributes:
        floor_ns: Slices that start before it are forgotten and can't be told from repeats.
        runs: Number of runs held.
        streams: (stream, item) to (offset, length) to the panes seen.
    """

    __slots__ = ("floor_ns", "runs", "streams")

    def __init__(self) -> None:
        self.floor_ns: int | None = None
        self.runs = 0
        self.streams: dict[tuple[StreamId, str], dict[tuple[int, int], IntervalSet]] = {}


class SliceMemory:
    """The slices of one key that were taken."""

    __slots__ = ("_max_runs", "_pane_ns", "_sources", "runs")

    def __init__(self, pane_ns: int, max_runs: int) -> None:
        self._pane_ns = pane_ns
        self._max_runs = max_runs
        self._sources: dict[str, _Source] = {}
        self.runs = 0

    def forgotten(self, point: Point) -> bool:
        """Whether the point lies where slices had to be forgotten to save memory."""
        source = self._sources.get(_counter(point))
        return source is not None and source.floor_ns is not None and point.start_ns < source.floor_ns

    def add(self, point: Point) -> bool:
        """Remember the point's slice; False where it was taken before."""
        name = _counter(point)
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source()
        shapes = source.streams.get((point.stream, point.item))
        if shapes is None:
            shapes = source.streams[point.stream, point.item] = {}
        pane, offset_ns = divmod(point.start_ns, self._pane_ns)
        panes = shapes.get((offset_ns, point.end_ns - point.start_ns))
        if panes is None:
            panes = shapes[offset_ns, point.end_ns - point.start_ns] = IntervalSet()
        before = len(panes)
        if not panes.add(pane):
            return False
        grown = len(panes) - before
        if grown:
            source.runs += grown
            self.runs += grown
            while self.runs > self._max_runs:
                self._forget_half()
        return True

    def forget_before(self, time_ns: int) -> None:
        """Forget slices that start in panes before `time_ns`: they would be too late anyway."""
        for name, source in list(self._sources.items()):
            self._trim(source, time_ns // self._pane_ns)
            if not source.streams and source.floor_ns is None:
                del self._sources[name]
            elif source.floor_ns is not None and source.floor_ns <= time_ns:
                source.floor_ns = None

    def slices(self) -> Iterator[SliceRun]:
        """Everything remembered."""
        for name, source in self._sources.items():
            for (stream, item), shapes in source.streams.items():
                for (offset_ns, length_ns), panes in shapes.items():
                    yield SliceRun(name, stream, item, offset_ns, length_ns, [*panes.bounds])

    def floors(self) -> dict[str, int]:
        """Times before which slices of a source were forgotten to save memory."""
        return {name: one.floor_ns for name, one in self._sources.items() if one.floor_ns is not None}

    def load(self, slices: Iterator[SliceRun], floors: dict[str, int]) -> None:
        """Take over what another memory held."""
        for run in slices:
            source = self._sources.setdefault(run.source, _Source())
            panes = IntervalSet(run.bounds)
            source.streams.setdefault((run.stream, run.item), {})[run.offset_ns, run.length_ns] = panes
            source.runs += len(panes)
            self.runs += len(panes)
        for name, floor_ns in floors.items():
            self._sources.setdefault(name, _Source()).floor_ns = floor_ns

    def _trim(self, source: _Source, pane: int) -> None:
        for name, shapes in list(source.streams.items()):
            for shape, panes in list(shapes.items()):
                before = len(panes)
                panes.forget_before(pane)
                source.runs += len(panes) - before
                self.runs += len(panes) - before
                if not panes.bounds:
                    del shapes[shape]
            if not shapes:
                del source.streams[name]

    def _forget_half(self) -> None:
        """Forget the older half of the greatest source's time, and refuse points in it from now on."""
        source = max(self._sources.values(), key=lambda one: one.runs)
        every = [panes for shapes in source.streams.values() for panes in shapes.values()]
        first = min(panes.bounds[0] for panes in every)
        last = max(panes.bounds[-1] for panes in every)
        floor = first + (last - first + 1) // 2
        self._trim(source, floor)
        source.floor_ns = max(floor * self._pane_ns, source.floor_ns or floor * self._pane_ns)


def _counter(point: Point) -> str:
    """Who numbered the point's slices: edges do so for themselves."""
    return f"{point.source}\0{point.edge}" if point.edge else point.source
