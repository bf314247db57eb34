"""Many states together are what they are one by one."""

from __future__ import annotations

from functools import reduce

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from barograph.errors import StateError
from barograph_processor.engine.window_state import States, merge_all, merge_many
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

numbers = st.lists(
    st.one_of(st.floats(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.just(0.0)), max_size=12
)
histogram = st.builds(
    lambda values, scale: ExponentialHistogram.zero(scale).observe(np.array(values)),
    numbers,
    st.sampled_from([20, 10, 10, 3, -2]),
)
counts = st.dictionaries(st.sampled_from([*"abcdefghijk", "__other__"]), st.integers(0, 9)).map(
    lambda held: CategoryCounts.of(held, limit=3)
)
MOST = 2**62
STREAM = StreamId(StreamKind.FEATURE_VALUE, "age")


@settings(deadline=None)
@given(st.lists(histogram, min_size=2, max_size=9))
def test_histograms(parts: list[ExponentialHistogram]) -> None:
    expected = reduce(ExponentialHistogram.merge, parts)
    found = ExponentialHistogram.together(parts)
    assert expected.to_bytes() == found.to_bytes()
    assert not found.positive.flags.writeable


@given(st.lists(counts, min_size=2, max_size=9))
def test_category_counts(parts: list[CategoryCounts]) -> None:
    assert reduce(CategoryCounts.merge, parts) == CategoryCounts.together(parts)


def test_parts_that_are_unlike_or_too_many_are_refused() -> None:
    much = ExponentialHistogram.from_point(3, 0, 0, [MOST], 0, [], 0.0)
    with pytest.raises(StateError, match="more than"):
        ExponentialHistogram.together([much, much])
    narrow = ExponentialHistogram.zero(max_buckets=8)
    with pytest.raises(StateError, match="limits of"):
        ExponentialHistogram.together([much, narrow])
    with pytest.raises(StateError, match="more than"):
        CategoryCounts.together([CategoryCounts.of({"a": MOST}), CategoryCounts.of({"a": 1})])
    with pytest.raises(StateError, match="of limits"):
        CategoryCounts.together([CategoryCounts.of({"a": 1}), CategoryCounts.of({"a": 1}, limit=3)])


state = st.one_of(
    histogram,
    counts,
    st.sampled_from(
        [
            ExponentialHistogram.zero(max_buckets=8),
            ExplicitHistogram.zero([1.0]).observe(np.array([2.0])),
            ExponentialHistogram.from_point(3, 0, 0, [MOST], 0, [], 0.0),
            CategoryCounts.of({"a": MOST}, limit=3),
        ]
    ),
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([STREAM, STREAM._replace(name="b")]), state), max_size=6))
def test_what_fits_is_merged_and_the_rest_is_counted(parts: list[States]) -> None:
    one_by_one: States = {}
    expected = sum(merge_all(one_by_one, part) for part in parts)
    for begin in range(2):
        into: States = dict(*parts[:begin])
        assert expected == merge_many(into, parts[begin:])
        assert one_by_one == into
