"""Rules by column, and numbers that stand for their buckets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.baseline import Feature
from barograph.buckets import BaselineBuckets, WidthBuckets
from barograph.errors import ConfigError
from barograph.histograms import NumberPlan
from barograph.redaction import Redaction, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

finite = st.floats(allow_nan=False, allow_infinity=False)


def test_rules_are_read_from_text_and_from_mappings() -> None:
    text = Redaction.parse("ssn=drop, name=hash,age=bucket:10,*=bucket,city=clear")
    mapping = Redaction.parse(
        {"ssn": "drop", "name": "hash", "age": "bucket:10", "*": "bucket", "city": "clear"}
    )
    for found in (text, mapping):
        assert Rule("drop") == found.of("ssn")
        assert Rule("hash") == found.of("name")
        assert Rule("bucket", 10.0) == found.of("age")
        assert Rule("bucket") == found.of("other")
        assert None is found.stated("other")
        assert {"city"} == found.clear
    assert None is Redaction.parse(None).of("anything")


@pytest.mark.parametrize(
    "text",
    ["ssn", "ssn=", "=drop", "ssn=burn", "ssn=drop:3", "age=bucket:0", "age=bucket:-1", "age=bucket:x"],
)
def test_a_wrong_rule_is_explained(text: str) -> None:
    with pytest.raises(ConfigError, match=r"redact: got .*wanted "):
        Redaction.parse(text)


@st.composite
def cases(draw: Callable[[Any], Any]) -> tuple[Feature, list[float]]:
    """A feature of a baseline, however odd, and values on, between and beside its cuts."""
    small = st.one_of(st.integers(-8, 8).map(float), finite)
    edges = tuple(sorted(set(draw(st.lists(small, max_size=6)))))
    bounds = sorted(draw(st.lists(small, min_size=2, max_size=2)))
    feature = Feature(
        name="a",
        kind="number",
        edges=edges,
        low=draw(st.sampled_from([None, bounds[0]])),
        high=draw(st.sampled_from([None, bounds[1]])),
        sentinels=tuple(draw(st.lists(st.one_of(small, st.sampled_from([*edges, 0.0])), max_size=2))),
    )
    near = [math.nextafter(one, way) for one in (*edges, *bounds, *feature.sentinels) for way in (-9e9, 9e9)]
    drawn = draw(st.lists(st.one_of(small, st.floats()), max_size=10))
    return feature, [*drawn, *edges, *bounds, *feature.sentinels, *near]


def counted(feature: Feature, values: Any) -> tuple[list[int], dict[str, int]]:
    plan = NumberPlan([feature])
    counts = plan.counts(1)
    counts.add(plan.prepare(np.array(values, dtype=np.float64).reshape(-1, 1)), slice(None), len(values))
    data = counts.data(0)
    return ([] if data is None else list(data.counts)), counts.states(0)  # type: ignore[union-attr]


@given(cases())
def test_stand_ins_are_counted_as_what_they_stand_for(case: tuple[Feature, list[float]]) -> None:
    feature, values = case
    buckets = BaselineBuckets(feature)
    for value in values:
        (stand_in,) = buckets.stand_ins(np.array([value])).tolist()
        assert counted(feature, [value]) == counted(feature, [stand_in])


@given(cases())
def test_all_values_of_a_bucket_and_side_have_one_stand_in(case: tuple[Feature, list[float]]) -> None:
    feature, values = case
    known = [one for one in values if np.isfinite(one) and one not in feature.sentinels]
    found = dict(zip(known, BaselineBuckets(feature).stand_ins(np.array(known)).tolist(), strict=True))
    kinds = {repr(counted(feature, [one])) for one in known}
    assert len(set(found.values())) <= len(kinds)


def test_stand_ins_say_nothing_of_values_beyond_the_range() -> None:
    feature = Feature(name="a", kind="number", edges=(1.0, 2.0, 3.0), low=0.5, high=3.5, sentinels=(-999.0,))
    found = BaselineBuckets(feature).stand_ins(
        np.array([-1e9, 0.4, 0.5, 1.0, 1.5, 2.9, 3.2, 3.6, 1e9, -999.0, np.nan, np.inf])
    )
    assert found[0] == found[1] < 0.5
    assert [0.75, 0.75, 1.5, 2.5, 3.25] == found[2:7].tolist()
    assert 3.5 < found[7] == found[8]
    assert [-999.0, True, np.inf] == [found[9], np.isnan(found[10]), found[11]]


@given(st.floats(1e-3, 1e6), st.lists(st.floats(), max_size=20))
def test_buckets_of_a_width_are_that_wide_and_finite_stays_finite(width: float, values: list[float]) -> None:
    given_values = np.array(values, dtype=np.float64)
    found = WidthBuckets(width).stand_ins(given_values)
    assert np.isfinite(given_values).tolist() == np.isfinite(found).tolist()
    assert np.isnan(given_values).tolist() == np.isnan(found).tolist()
    near = np.abs(given_values) < 1e9 * width
    # Half a width, and what rounding of a quotient near a whole number adds.
    assert (np.abs(found[near] - given_values[near]) <= width * (0.5 + 1e-6)).all()


def test_ages_in_tens() -> None:
    ages = np.array([0.0, 9.0, 10.0, 41.0, 49.9, -1.0])
    assert [5.0, 5.0, 15.0, 45.0, 45.0, -5.0] == WidthBuckets(10.0).stand_ins(ages).tolist()
