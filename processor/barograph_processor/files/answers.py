"""What a table's columns say that the model answered, told apart as serving code tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from barograph_processor.files.cells import classes_of, numbers_of
from barograph_processor.signals.deciding import TwoClasses, is_positive, likeliest, two_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph.baseline import Output, Task
    from barograph_processor.files.roles import Scores

_BINARY = 2


class Answers(NamedTuple):
    """The answers of n rows.

    Attributes:
        classes: Predicted class, as text or codes of it, null where a row has none.
        score: float64 [n], probability of the positive class, NaN where absent.
        scores: float64 [n, k], probability of each of `score_classes`; k may be 0.
        score_classes: The columns of `scores`.
        value: float64 [n], predicted number, NaN where absent.
    """

    classes: pa.Array
    score: NDArray[np.float64]
    scores: NDArray[np.float64]
    score_classes: tuple[str, ...]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerColumns:
    """Where a table's answers stand, and how they are to be read.

    Attributes:
        prediction: Column of predicted classes or numbers.
        scores: Class (None for the only column) and column of probabilities.
        task: What is predicted; None: a binary task where there are two scores at most, else several classes.
        positive: The positive class of a binary task.
        negative: The other one.
        threshold: The positive class is predicted from this score on; None: from more than a half.
    """

    prediction: str | None
    scores: Scores
    task: Task | None
    positive: str
    negative: str
    threshold: float | None

    def read(self, batch: pa.RecordBatch, *, is_typed: bool) -> Answers:
        """The answers of a batch that has these columns.

        Args:
            batch: Rows of the table.
            is_typed: False where text that reads as a number is one (CSV).
        """
        rows = batch.num_rows
        absent, nothing = np.full(rows, np.nan), np.empty((rows, 0))
        classes = pa.nulls(rows, pa.string())
        if self.prediction is not None:
            column = batch.column(self.prediction)
            if self.task == "regression":
                value = numbers_of(column, is_typed=is_typed)
                return Answers(classes, absent, nothing, (), value)
            classes = classes_of(column, is_typed=is_typed)
        columns = [numbers_of(batch.column(name), is_typed=is_typed) for _, name in self.scores]
        if not columns:
            return Answers(classes, absent, nothing, (), absent)
        if len(columns) <= _BINARY and self.task != "multiclass":
            score, decided = self._binary(columns)
            return Answers(decided if self.prediction is None else classes, score, nothing, (), absent)
        names = tuple(name or "" for name, _ in self.scores)
        matrix = np.column_stack(columns)
        decided = classes if self.prediction is not None else _greatest(matrix, names)
        return Answers(decided, absent, matrix, names, absent)

    def _binary(self, columns: list[NDArray[np.float64]]) -> tuple[NDArray[np.float64], pa.Array]:
        """Score of the positive class, and the class that it decides for."""
        score, other = columns[0], None
        if len(columns) == _BINARY:
            place = [name for name, _ in self.scores].index(self.positive)
            score, other = columns[place], columns[1 - place]
        classes = TwoClasses(self.negative, self.positive)
        chosen = is_positive(score, self.threshold, other=other, classes=classes)
        codes = pa.array(chosen.astype(np.int8), mask=~np.isfinite(score))
        return score, pa.DictionaryArray.from_arrays(codes, pa.array([self.negative, self.positive]))


def answer_columns(
    prediction: str | None,
    scores: Scores,
    output: Output | None,
    *,
    task: Task | None = None,
) -> AnswerColumns:
    """How a table's answers are to be read.

    Args:
        prediction: Column of predicted classes or numbers.
        scores: Class and column of probabilities.
        output: What the baseline says of the output; None without one.
        task: What is predicted, where there is no baseline that says it.
    """
    known = task if output is None else output.task
    classes = two_classes(output, tuple(name for name, _ in scores if name is not None))
    return AnswerColumns(
        prediction=prediction,
        scores=scores,
        task=known,
        positive=classes.positive,
        negative=classes.negative,
        threshold=None if output is None else output.threshold,
    )


def looks_like_regression(column: pa.Array, *, is_typed: bool) -> bool:
    """Whether predictions without scores are numbers and not all whole, as when a baseline is fitted."""
    found = numbers_of(column, is_typed=is_typed)
    known = found[~np.isnan(found)]
    return bool(np.isfinite(known).all() and (known != np.floor(known)).any())


def _greatest(matrix: NDArray[np.float64], names: tuple[str, ...]) -> pa.StringArray:
    best = likeliest(matrix, names)
    return pa.array(names, pa.string()).take(pa.array(best, mask=best < 0))
