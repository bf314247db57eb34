"""The data of points, column by column: numbers and buckets of one point at a time, without copies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pyarrow.compute as pc

from barograph_processor.wire import reasons
from barograph_processor.wire.contents import Content, ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.values import GivenTwice

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

SCALES: Final = range(-10, 21)  # what the data model's SDKs produce
_COUNT_MOST: Final = 2**63 - 1  # what int64 holds, and the bytes that streams are remembered in


class RefusedPoint(Exception):  # a verdict, caught where the point is counted
    """A point can't be taken.

    Attributes:
        reason: One of `reasons`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reasons.EXPLANATIONS[reason])
        self.reason = reason


class Contents(Protocol):
    """Contents of the points of one kind."""

    def at(self, row: int, name: str) -> Content:
        """The content of one point.

        Args:
            row: Number of the point.
            name: What it counts, for sums.

        Raises:
            RefusedPoint: The content isn't possible.
            GivenTwice: It has a whole number and another one.
        """


class SumColumns:
    """Contents of NumberDataPoints."""

    __slots__ = ("_doubles", "_ints")

    def __init__(self, points: pa.StructArray, max_buckets: int) -> None:
        del max_buckets
        self._ints: list[int | None] = points.field("as_int").to_pylist()
        self._doubles: list[float | None] = points.field("as_double").to_pylist()

    def at(self, row: int, name: str) -> SumContent:
        """As `Contents.at`."""
        count, double = self._ints[row], self._doubles[row]
        if not (count is None or double is None):
            raise GivenTwice
        if count is None:
            if double is None:
                raise RefusedPoint(reasons.NO_VALUE)
            if not double.is_integer():  # infinities and NaN included
                raise RefusedPoint(reasons.NOT_INTEGRAL)
            count = int(double)
        if count < 0:
            raise RefusedPoint(reasons.NEGATIVE_COUNT)
        if count > _COUNT_MOST:
            raise RefusedPoint(reasons.BAD_BUCKETS)
        return SumContent(name, count)


class _Lists:
    """A column of lists of counts or edges."""

    __slots__ = ("_bounds", "_values")

    def __init__(self, column: pa.ListArray) -> None:
        self._bounds: list[int] = column.offsets.to_pylist()
        values = column.values.to_numpy()
        self._values: NDArray[Any] = (
            values if values.dtype == np.float64 else values.astype(np.int64)  # 2**63 and more turn negative
        )

    def size(self, row: int) -> int:
        return self._bounds[row + 1] - self._bounds[row]

    def at(self, row: int) -> NDArray[Any]:
        return self._values[self._bounds[row] : self._bounds[row + 1]]


class _Moments:
    """Count, sum, least and greatest value of histogram points."""

    __slots__ = ("_counts", "_highs", "_lows", "_totals")

    def __init__(self, points: pa.StructArray) -> None:
        self._counts: list[int] = points.field("count").to_pylist()
        self._totals, self._lows, self._highs = (
            [
                None if value is None or not math.isfinite(value) else value
                for value in points.field(name).to_pylist()
            ]
            for name in ("sum", "min", "max")
        )

    def at(self, row: int, counted: int) -> tuple[float | None, float | None, float | None]:
        if self._counts[row] != counted:
            raise RefusedPoint(reasons.BAD_BUCKETS)
        return self._totals[row], self._lows[row], self._highs[row]


class ExplicitColumns:
    """Contents of HistogramDataPoints."""

    __slots__ = ("_counts", "_edges", "_max_buckets", "_moments")

    def __init__(self, points: pa.StructArray, max_buckets: int) -> None:
        self._moments = _Moments(points)
        self._counts = _Lists(points.field("bucket_counts"))
        self._edges = _Lists(points.field("explicit_bounds"))
        self._max_buckets = max_buckets

    def at(self, row: int, name: str) -> ExplicitContent:
        """As `Contents.at`."""
        del name
        if self._counts.size(row) > self._max_buckets:
            raise RefusedPoint(reasons.TOO_MANY_BUCKETS)
        edges, counts = self._edges.at(row), self._counts.at(row)
        if len(counts) != len(edges) + 1 or counts.min() < 0:
            raise RefusedPoint(reasons.BAD_BUCKETS)
        return ExplicitContent(
            edges, counts.astype(np.int64, copy=False), *self._moments.at(row, int(counts.sum()))
        )


class ExponentialColumns:
    """Contents of ExponentialHistogramDataPoints."""

    __slots__ = ("_max_buckets", "_moments", "_scales", "_sides", "_zeros")

    def __init__(self, points: pa.StructArray, max_buckets: int) -> None:
        self._moments = _Moments(points)
        self._scales: list[int] = points.field("scale").to_pylist()
        self._zeros: list[int] = points.field("zero_count").to_pylist()
        self._sides: list[tuple[list[int], _Lists]] = []
        for name in ("positive", "negative"):
            side = points.field(name)
            self._sides.append(
                (pc.fill_null(side.field("offset"), 0).to_pylist(), _Lists(side.field("bucket_counts")))
            )
        self._max_buckets = max_buckets

    def at(self, row: int, name: str) -> ExponentialContent:
        """As `Contents.at`."""
        del name
        if sum(lists.size(row) for _, lists in self._sides) > self._max_buckets:
            raise RefusedPoint(reasons.TOO_MANY_BUCKETS)
        (positive_at, positive), (negative_at, negative) = (
            (offsets[row], lists.at(row).astype(np.int64, copy=False)) for offsets, lists in self._sides
        )
        if self._scales[row] not in SCALES or min(positive.min(initial=0), negative.min(initial=0)) < 0:
            raise RefusedPoint(reasons.BAD_BUCKETS)
        counted = self._zeros[row] + int(positive.sum()) + int(negative.sum())
        return ExponentialContent(
            self._scales[row],
            self._zeros[row],
            positive_at,
            positive,
            negative_at,
            negative,
            *self._moments.at(row, counted),
        )
