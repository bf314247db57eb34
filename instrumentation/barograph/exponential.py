"""Base-2 exponential histograms of both signs, many columns at once (OTLP ExponentialHistogram).

Bucket i at scale s is (2^(i 2^-s), 2^((i+1) 2^-s)]. Every value is mapped once, exactly, at scale
10; coarser scales are a shift of that index, so merging by downscale loses nothing.

Source: OpenTelemetry metrics data model, "ExponentialHistogram".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.points import ExponentialBuckets

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

MAX_SCALE = 10
MAX_BUCKETS = 160
_STEPS = 2**MAX_SCALE
_NONE = np.iinfo(np.int64).max // 4
# Lower ends of the buckets of one octave [1/2, 1), where frexp puts its fractions, and for each of
# 2,048 equal cells of it the bucket of the cell's lower end. The narrowest bucket is wider than a
# cell, so that one comparison finds the bucket.
_BOUNDS = np.append(0.5 * np.exp2(np.arange(_STEPS) / _STEPS), np.inf)
OCTAVE = _BOUNDS[:-1]
_CELLS = 2 * _STEPS
_CELL_FIRST = np.searchsorted(_BOUNDS, 0.5 + np.arange(_CELLS) / (2 * _CELLS), side="left").astype(np.int64)


def indexes(magnitudes: Floats) -> Integers:
    """Bucket indexes at scale 10 of positive finite values; what 0 gets means nothing."""
    fraction, exponent = np.frexp(magnitudes)
    cell = ((fraction - 0.5) * (2 * _CELLS)).astype(np.int64)
    np.maximum(cell, 0, out=cell)
    below = _CELL_FIRST[cell]
    below += _BOUNDS[below] < fraction
    result: Integers = ((exponent.astype(np.int64) - 1) << MAX_SCALE) + below - 1
    return result


class PreparedExponential:
    """Rows with their indexes found."""

    __slots__ = ("index", "negative", "positive", "valid", "values")

    def __init__(self, values: Floats, valid: Mask | None) -> None:
        self.values = values if valid is None else np.where(valid, values, 0.0)
        self.valid = valid
        self.index = indexes(np.abs(self.values))
        self.positive = self.values > 0
        self.negative = self.values < 0


class ExponentialPlan:
    """How many columns are counted; may grow as columns appear."""

    def __init__(self, columns: int = 0) -> None:
        self.columns = columns

    def prepare(self, values: Floats, valid: Mask | None) -> PreparedExponential:
        """What `ExponentialCounts.add` needs of some rows; `valid` None means every value."""
        return PreparedExponential(values, valid)

    def counts(self) -> ExponentialCounts:
        """Empty counts."""
        return ExponentialCounts(self.columns)


class _Sign:
    """Buckets of one sign: 160 per column from an offset."""

    __slots__ = ("counts", "offset")

    def __init__(self, columns: int) -> None:
        self.counts = np.zeros((columns, MAX_BUCKETS), dtype=np.int64)
        self.offset = np.full(columns, _NONE, dtype=np.int64)

    def grow(self, columns: int) -> None:
        more = columns - len(self.offset)
        self.counts = np.vstack([self.counts, np.zeros((more, MAX_BUCKETS), dtype=np.int64)])
        self.offset = np.append(self.offset, np.full(more, _NONE, dtype=np.int64))

    def span(self, column: int, shift: int) -> tuple[int, int] | None:
        """Least and greatest used index at a scale coarser by `shift`; None where none is used."""
        if self.offset[column] == _NONE:
            return None
        used = np.flatnonzero(self.counts[column])
        if not len(used):
            return None
        offset = int(self.offset[column])
        return (offset + int(used[0])) >> shift, (offset + int(used[-1])) >> shift

    def move(self, column: int, shift: int, offset: int) -> None:
        """Re-count a column at a scale coarser by `shift`, from another offset."""
        used = np.flatnonzero(self.counts[column])
        moved = np.zeros(MAX_BUCKETS, dtype=np.int64)
        if len(used):
            target = ((used + int(self.offset[column])) >> shift) - offset
            np.add.at(moved, target, self.counts[column, used])
        self.counts[column] = moved
        self.offset[column] = offset

    def add(self, index: Integers, mask: Mask) -> None:
        flat = index - self.offset + np.arange(len(self.offset)) * MAX_BUCKETS
        self.counts += np.bincount(flat[mask], minlength=self.counts.size).reshape(self.counts.shape)

    def points(self, column: int) -> tuple[int, list[int]]:
        used = np.flatnonzero(self.counts[column])
        if not len(used):
            return 0, []
        return int(self.offset[column] + used[0]), self.counts[column, used[0] : used[-1] + 1].tolist()


class ExponentialCounts:
    """Buckets of both signs, sums and ranges of every column in one pane."""

    __slots__ = ("_negative", "_positive", "_shift", "high", "low", "total", "zero")

    def __init__(self, columns: int) -> None:
        self._positive = _Sign(columns)
        self._negative = _Sign(columns)
        self._shift = np.zeros(columns, dtype=np.int64)
        self.zero = np.zeros(columns, dtype=np.int64)
        self.total = np.zeros(columns)
        self.low = np.full(columns, np.inf)
        self.high = np.full(columns, -np.inf)

    def grow(self, columns: int) -> None:
        """Make room for columns that appeared after the pane was opened."""
        more = columns - len(self.zero)
        if more <= 0:
            return
        self._positive.grow(columns)
        self._negative.grow(columns)
        self._shift = np.append(self._shift, np.zeros(more, dtype=np.int64))
        self.zero = np.append(self.zero, np.zeros(more, dtype=np.int64))
        self.total = np.append(self.total, np.zeros(more))
        self.low = np.append(self.low, np.full(more, np.inf))
        self.high = np.append(self.high, np.full(more, -np.inf))

    def add(self, rows: PreparedExponential, part: slice) -> None:
        """Count a slice of prepared rows."""
        values, index = rows.values[part], rows.index[part]
        positive, negative = rows.positive[part], rows.negative[part]
        if not len(values):
            return
        self.grow(values.shape[1])
        if rows.valid is None:
            self.zero += len(values) - positive.sum(axis=0) - negative.sum(axis=0)
            low, high = values.min(axis=0), values.max(axis=0)
        else:
            valid = rows.valid[part]
            self.zero += valid.sum(axis=0) - positive.sum(axis=0) - negative.sum(axis=0)
            low = values.min(axis=0, where=valid, initial=np.inf)
            high = values.max(axis=0, where=valid, initial=-np.inf)
        np.minimum(self.low, low, out=self.low)
        np.maximum(self.high, high, out=self.high)
        with np.errstate(over="ignore", invalid="ignore"):
            self.total += values.sum(axis=0)
        self._fit(index, positive, negative)
        index = index >> self._shift
        self._positive.add(index, positive)
        self._negative.add(index, negative)

    def _fit(self, index: Integers, positive: Mask, negative: Mask) -> None:
        """Make the buckets of every column reach over the new indexes."""
        spans = []
        unfit = np.zeros(len(self._shift), dtype=bool)
        for sign, mask in ((self._positive, positive), (self._negative, negative)):
            low = index.min(axis=0, where=mask, initial=_NONE)
            high = index.max(axis=0, where=mask, initial=-_NONE)
            some = low <= high
            outside = (low >> self._shift < sign.offset) | (high >> self._shift >= sign.offset + MAX_BUCKETS)
            unfit |= some & outside
            spans.append((low, high, some))
        for column in np.flatnonzero(unfit).tolist():
            self._refit(
                column,
                [
                    (int(low[column]), int(high[column])) if some[column] else None
                    for low, high, some in spans
                ],
            )

    def _refit(self, column: int, new: list[tuple[int, int] | None]) -> None:
        signs = (self._positive, self._negative)
        shift = before = int(self._shift[column])
        while True:
            ranges = []
            for sign, span in zip(signs, new, strict=True):
                both = [known for known in (sign.span(column, shift - before),) if known]
                if span:
                    both.append((span[0] >> shift, span[1] >> shift))
                ranges.append((min(one[0] for one in both), max(one[1] for one in both)) if both else None)
            if all(one is None or one[1] - one[0] < MAX_BUCKETS for one in ranges):
                break
            shift += 1
        for sign, used in zip(signs, ranges, strict=True):
            if used is not None:
                # Room on both sides, so that a slowly widening range does not move at every call.
                room = (MAX_BUCKETS - 1 - (used[1] - used[0])) // 2
                sign.move(column, shift - before, used[0] - room)
        self._shift[column] = shift

    def data(self, column: int) -> ExponentialBuckets | None:
        """The point of one column; None where nothing was counted."""
        if column >= len(self.zero) or self.low[column] > self.high[column]:
            return None
        positive_offset, positive = self._positive.points(column)
        negative_offset, negative = self._negative.points(column)
        return ExponentialBuckets(
            scale=MAX_SCALE - int(self._shift[column]),
            zero_count=int(self.zero[column]),
            positive_offset=positive_offset,
            positive=positive,
            negative_offset=negative_offset,
            negative=negative,
            total=float(self.total[column]),
            low=float(self.low[column]),
            high=float(self.high[column]),
        )
