"""Base-2 exponential buckets: which bucket a double falls into, and counts by bucket of both signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.histogram import added, freeze, summed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_SCALE = 20
MIN_SCALE = -10
_LEAST_EXPONENT = -1_075  # of the bucket that the least subnormal double falls into
_GREATEST_EXPONENT = 1_023
_SAFE = 2.0**61
EMPTY = freeze(np.zeros(0, np.int64))


def bucket_index(magnitudes: NDArray[np.float64], scale: int) -> NDArray[np.int64]:
    """Index of the bucket (base**i, base**(i+1)] of each magnitude, exact at all powers of two.

    Args:
        magnitudes: float64 [n], finite, above 0; subnormal doubles have buckets of their own.
        scale: -10 … 20; an index at a smaller scale is the one at the larger, shifted right.

    Returns:
        int64 [n].

    >>> bucket_index(np.array([0.5, 1.0, 1.5, 2.0]), 1).tolist()
    [-3, -1, 1, 1]
    """
    halves, exponents = np.frexp(magnitudes)
    fine = max(scale, 0)
    # log2 of a mantissa in [1, 2) is 0 only at 1 and accurate next to it, so octaves never leak
    within = np.ceil(np.log2(halves * 2.0) * float(1 << fine)).astype(np.int64)
    index: NDArray[np.int64] = ((exponents.astype(np.int64) - 1) << fine) + within - 1
    return index >> -scale if scale < 0 else index


def bucket_bounds(offset: int, count: int, scale: int) -> NDArray[np.float64]:
    """The count + 1 bounds of consecutive buckets, float64; at most the greatest double."""
    exponents = np.ldexp(np.arange(offset, offset + count + 1, dtype=np.float64), -scale)
    whole = np.floor(exponents)
    with np.errstate(over="ignore"):
        bounds = np.ldexp(np.exp2(exponents - whole), whole.astype(np.int32))
    clipped: NDArray[np.float64] = np.minimum(bounds, np.finfo(np.float64).max)
    return clipped


class Side(NamedTuple):
    """The buckets of one sign.

    Attributes:
        offset: Index of the first bucket; 0 where there is none.
        counts: int64, counts of consecutive buckets, the ends not 0, read-only.
    """

    offset: int = 0
    counts: NDArray[np.int64] = EMPTY

    @classmethod
    def of(cls, magnitudes: NDArray[np.float64], scale: int) -> Side:
        """Counts of magnitudes at a scale at which they are known to fit."""
        if not len(magnitudes):
            return cls()
        index = bucket_index(magnitudes, scale)
        first = int(index.min())
        return cls(first, freeze(np.bincount(index - first).astype(np.int64, copy=False)))

    @classmethod
    def trimmed(cls, offset: int, counts: NDArray[np.int64]) -> Side:
        """Counts without the zeros at their ends."""
        held = np.flatnonzero(counts)
        if not len(held):
            return cls()
        return cls(offset + int(held[0]), counts[held[0] : held[-1] + 1])

    @property
    def last(self) -> int:
        """Index of the last bucket."""
        return self.offset + len(self.counts) - 1

    def shifted(self, by: int) -> Side:
        """The same counts at a scale smaller by `by`."""
        if not by or not len(self.counts):
            return self
        first, last = self.offset >> by, self.last >> by
        begins = np.maximum((np.arange(first, last + 1) << by) - self.offset, 0)
        return Side(first, freeze(np.add.reduceat(self.counts, begins)))

    def plus(self, other: Side) -> Side:
        """Both sides' counts, at the same scale."""
        if not len(self.counts):
            return other
        if not len(other.counts):
            return self
        if self.offset == other.offset and len(self.counts) == len(other.counts):
            return Side(self.offset, added(self.counts, other.counts))
        first, last = min(self.offset, other.offset), max(self.last, other.last)
        wide = np.zeros((2, last - first + 1), np.int64)
        for row, side in zip(wide, (self, other), strict=True):
            row[side.offset - first : side.last - first + 1] = side.counts
        return Side(first, added(wide[0], wide[1]))

    def check(self, scale: int) -> None:
        """Check that the indices are ones that doubles have at `scale`.

        Raises:
            StateError: They are not.
        """
        first, last = _LEAST_EXPONENT, _GREATEST_EXPONENT
        first = first >> -scale if scale < 0 else first << scale
        last = last >> -scale if scale < 0 else ((last + 1) << scale) - 1
        if len(self.counts) and not (first <= self.offset and self.last <= last):
            raise StateError(f"buckets {self.offset} to {self.last} at scale {scale} lie beyond all doubles")


class Buckets(NamedTuple):
    """Counts of both signs and of zero at one scale."""

    scale: int
    zeros: int = 0
    positive: Side = Side()
    negative: Side = Side()

    @classmethod
    def of(cls, values: NDArray[np.float64], scale: int, max_buckets: int) -> Buckets:
        """Counts of finite values at the largest scale, up to `scale`, at which they fit."""
        positive, negative = values[values > 0], -values[values < 0]
        for magnitudes in (positive, negative):
            if len(magnitudes):
                first, last = bucket_index(np.array([magnitudes.min(), magnitudes.max()]), scale).tolist()
                scale -= _shift_to_fit(first, last, max_buckets)
        zeros = len(values) - len(positive) - len(negative)
        return cls(scale, zeros, Side.of(positive, scale), Side.of(negative, scale))

    @property
    def empty(self) -> bool:
        """Whether nothing was counted."""
        return not (self.zeros or len(self.positive.counts) or len(self.negative.counts))

    def at(self, scale: int) -> Buckets:
        """The same counts at a scale that isn't larger."""
        by = self.scale - scale
        return Buckets(scale, self.zeros, self.positive.shifted(by), self.negative.shifted(by))

    def fitted(self, max_buckets: int) -> Buckets:
        """The same counts at the largest scale at which they fit."""
        by = max(
            _shift_to_fit(side.offset, side.last, max_buckets) if len(side.counts) else 0
            for side in (self.positive, self.negative)
        )
        return self.at(self.scale - by)

    def plus(self, other: Buckets, max_buckets: int) -> Buckets:
        """Both inputs' counts, at the largest scale at which they fit.

        Raises:
            StateError: There are more than 2**62 rows.
        """
        scale = min(self.scale, other.scale)
        left, right = self.at(scale), other.at(scale)
        by = max(
            _shift_for_both(a, b, max_buckets)
            for a, b in ((left.positive, right.positive), (left.negative, right.negative))
        )
        left, right = left.at(scale - by), right.at(scale - by)
        zeros = summed(left.zeros, right.zeros)
        return Buckets(
            scale - by, zeros, left.positive.plus(right.positive), left.negative.plus(right.negative)
        )

    @classmethod
    def together(cls, parts: Sequence[Buckets], max_buckets: int) -> Buckets | None:
        """What `plus` makes of parts, one after the other; None where the counts may be too many."""
        scale = min(part.scale for part in parts)
        shifts = [part.scale - scale for part in parts]
        sides = [
            [(side, by) for side, by in zip(column, shifts, strict=True) if len(side.counts)]
            for column in ([part.positive for part in parts], [part.negative for part in parts])
        ]
        more = max(
            (
                _shift_to_fit(
                    min(side.offset >> by for side, by in one),
                    max(side.last >> by for side, by in one),
                    max_buckets,
                )
                for one in sides
                if one
            ),
            default=0,
        )
        every = [side.counts for one in sides for side, _ in one]
        zeros = sum(part.zeros for part in parts)
        if zeros + float(np.concatenate([EMPTY, *every]).sum(dtype=np.float64)) > _SAFE:
            return None
        positive, negative = (_added([(side, by + more) for side, by in one]) for one in sides)
        return cls(scale - more, zeros, positive, negative)


def _added(sides: Sequence[tuple[Side, int]]) -> Side:
    """Sides that hold something, each at a scale smaller by a number."""
    if not sides:
        return Side()
    first, last = min(side.offset >> by for side, by in sides), max(side.last >> by for side, by in sides)
    counts = np.zeros(last - first + 1, np.int64)
    places = [(np.arange(side.offset, side.last + 1) >> by) - first for side, by in sides]
    np.add.at(counts, np.concatenate(places), np.concatenate([side.counts for side, _ in sides]))
    return Side(first, freeze(counts))


def _shift_to_fit(first: int, last: int, max_buckets: int) -> int:
    by = 0
    while (last >> by) - (first >> by) >= max_buckets:
        by += 1
    return by


def _shift_for_both(left: Side, right: Side, max_buckets: int) -> int:
    held = [side for side in (left, right) if len(side.counts)]
    if not held:
        return 0
    return _shift_to_fit(min(side.offset for side in held), max(side.last for side in held), max_buckets)
