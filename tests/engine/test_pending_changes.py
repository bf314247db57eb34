"""A store that takes columns and one that takes entry by entry end up with the same, whatever comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis import given, settings

from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, ColumnStore
from barograph_processor.stores.memory import MemoryStore

from .plain_store import PlainStore
from .world import KEY, NOON, SETTINGS, engine_of, entries_of, figures, predictions, truths

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Batch, Key

NOW = NOON + DAY_NS
OTHER = KEY._replace(version="4")
NAMES = [*(f"id-{number}" for number in range(40)), "größe", "x" * 100, "", "lone \ud800"]
named = st.one_of(st.sampled_from(NAMES), st.integers(0, 5_000).map(str))


def rows(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[str, int, float]]]:
    """Id, minute and value of some rows."""
    return st.lists(st.tuples(named, st.integers(0, 300), values), min_size=1, max_size=60)


def predicted(told: list[tuple[str, int, float]], key: Key) -> Batch:
    """Predictions of a model."""
    return predictions([(name, NOON + at * MINUTE_NS, score) for name, at, score in told], key=key)


def observed(told: list[tuple[str, int, float]], version: str | None) -> Batch:
    """Labels of a version, or of every one."""
    return truths([(name, NOON + at * MINUTE_NS, f"{truth:g}") for name, at, truth in told], version=version)


steps_of = st.one_of(
    st.builds(predicted, rows(st.sampled_from([0.1, 0.9])), st.sampled_from([KEY, OTHER])),
    st.builds(observed, rows(st.sampled_from([0.0, 1.0])), st.sampled_from([None, "3"])),
    st.integers(0, 12),  # hours
)


def test_only_the_store_in_memory_takes_columns() -> None:
    assert isinstance(MemoryStore(), ColumnStore)
    assert not isinstance(PlainStore(), ColumnStore)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(steps_of, min_size=1, max_size=12))
def test_stores_with_and_without_columns_hold_the_same(steps: list[Batch | int]) -> None:
    plain, columns = PlainStore(), MemoryStore()
    one, other = engine_of(SETTINGS, store=plain), engine_of(SETTINGS, store=columns)
    for step in steps:
        if isinstance(step, int):
            for engine in (one, other):
                engine.joiner.expire(NOON + 7 * DAY_NS + step * HOUR_NS)
        else:
            assert one.feed([step], NOW) == other.feed([step], NOW)
        assert plain.entries == entries_of(columns.dump())
        assert one.counters == other.counters
    assert one.stats(NOW) == other.stats(NOW)
    assert figures(one.drain(NOW)) == figures(other.drain(NOW))
