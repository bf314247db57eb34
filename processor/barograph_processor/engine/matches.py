"""Joined predictions and truths of one key on their way into windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.batch import Texts
from barograph_processor.engine.window_state import Slice
from barograph_processor.engine.windows import horizon_of, window_end, window_starts
from barograph_processor.signals.api import Joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.join import Match
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.window_state import WindowState
    from barograph_processor.engine.window_table import WindowTable
    from barograph_processor.signals.api import State, StreamId

    Measure = Callable[[Joined], tuple[Mapping[StreamId, State], int]]


def joined_columns(matches: Sequence[Match]) -> Joined:
    """Matches as columns.

    Args:
        matches: At least one.
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
    return Joined(
        classes=tuple(name for name in names if name is not None),
        truth_class=truth,
        predicted_class=predicted,
        score=np.array([one.score for one in predictions], np.float64),
        scores=scores,
        score_classes=tuple(score_classes),
        truth_value=np.array([one.value for one in labels], np.float64),
        predicted_value=np.array([one.value for one in predictions], np.float64),
        delay_s=(observed - times) / 1e9,
    )


def fold_matches(
    matches: Sequence[Match],
    settings: Settings,
    table: WindowTable,
    watermark_ns: int | None,
    measure: Measure,
) -> tuple[int, int, int]:
    """Measure matches and add them to the windows and horizons that they belong to.

    Args:
        matches: Of one key, at least one.
        settings: Windows, horizons, segments.
        table: The key's windows.
        watermark_ns: Of the key; windows whose last horizon has passed take no more labels.
        measure: Columns to performance states and the number of rows that are unusable.

    Returns:
        Matches that were too late for every window, those that are unusable, and states that
        could not be merged.
    """
    every = joined_columns(matches)
    times = np.array([match.prediction.time_ns for match in matches], np.int64)
    observed = np.array([match.label.time_ns for match in matches], np.int64)
    taken = np.zeros(len(matches), np.bool_)
    refused = unusable = 0
    segments = [_segment_column(matches, at) for at in range(len(settings.segments))]
    for kind, window in enumerate(settings.windows):
        starts, inverse = np.unique(window_starts(window, times), return_inverse=True)
        ends = np.array([window_end(window, start) for start in starts.tolist()], np.int64)
        horizons = horizon_of(settings.horizons, observed - ends[inverse])
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
                for name, column in zip(settings.segments, segments, strict=True):
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
