"""A histogram of base-2 exponential buckets, for values whose range nobody knows beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.exact import ExactSum
from barograph_processor.signals.exponential_buckets import (
    EMPTY,
    MAX_SCALE,
    MIN_SCALE,
    Buckets,
    Side,
    bucket_bounds,
)
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.histogram import MAX_COUNT, checked_counts, checked_range, read_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

_LEAST_LIMIT = 4  # at scale -10 all doubles fall into three buckets
_GREATEST_LIMIT = 10_000
_FIXED_BYTES = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class ExponentialHistogram(Framed):
    """OTLP's exponential histogram: with base = 2**(2**-scale), bucket i holds (base**i, base**(i+1)].

    The scale is a function of the rows alone: the largest, up to the one begun with, at which the
    buckets of either sign fit into `max_buckets`. Hence merging is associative. Make one with `zero`
    or `from_point`; the constructor itself trusts its input.

    Attributes:
        scale: From 20 (buckets 7e-7 wide) down to -10.
        zero_count: Rows that are exactly 0.
        positive_offset: Index of the first positive bucket; 0 where there is none.
        positive: int64 [p], counts of consecutive buckets, the ends not 0, read-only.
        negative_offset: As `positive_offset`, of the magnitudes of negative rows.
        negative: As `positive`.
        total: Sum of all values counted.
        low: The least value counted; +inf where nothing was, -inf where it is not known.
        high: The greatest value counted; -inf where nothing was, +inf where it is not known.
        max_buckets: Greatest number of buckets of either sign.

    Source:
        OpenTelemetry metrics data model, "ExponentialHistogram".

    >>> histogram = ExponentialHistogram.zero(max_buckets=4).observe(np.array([1.0, 2.0, 8.0, 0.0]))
    >>> histogram.scale, histogram.zero_count, histogram.positive_offset, histogram.positive.tolist()
    (0, 1, -1, [1, 1, 0, 1])
    """

    KIND: ClassVar[int] = 2

    scale: int
    zero_count: int
    positive_offset: int
    positive: NDArray[np.int64]
    negative_offset: int
    negative: NDArray[np.int64]
    total: ExactSum
    low: float
    high: float
    max_buckets: int = 160

    @classmethod
    def zero(cls, max_scale: int = MAX_SCALE, max_buckets: int = 160) -> ExponentialHistogram:
        """Nothing counted yet.

        Raises:
            StateError: The scale is not in -10 … 20, or the limit not in 4 … 10,000 buckets.
        """
        _check_parameters(max_scale, max_buckets)
        return cls(max_scale, 0, 0, EMPTY, 0, EMPTY, ExactSum(), math.inf, -math.inf, max_buckets)

    @classmethod
    def from_point(  # noqa: PLR0913, PLR0917 the parts of an OTLP ExponentialHistogram point
        cls,
        scale: int,
        zero_count: int,
        positive_offset: int,
        positive: NDArray[np.int64] | Sequence[int],
        negative_offset: int,
        negative: NDArray[np.int64] | Sequence[int],
        total: float,
        low: float | None = None,
        high: float | None = None,
        max_buckets: int = 160,
    ) -> ExponentialHistogram:
        """The state of one delta point; brought to at most `max_buckets` buckets and scale 20.

        Args:
            scale: As in OTLP, at least -10.
            zero_count: Rows that are 0.
            positive_offset: Index of the first positive bucket.
            positive: Counts of consecutive positive buckets.
            negative_offset: Index of the first negative bucket.
            negative: Counts of consecutive negative buckets.
            total: Sum of the values.
            low: The least value; None where the point has none.
            high: The greatest value; None where the point has none.
            max_buckets: Greatest number of buckets of either sign.

        Raises:
            StateError: A part is not possible.
        """
        if not MIN_SCALE <= scale <= 2**31:
            raise StateError(
                f"scale {scale} is under {MIN_SCALE}; let the source use a scale that OTLP's SDKs use"
            )
        finer = max(scale - MAX_SCALE, 0)
        _check_parameters(scale - finer, max_buckets)
        if not 0 <= zero_count <= MAX_COUNT:
            raise StateError(f"a count of zeros of {zero_count} is not possible")
        buckets = Buckets(
            scale - finer,
            int(zero_count),
            Side.trimmed(int(positive_offset), checked_counts(positive)).shifted(finer),
            Side.trimmed(int(negative_offset), checked_counts(negative)).shifted(finer),
        )
        buckets.positive.check(buckets.scale)
        buckets.negative.check(buckets.scale)
        least, greatest = checked_range(low, high, empty=buckets.empty)
        return cls._of(buckets.fitted(max_buckets), ExactSum.of_float(total), least, greatest, max_buckets)

    def observe(self, values: NDArray[np.float64]) -> ExponentialHistogram:
        """Count more rows.

        Args:
            values: float64 [n], all finite.

        Returns:
            A new histogram; this one stays as it is.

        Raises:
            StateError: A value is NaN or infinite.
        """
        if not len(values):
            return self
        low, high = float(values.min()) + 0.0, float(values.max()) + 0.0
        if not (math.isfinite(low) and math.isfinite(high)):
            raise StateError("a histogram counts finite values; count the others apart")
        return self._of(
            self._buckets().plus(Buckets.of(values, self.scale, self.max_buckets), self.max_buckets),
            self.total + ExactSum.of(values),
            min(self.low, low),
            max(self.high, high),
            self.max_buckets,
        )

    @property
    def rows(self) -> int:
        """Number of values counted."""
        return self.zero_count + int(self.positive.sum()) + int(self.negative.sum())

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + self.positive.nbytes + self.negative.nbytes

    def buckets(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Lower and upper bounds and counts, ascending over negative, zero and positive buckets.

        Positive buckets are (lower, upper], negative ones [lower, upper); the one of zero is [0, 0] and
        always there. Bounds beyond the greatest double are that double.
        """
        falling = -bucket_bounds(self.negative_offset, len(self.negative), self.scale)[::-1]
        rising = bucket_bounds(self.positive_offset, len(self.positive), self.scale)
        zero = np.zeros(1)
        lower = np.concatenate((falling[:-1], zero, rising[:-1]))
        upper = np.concatenate((falling[1:], zero, rising[1:]))
        counts = np.concatenate((self.negative[::-1], np.array([self.zero_count], np.int64), self.positive))
        return lower, upper, counts

    def downscale(self, scale: int) -> ExponentialHistogram:
        """The same rows in wider buckets.

        Raises:
            StateError: The scale is above this histogram's, or under -10.
        """
        if not MIN_SCALE <= scale <= self.scale:
            raise StateError(f"a histogram of scale {self.scale} can't be brought to scale {scale}")
        return self._of(self._buckets().at(scale), self.total, self.low, self.high, self.max_buckets)

    def merge(self, other: ExponentialHistogram) -> ExponentialHistogram:
        """The histogram of both inputs' rows, at the largest scale that holds them.

        Raises:
            StateError: The other state allows another number of buckets, or is no such histogram.
        """
        if type(other) is not ExponentialHistogram:
            raise StateError(f"an exponential histogram merges with its like, got {type(other).__name__}")
        if self.max_buckets != other.max_buckets:
            raise StateError(f"limits of {self.max_buckets} and {other.max_buckets} buckets can't be merged")
        return self._of(
            self._buckets().plus(other._buckets(), self.max_buckets),
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
            self.max_buckets,
        )

    @classmethod
    def together(cls, parts: Sequence[ExponentialHistogram]) -> ExponentialHistogram:
        """What merging parts one by one gives, two at least; of many in a fraction of the time.

        Raises:
            StateError: As of `merge`.
        """
        first = parts[0]
        counted = None
        if all(type(part) is cls and part.max_buckets == first.max_buckets for part in parts):
            counted = Buckets.together(list(map(cls._buckets, parts)), first.max_buckets)
        if counted is None:  # as it says what is wrong
            return reduce(cls.merge, parts)
        total = ExactSum(sum(part.total.units for part in parts))
        low, high = min(part.low for part in parts), max(part.high for part in parts)
        return cls._of(counted, total, low, high, first.max_buckets)

    @classmethod
    def _of(
        cls, buckets: Buckets, total: ExactSum, low: float, high: float, max_buckets: int
    ) -> ExponentialHistogram:
        scale, zeros, positive, negative = buckets
        return cls(scale, zeros, *positive, *negative, total, low, high, max_buckets)

    def _buckets(self) -> Buckets:
        positive = Side(self.positive_offset, self.positive)
        return Buckets(self.scale, self.zero_count, positive, Side(self.negative_offset, self.negative))

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.integer(self.max_buckets)
        content.integer(self.scale)
        content.integer(self.zero_count)
        for side in self._buckets()[2:]:
            content.integer(side.offset)
            content.integers(side.counts)
        content.exact(self.total)
        content.double(self.low)
        content.double(self.high)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> ExponentialHistogram:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no exponential histogram.
        """
        max_buckets = parameters.integer(_LEAST_LIMIT, _GREATEST_LIMIT)
        scale = content.integer(MIN_SCALE, MAX_SCALE)
        zeros = content.integer(0, MAX_COUNT)
        positive, negative = _read_side(content, scale, max_buckets), _read_side(content, scale, max_buckets)
        total = content.exact()
        buckets = Buckets(scale, zeros, positive, negative)
        low, high = read_range(content, empty=buckets.empty)
        return cls._of(buckets, total, low, high, max_buckets)


def _read_side(content: Reader, scale: int, max_buckets: int) -> Side:
    side = Side(content.integer(-(2**32), 2**32), checked_counts(content.integers()))
    side.check(scale)
    trimmed = Side.trimmed(*side)
    if len(side.counts) > max_buckets or (trimmed.offset, len(trimmed.counts)) != (
        side.offset,
        len(side.counts),
    ):
        raise StateError("the buckets of a state are too many or not trimmed; fetch it again")
    return side


def _check_parameters(scale: int, max_buckets: int) -> None:
    if not MIN_SCALE <= scale <= MAX_SCALE:
        raise StateError(f"scale {scale} is not in {MIN_SCALE} … {MAX_SCALE}")
    if not _LEAST_LIMIT <= max_buckets <= _GREATEST_LIMIT:
        raise StateError(f"{max_buckets} buckets are not possible; allow {_LEAST_LIMIT} to {_GREATEST_LIMIT}")
