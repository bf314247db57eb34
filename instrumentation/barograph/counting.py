"""Everything that is counted of one model in one pane, and the points it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from barograph.categories import CategoryCounts, CategoryPlan
from barograph.histograms import NumberPlan
from barograph.points import SourcePoint
from barograph.predictions import PredictionCounts, PredictionPlan
from barograph.schema import Features, Schema
from barograph.semconv import attributes, metrics
from barograph.semconv.attributes import MlFeatureState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from barograph.baseline import Baseline
    from barograph.buckets import BucketBook
    from barograph.histograms import NumberCounts, PreparedNumbers
    from barograph.outputs import Answer
    from barograph.points import AttributeValue, PointData
    from barograph.predictions import PreparedAnswer
    from barograph.redact import Redactor

    Told = tuple[str, dict[str, AttributeValue], PointData]

_T = TypeVar("_T")
# Also counted as valid.
_IN_ADDITION = frozenset({MlFeatureState.BELOW, MlFeatureState.ABOVE})


class PreparedRows(NamedTuple):
    """Rows with states and buckets found.

    Attributes:
        numbers: The numeric features; None where there is none.
        categories: Raw values of every categorical feature.
        undecided: Columns without any value yet.
        answers: Of every output by name.
        has_features: Whether the rows came with features at all.
    """

    numbers: PreparedNumbers | None
    categories: list[list[object]]
    undecided: list[str]
    answers: dict[str, PreparedAnswer | None]
    has_features: bool


class FeaturePlan:
    """How the features of one model are counted."""

    def __init__(
        self, schema: Schema, baseline: Baseline | None, redactor: Redactor, buckets: BucketBook
    ) -> None:
        self.schema = schema
        self.buckets = buckets
        self._redactor = redactor
        known = {one.name: one for one in baseline.header.features} if baseline is not None else {}
        self._vocabularies = {name: one.categories for name, one in known.items() if one.kind == "category"}
        self.numbers = NumberPlan([known[name] for name in schema.numbers] if known else None)
        self._categories: list[CategoryPlan] = []

    def categories(self) -> list[CategoryPlan]:
        """A plan for every categorical feature known so far."""
        for name in self.schema.categories[len(self._categories) :]:
            self._categories.append(CategoryPlan(name, self._vocabularies.get(name), self._redactor))
        return self._categories

    def prepare(self, features: Features | None, answers: dict[str, PreparedAnswer | None]) -> PreparedRows:
        """Find states and buckets of rows."""
        if features is None:
            return PreparedRows(None, [], [], answers, has_features=False)
        told = self.buckets.hidden(self.schema.numbers, features.numbers)
        numbers = self.numbers.prepare(told) if told.shape[1] else None
        return PreparedRows(numbers, features.categories, features.undecided, answers, has_features=True)


class PaneCounts:
    """Counts of one model in one pane.

    Attributes:
        due: When the pane is flushed at the latest, on the monotonic clock.
    """

    __slots__ = ("_categories", "_numbers", "_outputs", "_plan", "_rows", "_undecided", "due")

    def __init__(self, plan: FeaturePlan, due: float) -> None:
        self._plan = plan
        self._numbers: NumberCounts | None = None
        self._categories: list[CategoryCounts] = []
        self._undecided: dict[str, None] = {}
        self._rows = 0
        self._outputs: dict[str, PredictionCounts] = {}
        self.due = due

    def add(self, rows: PreparedRows, part: slice, count: int, outputs: dict[str, PredictionPlan]) -> None:
        """Count a slice of rows, `count` rows long."""
        if rows.has_features:
            self._rows += count
        if rows.numbers is not None:
            if self._numbers is None:
                self._numbers = self._plan.numbers.counts(len(self._plan.schema.numbers))
            self._numbers.add(rows.numbers, part, count)
        if rows.categories:
            for plan in self._plan.categories()[len(self._categories) :]:
                self._categories.append(CategoryCounts(plan))
            for counts, values in zip(self._categories, rows.categories, strict=True):
                counts.add(values[part])
        self._undecided |= dict.fromkeys(rows.undecided)
        for output, answer in rows.answers.items():
            found = self._outputs.get(output)
            if found is None:
                found = self._outputs[output] = PredictionCounts(outputs[output])
            found.add(answer, part, count)

    def points(
        self, identities: dict[str, dict[str, AttributeValue]], main: str, start_ns: int, end_ns: int
    ) -> list[SourcePoint]:
        """The points of the pane.

        Args:
            identities: Attributes of every output's points.
            main: The output that features belong to.
            start_ns: Start of the slice.
            end_ns: Its end.
        """
        points = [
            SourcePoint(metric, identities[main] | own, start_ns, end_ns, data)
            for metric, own, data in self._features()
        ]
        for output, counts in self._outputs.items():
            identity = identities[output]
            points.extend(
                SourcePoint(metric, identity | own, start_ns, end_ns, data)
                for metric, own, data in counts.points()
            )
        return points

    def _features(self) -> Iterator[Told]:
        if not self._rows:
            return
        schema = self._plan.schema
        states: dict[str, dict[str, int]] = {}
        for column, name in enumerate(schema.numbers):
            data = self._numbers.data(column) if self._numbers is not None else None
            if data is not None and not self._plan.buckets.is_silent(name):
                yield metrics.ML_FEATURE_VALUE, {attributes.ML_FEATURE_NAME: name}, data
            states[name] = self._numbers.states(column) if self._numbers is not None else {}
        for place, name in enumerate(schema.categories):
            counts = self._categories[place] if place < len(self._categories) else None
            for label, count in counts.labels().items() if counts is not None else ():
                own: dict[str, AttributeValue] = {
                    attributes.ML_FEATURE_NAME: name,
                    attributes.ML_FEATURE_CATEGORY: label,
                }
                yield metrics.ML_FEATURE_CATEGORIES, own, count
            states[name] = dict(counts.states) if counts is not None else {}
        for name in self._undecided:
            states.setdefault(name, {})
        for name, counted in states.items():
            # Rows from before the feature was first seen are rows without it.
            told = sum(count for state, count in counted.items() if state not in _IN_ADDITION)
            if told < self._rows:
                counted[MlFeatureState.MISSING] = counted.get(MlFeatureState.MISSING, 0) + self._rows - told
            for state, count in counted.items():
                yield (
                    metrics.ML_FEATURE_OBSERVATIONS,
                    {attributes.ML_FEATURE_NAME: name, attributes.ML_FEATURE_STATE: state},
                    count,
                )


def take_rows(features: Features, rows: slice | npt.NDArray[np.intp]) -> Features:
    """Some rows of features, or all of them in another order."""
    return Features(
        features.numbers[rows], [_take(values, rows) for values in features.categories], features.undecided
    )


def take_answer(answer: Answer, rows: slice | npt.NDArray[np.intp]) -> Answer:
    """Some rows of an answer, or all of them in another order."""
    return answer._replace(
        classes=None if answer.classes is None else _take(answer.classes, rows),
        score=None if answer.score is None else answer.score[rows],
        scores=None if answer.scores is None else answer.scores[rows],
        value=None if answer.value is None else answer.value[rows],
    )


def _take(values: list[_T], rows: slice | npt.NDArray[np.intp]) -> list[_T]:
    return values[rows] if isinstance(rows, slice) else [values[place] for place in rows.tolist()]
