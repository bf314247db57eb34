"""Counts by name stay exact for every name that stays."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import StateError
from barograph_processor.signals.counts import OTHER, CategoryCounts, rank

names = st.sampled_from("abcdefghijklmnop")


@given(st.lists(st.lists(names)), st.integers(1, 20))
def test_whatever_the_parts_the_names_that_stay_are_counted_exactly(
    parts: list[list[str]], limit: int
) -> None:
    merged = CategoryCounts.zero(limit)
    for part in parts:
        merged = merged.merge(CategoryCounts.of(Counter(part), limit))
    expected = Counter(name for part in parts for name in part)
    assert set(sorted(expected, key=rank)[:limit]) == set(merged.counts)
    assert {name: expected[name] for name in merged.counts} == dict(merged.counts)
    assert expected.total() == merged.total


def test_the_rest_is_counted_together() -> None:
    found = CategoryCounts.of({str(i): 2 for i in range(50)}, limit=10)
    assert (10, 80, 100) == (len(found.counts), found.other, found.total)


def test_rows_that_were_pooled_before_stay_pooled() -> None:
    found = CategoryCounts.of({"a": 1, OTHER: 4})
    assert ({"a": 1}, 4) == (dict(found.counts), found.other)


def test_codes_are_counted_without_missing_ones() -> None:
    found = CategoryCounts.zero().observe_codes(np.array([0, 1, -1, 1], np.int32), ("a", "b", "never"))
    assert {"a": 1, "b": 2} == dict(found.counts)


def test_a_name_given_twice_counts_together() -> None:
    found = CategoryCounts.zero().observe_codes(np.array([0, 1], np.int32), ("a", "a"))
    assert {"a": 2} == dict(found.counts)


def test_the_ranks_never_change() -> None:
    """Stored states would pool other names than new ones otherwise."""
    assert ["b", "d", "c", "a"] == sorted("abcd", key=rank)


@pytest.mark.parametrize("counts", [{"a": -1}, {"a": 2**63}, {"a": 2**62, "b": 1}])
def test_impossible_counts_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(StateError, match="not possible"):
        CategoryCounts.of(counts)


def test_counts_that_overflow_are_refused() -> None:
    full = CategoryCounts.of({"a": 2**62})
    with pytest.raises(StateError, match="not possible"):
        full.merge(full)


def test_the_counts_cannot_be_written_to() -> None:
    found = CategoryCounts.of({"a": 1})
    with pytest.raises(TypeError):
        found.counts["a"] = 2  # type: ignore[index]


@pytest.mark.parametrize("limit", [0, 10**7])
def test_the_limit_is_bounded(limit: int) -> None:
    with pytest.raises(StateError, match="limit"):
        CategoryCounts.zero(limit)
