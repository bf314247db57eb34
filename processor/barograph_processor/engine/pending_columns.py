"""Columns of a batch to the rows that are kept in the pending store."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.pending import Label, Origin, Prediction, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions, Texts, Truths


def origin_of(batch: Predictions) -> bytes:
    """Encoded `Origin` of a batch."""
    key = batch.key
    return encode(Origin(key.namespace, key.environment, key.version, key.output, batch.score_classes))


def predictions_of(batch: Predictions, rows: NDArray[np.intp], segments: Sequence[str]) -> list[Prediction]:
    """Some rows of a batch.

    Args:
        batch: The predictions.
        rows: Which of them.
        segments: Names of the segment columns that are kept.
    """
    origin = origin_of(batch)
    scores: Iterable[tuple[float, ...] | None] = repeat(None, len(rows))
    if batch.score_classes:
        scores = map(tuple, batch.scores[rows].tolist())
    values: Iterable[tuple[str | None, ...] | None] = repeat(None, len(rows))
    if segments:
        columns = [_texts(batch.segments.get(name), rows) for name in segments]
        values = zip(*columns, strict=True)
    return [
        Prediction(origin, time_ns, predicted, score, value, each, segment)
        for time_ns, predicted, score, value, each, segment in zip(
            batch.time_ns[rows].tolist(),
            _texts(batch.classes, rows),
            batch.score[rows].tolist(),
            batch.value[rows].tolist(),
            scores,
            values,
            strict=True,
        )
    ]


def labels_of(batch: Truths, rows: NDArray[np.intp], version: str | None, output: str) -> list[Label]:
    """Some rows of a batch.

    Args:
        batch: The labels.
        rows: Which of them.
        version: Model version that they are about; None: every one.
        output: Output that they are about.
    """
    return [
        Label(version, output, time_ns, truth, value, joined=False)
        for time_ns, truth, value in zip(
            batch.time_ns[rows].tolist(),
            _texts(batch.classes, rows),
            batch.value[rows].tolist(),
            strict=True,
        )
    ]


def named_rows(batch: Predictions, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], Sequence[str]]:
    """Those of the rows that have an id, and the ids."""
    ids: Sequence[str | None] = batch.ids
    if len(rows) != len(ids):
        ids = [ids[row] for row in rows.tolist()]
    known = [text for text in ids if text is not None]
    if len(known) == len(ids):
        return rows, known
    return rows[np.array([text is not None for text in ids], np.bool_)], known


def first_of(keys: Sequence[bytes], stored: Sequence[bytes | None]) -> NDArray[np.bool_]:
    """Which keys nothing is held under, neither in the store nor before in the batch."""
    count = len(keys)
    if len(set(keys)) == count and stored.count(None) == count:
        return np.ones(count, np.bool_)
    seen: set[bytes] = set()
    first = np.zeros(count, np.bool_)
    for place, (key, held) in enumerate(zip(keys, stored, strict=True)):
        first[place] = held is None and key not in seen
        seen.add(key)
    return first


def some_of(keys: Sequence[bytes], chosen: NDArray[np.bool_]) -> Sequence[bytes]:
    """The keys that are chosen."""
    if chosen.all():
        return keys
    return [keys[place] for place in np.flatnonzero(chosen).tolist()]


def _texts(texts: Texts | None, rows: NDArray[np.intp]) -> Iterable[str | None]:
    if texts is None:
        return repeat(None, len(rows))
    values = (*texts.values, None)  # the code of a missing one is -1
    return [values[code] for code in texts.codes[rows].tolist()]
