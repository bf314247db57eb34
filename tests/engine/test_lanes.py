"""Histograms and outcomes of one source never count twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph.semconv import metrics
from barograph_processor.engine.batch import Points
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

from .world import KEY, NOON, SETTINGS, engine_of, final, point, predictions, reading, rows_point, rows_points

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Batch

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + DAY_NS
OBSERVATIONS = metrics.ML_WINDOW_OBSERVATIONS
PASSED = predictions([("later", NOON + 5 * HOUR_NS, 0.2)], source="clock")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_histograms_take_the_place_of_rows_even_where_those_were_closed_before(
    order: tuple[int, ...],
) -> None:
    engine = engine_of(HOURLY)
    pieces: list[Batch] = [
        predictions([("a", NOON, 0.2), ("b", NOON + 1, 0.7)]),  # two of five rows have ids
        rows_points(5, NOON),
        predictions([("c", NOON + MINUTE_NS, 0.7)]),  # a pane without histograms
    ]
    closed = []
    for at in order:
        engine.feed([pieces[at], PASSED], NOW)
        closed += engine.advance(NOW)
    closed += engine.drain(NOW)
    assert reading(final(closed)[KEY, "1h", NOON], OBSERVATIONS) == 6


def test_sources_are_decided_apart() -> None:
    engine = engine_of(HOURLY)
    engine.feed([rows_points(5, NOON, source="a"), predictions([("x", NOON, 0.2)], source="a")], NOW)
    engine.feed([predictions([("y", NOON, 0.2)], source="b")], NOW)
    assert reading(final(engine.drain(NOW))[KEY, "1h", NOON], OBSERVATIONS) == 6


def test_streams_that_the_histograms_leave_out_are_made_of_rows() -> None:
    engine = engine_of(HOURLY)
    engine.feed([rows_points(5, NOON), predictions([("a", NOON, 0.2), ("b", NOON, 0.7)])], NOW)
    engine.drain(NOW)
    state = engine.keys[KEY]
    (window,) = state.table.windows.values()
    states = state.gathered(window)
    assert states[StreamId(StreamKind.ROWS)] == CategoryCounts.of({"": 5})
    assert states[StreamId(StreamKind.PREDICTION_CLASSES)] == CategoryCounts.of({"0": 1, "1": 1})
    score = ExponentialHistogram.zero().observe(np.array([0.2, 0.7]))
    assert states[StreamId(StreamKind.PREDICTION_SCORE, part="1")] == score


def test_rows_stay_counted_when_their_time_to_live_is_over() -> None:
    engine = engine_of(replace(HOURLY, ttl_ns=2 * HOUR_NS))
    engine.feed([predictions([("a", NOON, 0.2)])], NOW)
    engine.feed([predictions([("b", NOON + 4 * HOUR_NS, 0.2)])], NOW)
    closed = engine.advance(NOW)
    assert engine.keys[KEY].counted.size == 0
    assert reading(final(closed)[KEY, "1h", NOON], OBSERVATIONS) == 1


def test_repeated_points_and_slices_of_a_pane() -> None:
    engine = engine_of(HOURLY)
    fed = engine.feed([rows_points(5, NOON), rows_points(5, NOON), rows_points(2, NOON, flush=1)], NOW)
    assert fed.accepted == 3
    assert reading(final(engine.drain(NOW))[KEY, "1h", NOON], OBSERVATIONS) == 7
    assert dict(engine.counters) == {(Lane.HISTOGRAMS, Reason.DUPLICATE): 1}


def test_points_of_another_pane_length_and_points_over_panes_go_where_they_end_and_are_counted() -> None:
    engine = engine_of(HOURLY)
    foreign = rows_point(3, NOON)._replace(start_ns=NOON - MINUTE_NS, end_ns=NOON, pane_ns=0)
    straddling = rows_point(4, NOON)._replace(start_ns=NOON - MINUTE_NS, end_ns=NOON + 1, pane_ns=0)
    hourly = rows_point(5, NOON)._replace(pane_ns=HOUR_NS)
    engine.feed([Points([foreign, straddling, hourly])], NOW)
    closed = final(engine.drain(NOW))
    assert reading(closed[KEY, "1h", NOON - HOUR_NS], OBSERVATIONS) == 3
    assert reading(closed[KEY, "1h", NOON], OBSERVATIONS) == 9
    assert dict(engine.counters) == {
        (Lane.HISTOGRAMS, Reason.STRADDLE): 1,
        (Lane.HISTOGRAMS, Reason.PANE_MISMATCH): 1,
    }


def test_states_that_do_not_fit_their_stream_are_refused_and_counted() -> None:
    engine = engine_of(HOURLY)
    stream = StreamId(StreamKind.FEATURE_VALUE, "age", basis="b")
    some = ExplicitHistogram.zero([1.0, 2.0]).observe(np.array([1.5]))
    other = ExplicitHistogram.zero([1.0, 3.0]).observe(np.array([1.5]))
    fed = engine.feed([Points([point(stream, some, NOON), point(stream, other, NOON, flush=1)])], NOW)
    assert (fed.accepted, fed.dropped) == (1, {Reason.INCOMPATIBLE: 1})


def test_states_that_do_not_fit_what_another_pane_left_in_the_window_are_counted() -> None:
    engine = engine_of(HOURLY)
    stream = StreamId(StreamKind.FEATURE_VALUE, "age", basis="b")
    for pane, edges in enumerate([[1.0, 2.0], [1.0, 3.0]]):
        state = ExplicitHistogram.zero(edges).observe(np.array([1.5]))
        engine.feed([Points([point(stream, state, NOON + pane * MINUTE_NS)])], NOW)
    engine.drain(NOW)
    assert engine.counters[Lane.HISTOGRAMS, Reason.INCOMPATIBLE] == 1
