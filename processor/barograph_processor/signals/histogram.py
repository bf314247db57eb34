"""Counts between fixed edges, with the exact sum and the range of what was counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.exact import ExactSum
from barograph_processor.signals.frame import Framed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

MAX_COUNT = 2**62
_FIXED_BYTES = 800  # the object, its arrays' headers and an exact sum


@dataclass(frozen=True, slots=True, eq=False)
class ExplicitHistogram(Framed):
    """Rows counted in the buckets (-inf, edges[0]], (edges[0], edges[1]], …, (edges[-1], +inf).

    Make one with `zero`, `of` or `from_point`, which check and copy their input; the constructor itself
    trusts it.

    Attributes:
        edges: float64 [m], increasing, read-only.
        counts: int64 [m + 1], read-only.
        total: Sum of all values counted.
        low: The least value counted; +inf where nothing was, -inf where it is not known. Of increments of a
            cumulative stream, a bound below it.
        high: The greatest value counted; -inf where nothing was, +inf where it is not known; likewise.

    >>> histogram = ExplicitHistogram.zero(np.array([1.0, 2.0])).observe(np.array([1.0, 1.5, 9.0]))
    >>> histogram.counts.tolist(), float(histogram.total), histogram.low, histogram.high
    ([1, 1, 1], 11.5, 1.0, 9.0)
    """

    KIND: ClassVar[int] = 1

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    total: ExactSum
    low: float
    high: float

    @classmethod
    def zero(cls, edges: NDArray[np.float64] | Sequence[float]) -> ExplicitHistogram:
        """Nothing counted yet.

        Raises:
            StateError: The edges are not finite or not increasing.
        """
        checked = _checked_edges(edges)
        return cls(checked, freeze(np.zeros(len(checked) + 1, np.int64)), ExactSum(), math.inf, -math.inf)

    @classmethod
    def from_point(  # the parts of an OTLP Histogram point
        cls,
        edges: NDArray[np.float64] | Sequence[float],
        counts: NDArray[np.int64] | Sequence[int],
        total: float,
        low: float | None = None,
        high: float | None = None,
    ) -> ExplicitHistogram:
        """The state of one delta point.

        Args:
            edges: Bucket edges [m].
            counts: Bucket counts [m + 1].
            total: Sum of the values.
            low: The least value; None where the point has none.
            high: The greatest value; None where the point has none.

        Raises:
            StateError: A part is not possible.
        """
        checked = _checked_edges(edges)
        held = checked_counts(counts)
        if len(held) != len(checked) + 1:
            raise StateError(f"{len(checked)} edges need {len(checked) + 1} counts, got {len(held)}")
        return cls(checked, held, ExactSum.of_float(total), *checked_range(low, high, empty=not held.any()))

    def observe(self, values: NDArray[np.float64], grid: float | None = None) -> ExplicitHistogram:
        """Count more rows.

        Args:
            values: float64 [n], all finite.
            grid: Power of two that each value is rounded to for the sum, as sources do it; None: none.

        Returns:
            A new histogram; this one stays as it is.

        Raises:
            StateError: A value is NaN or infinite.
        """
        if not len(values):
            return self
        ordered = np.sort(values)
        if not (math.isfinite(ordered[0]) and math.isfinite(ordered[-1])):
            raise StateError("a histogram counts finite values; count the others apart")
        ranks = np.searchsorted(ordered, self.edges, side="right")
        counted = np.diff(ranks, prepend=0, append=len(ordered))
        return ExplicitHistogram(
            self.edges,
            added(self.counts, counted),
            self.total + ExactSum.of(np.rint(values / grid) * grid if grid else values),
            min(self.low, float(ordered[0]) + 0.0),
            max(self.high, float(ordered[-1]) + 0.0),
        )

    @property
    def rows(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + self.edges.nbytes + self.counts.nbytes

    def merge(self, other: ExplicitHistogram) -> ExplicitHistogram:
        """The histogram of both inputs' rows.

        Raises:
            StateError: The other state has other edges, or is no such histogram.
        """
        if type(other) is not ExplicitHistogram:
            raise StateError(f"a histogram merges with a histogram, got {type(other).__name__}")
        if self.edges is not other.edges and not np.array_equal(self.edges, other.edges):
            raise StateError(
                f"histograms of different edges ({len(self.edges)} and {len(other.edges)}) can't be merged; "
                "give every source of this model the same baseline"
            )
        return ExplicitHistogram(
            self.edges,
            added(self.counts, other.counts),
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.doubles(self.edges)
        content.integers(self.counts)
        content.exact(self.total)
        content.double(self.low)
        content.double(self.high)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> ExplicitHistogram:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no histogram.
        """
        edges = _checked_edges(parameters.doubles())
        counts = checked_counts(content.integers())
        if len(counts) != len(edges) + 1:
            raise StateError(f"{len(edges)} edges need {len(edges) + 1} counts, got {len(counts)}")
        total = content.exact()
        return cls(edges, counts, total, *read_range(content, empty=not counts.any()))


def freeze(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Make an array of our own read-only."""
    array.setflags(write=False)
    return array


def added(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts of both, read-only.

    Raises:
        StateError: More than 2**62 rows together.
    """
    both = left + right
    if int(both.view(np.uint64).sum()) > MAX_COUNT:  # at most 2**63 before the check, which uint64 holds
        raise StateError(f"more than {MAX_COUNT} rows; the source's counts are not possible")
    return freeze(both)


def summed(*rows: int) -> int:
    """Rows of several parts together.

    Raises:
        StateError: More than 2**62 rows.
    """
    total = sum(rows)
    if total > MAX_COUNT:
        raise StateError(f"more than {MAX_COUNT} rows; the source's counts are not possible")
    return total


def checked_counts(counts: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """A read-only copy of counts.

    Raises:
        StateError: A count is negative or not a whole number, or the sum is beyond 2**62.
    """
    try:
        held = np.array(counts, dtype=np.int64).reshape(-1)
    except (OverflowError, ValueError, TypeError) as error:
        raise StateError(f"counts must be whole numbers below 2**63: {error}") from error
    if held.size and (held.min() < 0 or held.sum(dtype=np.float64) > MAX_COUNT):
        raise StateError(
            "counts must be at least 0 and below 2**62 together; the source's counts are not possible"
        )
    return freeze(held)


def checked_range(low: float | None, high: float | None, *, empty: bool) -> tuple[float, float]:
    """Least and greatest value in the form that states hold them.

    Args:
        low: The least value; None or NaN where it is not known.
        high: The greatest value; None or NaN where it is not known.
        empty: Whether nothing was counted; the range is then (+inf, -inf).

    Raises:
        StateError: `low` is above `high`.
    """
    if empty:
        return math.inf, -math.inf
    least = -math.inf if low is None or math.isnan(low) else low + 0.0
    greatest = math.inf if high is None or math.isnan(high) else high + 0.0
    if least > greatest:
        raise StateError(
            f"the least value {least} is above the greatest {greatest}; the point is not possible"
        )
    return least, greatest


def read_range(content: Reader, *, empty: bool) -> tuple[float, float]:
    """Least and greatest value as written.

    Raises:
        StateError: They are not as `checked_range` gives them.
    """
    found = content.double(), content.double()
    if str(checked_range(*found, empty=empty)) != str(found):  # as text, so that -0.0 differs from 0.0
        raise StateError(f"a state's range {found} is not possible; fetch it again")
    return found


def _checked_edges(edges: NDArray[np.float64] | Sequence[float]) -> NDArray[np.float64]:
    held = np.array(edges, dtype=np.float64).reshape(-1) + 0.0
    if not np.isfinite(held).all() or not (held[1:] > held[:-1]).all():
        raise StateError("edges must be finite and increasing; fit the baseline again")
    held.setflags(write=False)
    return held
