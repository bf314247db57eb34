"""Buckets against a naive oracle and against the SDK's own exponential aggregation."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.exponent_mapping import ExponentMapping
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from barograph.baseline import Feature
from barograph.explicit import ExplicitPlan
from barograph.exponential import MAX_BUCKETS, MAX_SCALE, indexes
from barograph.histograms import NumberPlan
from barograph.points import ExplicitBuckets, ExponentialBuckets

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
normal = st.floats(min_value=2.3e-308, max_value=1.7e308, allow_nan=False, allow_infinity=False)
anything = st.floats(allow_nan=True, allow_infinity=True, width=64)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def counted(plan: NumberPlan, parts: list[list[float]]) -> ExplicitBuckets | ExponentialBuckets | None:
    counts = plan.counts(1)
    for part in parts:
        if part:
            counts.add(plan.prepare(column(part)), slice(0, len(part)), len(part))
    return counts.data(0)


@given(st.lists(finite, max_size=70, unique=True).map(sorted), st.lists(finite, min_size=1, max_size=40))
def test_the_bucket_of_a_value_is_the_number_of_edges_below_it(
    edges: list[float], values: list[float]
) -> None:
    values = values + edges
    plan = ExplicitPlan([edges, [0.0]], [None, None])
    found = plan.buckets(np.column_stack([values, values]))
    assert [bisect.bisect_left(edges, value) for value in values] == found[:, 0].tolist()
    assert [bisect.bisect_left([0.0], value) for value in values] == found[:, 1].tolist()


def test_a_pane_with_millions_of_rows_is_summed_exactly_without_looking_at_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = NumberPlan([Feature(name="x", kind="number", edges=(1.0,), grid=2.0**-33)])
    counts = plan.counts(1)
    rows = plan.prepare(np.full((100_000, 1), 1.9))
    with monkeypatch.context() as patch:
        patch.setattr("barograph.exactsum.Fraction", None)  # what the way of single rows needs
        for _ in range(30):
            counts.add(rows, slice(None), 100_000)
    data = counts.data(0)
    assert data is not None
    assert 3_000_000 * round(1.9 * 2**33) * 2.0**-33 == data.total


def test_the_lookup_table_and_the_search_agree_on_neighbours_of_edges() -> None:
    random = np.random.default_rng(7)
    even = np.unique(random.normal(size=64))
    crowded = np.unique(np.exp(random.normal(size=64) * 6))
    values = np.concatenate(
        [np.nextafter(edges, away) for edges in (even, crowded) for away in (-np.inf, np.inf)]
    )
    values = np.concatenate([values, even, crowded])
    found = ExplicitPlan([even.tolist(), crowded.tolist()], [None, None]).buckets(
        np.column_stack([values, values])
    )
    assert np.searchsorted(even, values).tolist() == found[:, 0].tolist()
    assert np.searchsorted(crowded, values).tolist() == found[:, 1].tolist()


@given(normal, st.integers(-10, MAX_SCALE))
def test_indexes_equal_the_sdks_mapping(value: float, scale: int) -> None:
    mapping = LogarithmMapping(scale) if scale > 0 else ExponentMapping(scale)
    found = int(indexes(np.array([value]))[0]) >> (MAX_SCALE - scale)
    expected = mapping.map_to_index(value)
    if found != expected:
        # The SDK takes a float logarithm, which may be off by a rounding next to a boundary.
        boundary = math.exp(max(found, expected) * math.log(2) / 2**scale)
        assert value == pytest.approx(boundary, rel=1e-12)
        assert abs(found - expected) == 1


@given(st.integers(-1000, 1000), st.integers(0, MAX_SCALE))
def test_powers_of_two_are_upper_inclusive(exponent: int, scale: int) -> None:
    found = int(indexes(np.array([math.ldexp(1.0, exponent)]))[0]) >> (MAX_SCALE - scale)
    assert (exponent << scale) - 1 == found


def merged_by_hand(values: list[float], scale: int) -> tuple[Counter[int], Counter[int], int]:
    shift = MAX_SCALE - scale
    positive: Counter[int] = Counter()
    negative: Counter[int] = Counter()
    for value in values:
        if value:
            index = int(indexes(np.array([abs(value)]))[0]) >> shift
            (positive if value > 0 else negative)[index] += 1
    return positive, negative, sum(value == 0 for value in values)


@settings(deadline=None)
@given(st.lists(st.lists(finite, max_size=12), min_size=1, max_size=5))
def test_exponential_counts_are_those_of_every_value_alone_at_the_final_scale(
    parts: list[list[float]],
) -> None:
    values = list(itertools.chain.from_iterable(parts))
    data = counted(NumberPlan(None), parts)
    if not values:
        assert data is None
        return
    assert isinstance(data, ExponentialBuckets)
    positive, negative, zero = merged_by_hand(values, data.scale)
    for expected, offset, buckets in (
        (positive, data.positive_offset, data.positive),
        (negative, data.negative_offset, data.negative),
    ):
        assert len(buckets) <= MAX_BUCKETS
        assert expected == Counter({offset + place: count for place, count in enumerate(buckets) if count})
    assert zero == data.zero_count
    assert (min(values), max(values)) == (data.low, data.high)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=50))
def test_the_scale_is_as_fine_as_160_buckets_allow(values: list[float]) -> None:
    data = counted(NumberPlan(None), [values])
    assert isinstance(data, ExponentialBuckets)
    finer = data.scale + 1
    if finer <= MAX_SCALE:
        found = [int(index) >> (MAX_SCALE - finer) for index in indexes(np.array(values))]
        assert max(found) - min(found) >= MAX_BUCKETS


@settings(deadline=None)
@given(st.lists(anything, min_size=1, max_size=40), st.integers(0, 40))
def test_every_row_has_one_state_however_rows_are_split(values: list[float], at: int) -> None:
    feature = Feature(
        name="f",
        kind="number",
        edges=(-1.0, 0.0, 5.0),
        low=-2.0,
        high=7.0,
        grid=2.0**-10,
        sentinels=(-999.0, 0.0),
    )
    plan = NumberPlan([feature])
    counts = plan.counts(1)
    for part in (values[:at], values[at:]):
        counts.add(plan.prepare(column(part)), slice(0, len(part)), len(part))
    expected: Counter[str] = Counter()
    kept = []
    for value in values:
        if math.isnan(value):
            expected["missing"] += 1
        elif math.isinf(value):
            expected["invalid"] += 1
        elif value in feature.sentinels:
            expected["sentinel"] += 1
        else:
            kept.append(value)
            expected["valid"] += 1
            expected["below"] += value < -2.0
            expected["above"] += value > 7.0
    assert {state: count for state, count in expected.items() if count} == counts.states(0)
    data = counts.data(0)
    if not kept:
        assert data is None
        return
    assert isinstance(data, ExplicitBuckets)
    assert Counter(bisect.bisect_left(feature.edges, value) for value in kept) == Counter(
        {bucket: count for bucket, count in enumerate(data.counts) if count}
    )
    assert (min(kept), max(kept)) == (data.low, data.high)


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
    st.integers(0, 60),
)
def test_sums_on_a_grid_do_not_depend_on_order_or_split(values: list[float], random: object, at: int) -> None:
    plan = NumberPlan([Feature(name="f", kind="number", edges=(0.0,), grid=2.0**-20)])
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = counted(plan, [values])
    other = counted(plan, [shuffled[:at], shuffled[at:]])
    assert isinstance(one, ExplicitBuckets)
    assert isinstance(other, ExplicitBuckets)
    assert one.total == other.total
    exact = math.fsum(round(value * 2**20) / 2**20 for value in values)
    assert one.total == pytest.approx(exact, abs=1e-9)


def test_sums_beyond_two_to_the_53_grids_go_on_in_integers() -> None:
    plan = NumberPlan([Feature(name="f", kind="number", edges=(0.0,), grid=1.0)])
    data = counted(plan, [[2.0**60, 1.0], [3.0], [-(2.0**60)]])
    assert isinstance(data, ExplicitBuckets)
    assert data.total == 4.0
    assert math.isinf(counted(plan, [[1.7e308, 1.7e308]]).total)  # type: ignore[union-attr]


def test_columns_that_appear_later_join_the_exponential_counts() -> None:
    plan = NumberPlan(None)
    counts = plan.counts(1)
    counts.add(plan.prepare(np.array([[1.0]])), slice(0, 1), 1)
    counts.add(plan.prepare(np.array([[2.0, -3.0]])), slice(0, 1), 1)
    later = counts.data(1)
    assert isinstance(later, ExponentialBuckets)
    assert sum(later.negative) == 1
    assert counts.states(0) == {"valid": 2}
