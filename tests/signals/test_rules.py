"""Rules of a schema: exact where states are, bounded where buckets and pooled categories lose something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.redact import Redactor
from barograph.semconv import attributes, metrics
from barograph_processor.signals.api import StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.rules import RULES, above, below, outside
from barograph_processor.signals.schema_rule import Rule
from barograph_processor.signals.status import status

from .windows import DAY_S, reference, view

if TYPE_CHECKING:
    from collections.abc import Mapping

NAN, INF = float("nan"), float("inf")
AGES = np.array([20.0, 30.0, 40.0, 150.0, -3.0, NAN, INF, 120.0])


def shares(found: View, rules: Mapping[str, Rule]) -> dict[tuple[str, str], tuple[float, float]]:
    """Certain and possible share by feature and rule."""
    told: dict[tuple[str, str], dict[str, float]] = {}
    for reading in RULES.readings(replace(found, rules=rules)):
        names = dict(reading.attributes)
        where = names[attributes.ML_FEATURE_NAME], names[attributes.ML_FEATURE_RULE]
        told.setdefault(where, {})[reading.metric] = reading.value
    return {
        where: (one[metrics.ML_FEATURE_VIOLATION_RATIO], one[metrics.ML_FEATURE_VIOLATION_RATIO_UPPER])
        for where, one in told.items()
    }


@pytest.mark.parametrize("known", [True, False])
def test_every_rule_of_a_number_is_a_share_of_all_its_rows(*, known: bool) -> None:
    against = reference({"age": np.arange(100.0)}) if known else None
    rules = {"age": Rule(kind="number", low=0.0, high=120.0, required=True)}
    found = shares(view({"age": AGES}, against), rules)
    assert {
        ("age", "required"): (1 / 8, 1 / 8),
        ("age", "type"): (1 / 8, 1 / 8),
        ("age", "min"): (1 / 8, 1 / 8),
    } == {where: found[where] for where in found if where != ("age", "max")}
    certain, possible = found["age", "max"]
    assert certain == 1 / 8 <= possible <= 2 / 8  # 120 itself may share a bucket with what is beyond


def test_categories_are_compared_by_name_and_by_hash() -> None:
    redactor = Redactor("m")
    hashed = redactor.hashed("north"), redactor.hashed("west"), Redactor("m", key="other").hashed("north")
    rule = Rule(kind="category", values=frozenset({"north", redactor.hashed("north")}))
    for labels, bounds in (
        ({"north": 7, "west": 3}, (3, 3)),
        ({hashed[0]: 7, hashed[1]: 3}, (3, 3)),
        ({hashed[2]: 7}, (0, 7)),  # another key: nothing is known
        ({"north": 7, "__other__": 3}, (0, 3)),
    ):
        assert bounds == outside(CategoryCounts.of(labels), rule.values or frozenset())


def test_where_all_that_is_allowed_comes_by_name_a_hash_is_something_else() -> None:
    against = reference({"town": ["Bern", "Graz"] * 50})
    other = Redactor("m", key="unknown here").hashed("Rome")
    seen = StreamId(StreamKind.FEATURE_CATEGORIES, "town", basis=against.id)
    states = StreamId(StreamKind.FEATURE_STATES, "town", basis=against.id)
    window = {
        seen: CategoryCounts.of({"Bern": 6, other: 4}),
        states: CategoryCounts.of({"valid": 6, "unseen": 4}),
    }
    for allowed, bounds in (({"Bern", "Graz"}, (0.4, 0.4)), ({"Bern", "Linz"}, (0.0, 0.4))):
        rules = {"town": Rule(values=frozenset({*allowed, *map(Redactor("m").hashed, allowed)}))}
        assert {("town", "values"): bounds} == shares(View(window, against, DAY_S, 10), rules)


def test_values_of_the_other_kind_break_the_type() -> None:
    rules = {"age": Rule(kind="category"), "town": Rule(kind="number")}
    found = shares(view({"age": np.arange(10.0), "town": ["Bern"] * 10}, None), rules)
    assert {("age", "type"): (1.0, 1.0), ("town", "type"): (1.0, 1.0)} == found


def test_a_required_feature_that_no_row_has_is_missing_in_all_of_them() -> None:
    rules = {"gone": Rule(required=True), "optional": Rule()}
    assert {("gone", "required"): (1.0, 1.0)} == shares(view({"age": AGES}, None), rules)
    assert {} == shares(View({}, None, DAY_S, 100), rules)


def test_a_stand_in_for_a_missing_value_is_missing() -> None:
    states = {StreamId(StreamKind.FEATURE_STATES, "age"): CategoryCounts.of({"valid": 6, "sentinel": 4})}
    assert {("age", "required"): (0.4, 0.4)} == shares(
        View(states, None, DAY_S, 10), {"age": Rule(required=True)}
    )


def test_without_rules_nothing_is_said() -> None:
    assert [] == list(RULES.readings(view({"age": AGES}, None)))


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)), min_size=1, max_size=40),
    st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)),
    st.booleans(),
)
def test_bounds_hold_what_counting_values_finds_and_touch_it_at_the_extremes(
    values: list[float], limit: float, explicit: bool
) -> None:
    column = np.array(values)
    state = (
        ExplicitHistogram.zero([-2.0, 0.0, 1.0, 500.0]) if explicit else ExponentialHistogram.zero()
    ).observe(column)
    for bounds, truth in (
        (above(state, limit), int((column > limit).sum())),
        (below(state, limit), int((column < limit).sum())),
    ):
        assert bounds[0] <= truth <= bounds[1]
        assert (truth > 0) == (bounds[0] > 0) == (bounds[1] > 0)


def test_where_the_extremes_are_not_known_buckets_alone_tell() -> None:
    state = ExplicitHistogram.from_point(np.array([10.0, 20.0]), np.array([1, 2, 3]), 0.0, None, None)
    assert (3, 3) == above(state, 20.0)
    assert (0, 3) == above(state, 25.0)
    assert (0, 1) == below(state, 5.0)


@pytest.mark.parametrize(("tolerance", "expected"), [(0.0, "warning"), (0.5, "learning")])
def test_a_broken_rule_warns_beyond_its_tolerance_even_while_learning(
    tolerance: float, expected: str
) -> None:
    found = replace(
        view({"age": AGES}, None), rules={"age": Rule(kind="number", high=120.0, tolerance=tolerance)}
    )
    assert expected == status(found, list(RULES.readings(found)))
