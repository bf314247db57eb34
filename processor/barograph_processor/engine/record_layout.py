"""Where the numbers lie in the record of one prediction without a label, as most records are.

Rows that have their texts in common differ in numbers of fixed width alone, so their records are one
pattern with columns written into it, and can be read as columns again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.engine.pending import encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.pending import Prediction

LEAST_TIME: Final = 2**32  # smaller integers are shorter in msgpack
NUMBER_BYTES: Final = 8
FLAGS_AT: Final = -2  # the record ends with the flags and an empty list of labels
LABELS_AT: Final = -1


class Layout(NamedTuple):
    """The record of a prediction, and the places of its numbers.

    Attributes:
        record: As `pending.encode` gives it.
        time_at: Place of the event time, 8 bytes, as are all numbers.
        score_at: Of the score.
        value_at: Of the predicted number.
        scores_at: Of the score of each class.
    """

    record: bytes
    time_at: int
    score_at: int
    value_at: int
    scores_at: tuple[int, ...]

    @classmethod
    def of(cls, prediction: Prediction, flags: int) -> Layout:
        """The layout of a prediction whose time is `LEAST_TIME` at least."""
        encoded = encode(prediction)
        record = encode((((encoded, flags),), ()))
        time_at = record.index(encoded) + 1 + len(encode(prediction.origin)) + 1
        score_at = time_at + NUMBER_BYTES + len(encode(prediction.predicted_class)) + 1
        value_at = score_at + NUMBER_BYTES + 1
        width = len(prediction.scores or ())
        header = len(encode((0.0,) * width)) - (NUMBER_BYTES + 1) * width
        first = value_at + NUMBER_BYTES + header + 1
        scores_at = tuple(first + (NUMBER_BYTES + 1) * column for column in range(width))
        return cls(record, time_at, score_at, value_at, scores_at)

    @property
    def numbers_at(self) -> tuple[int, ...]:
        """The places of all numbers."""
        return self.time_at, self.score_at, self.value_at, *self.scores_at


def write(table: NDArray[np.uint8], at: int, numbers: NDArray[np.int64] | NDArray[np.float64]) -> None:
    """Write a column of numbers into records, a row each.

    Args:
        table: uint8 [n, bytes of a record].
        at: Place of the number in each.
        numbers: int64 or float64 [n].
    """
    column = np.ascontiguousarray(numbers).byteswap()  # msgpack's numbers begin with the highest byte
    table[:, at : at + NUMBER_BYTES] = column.view(np.uint8).reshape(len(table), NUMBER_BYTES)


def whole_numbers(table: NDArray[np.uint8], at: int) -> NDArray[np.int64]:
    """int64 [n], the numbers at a place of records, a row each."""
    return _column(table, at).view(">i8").reshape(-1).astype(np.int64)


def fractions(table: NDArray[np.uint8], at: int) -> NDArray[np.float64]:
    """float64 [n], the numbers at a place of records, a row each."""
    return _column(table, at).view(">f8").reshape(-1).astype(np.float64)


def _column(table: NDArray[np.uint8], at: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(table[:, at : at + NUMBER_BYTES])
