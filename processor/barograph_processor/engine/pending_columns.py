"""Columns of a batch to the rows that are kept in the pending store."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from barograph_processor.engine.pending import Label, Origin, Prediction, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
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


def _texts(texts: Texts | None, rows: NDArray[np.intp]) -> Iterable[str | None]:
    if texts is None:
        return repeat(None, len(rows))
    values = (*texts.values, None)  # the code of a missing one is -1
    return [values[code] for code in texts.codes[rows].tolist()]
