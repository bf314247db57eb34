"""What a data point counts, as it came: turned into a state, or set off against the point before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.signals.api import State


class SumContent(NamedTuple):
    """A sum.

    Attributes:
        name: What is counted, the name in the state.
        rows: How many.
    """

    name: str
    rows: int

    def state(self) -> State:
        """The count as a state."""
        return CategoryCounts.of({self.name: self.rows})

    def since(self, before: Content) -> SumContent | None:
        """What was added since an earlier point; None where the stream began anew in between."""
        if not isinstance(before, SumContent) or self.rows < before.rows:
            return None
        return SumContent(self.name, self.rows - before.rows)


class ExplicitContent(NamedTuple):
    """Explicit buckets; `total`, `low` and `high` are None where the point doesn't state them."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    total: float | None
    low: float | None
    high: float | None

    def state(self) -> State:
        """The buckets as a state.

        Raises:
            StateError: A part is not possible.
        """
        total = self._estimated_total() if self.total is None else self.total
        return ExplicitHistogram.from_point(self.edges, self.counts, total, self.low, self.high)

    def since(self, before: Content) -> ExplicitContent | None:
        """As `SumContent.since`.

        The extremes of an increment are bounds: those of the whole stream, which the increment can't exceed,
        or the ends of the increment's own outer buckets, whichever are nearer.
        """
        if not isinstance(before, ExplicitContent) or not np.array_equal(self.edges, before.edges):
            return None
        counts = self.counts - before.counts
        if counts.min(initial=0) < 0:
            return None
        low, high = self._bounds(counts)
        return ExplicitContent(self.edges, counts, _difference(self.total, before.total), low, high)

    def _bounds(self, counts: NDArray[np.int64]) -> tuple[float | None, float | None]:
        """Between what the values of some of the stream's rows lie; None where nothing is known."""
        filled = np.flatnonzero(counts)
        if not filled.size:
            return None, None
        first, last = int(filled[0]), int(filled[-1])
        low, high = self.low, self.high
        if first:
            edge = float(self.edges[first - 1])
            low = edge if low is None else max(low, edge)
        if last < len(self.edges):
            edge = float(self.edges[last])
            high = edge if high is None else min(high, edge)
        return low, high

    def _estimated_total(self) -> float:
        """Every value at the middle of its bucket; those of the open ones at the nearest known value."""
        if not len(self.edges):
            return 0.0
        first = self.edges[0] if self.low is None else min(self.low, self.edges[0])
        last = self.edges[-1] if self.high is None else max(self.high, self.edges[-1])
        bounds = np.concatenate(([first], self.edges, [last]))
        with np.errstate(invalid="ignore"):  # infinite edges, which a state refuses
            return _weighted(bounds[:-1] / 2.0 + bounds[1:] / 2.0, self.counts)


class ExponentialContent(NamedTuple):
    """Exponential buckets of both signs, as in OTLP."""

    scale: int
    zero_count: int
    positive_offset: int
    positive: NDArray[np.int64]
    negative_offset: int
    negative: NDArray[np.int64]
    total: float | None
    low: float | None
    high: float | None

    def state(self) -> State:
        """The buckets as a state.

        Raises:
            StateError: A part is not possible.
        """
        if self.total is None:
            lower, upper, counts = self._with_total(0.0).buckets()
            return self._with_total(_weighted(lower / 2.0 + upper / 2.0, counts))
        return self._with_total(self.total)

    def since(self, before: Content) -> ExponentialContent | None:
        """As `ExplicitContent.since`; the scale of a stream may only fall while it lasts.

        The extremes are those of the whole stream.
        """
        if not isinstance(before, ExponentialContent) or self.scale > before.scale:
            return None
        by = before.scale - self.scale
        positive = _subtracted(
            self.positive_offset, self.positive, before.positive_offset, before.positive, by
        )
        negative = _subtracted(
            self.negative_offset, self.negative, before.negative_offset, before.negative, by
        )
        zero_count = self.zero_count - before.zero_count
        if positive is None or negative is None or zero_count < 0:
            return None
        total = _difference(self.total, before.total)
        return self._replace(zero_count=zero_count, positive=positive, negative=negative, total=total)

    def _with_total(self, total: float) -> ExponentialHistogram:
        return ExponentialHistogram.from_point(
            self.scale,
            self.zero_count,
            self.positive_offset,
            self.positive,
            self.negative_offset,
            self.negative,
            total,
            self.low,
            self.high,
        )


Content: TypeAlias = SumContent | ExplicitContent | ExponentialContent


def _weighted(middles: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Sum of values at the buckets' middles; at most the greatest double."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.nan_to_num(middles @ counts))


def _difference(now: float | None, before: float | None) -> float | None:
    if now is None or before is None or not math.isfinite(now - before):
        return None
    return now - before


def _subtracted(
    offset: int, counts: NDArray[np.int64], before_offset: int, before: NDArray[np.int64], by: int
) -> NDArray[np.int64] | None:
    """Counts less those of an earlier point whose scale was larger by `by`; None where one is negative."""
    held = np.flatnonzero(before)
    if not held.size:
        return counts
    where = ((held + before_offset) >> min(by, 63)) - offset
    if where[0] < 0 or where[-1] >= len(counts):
        return None
    left = counts.copy()
    np.subtract.at(left, where, before[held])
    return None if left.min() < 0 else left
