"""How much of the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.semconv import metrics
from barograph_processor.signals.api import Reading, StreamKind
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_readings import REALIZED, SCOPE
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import View

_KINDS = frozenset(
    (StreamKind.CONFUSION, StreamKind.SCORES, StreamKind.PROBABILITY, StreamKind.ERRORS, StreamKind.DELAY)
)


def joined_rows(view: View) -> int:
    """Rows with usable truth; each state counts a row at most once, and the fullest one tells."""
    states = (ConfusionCounts, ScoreCounts, ProbabilityErrors, RegressionErrors, ExponentialHistogram)
    return max(
        (
            state.rows
            for stream, state in view.states.items()
            if stream.kind in _KINDS and isinstance(state, states)
        ),
        default=0,
    )


@dataclass(frozen=True, slots=True)
class Observations:
    """Predictions with known truth behind the performance figures; absent where there are none."""

    name: str = "observations"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The number of rows."""
        rows = joined_rows(view)
        if rows:
            yield Reading(metrics.ML_PERFORMANCE_OBSERVATIONS, float(rows), REALIZED)


@dataclass(frozen=True, slots=True)
class LabelMaturity:
    """Share of the window's predictions whose truth is known.

    0 where none is. Absent where the number of predictions isn't known. Never above 1: truths that
    bring their own predictions along can be more than the predictions counted.
    """

    name: str = "label_maturity"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The share."""
        if view.predictions > 0:
            yield Reading(metrics.ML_LABEL_MATURITY, min(joined_rows(view) / view.predictions, 1.0), REALIZED)
