"""Some rows of batches, and batches that are alike as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.batch import Points, Predictions, Texts, Truths
from barograph_processor.engine.ids import Ids, ids_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch, Point


def some_of(batch: Predictions, rows: NDArray[np.intp]) -> Predictions:
    """Some rows of predictions, without their features."""
    if len(rows) == len(batch.time_ns):
        return replace(batch, features=None)
    return replace(
        batch,
        ids=ids_of(batch.ids, rows),
        time_ns=batch.time_ns[rows],
        classes=_some_texts(batch.classes, rows),
        score=batch.score[rows],
        scores=batch.scores[rows],
        value=batch.value[rows],
        segments={name: _some_texts(column, rows) for name, column in batch.segments.items()},
        features=None,
    )


def together(batches: Sequence[Batch]) -> Iterator[Batch]:
    """The same as few batches: points; predictions without features, and truths, of those that are alike.

    The order within each stays. What was predicted and what turned out to be true come in any order.
    """
    points: list[Point] = []
    predictions: dict[Hashable, list[Predictions]] = {}
    truths: dict[Hashable, list[Truths]] = {}
    for batch in batches:
        if isinstance(batch, Points):
            points += batch.points
        elif isinstance(batch, Predictions):
            predictions.setdefault(_alike(batch), []).append(batch)
        else:
            about = (batch.tenant, batch.model, batch.version, batch.output)
            pair = None if batch.pair is None else _alike(batch.pair)
            truths.setdefault((about, pair), []).append(batch)
    if points:
        yield Points(points)
    for parts in predictions.values():
        yield _predictions(parts)
    for labels in truths.values():
        yield _truths(labels)


def joined_texts(parts: Sequence[Texts]) -> Texts:
    """Columns of text one after the other, one at least."""
    values = parts[0].values
    if all(part.values == values for part in parts):
        return Texts(np.concatenate([part.codes for part in parts]), values)
    places: dict[str, int] = {}
    codes = []
    for part in parts:
        own = [places.setdefault(value, len(places)) for value in part.values]
        codes.append(np.array([*own, -1], np.int32)[part.codes])
    return Texts(np.concatenate(codes), tuple(places))


def _alike(batch: Predictions) -> Hashable:
    return batch.key, batch.source, batch.score_classes, frozenset(batch.segments)


def _predictions(parts: Sequence[Predictions]) -> Predictions:
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        ids=Ids.together([part.ids for part in parts]),
        time_ns=np.concatenate([part.time_ns for part in parts]),
        classes=joined_texts([part.classes for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        segments={name: joined_texts([part.segments[name] for part in parts]) for name in first.segments},
    )


def _truths(parts: Sequence[Truths]) -> Truths:
    first = parts[0]
    if len(parts) == 1:
        return first
    pairs = [part.pair for part in parts if part.pair is not None]
    return replace(
        first,
        ids=Ids.together([part.ids for part in parts]),
        time_ns=np.concatenate([part.time_ns for part in parts]),
        classes=joined_texts([part.classes for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        pair=_predictions(pairs) if pairs else None,
    )


def _some_texts(column: Texts, rows: NDArray[np.intp]) -> Texts:
    return Texts(column.codes[rows], column.values)
