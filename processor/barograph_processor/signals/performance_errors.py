"""Exact sums of how far predicted numbers and probabilities were off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.exact import ExactSum, multiply, sum_of
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.histogram import MAX_COUNT, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

LEAST_PROBABILITY = 1e-15
GREATEST_NUMBER = 1e75  # the fourth power is still a double
_NOTHING = ExactSum()
_FIXED_BYTES = 200
_SUM_BYTES = 600  # an exact sum of fourth powers at most


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityErrors(Framed):
    """Exact sums of the log loss and Brier terms of rows, and of their squares.

    Attributes:
        rows: Rows with usable probabilities.
        log_loss: Sum of -ln p of the true class, p clipped to at least 1e-15; in nats.
        log_loss2: Sum of the squares of these.
        brier: Sum of the squared errors of the probabilities: of the positive class where there are
            two, of all classes together (0 to 2 a row) where there are more.
        brier2: Sum of the squares of these.
    """

    KIND: ClassVar[int] = 6

    rows: int = 0
    log_loss: ExactSum = _NOTHING
    log_loss2: ExactSum = _NOTHING
    brier: ExactSum = _NOTHING
    brier2: ExactSum = _NOTHING

    @classmethod
    def zero(cls) -> ProbabilityErrors:
        """Nothing counted yet."""
        return cls()

    def observe(self, true_class: NDArray[np.float64], brier: NDArray[np.float64]) -> ProbabilityErrors:
        """Count more rows.

        Args:
            true_class: float64 [n], the predicted probability of the true class, in [0, 1].
            brier: float64 [n], the row's squared error.

        Returns:
            New sums; these stay as they are.
        """
        loss = -np.log(np.ascontiguousarray(np.clip(true_class, LEAST_PROBABILITY, 1.0))) + 0.0
        return self.merge(
            ProbabilityErrors(
                len(loss),
                ExactSum.of(loss),
                sum_of(multiply((loss,), (loss,))),
                ExactSum.of(brier),
                sum_of(multiply((brier,), (brier,))),
            )
        )

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + 4 * _SUM_BYTES

    def merge(self, other: ProbabilityErrors) -> ProbabilityErrors:
        """The sums of both inputs' rows.

        Raises:
            StateError: The other state is no such sums.
        """
        if type(other) is not ProbabilityErrors:
            raise StateError(f"probability errors merge with their like, got {type(other).__name__}")
        return ProbabilityErrors(
            summed(self.rows, other.rows), *(a + b for a, b in zip(self._sums(), other._sums(), strict=True))
        )

    def _sums(self) -> tuple[ExactSum, ...]:
        return self.log_loss, self.log_loss2, self.brier, self.brier2

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.double(LEAST_PROBABILITY)
        content.integer(self.rows)
        for total in self._sums():
            content.exact(total)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> ProbabilityErrors:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no probability errors.
        """
        if parameters.double() != LEAST_PROBABILITY:
            raise StateError("probability errors clipped elsewhere can't be read; make them again")
        return cls(content.integer(0, MAX_COUNT), *(content.exact() for _ in range(4)))


@dataclass(frozen=True, slots=True, eq=False)
class RegressionErrors(Framed):
    """Exact sums over rows of the error e (prediction minus truth, as a double) and the truth t.

    Squares and products are not rounded, so that differences of large sums keep their digits. The
    higher ones serve the confidence intervals.

    Attributes:
        rows: Rows.
        error: Sum of e.
        absolute: Sum of |e|.
        error2: Sum of e².
        error4: Sum of e⁴.
        truth: Sum of t.
        truth2: Sum of t².
        truth3: Sum of t³.
        truth4: Sum of t⁴.
        error2_truth: Sum of e²·t.
        error2_truth2: Sum of e²·t².

    >>> errors = RegressionErrors.zero().observe(np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0]))
    >>> float(errors.error), float(errors.absolute), float(errors.error2), float(errors.truth2)
    (-0.5, 1.5, 1.25, 21.0)
    """

    KIND: ClassVar[int] = 7

    rows: int = 0
    error: ExactSum = _NOTHING
    absolute: ExactSum = _NOTHING
    error2: ExactSum = _NOTHING
    error4: ExactSum = _NOTHING
    truth: ExactSum = _NOTHING
    truth2: ExactSum = _NOTHING
    truth3: ExactSum = _NOTHING
    truth4: ExactSum = _NOTHING
    error2_truth: ExactSum = _NOTHING
    error2_truth2: ExactSum = _NOTHING

    @classmethod
    def zero(cls) -> RegressionErrors:
        """Nothing counted yet."""
        return cls()

    def observe(self, truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> RegressionErrors:
        """Count more rows.

        Args:
            truth: float64 [n]; rows in which this or `predicted` is NaN, infinite or beyond ±1e75
                are left out.
            predicted: float64 [n].

        Returns:
            New sums; these stay as they are.
        """
        usable = usable_numbers(truth, predicted)
        if not usable.any():
            return self
        t1 = (truth[usable],)
        e1 = (predicted[usable] - t1[0],)
        t2, e2 = multiply(t1, t1), multiply(e1, e1)
        terms = (
            e1,
            (np.abs(e1[0]),),
            e2,
            multiply(e2, e2),
            t1,
            t2,
            multiply(t2, t1),
            multiply(t2, t2),
            multiply(e2, t1),
            multiply(e2, t2),
        )
        return self.merge(RegressionErrors(len(t1[0]), *(sum_of(term) for term in terms)))

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + 10 * _SUM_BYTES

    def merge(self, other: RegressionErrors) -> RegressionErrors:
        """The sums of both inputs' rows.

        Raises:
            StateError: The other state is no such sums.
        """
        if type(other) is not RegressionErrors:
            raise StateError(f"regression errors merge with their like, got {type(other).__name__}")
        return RegressionErrors(
            summed(self.rows, other.rows), *(a + b for a, b in zip(self._sums(), other._sums(), strict=True))
        )

    def _sums(self) -> tuple[ExactSum, ...]:
        return (
            self.error,
            self.absolute,
            self.error2,
            self.error4,
            self.truth,
            self.truth2,
            self.truth3,
            self.truth4,
            self.error2_truth,
            self.error2_truth2,
        )

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.double(GREATEST_NUMBER)
        content.integer(self.rows)
        for total in self._sums():
            content.exact(total)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> RegressionErrors:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no regression errors.
        """
        if parameters.double() != GREATEST_NUMBER:
            raise StateError("regression errors of another range can't be read; make them again")
        return cls(content.integer(0, MAX_COUNT), *(content.exact() for _ in range(10)))


def usable_numbers(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows have a finite truth and prediction within ±1e75."""
    usable: NDArray[np.bool_] = (np.abs(truth) <= GREATEST_NUMBER) & (np.abs(predicted) <= GREATEST_NUMBER)
    return usable
