"""What the model answered, told apart into classes, scores and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.batches import as_matrix
from barograph.classes import class_text, class_texts
from barograph.columns import numbers, values
from barograph.deciding import NUMBERED, TwoClasses, is_positive, likeliest, named_pair, positive_class
from barograph.guard import HISTOGRAMS, guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from barograph.baseline import Output
    from barograph.columns import RawColumn

    Floats = npt.NDArray[np.float64]

_BINARY = 2
_FLOATS = (float, np.floating)


class Answer(NamedTuple):
    """One output of some rows; what it doesn't have is None.

    Attributes:
        classes: Predicted class of every row, as text; None where it has none.
        score: Probability of the positive class (binary).
        scores: Probabilities, rows by `score_classes`.
        score_classes: The columns of `scores`; of `score` the positive class.
        value: Predicted numbers (regression).
    """

    classes: list[str | None] | None = None
    score: Floats | None = None
    scores: Floats | None = None
    score_classes: tuple[str, ...] = ()
    value: Floats | None = None


class OutputSpec:
    """What is known of one output; learns the task and the classes from the first answers."""

    def __init__(
        self,
        baseline: Output | None = None,
        *,
        task: str | None = None,
        classes: Sequence[object] | None = None,
        positive: object = None,
        threshold: float | None = None,
    ) -> None:
        self.baseline = baseline
        known = tuple(class_text(one) or "" for one in classes) if classes is not None else ()
        self.classes = known or (baseline.classes if baseline else ())
        self.task = task or (baseline.task if baseline else None) or self._task_of(self.classes)
        self.threshold = threshold if threshold is not None else (baseline.threshold if baseline else None)
        stated = class_text(positive) if positive is not None else None
        self.positive = stated or (baseline.positive if baseline else None)
        if self.positive is None and len(self.classes) == _BINARY:
            self.positive = self.classes[1]

    @staticmethod
    def _task_of(classes: tuple[str, ...]) -> str | None:
        if not classes:
            return None
        return "binary" if len(classes) == _BINARY else "multiclass"

    def answer(
        self, prediction: RawColumn | None, scores: RawColumn | dict[str, RawColumn] | None, rows: int
    ) -> Answer:
        """Read predictions and scores of some rows; what doesn't fit is counted and left out."""
        matrix, names = self._scores(scores, rows)
        if matrix is None and prediction is not None and self._is_number(prediction):
            return self._value(prediction, rows)
        classes = self._classes(prediction, rows) if prediction is not None else None
        if matrix is None:
            return Answer(classes=classes)
        if self.task is None:
            self.task = "binary" if matrix.shape[1] <= _BINARY else "multiclass"
        if matrix.shape[1] <= _BINARY and self.task != "multiclass":
            two = self._two_classes(names)
            if two is not None:
                return self._binary(matrix, names, two, classes)
        elif matrix.shape[1] == 1:
            _unfit("one score a row of a multiclass output tells nothing of the other classes", rows)
            return Answer(classes=classes)
        if classes is None:
            classes = _named(likeliest(matrix, names), names)
        return Answer(classes=classes, scores=matrix, score_classes=names)

    def _is_number(self, prediction: RawColumn) -> bool:
        if self.task is None:
            dtype = getattr(prediction, "dtype", None)
            if isinstance(prediction, np.ndarray) and prediction.dtype.kind != "O":
                number = prediction.dtype.kind == "f"
            elif dtype is not None and not isinstance(prediction, np.ndarray):
                number = "float" in str(dtype).lower() or "double" in str(dtype).lower()
            else:
                found = next((one for one in values(prediction) if one is not None), None)
                number = isinstance(found, _FLOATS)
            if number:
                self.task = "regression"
            return bool(number)
        return self.task == "regression"

    def _value(self, prediction: RawColumn, rows: int) -> Answer:
        found = (
            numbers(prediction) if not (isinstance(prediction, np.ndarray) and prediction.ndim > 1) else None
        )
        if found is None or len(found) != rows:
            _unfit("predicted numbers don't match the rows", rows)
            return Answer()
        return Answer(value=found)

    def _classes(self, prediction: RawColumn, rows: int) -> list[str | None] | None:
        listed = values(prediction)
        if len(listed) != rows or (listed and isinstance(listed[0], (list, tuple))):
            _unfit("predicted classes don't match the rows", rows)
            return None
        return class_texts(listed)

    def _scores(
        self, scores: RawColumn | dict[str, RawColumn] | None, rows: int
    ) -> tuple[Floats | None, tuple[str, ...]]:
        if scores is None:
            return None, ()
        if isinstance(scores, list) and scores and isinstance(scores[0], dict):
            listed: list[dict[object, object]] = scores
            scores = {str(name): [one.get(name) for one in listed] for name in listed[0]}
        names: tuple[str, ...] = ()
        matrix: Floats | None
        if isinstance(scores, dict):
            columns = [numbers(column) for column in scores.values()]
            matrix = np.column_stack(columns) if len({len(one) for one in columns}) == 1 else None
            names = tuple(class_text(name) or str(name) for name in scores)
        else:
            matrix = as_matrix(scores)
        if matrix is None or len(matrix) != rows or not matrix.shape[1]:
            _unfit("scores don't match the rows", rows)
            return None, ()
        if not names:
            names = self.classes if len(self.classes) == matrix.shape[1] else ()
        return matrix, names or tuple(map(str, range(matrix.shape[1])))

    def _two_classes(self, names: tuple[str, ...]) -> TwoClasses | None:
        """The classes of one or two scores, as far as anything tells which is the positive one."""
        nameless = names == ("0",)  # a column without a name is number 0
        if self.positive is None and (nameless or self.threshold is None):
            return NUMBERED if nameless else named_pair(names)
        if len(names) == _BINARY:
            positive = self.positive if self.positive in names else names[1]
            return TwoClasses(next(one for one in names if one != positive), positive)
        positive = self.positive or names[0]
        negative = next((one for one in self.classes if one != positive), None)
        return TwoClasses(negative or ("0" if positive != "0" else "1"), positive)

    def _binary(
        self, matrix: Floats, names: tuple[str, ...], two: TwoClasses, classes: list[str | None] | None
    ) -> Answer:
        alone = matrix.shape[1] == 1
        score = matrix[:, 0 if alone else names.index(two.positive)]
        if classes is None:
            other = None if alone else matrix[:, names.index(two.negative)]
            chosen = is_positive(score, self.threshold, other=other, classes=two)
            classes = _named(np.where(np.isfinite(score), chosen, -1), two)
        named = (two.positive,)
        if self.baseline is None and positive_class(named) != two.positive:  # nobody else could name it
            return Answer(classes=classes, scores=score.reshape(-1, 1), score_classes=named)
        return Answer(classes=classes, score=score, score_classes=named)


def _named(places: npt.NDArray[np.integer], names: Sequence[str]) -> list[str | None]:
    listed: list[int] = places.tolist()
    return [names[place] if place >= 0 else None for place in listed]


def _unfit(message: str, rows: int) -> None:
    guard.drop(HISTOGRAMS, "unfit_output", message, rows)
