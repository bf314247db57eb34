"""How far predicted numbers are off: mean errors and the share of variance that they explain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.semconv import metrics
from barograph_processor.signals.api import StreamKind
from barograph_processor.signals.performance_errors import RegressionErrors
from barograph_processor.signals.performance_intervals import (
    MIN_MEAN_ROWS,
    Interval,
    loss_interval,
    mean_interval,
    student,
)
from barograph_processor.signals.performance_readings import SCOPE, Figure, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import Reading, View

MAE = Figure(
    metrics.ML_PERFORMANCE_MAE,
    metrics.ML_PERFORMANCE_MAE_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_MAE_CONFIDENCE_UPPER,
)
MSE = Figure(
    metrics.ML_PERFORMANCE_MSE,
    metrics.ML_PERFORMANCE_MSE_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_MSE_CONFIDENCE_UPPER,
)
RMSE = Figure(
    metrics.ML_PERFORMANCE_RMSE,
    metrics.ML_PERFORMANCE_RMSE_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_RMSE_CONFIDENCE_UPPER,
)
BIAS = Figure(
    metrics.ML_PERFORMANCE_BIAS,
    metrics.ML_PERFORMANCE_BIAS_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_BIAS_CONFIDENCE_UPPER,
)
EXPLAINED = Figure(
    metrics.ML_PERFORMANCE_R2,
    metrics.ML_PERFORMANCE_R2_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_R2_CONFIDENCE_UPPER,
)


def _errors(view: View) -> RegressionErrors | None:
    errors = state_of(view, StreamKind.ERRORS, RegressionErrors)
    return None if errors is None or errors.rows < MIN_MEAN_ROWS else errors


@dataclass(frozen=True, slots=True)
class MeanAbsoluteError:
    """Mean of |prediction - truth|; absent under 30 rows."""

    name: str = "mae"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The mean with its interval."""
        errors = _errors(view)
        if errors is not None:
            total, total2 = errors.absolute.fraction, errors.error2.fraction
            yield from MAE.readings(float(total / errors.rows), loss_interval(errors.rows, total, total2))


@dataclass(frozen=True, slots=True)
class MeanSquaredError:
    """Mean of (prediction - truth)², and its root; absent under 30 rows."""

    name: str = "mse"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """Both with their intervals; on logarithms the delta method makes the root's the other's root."""
        errors = _errors(view)
        if errors is None:
            return
        total = errors.error2.fraction
        mean = float(total / errors.rows)
        interval = loss_interval(errors.rows, total, errors.error4.fraction)
        yield from MSE.readings(mean, interval)
        root = None if interval is None else Interval(math.sqrt(interval.low), math.sqrt(interval.high))
        yield from RMSE.readings(math.sqrt(mean), root)


@dataclass(frozen=True, slots=True)
class Bias:
    """Mean of prediction - truth; absent under 30 rows."""

    name: str = "bias"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The mean with its interval."""
        errors = _errors(view)
        if errors is not None:
            total, total2 = errors.error.fraction, errors.error2.fraction
            yield from BIAS.readings(float(total / errors.rows), mean_interval(errors.rows, total, total2))


@dataclass(frozen=True, slots=True)
class ExplainedVariance:
    """R²: 1 minus the squared errors over the truth's squared distances from its mean.

    Absent under 30 rows, and where the truth does not vary.
    """

    name: str = "r2"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """R² with its interval, by the delta method on both mean squares."""
        errors = _errors(view)
        if errors is None:
            return
        rows = errors.rows
        mean = errors.truth.fraction / rows
        truth2 = errors.truth2.fraction / rows
        variance = truth2 - mean * mean
        if variance <= 0:
            return
        squared = errors.error2.fraction / rows
        # the mean over rows of the squared influence e²/v - s·(t - mean)²/v², from moments about the mean
        moment4 = (
            errors.truth4.fraction / rows
            - 4 * mean * errors.truth3.fraction / rows
            + 6 * mean * mean * truth2
            - 3 * mean**4
        )
        shared = (
            errors.error2_truth2.fraction - 2 * mean * errors.error2_truth.fraction
        ) / rows + mean * mean * squared
        ratio = squared / variance
        influence2 = (
            errors.error4.fraction / rows - 2 * ratio * shared + ratio * ratio * moment4
        ) / variance**2
        error = math.sqrt(max(float(influence2), 0.0) / (rows - 1))
        value, half = float(1 - ratio), student(rows) * error
        yield from EXPLAINED.readings(
            value, Interval(value - half, min(value + half, 1.0)) if half > 0 else None
        )
