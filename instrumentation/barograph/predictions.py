"""Counts of one output in one pane: rows, classes, scores, predicted numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from barograph.exactsum import SCORE_GRID
from barograph.guard import HISTOGRAMS, guard
from barograph.histograms import NumberPlan
from barograph.redact import OTHER
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph.baseline import Feature
    from barograph.histograms import NumberCounts, PreparedNumbers
    from barograph.outputs import Answer, OutputSpec
    from barograph.points import AttributeValue, PointData

MAX_SCORE_CLASSES = 20
MAX_CLASSES = 1_000


class PredictionPlan:
    """How one output is counted."""

    def __init__(self, spec: OutputSpec) -> None:
        self._score_features: list[Feature] | None = None
        self._score_plans: dict[int, NumberPlan] = {}
        self.value = NumberPlan(None)
        baseline = spec.baseline
        if baseline is None:
            return
        from barograph.baseline import Feature  # noqa: PLC0415 - imported only when needed

        if baseline.score_edges:
            score = Feature(name="", kind="number", edges=baseline.score_edges, grid=SCORE_GRID)
            self._score_features = [score] * MAX_SCORE_CLASSES
        if baseline.value_edges:
            value = Feature(name="", kind="number", edges=baseline.value_edges, grid=baseline.value_grid)
            self.value = NumberPlan([value])

    def scores(self, columns: int) -> NumberPlan:
        """The plan of so many classes."""
        plan = self._score_plans.get(columns)
        if plan is None:
            features = self._score_features[:columns] if self._score_features is not None else None
            plan = self._score_plans[columns] = NumberPlan(features)
        return plan

    def prepare(self, answer: Answer) -> PreparedAnswer:
        """Find the buckets of an answer's scores and numbers."""
        scores, names = answer.scores, answer.score_classes
        if answer.score is not None:
            scores = answer.score.reshape(-1, 1)
        if scores is not None and scores.shape[1] > MAX_SCORE_CLASSES:
            guard.drop(
                HISTOGRAMS,
                "too_many_classes",
                f"scores of classes beyond {MAX_SCORE_CLASSES} are not counted",
                len(scores) * (scores.shape[1] - MAX_SCORE_CLASSES),
            )
            scores, names = scores[:, :MAX_SCORE_CLASSES], names[:MAX_SCORE_CLASSES]
        return PreparedAnswer(
            answer.classes,
            names,
            self.scores(scores.shape[1]).prepare(scores) if scores is not None else None,
            self.value.prepare(answer.value.reshape(-1, 1)) if answer.value is not None else None,
        )


class PreparedAnswer:
    """An answer with its buckets found."""

    __slots__ = ("classes", "names", "scores", "value")

    def __init__(
        self,
        classes: list[str | None] | None,
        names: tuple[str, ...],
        scores: PreparedNumbers | None,
        value: PreparedNumbers | None,
    ) -> None:
        self.classes = classes
        self.names = names
        self.scores = scores
        self.value = value


class PredictionCounts:
    """Counts of one output in one pane."""

    __slots__ = ("_classes", "_plan", "_scores", "_value", "rows")

    def __init__(self, plan: PredictionPlan) -> None:
        self._plan = plan
        self.rows = 0
        self._classes: dict[str, int] = {}
        self._scores: dict[tuple[str, ...], NumberCounts] = {}
        self._value: NumberCounts | None = None

    def add(self, answer: PreparedAnswer | None, part: slice, count: int) -> None:
        """Count a slice of rows, `count` rows long."""
        self.rows += count
        if answer is None:
            return
        if answer.classes is not None:
            for name, found in Counter(answer.classes[part]).items():
                if name is None:
                    continue
                label = name if name in self._classes or len(self._classes) < MAX_CLASSES else OTHER
                self._classes[label] = self._classes.get(label, 0) + found
        if answer.scores is not None:
            counts = self._scores.get(answer.names)
            if counts is None:
                if len(self._scores) >= MAX_SCORE_CLASSES:
                    guard.drop(
                        HISTOGRAMS, "too_many_classes", "the classes of the scores change all the time", count
                    )
                    return
                counts = self._plan.scores(len(answer.names)).counts(len(answer.names))
                self._scores[answer.names] = counts
            counts.add(answer.scores, part, count)
        if answer.value is not None:
            if self._value is None:
                self._value = self._plan.value.counts(1)
            self._value.add(answer.value, part, count)

    def points(self) -> Iterator[tuple[str, dict[str, AttributeValue], PointData]]:
        """Metric, attributes beyond the identity, data."""
        if self.rows:
            yield metrics.ML_INFERENCE_PREDICTIONS, {}, self.rows
        for name, count in self._classes.items():
            yield metrics.ML_PREDICTION_CLASSES, {attributes.ML_CLASS_NAME: name}, count
        told: set[str] = set()
        for names, counts in self._scores.items():
            for place, name in enumerate(names):
                data = counts.data(place)
                if data is None:
                    continue
                if name in told:
                    # Another layout of the same class in one pane would look like a repeat.
                    guard.drop(
                        HISTOGRAMS, "class_layout_changed", "one class came in two layouts of scores", 1
                    )
                    continue
                told.add(name)
                yield metrics.ML_PREDICTION_SCORE, {attributes.ML_CLASS_NAME: name}, data
        data = self._value.data(0) if self._value is not None else None
        if data is not None:
            yield metrics.ML_PREDICTION_VALUE, {}, data
