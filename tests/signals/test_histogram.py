"""Explicit histograms against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import StateError
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.histogram import MAX_COUNT, ExplicitHistogram

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20, unique_by=lambda edge: edge + 0.0), st.lists(finite))
def test_counts_are_numpys_with_upper_inclusive_buckets(edges: list[float], values: list[float]) -> None:
    ordered = np.array(sorted(edges))
    found = ExplicitHistogram.zero(ordered).observe(np.array(values, dtype=np.float64))
    expected = np.bincount(np.searchsorted(ordered, values, side="left"), minlength=len(edges) + 1)
    assert expected.tolist() == found.counts.tolist()
    assert len(values) == found.rows


def test_a_value_on_an_edge_belongs_to_the_bucket_below() -> None:
    found = ExplicitHistogram.zero([1.0, 2.0]).observe(np.array([1.0, np.nextafter(1.0, 2.0), 2.0]))
    assert [1, 2, 0] == found.counts.tolist()


def test_a_point_and_its_rows_give_the_same_state() -> None:
    rows = np.array([0.5, 1.5, 1.75, 9.0])
    point = ExplicitHistogram.from_point([1.0, 2.0], [1, 2, 1], 12.75, 0.5, 9.0)
    assert ExplicitHistogram.zero([1.0, 2.0]).observe(rows) == point


def test_a_range_that_a_point_does_not_state_stays_unknown() -> None:
    point = ExplicitHistogram.from_point([1.0], [1, 0], 0.5)
    merged = point.merge(ExplicitHistogram.zero([1.0]).observe(np.array([4.0])))
    assert (-math.inf, math.inf) == (merged.low, merged.high)
    assert ExplicitHistogram.zero([1.0]) == ExplicitHistogram.from_point([1.0], [0, 0], 0.0, 3.0, 3.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(StateError, match="finite"):
        ExplicitHistogram.zero([1.0]).observe(np.array([0.0, value, 2.0]))


@pytest.mark.parametrize("edges", [[1.0, 1.0], [2.0, 1.0], [math.nan], [0.0, math.inf], [0.0, -0.0]])
def test_edges_must_increase(edges: list[float]) -> None:
    with pytest.raises(StateError, match="edges"):
        ExplicitHistogram.zero(edges)


@pytest.mark.parametrize(
    ("counts", "total", "low", "high"),
    [
        ([1], 0.0, None, None),
        ([1, -1], 0.0, None, None),
        ([1, 2**63], 0.0, None, None),
        ([2**62, 2**62], 0.0, None, None),
        ([1, 1], math.inf, None, None),
        ([1, 1], 0.0, 2.0, 1.0),
    ],
)
def test_an_impossible_point_is_refused(
    counts: list[int], total: float, low: float | None, high: float | None
) -> None:
    with pytest.raises(StateError):
        ExplicitHistogram.from_point([1.0], counts, total, low, high)


def test_counts_that_overflow_are_refused() -> None:
    full = ExplicitHistogram.from_point([1.0], [MAX_COUNT, 0], 0.0)
    with pytest.raises(StateError, match="rows"):
        full.merge(full)


def test_the_callers_arrays_stay_theirs() -> None:
    edges, counts = np.array([1.0]), np.array([1, 2])
    point = ExplicitHistogram.from_point(edges, counts, 0.0)
    edges[0], counts[0] = 7.0, 7
    assert ExplicitHistogram.from_point([1.0], [1, 2], 0.0) == point


def test_states_compare_and_hash_by_value() -> None:
    a, b = (ExplicitHistogram.zero([1.0]).observe(np.array([2.0])) for _ in range(2))
    assert a == b
    assert len({a, b}) == 1
    assert a != ExplicitHistogram.zero([1.0])
    assert a != CategoryCounts.zero()
