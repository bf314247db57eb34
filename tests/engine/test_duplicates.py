"""Points that come twice."""

from __future__ import annotations

from barograph_processor.engine.duplicates import SliceMemory
from barograph_processor.engine.settings import MINUTE_NS

from .world import NOON, rows_point

PANES = 2_880


def test_a_repeat_is_known_by_source_stream_and_slice() -> None:
    memory = SliceMemory(MINUTE_NS, 1_000)
    assert memory.add(rows_point(5, NOON))
    assert not memory.add(rows_point(5, NOON))
    assert memory.add(rows_point(5, NOON, flush=1))
    assert memory.add(rows_point(5, NOON, source="b"))
    assert memory.add(rows_point(5, NOON + MINUTE_NS))


def test_two_days_of_regular_panes_cost_one_run() -> None:
    memory = SliceMemory(MINUTE_NS, 1_000)
    for pane in range(PANES):
        memory.add(rows_point(1, NOON + pane * MINUTE_NS))
    assert memory.runs == 1
    assert not any(memory.add(rows_point(1, NOON + pane * MINUTE_NS)) for pane in range(PANES))


def test_memory_stays_bounded_and_what_was_forgotten_is_refused_rather_than_counted_twice() -> None:
    memory = SliceMemory(MINUTE_NS, 100)
    scattered = [rows_point(1, NOON + pane * 2 * MINUTE_NS) for pane in range(1_000)]
    for one in scattered:
        assert memory.forgotten(one) or memory.add(one)
    assert memory.runs <= 100
    assert not any(not memory.forgotten(one) and memory.add(one) for one in scattered)


def test_old_slices_are_forgotten() -> None:
    memory = SliceMemory(MINUTE_NS, 1_000)
    for pane in range(10):
        memory.add(rows_point(1, NOON + pane * MINUTE_NS))
    memory.forget_before(NOON + 20 * MINUTE_NS)
    assert memory.runs == 0
    assert list(memory.slices()) == []
