"""Rows that edges counted: they are rows, whoever counted them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from barograph_processor.engine.batch import Point, Points
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.open_features import FEATURE_ROWS
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals.api import State, StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.stores.memory import MemoryStore

from .world import KEY, NOON, SETTINGS, engine_of, point, predictions, rows_points

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + DAY_NS
STATES = StreamId(StreamKind.FEATURE_STATES, "age")


def counted(valid: int, *, edge: str = "edge-1", flush: int = 0, pane_ns: int = NOON) -> Point:
    """Valid values of source ``a`` that an edge counted."""
    state = CategoryCounts.of({"valid": valid})
    return point(STATES, state, pane_ns, flush=flush)._replace(edge=edge)


def states_of(engine: Engine) -> dict[StreamId, State]:
    """Everything of the hour from noon on."""
    engine.drain(NOW)
    return engine.keys[KEY].gathered(engine.keys[KEY].table.windows[0, NOON])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_sources_histograms_take_the_place_of_what_edges_counted(order: tuple[int, ...]) -> None:
    pieces = [
        Points([counted(3)]),
        Points([counted(4, pane_ns=NOON + MINUTE_NS)]),
        Points([point(STATES, CategoryCounts.of({"valid": 7}), NOON)]),
    ]
    engine = engine_of(HOURLY)
    for at in order:
        engine.feed([pieces[at]], NOW)
        engine.feed([predictions([("clock", NOON + 5 * HOUR_NS, 0.2)], source="clock")], NOW)
        engine.advance(NOW)
    assert states_of(engine)[STATES] == CategoryCounts.of({"valid": 11})


def test_edges_of_one_source_number_their_slices_apart_and_repeats_are_known() -> None:
    engine = engine_of(HOURLY)
    every = [counted(3), counted(4, edge="edge-2"), counted(5, flush=1)]
    for _ in range(2):
        assert engine.feed([Points(every)], NOW).accepted == 3
    assert states_of(engine)[STATES] == CategoryCounts.of({"valid": 12})
    assert engine.counters == {(Lane.HISTOGRAMS, Reason.DUPLICATE): 3}


def test_what_rows_hold_is_told_apart_by_kind_in_the_window() -> None:
    engine = engine_of(HOURLY)
    for edge, held in (("edge-1", {"number": 3, "text": 1}), ("edge-2", {"text": 1, "invalid": 1})):
        rows = StreamId(FEATURE_ROWS), CategoryCounts.of({"": 6})
        age = StreamId(FEATURE_ROWS, "age"), CategoryCounts.of(held)
        engine.feed([Points([point(*one, NOON)._replace(edge=edge) for one in (rows, age)])], NOW)
    state = states_of(engine)[STATES]
    assert state == CategoryCounts.of({"valid": 2, "invalid": 4, "missing": 6})


def test_rows_that_edges_counted_survive_a_restart() -> None:
    engine = engine_of(HOURLY)
    engine.feed([Points([counted(3)]), rows_points(5, NOON)], NOW)
    again = Engine.restore(engine.snapshot(), HOURLY, store=MemoryStore())
    assert again.snapshot() == engine.snapshot()
    again.feed([Points([counted(3), counted(4, flush=1)])], NOW)
    assert states_of(again)[STATES] == CategoryCounts.of({"valid": 7})


def test_a_baseline_is_learned_from_what_edges_counted() -> None:
    engine = engine_of(replace(HOURLY, learn_rows=10))
    rows = StreamId(StreamKind.ROWS), CategoryCounts.of({"": 12})
    engine.feed([Points([point(*rows, NOON)._replace(edge="edge-1"), counted(12)])], NOW)
    engine.drain(NOW)
    (learned,) = engine.new_baselines()
    assert learned.header.rows == 12
