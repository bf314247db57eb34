"""Some rows of predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from barograph_processor.engine.batch import FeatureColumn, Features, KnownTruth, Texts
from barograph_processor.engine.ids import ids_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions


def predictions_at(batch: Predictions, rows: NDArray[np.intp]) -> Predictions:
    """Some rows, in that order."""
    if len(rows) == len(batch.time_ns):
        return batch
    features, truth = batch.features, batch.truth
    return replace(
        batch,
        ids=ids_of(batch.ids, rows),
        time_ns=batch.time_ns[rows],
        classes=_texts(batch.classes, rows),
        score=batch.score[rows],
        scores=batch.scores[rows],
        value=batch.value[rows],
        segments={name: _texts(column, rows) for name, column in batch.segments.items()},
        features=None if features is None else _features(features, rows),
        truth=None if truth is None else truth_at(truth, rows),
    )


def truth_at(truth: KnownTruth, rows: NDArray[np.intp]) -> KnownTruth:
    """Some rows, in that order."""
    return KnownTruth(
        truth.known[rows], truth.observed_ns[rows], _texts(truth.classes, rows), truth.value[rows]
    )


def _features(features: Features, rows: NDArray[np.intp]) -> Features:
    columns = {
        name: FeatureColumn(
            column.numbers[rows], None if column.texts is None else _texts(column.texts, rows)
        )
        for name, column in features.columns.items()
    }
    return Features(columns, None if features.given is None else features.given[rows])


def _texts(texts: Texts, rows: NDArray[np.intp]) -> Texts:
    return Texts(texts.codes[rows], texts.values)
