"""An empty text is no value, in whatever way it came: tables can't tell it from a cell without one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.batch import FeatureColumn, Texts

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Predictions


def without_empty_texts(batch: Predictions) -> Predictions:
    """The same predictions, with empty texts of segments and features as missing."""
    segments = {name: _without(texts) for name, texts in batch.segments.items() if "" in texts.values}
    if segments:
        batch = replace(batch, segments={**batch.segments, **segments})
    features = batch.features
    if features is None:
        return batch
    columns = {
        name: FeatureColumn(column.numbers, _without(column.texts))
        for name, column in features.columns.items()
        if column.texts is not None and "" in column.texts.values
    }
    if not columns:
        return batch
    return replace(batch, features=replace(features, columns={**features.columns, **columns}))


def _without(texts: Texts) -> Texts:
    empty = [code for code, value in enumerate(texts.values) if not value]
    return Texts(np.where(np.isin(texts.codes, empty), np.int32(-1), texts.codes), texts.values)
