"""Records of ids that are seen for the first time, which most are, made for a whole batch at once.

The bytes are those of `pending.encode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from barograph_processor.engine.byte_strings import ByteStrings, of_tables
from barograph_processor.engine.pending import encode
from barograph_processor.engine.pending_columns import predictions_of
from barograph_processor.engine.record_layout import LEAST_TIME, Layout, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions

_ROWS_A_PATTERN: Final = 16
_FEW: Final = 8  # rows that are quicker written one by one
_NARROW: Final = 2**16
_CELLS_MOST: Final = 2**20


def first_records(
    batch: Predictions, rows: NDArray[np.intp], flags: NDArray[np.int64], segments: Sequence[str]
) -> ByteStrings:
    """Encoded `Record` of each row, with its prediction and no label.

    Args:
        batch: The predictions.
        rows: Which of them.
        flags: int64 [n], flags of each.
        segments: Names of the segment columns that are kept.
    """
    if not len(rows):
        return ByteStrings.of([])
    if len(rows) <= _FEW:
        return _one_by_one(batch, rows, flags, segments)
    groups = _groups(batch, rows, flags, segments)
    if int(batch.time_ns[rows].min()) < LEAST_TIME or len(groups) * _ROWS_A_PATTERN > len(rows) + 64:
        return _one_by_one(batch, rows, flags, segments)
    if len(groups) == 1:
        return ByteStrings.of_table(_written(batch, rows, int(flags[0]), segments))
    tables = [_written(batch, rows[places], int(flags[places[0]]), segments) for places in groups]
    return of_tables(tables, groups)


def _one_by_one(
    batch: Predictions, rows: NDArray[np.intp], flags: NDArray[np.int64], segments: Sequence[str]
) -> ByteStrings:
    predictions = predictions_of(batch, rows, segments)
    return ByteStrings.of(
        [encode((((encode(one), flag),), ())) for one, flag in zip(predictions, flags.tolist(), strict=True)]
    )


def _groups(
    batch: Predictions, rows: NDArray[np.intp], flags: NDArray[np.int64], segments: Sequence[str]
) -> list[NDArray[np.intp]]:
    """Places of rows that have class, flags and segments in common."""
    combined = np.zeros(len(rows), np.int64)
    texts = [batch.classes, *(batch.segments[name] for name in segments if name in batch.segments)]
    columns = [flags, *(one.codes[rows].astype(np.int64) for one in texts)]
    cells = 1
    for codes in columns:
        if (codes == codes[0]).all():
            continue
        size = int(codes.max()) + 2
        if cells * size > _CELLS_MOST:
            distinct, places = np.unique(combined, return_inverse=True)
            combined, cells = places.reshape(-1), len(distinct)
        combined = combined * size + codes + 1
        cells *= size
    counts = np.bincount(combined)
    counts = counts[counts > 0]
    if len(counts) == 1:
        return [np.arange(len(rows))]
    narrow = combined.astype(np.uint16) if cells <= _NARROW else combined  # sorted several times as fast
    order = np.argsort(narrow, kind="stable")
    return np.split(order, np.cumsum(counts)[:-1])


def _written(
    batch: Predictions, rows: NDArray[np.intp], flag: int, segments: Sequence[str]
) -> NDArray[np.uint8]:
    """Records of rows that are alike, a row each: the pattern of the first with the numbers of each."""
    (one,) = predictions_of(batch, rows[:1], segments)
    layout = Layout.of(one, flag)
    table = np.tile(np.frombuffer(layout.record, np.uint8), (len(rows), 1))
    write(table, layout.time_at, batch.time_ns[rows])
    write(table, layout.score_at, batch.score[rows])
    write(table, layout.value_at, batch.value[rows])
    for column, at in enumerate(layout.scores_at):
        write(table, at, batch.scores[rows, column])
    return table
