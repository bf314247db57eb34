"""How good predicted probabilities are: the area under the ROC curve, log loss and Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.semconv import metrics
from barograph_processor.signals.api import Reading, StreamKind
from barograph_processor.signals.performance_errors import ProbabilityErrors
from barograph_processor.signals.performance_intervals import (
    MIN_MEAN_ROWS,
    MIN_TRIALS,
    Interval,
    loss_interval,
)
from barograph_processor.signals.performance_readings import REALIZED, SCOPE, Figure, state_of, states_by_part
from barograph_processor.signals.performance_roc import roc_area, roc_interval
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import View

ROC_AUC = Figure(
    metrics.ML_PERFORMANCE_ROC_AUC,
    metrics.ML_PERFORMANCE_ROC_AUC_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_ROC_AUC_CONFIDENCE_UPPER,
)
LOG_LOSS = Figure(
    metrics.ML_PERFORMANCE_LOG_LOSS,
    metrics.ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_LOG_LOSS_CONFIDENCE_UPPER,
)
BRIER = Figure(
    metrics.ML_PERFORMANCE_BRIER,
    metrics.ML_PERFORMANCE_BRIER_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_BRIER_CONFIDENCE_UPPER,
)


@dataclass(frozen=True, slots=True)
class RocAuc:
    """Area under the ROC curve, with the bounds that the cells of the scores leave.

    Of several classes, the mean over one class against the rest, for the classes with at least
    10 rows of either kind; the interval is then the mean of theirs, which is at least as wide
    as it need be, however the classes' errors go together. Absent where no class has as many.
    """

    name: str = "roc_auc"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The area, its bounds and its interval."""
        areas = [
            area
            for scores in states_by_part(view, StreamKind.SCORES, ScoreCounts).values()
            if (area := roc_area(scores)) is not None and min(area.positives, area.negatives) >= MIN_TRIALS
        ]
        if not areas:
            return
        count = len(areas)
        ends = [roc_interval(area) for area in areas]
        interval = Interval(sum(end.low for end in ends) / count, sum(end.high for end in ends) / count)
        yield from ROC_AUC.readings(sum(area.value for area in areas) / count, interval)
        yield Reading(
            metrics.ML_PERFORMANCE_ROC_AUC_LOWER, sum(area.lower for area in areas) / count, REALIZED
        )
        yield Reading(
            metrics.ML_PERFORMANCE_ROC_AUC_UPPER, sum(area.upper for area in areas) / count, REALIZED
        )


@dataclass(frozen=True, slots=True)
class LogLoss:
    """Mean negative log-likelihood of the true class, in nats; absent under 30 rows."""

    name: str = "log_loss"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The mean with its interval."""
        errors = state_of(view, StreamKind.PROBABILITY, ProbabilityErrors)
        if errors is None or errors.rows < MIN_MEAN_ROWS:
            return
        total, total2 = errors.log_loss.fraction, errors.log_loss2.fraction
        yield from LOG_LOSS.readings(float(total / errors.rows), loss_interval(errors.rows, total, total2))


@dataclass(frozen=True, slots=True)
class Brier:
    """Mean squared error of the probabilities; absent under 30 rows."""

    name: str = "brier"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The mean with its interval."""
        errors = state_of(view, StreamKind.PROBABILITY, ProbabilityErrors)
        if errors is None or errors.rows < MIN_MEAN_ROWS:
            return
        total, total2 = errors.brier.fraction, errors.brier2.fraction
        yield from BRIER.readings(float(total / errors.rows), loss_interval(errors.rows, total, total2))
