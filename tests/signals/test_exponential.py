"""Exponential histograms against the OpenTelemetry SDK's mapping and aggregation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.exponent_mapping import ExponentMapping
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from barograph.errors import StateError
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.exponential_buckets import bucket_bounds, bucket_index

finite = st.floats(allow_nan=False, allow_infinity=False)
normal = st.floats(min_value=2.3e-308, allow_infinity=False)
scales = st.integers(-10, 20)


def sdk_index(value: float, scale: int) -> int:
    return (ExponentMapping(scale) if scale <= 0 else LogarithmMapping(scale)).map_to_index(value)


def index(value: float, scale: int) -> int:
    return int(bucket_index(np.array([value]), scale)[0])


@given(st.integers(-1021, 1023), scales)
def test_powers_of_two_and_their_neighbours_fall_where_they_must(exponent: int, scale: int) -> None:
    power = math.ldexp(1.0, exponent)
    if scale >= 0:
        assert (exponent << scale) - 1 == index(power, scale)
        assert exponent << scale == index(math.nextafter(power, math.inf), scale)
    else:
        assert (exponent - 1) >> -scale == index(power, scale)
    assert sdk_index(power, scale) == index(power, scale)


@settings(max_examples=500)
@given(normal, st.integers(-10, 0))
def test_whole_octaves_are_the_sdks(value: float, scale: int) -> None:
    assert sdk_index(value, scale) == index(value, scale)


@settings(max_examples=500)
@given(normal, st.integers(1, 20))
def test_parts_of_octaves_are_the_sdks(value: float, scale: int) -> None:
    # The SDK takes one logarithm of the whole value, whose rounding decides next to a bound.
    position = math.log2(value) * 2.0**scale
    if abs(position - round(position)) > abs(position) * 2.0**-50 + 2.0**-40:
        assert sdk_index(value, scale) == index(value, scale)
    else:
        assert abs(sdk_index(value, scale) - index(value, scale)) <= 1


@pytest.mark.parametrize("scale", [1, 3, 7, 12, 20])
def test_bounds_are_the_sdks_to_the_last_digits(scale: int) -> None:
    mapping = LogarithmMapping(scale)
    for first in (-(1 << scale), -5, 0, 3, 2 << scale):
        expected = [mapping.get_lower_boundary(i) for i in range(first, first + 5)]
        np.testing.assert_allclose(bucket_bounds(first, 4, scale), expected, rtol=1e-13)  # exp(x) at |x| < 3


@given(st.floats(min_value=5e-324, allow_infinity=False), scales)
def test_a_value_lies_within_the_bounds_of_its_bucket(value: float, scale: int) -> None:
    lower, upper = bucket_bounds(index(value, scale), 1, scale).tolist()
    slack = 1 + 2.0**-50  # the bounds are rounded; a subnormal double is as coarse as itself
    assert lower / slack - 5e-324 <= value <= upper * slack + 5e-324


@given(st.floats(min_value=5e-324, allow_infinity=False), scales, st.integers(0, 30))
def test_a_smaller_scale_shifts_the_index(value: float, scale: int, by: int) -> None:
    coarse = max(scale - by, -10)
    assert index(value, scale) >> (scale - coarse) == index(value, coarse)


@given(st.lists(finite), st.sampled_from([4, 20, 160]))
def test_every_row_is_counted_in_its_bucket(values: list[float], max_buckets: int) -> None:
    found = ExponentialHistogram.zero(max_buckets=max_buckets).observe(np.array(values, dtype=np.float64))
    assert len(values) == found.rows
    assert max(len(found.positive), len(found.negative)) <= max_buckets
    for side, offset, sign in (
        (found.positive, found.positive_offset, 1),
        (found.negative, found.negative_offset, -1),
    ):
        expected: dict[int, int] = {}
        for value in values:
            if sign * value > 0:
                place = index(sign * value, found.scale)
                expected[place] = expected.get(place, 0) + 1
        assert expected == {offset + i: count for i, count in enumerate(side.tolist()) if count}
    if found.scale < 20 and values:
        finer = ExponentialHistogram.zero(found.scale + 1, 10_000).observe(np.array(values, dtype=np.float64))
        spread = max(len(finer.positive), len(finer.negative))
        assert finer.scale <= found.scale or spread > max_buckets


@given(st.lists(finite), st.lists(finite), st.lists(finite), st.lists(scales, min_size=3, max_size=3))
def test_merging_states_of_any_scale_is_associative(
    first: list[float], second: list[float], third: list[float], begun: list[int]
) -> None:
    a, b, c = (
        ExponentialHistogram.zero(scale, 8).observe(np.array(values, dtype=np.float64))
        for scale, values in zip(begun, (first, second, third), strict=True)
    )
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b)


@given(st.lists(finite, min_size=1), st.integers(0, 8))
def test_downscaling_is_observing_at_the_smaller_scale(values: list[float], by: int) -> None:
    rows = np.array(values)
    fine = ExponentialHistogram.zero().observe(rows)
    coarse = max(fine.scale - by, -10)
    assert ExponentialHistogram.zero(coarse).observe(rows) == fine.downscale(coarse)


def test_buckets_ascend_over_both_signs() -> None:
    found = ExponentialHistogram.zero(0).observe(np.array([-3.0, -1.0, 0.0, 0.0, 1.0, 1.5, 7.0]))
    lower, upper, counts = found.buckets()
    assert [-4.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 4.0] == lower.tolist()
    assert [-2.0, -1.0, -0.5, 0.0, 1.0, 2.0, 4.0, 8.0] == upper.tolist()
    assert [1, 0, 1, 2, 1, 1, 0, 1] == counts.tolist()


def test_the_greatest_and_the_least_doubles_are_held() -> None:
    extremes = np.array([5e-324, np.finfo(np.float64).max, -5e-324, -np.finfo(np.float64).max])
    found = ExponentialHistogram.zero().observe(extremes)
    lower, upper, counts = found.buckets()
    assert 4 == counts.sum()
    assert np.isfinite(lower).all()
    assert np.isfinite(upper).all()
    assert (-np.finfo(np.float64).max, np.finfo(np.float64).max) == (lower[0], upper[-1])


def test_a_point_and_its_rows_give_the_same_state() -> None:
    rows = np.array([1.5, 3.0, 3.5, -6.0, 0.0])
    found = ExponentialHistogram.from_point(0, 1, -1, [0, 1, 2, 0], 2, [1], 2.0, -6.0, 3.5)
    assert ExponentialHistogram.zero(0).observe(rows) == found


def test_a_finer_or_longer_point_is_brought_within_the_limits() -> None:
    long = ExponentialHistogram.from_point(20, 0, -500, [1] * 1_000, 0, [], 1_000.0)
    assert 1_000 == long.rows
    assert len(long.positive) <= 160
    finer = ExponentialHistogram.from_point(24, 0, 16, [1] * 16, 0, [], 16.0)
    assert (20, 1, [16]) == (finer.scale, finer.positive_offset, finer.positive.tolist())


@pytest.mark.parametrize(
    ("scale", "zeros", "offset", "counts"),
    [
        (-11, 0, 0, [1]),
        (0, -1, 0, [1]),
        (0, 0, 1024, [1]),
        (0, 0, -1076, [1]),
        (3, 0, 2**31 - 1, [1]),
        (0, 0, 0, [-1]),
    ],
)
def test_an_impossible_point_is_refused(scale: int, zeros: int, offset: int, counts: list[int]) -> None:
    with pytest.raises(StateError):
        ExponentialHistogram.from_point(scale, zeros, offset, counts, 0, [], 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(StateError, match="finite"):
        ExponentialHistogram.zero().observe(np.array([1.0, value]))


def test_a_scale_can_only_fall() -> None:
    with pytest.raises(StateError, match="scale"):
        ExponentialHistogram.zero(3).downscale(4)
    with pytest.raises(StateError, match="scale"):
        ExponentialHistogram.zero(21)
    with pytest.raises(StateError, match="buckets"):
        ExponentialHistogram.zero(max_buckets=3)
    assert ExponentialHistogram.zero() != CategoryCounts.zero()
