"""Accuracy, balanced accuracy, and precision, recall and F1 by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.deciding import positive_class
from barograph.semconv import metrics
from barograph_processor.signals.api import StreamKind
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_intervals import MIN_TRIALS, f1_interval, mean_of_shares, wilson
from barograph_processor.signals.performance_readings import SCOPE, Figure, state_of, states_by_part
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.signals.api import Reading, View

MAX_CLASSES = 20
"""Classes that have figures of their own: those with the most rows."""

ACCURACY = Figure(
    metrics.ML_PERFORMANCE_ACCURACY,
    metrics.ML_PERFORMANCE_ACCURACY_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_ACCURACY_CONFIDENCE_UPPER,
)
BALANCED_ACCURACY = Figure(
    metrics.ML_PERFORMANCE_BALANCED_ACCURACY,
    metrics.ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_BALANCED_ACCURACY_CONFIDENCE_UPPER,
)
PRECISION = Figure(
    metrics.ML_PERFORMANCE_PRECISION,
    metrics.ML_PERFORMANCE_PRECISION_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_PRECISION_CONFIDENCE_UPPER,
)
RECALL = Figure(
    metrics.ML_PERFORMANCE_RECALL,
    metrics.ML_PERFORMANCE_RECALL_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_RECALL_CONFIDENCE_UPPER,
)
F1 = Figure(
    metrics.ML_PERFORMANCE_F1,
    metrics.ML_PERFORMANCE_F1_CONFIDENCE_LOWER,
    metrics.ML_PERFORMANCE_F1_CONFIDENCE_UPPER,
)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of rows whose predicted class is the true one; absent under 10 rows."""

    name: str = "accuracy"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """Accuracy with its Wilson interval."""
        confusion = state_of(view, StreamKind.CONFUSION, ConfusionCounts)
        if confusion is None or confusion.rows < MIN_TRIALS:
            return
        right, rows = confusion.right, confusion.rows
        yield from ACCURACY.readings(right / rows, wilson(right, rows))


@dataclass(frozen=True, slots=True)
class BalancedAccuracy:
    """Unweighted mean of the recall of every class that truly occurs.

    Absent under 10 rows, where only one class occurs, and where more classes occur than are
    counted one by one.
    """

    name: str = "balanced_accuracy"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """Balanced accuracy with an interval from the Wilson interval of each recall."""
        confusion = state_of(view, StreamKind.CONFUSION, ConfusionCounts)
        if confusion is None or confusion.rows < MIN_TRIALS or confusion.counts[-1].any():
            return
        parts = [(right, true) for right, true, _ in map(confusion.of_class, confusion.classes) if true]
        if len(parts) > 1:
            value = sum(right / true for right, true in parts) / len(parts)
            yield from BALANCED_ACCURACY.readings(value, mean_of_shares(parts))


@dataclass(frozen=True, slots=True)
class ByClass:
    """Precision, recall and F1 of the positive class, or of each class where there are several.

    The positive class is the baseline's; without one it is told as `classes_of_interest` says.

    Each is absent where fewer than 10 rows make its denominator.
    """

    name: str = "by_class"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """The figures of at most 20 classes, those with the most rows."""
        confusion = state_of(view, StreamKind.CONFUSION, ConfusionCounts)
        if confusion is None:
            return
        output = view.reference.output if view.reference is not None else None
        if output is not None and output.task == "binary" and output.positive is not None:
            names: tuple[str, ...] = (output.positive,)
        else:
            scored = list(states_by_part(view, StreamKind.SCORES, ScoreCounts))
            names = classes_of_interest(confusion, scored)
        for name in names:
            right, true, predicted = confusion.of_class(name)
            if predicted >= MIN_TRIALS:
                yield from PRECISION.readings(right / predicted, wilson(right, predicted), name)
            if true >= MIN_TRIALS:
                yield from RECALL.readings(right / true, wilson(right, true), name)
            involved = true + predicted - right
            if involved >= MIN_TRIALS:
                yield from F1.readings(2 * right / (true + predicted), f1_interval(right, involved), name)


def classes_of_interest(confusion: ConfusionCounts, scored: Sequence[str]) -> tuple[str, ...]:
    """The positive class where it is known, otherwise the classes with the most rows, by name.

    Args:
        confusion: The rows.
        scored: The classes whose scores are kept; of two classes only the positive one's are.
    """
    if len(scored) == 1:
        return (scored[0],)
    positive = positive_class(confusion.classes)
    if positive is not None and not scored:
        return (positive,)
    rows = {name: sum(confusion.of_class(name)[1:]) for name in confusion.classes}
    return tuple(sorted(sorted(rows, key=lambda name: (-rows[name], name))[:MAX_CLASSES]))
