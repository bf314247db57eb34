"""Rows of the outcomes lane that wait in a pane, and the states they make where no histograms came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from barograph.deciding import positive_class
from barograph.exactsum import SCORE_GRID
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions, Texts
    from barograph_processor.signals.api import State


NameT = TypeVar("NameT", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class OutcomeRows:
    """New predictions of one source in one pane.

    Attributes:
        rows: How many.
        classes: Predicted class to rows.
        score: Probabilities of the positive class, absent ones left out.
        scores: Class to its probabilities, absent ones left out.
        value: Predicted numbers, absent ones left out.
        segments: (segment name, value) to rows.
    """

    rows: int
    classes: Mapping[str, int]
    score: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float64]]
    value: NDArray[np.float64]
    segments: Mapping[tuple[str, str], int]

    @classmethod
    def together(cls, parts: Sequence[OutcomeRows]) -> OutcomeRows:
        """Several parts, one at least, as one."""
        scores: dict[str, list[NDArray[np.float64]]] = {}
        for part in parts:
            for name, column in part.scores.items():
                scores.setdefault(name, []).append(column)
        return cls(
            rows=sum(part.rows for part in parts),
            classes=_sum(part.classes for part in parts),
            score=np.concatenate([part.score for part in parts]),
            scores={name: np.concatenate(columns) for name, columns in scores.items()},
            value=np.concatenate([part.value for part in parts]),
            segments=_sum(part.segments for part in parts),
        )


class OutputEdges(NamedTuple):
    """The buckets that a source with a baseline would count an output's predictions in.

    Attributes:
        basis: Id of the baseline; ``""`` where its sources don't have it.
        score: Edges of score histograms; empty: exponential buckets.
        value: Edges of predicted numbers; empty: exponential buckets.
        positive: The positive class of a binary task; None: what the names tell.
        value_grid: Power of two that predicted numbers are rounded to for their sum; None: none.
    """

    basis: str
    score: Sequence[float]
    value: Sequence[float]
    positive: str | None
    value_grid: float | None = None


def rows_by_pane(
    batch: Predictions, rows: NDArray[np.intp], pane_ns: int, segments: Sequence[str]
) -> Iterator[tuple[int, OutcomeRows]]:
    """Cut predictions into panes.

    Args:
        batch: The predictions.
        rows: Which of them.
        pane_ns: Pane length.
        segments: Names of the segment columns that are counted.
    """
    panes = batch.time_ns[rows] // pane_ns
    for part in _by_pane(panes):
        chosen = rows[part]
        score, value = batch.score[chosen], batch.value[chosen]
        yield (
            int(panes[part[0]]),
            OutcomeRows(
                rows=len(chosen),
                classes=_counted(batch.classes, chosen),
                score=score[np.isfinite(score)],
                scores={
                    name: column[np.isfinite(column)]
                    for name, column in zip(batch.score_classes, batch.scores[chosen].T, strict=True)
                },
                value=value[np.isfinite(value)],
                segments={
                    (name, text): count
                    for name in segments
                    if name in batch.segments
                    for text, count in _counted(batch.segments[name], chosen).items()
                },
            ),
        )


def _by_pane(panes: NDArray[np.int64]) -> Sequence[NDArray[np.intp]]:
    """Places of the rows of each pane."""
    if len(panes) <= 1:
        return [np.arange(1)] if len(panes) else []
    order = np.argsort(panes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(panes[order])) + 1)


def states_of(parts: Sequence[OutcomeRows], edges: OutputEdges | None) -> dict[StreamId, State]:
    """The states that a source's histograms would have been, had it sent any.

    Args:
        parts: Rows of one source and pane, one part at least.
        edges: Buckets of the baseline's output; without them scores and numbers are counted in
            exponential buckets.
    """
    every = OutcomeRows.together(parts)
    basis = "" if edges is None else edges.basis
    states: dict[StreamId, State] = {StreamId(StreamKind.ROWS): CategoryCounts.of({"": every.rows})}
    if every.classes:
        states[StreamId(StreamKind.PREDICTION_CLASSES, basis=basis)] = CategoryCounts.of(every.classes)
    scores = dict(every.scores)
    positive = positive_class(every.classes) if edges is None or edges.positive is None else edges.positive
    if positive is not None and len(every.score):  # without a name, no baseline has what to compare it with
        scores[positive] = every.score
    for name, column in scores.items():
        if len(column):
            stream = StreamId(StreamKind.PREDICTION_SCORE, part=name, basis=basis)
            states[stream] = _histogram(column, () if edges is None else edges.score, SCORE_GRID)
    if len(every.value):
        stream = StreamId(StreamKind.PREDICTION_VALUE, basis=basis)
        states[stream] = (
            _histogram(every.value, ())
            if edges is None
            else _histogram(every.value, edges.value, edges.value_grid)
        )
    return states


def _sum(parts: Iterable[Mapping[NameT, int]]) -> dict[NameT, int]:
    total: dict[NameT, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def _counted(texts: Texts, rows: NDArray[np.intp]) -> dict[str, int]:
    codes = texts.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts.values)).tolist()
    return {name: count for name, count in zip(texts.values, counts, strict=True) if count}


def _histogram(values: NDArray[np.float64], edges: Sequence[float], grid: float | None = None) -> State:
    if len(edges):
        return ExplicitHistogram.zero(edges).observe(values, grid)
    return ExponentialHistogram.zero().observe(values)
