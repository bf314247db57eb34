"""Joined predictions and truths of one key on their way into windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.times import NOT_A_TIME
from barograph_processor.engine.batch import Texts
from barograph_processor.engine.window_state import Slice
from barograph_processor.engine.windows import horizon_of, window_end, window_starts
from barograph_processor.signals.api import Joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import KnownTruth, Predictions
    from barograph_processor.engine.pending import Label, Prediction
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import WindowState
    from barograph_processor.engine.window_table import WindowTable
    from barograph_processor.signals.api import State, StreamId

    Measure = Callable[[Joined], tuple[Mapping[StreamId, State], int]]


class Match(NamedTuple):
    """A prediction with its truth."""

    prediction: Prediction
    score_classes: tuple[str, ...]
    label: Label


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """Predictions with their truth, as columns of n rows of one key.

    Attributes:
        joined: What performance is measured of.
        time_ns: int64 [n], event time of the predictions.
        observed_ns: int64 [n], when the truth was observed; `NOT_A_TIME` where that isn't known.
        segments: The configured segment columns, in the order of the settings.
    """

    joined: Joined
    time_ns: NDArray[np.int64]
    observed_ns: NDArray[np.int64]
    segments: Sequence[Texts]


def rows_of_matches(matches: Sequence[Match], segments: int) -> MatchedRows:
    """Matches as columns.

    Args:
        matches: At least one.
        segments: Number of segment columns.
    """
    predictions = [match.prediction for match in matches]
    labels = [match.label for match in matches]
    names: dict[str | None, int] = {None: -1}
    predicted = _codes((one.predicted_class for one in predictions), names)
    truth = _codes((one.truth_class for one in labels), names)
    score_classes = sorted({name for match in matches for name in match.score_classes})
    scores = np.full((len(matches), len(score_classes)), np.nan)
    columns = {name: column for column, name in enumerate(score_classes)}
    places: dict[tuple[str, ...], list[int]] = {}
    for row, match in enumerate(matches):
        if match.prediction.scores is not None:
            places.setdefault(match.score_classes, []).append(row)
    for classes, rows in places.items():
        order = [columns[name] for name in classes]
        scores[np.ix_(rows, order)] = [predictions[row].scores for row in rows]
    times = np.array([one.time_ns for one in predictions], np.int64)
    observed = np.array([one.time_ns for one in labels], np.int64)
    joined = Joined(
        classes=tuple(name for name in names if name is not None),
        truth_class=truth,
        predicted_class=predicted,
        score=np.array([one.score for one in predictions], np.float64),
        scores=scores,
        score_classes=tuple(score_classes),
        truth_value=np.array([one.value for one in labels], np.float64),
        predicted_value=np.array([one.value for one in predictions], np.float64),
        delay_s=delays_s(times, observed),
    )
    return MatchedRows(joined, times, observed, [_segment_column(matches, at) for at in range(segments)])


def rows_of_known(
    batch: Predictions, truth: KnownTruth, rows: NDArray[np.intp], segments: Sequence[str]
) -> MatchedRows:
    """Predictions that came with their truth, as columns.

    Args:
        batch: The predictions.
        truth: Their truth.
        rows: Those whose truth is known.
        segments: Names of the segment columns that are kept.
    """
    names: dict[str | None, int] = {None: -1}
    predicted, true = (_recoded(texts, rows, names) for texts in (batch.classes, truth.classes))
    times, observed = batch.time_ns[rows], truth.observed_ns[rows]
    joined = Joined(
        classes=tuple(name for name in names if name is not None),
        truth_class=true,
        predicted_class=predicted,
        score=batch.score[rows],
        scores=batch.scores[rows],
        score_classes=batch.score_classes,
        truth_value=truth.value[rows],
        predicted_value=batch.value[rows],
        delay_s=delays_s(times, observed),
    )
    columns = [batch.segments.get(name) for name in segments]
    none = Texts(np.full(len(rows), -1, np.int32), ())
    kept = [none if column is None else Texts(column.codes[rows], column.values) for column in columns]
    return MatchedRows(joined, times, observed, kept)


def together(parts: Sequence[MatchedRows]) -> Iterator[MatchedRows]:
    """The same as few parts: those with scores of the same classes as one, the order within each kept.

    Args:
        parts: Of one key.
    """
    alike: dict[tuple[str, ...], list[MatchedRows]] = {}
    for part in parts:
        alike.setdefault(part.joined.score_classes, []).append(part)
    for score_classes, those in alike.items():
        yield those[0] if len(those) == 1 else _concatenated(those, score_classes)


def _concatenated(parts: Sequence[MatchedRows], score_classes: tuple[str, ...]) -> MatchedRows:
    every = [part.joined for part in parts]
    truth = _one_column([Texts(one.truth_class, one.classes) for one in every])
    predicted = _one_column([Texts(one.predicted_class, one.classes) for one in every])
    joined = Joined(
        classes=truth.values,
        truth_class=truth.codes,
        predicted_class=predicted.codes,
        score=np.concatenate([one.score for one in every]),
        scores=np.concatenate([one.scores for one in every]),
        score_classes=score_classes,
        truth_value=np.concatenate([one.truth_value for one in every]),
        predicted_value=np.concatenate([one.predicted_value for one in every]),
        delay_s=np.concatenate([one.delay_s for one in every]),
    )
    return MatchedRows(
        joined,
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.observed_ns for part in parts]),
        [_one_column(columns) for columns in zip(*(part.segments for part in parts), strict=True)],
    )


def _one_column(parts: Sequence[Texts]) -> Texts:
    """Columns of text as one; what values there are depends on the parts' values alone."""
    names: dict[str | None, int] = {None: -1}
    codes = [
        np.array([names.setdefault(text, len(names) - 1) for text in (*part.values, None)], np.int32)[
            part.codes
        ]
        for part in parts
    ]
    return Texts(np.concatenate(codes), tuple(name for name in names if name is not None))


def fold_matches(
    matched: MatchedRows,
    settings: Settings,
    table: WindowTable,
    watermark_ns: int | None,
    measure: Measure,
) -> tuple[int, int, int]:
    """Measure matches and add them to the windows and horizons that they belong to.

    Args:
        matched: Of one key, at least one row.
        settings: Windows, horizons, segments.
        table: The key's windows.
        watermark_ns: Of the key; windows whose last horizon has passed take no more labels.
        measure: Columns to performance states and the number of rows that are unusable.

    Returns:
        Matches that were too late for every window, those that are unusable, and states that
        could not be merged.
    """
    every = matched.joined
    taken = np.zeros(len(matched.time_ns), np.bool_)
    dated = matched.observed_ns != NOT_A_TIME
    refused = unusable = 0
    for kind, window in enumerate(settings.windows):
        starts, inverse = np.unique(window_starts(window, matched.time_ns), return_inverse=True)
        ends = np.array([window_end(window, start) for start in starts.tolist()], np.int64)[inverse]
        # Truth of no known time is known in the end, and no earlier.
        last_ns = ends + settings.horizons[-1].length_ns
        horizons = horizon_of(settings.horizons, np.where(dated, matched.observed_ns, last_ns) - ends)
        unusable_here = 0
        for at, start in enumerate(starts.tolist()):
            inside = np.flatnonzero((inverse == at) & (horizons < len(settings.horizons)))
            state = table.at(kind, start) if len(inside) else None
            if state is None or table.over(state, watermark_ns):
                continue
            taken[inside] = True
            for horizon in np.unique(horizons[inside]).tolist():
                rows = inside[horizons[inside] == horizon]
                states, left_out = measure(_subset(every, rows))
                refused += state.add_labels(Slice(horizon), states)
                unusable_here += left_out
                for name, column in zip(settings.segments, matched.segments, strict=True):
                    refused += _fold_segment(state, horizon, name, column, rows, every, settings, measure)
        unusable = max(unusable, unusable_here)
    return int((~taken).sum()), unusable, refused


def _fold_segment(  # noqa: PLR0913, PLR0917 one step of the loop above
    state: WindowState,
    horizon: int,
    name: str,
    column: Texts,
    rows: NDArray[np.intp],
    every: Joined,
    settings: Settings,
    measure: Measure,
) -> int:
    """Measure the rows of each value of a segment; returns the states that could not be merged."""
    codes = column.codes[rows]
    found = [column.values[code] for code in np.unique(codes[codes >= 0]).tolist()]
    names = state.segment_names(name, found, settings.max_segment_values)
    stay = sorted({*names.values()})
    places = np.array(
        [stay.index(names[value]) if value in names else -1 for value in (*column.values, None)]
    )
    parts = places[codes]
    return sum(
        state.add_labels(Slice(horizon, name, value), measure(_subset(every, rows[parts == at]))[0])
        for at, value in enumerate(stay)
    )


def _segment_column(matches: Sequence[Match], at: int) -> Texts:
    names: dict[str | None, int] = {None: -1}
    segments = [match.prediction.segments for match in matches]
    codes = _codes((None if one is None else one[at] for one in segments), names)
    return Texts(codes, tuple(name for name in names if name is not None))


def _codes(texts: Iterable[str | None], names: dict[str | None, int]) -> NDArray[np.int32]:
    return np.array([names.setdefault(text, len(names) - 1) for text in texts], np.int32)


def _recoded(texts: Texts, rows: NDArray[np.intp], names: dict[str | None, int]) -> NDArray[np.int32]:
    """Codes into `names`, which grows."""
    places = np.array([names.setdefault(text, len(names) - 1) for text in (*texts.values, None)], np.int32)
    return places[texts.codes[rows]]


def delays_s(times_ns: NDArray[np.int64], observed_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [n], seconds from prediction to truth, NaN where it isn't known when that was observed."""
    dated = observed_ns != NOT_A_TIME
    return np.where(dated, (np.where(dated, observed_ns, times_ns) - times_ns) / 1e9, np.nan)


def _subset(every: Joined, rows: NDArray[np.intp]) -> Joined:
    return Joined(
        classes=every.classes,
        truth_class=every.truth_class[rows],
        predicted_class=every.predicted_class[rows],
        score=every.score[rows],
        scores=every.scores[rows],
        score_classes=every.score_classes,
        truth_value=every.truth_value[rows],
        predicted_value=every.predicted_value[rows],
        delay_s=every.delay_s[rows],
    )
