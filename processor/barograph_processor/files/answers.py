"""What a table's columns say that the model answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from barograph_processor.files.cells import classes_of, feature_of, numbers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph.baseline import Task
    from barograph_processor.files.roles import Scores


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
        task: What is predicted; None: the engine finds out.
    """

    prediction: str | None
    scores: Scores
    task: Task | None

    def read(self, batch: pa.RecordBatch, *, is_typed: bool) -> Answers:
        """The answers of a batch that has these columns; which class scores decide for, the engine says.

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
        named = tuple(name for name, _ in self.scores if name is not None)
        if not columns:
            return Answers(classes, absent, nothing, (), absent)
        if len(named) < len(columns):
            return Answers(classes, columns[0], nothing, (), absent)
        return Answers(classes, absent, np.column_stack(columns), named, absent)


def looks_like_regression(column: pa.Array, *, is_typed: bool) -> bool:
    """Whether predictions without scores are numbers and not all whole, as when a baseline is fitted."""
    feature = feature_of(column, is_typed=is_typed)
    if feature.texts is not None:
        return False
    known = feature.numbers[np.isfinite(feature.numbers)]
    return bool((known != np.floor(known)).any())
