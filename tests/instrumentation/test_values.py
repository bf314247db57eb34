"""Times, classes, hashes, categories, columns and panes, each against what was written by hand."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.categories import MAX_CATEGORIES, CategoryCounts, CategoryPlan
from barograph.classes import class_text, class_texts
from barograph.columns import event_times, kind_of, numbers, values
from barograph.errors import ConfigError
from barograph.panes import NS_PER_MS, SliceBook, Slices, split
from barograph.redact import OTHER, Redactor
from barograph.schema import Roles
from barograph.semconv import attributes
from barograph.times import NOT_A_TIME, time_ns, times_ns

from .listening import ListeningSink, monitor

FIVE = 1_357_016_400_000_000_000  # 2013-01-01T05:00:00Z
EAST = timezone(timedelta(hours=2))


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        "2013-01-01T05:00:00Z",
        "2013-01-01T05:00:00",
        "2013-01-01 07:00:00+02:00",
        "1357016400",
        "1357016400.0",
        1_357_016_400,
        1_357_016_400.0,
        1_357_016_400_000,
        1_357_016_400_000_000,
        FIVE,
        np.int64(FIVE),
        Decimal(1_357_016_400),
        datetime(2013, 1, 1, 5),  # noqa: DTZ001 - without a zone it is UTC
        datetime(2013, 1, 1, 7, tzinfo=EAST),
        np.datetime64("2013-01-01T05"),
        pd.Timestamp("2013-01-01 05:00"),
        pd.Timestamp("2013-01-01 07:00", tz=EAST),
    ],
)
def test_a_time_in_any_form_is_the_same_moment(value: object) -> None:
    assert time_ns(value) == FIVE
    assert times_ns([value]).tolist() == [FIVE]


@pytest.mark.parametrize("value", [None, "", "soon", float("nan"), pd.NaT, True, -5, 10**30, object(), b"x"])
def test_what_is_no_time_says_so(value: object) -> None:
    assert time_ns(value) == NOT_A_TIME


STAMPS = [datetime(2013, 1, 1, 5, tzinfo=timezone.utc), None]


@pytest.mark.parametrize(
    "column",
    [
        STAMPS,
        pd.Series(STAMPS),
        pd.Series(["2013-01-01T05:00:00Z", None]),
        pd.Series(STAMPS).dt.tz_convert(EAST),
        pl.Series(STAMPS),
        pa.array(STAMPS),
        pa.chunked_array([pa.array(STAMPS)]),
        np.array(["2013-01-01T05", "NaT"], dtype="M8[s]"),
        np.array([FIVE // 10**9, -1]),
        np.array([FIVE / 1e9, np.nan]),
    ],
)
def test_columns_of_times_are_read_alike(column: object) -> None:
    assert event_times(column).tolist() == [FIVE, NOT_A_TIME]


def test_days_are_their_first_moment() -> None:
    assert time_ns(date(2013, 1, 1)) == time_ns("2013-01-01") == FIVE - 5 * 3_600 * 10**9


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.bool_(1), "true"),
        (np.bool_(0), "false"),
        (3, "3"),
        (3.0, "3"),
        (np.float32(0.1), "0.1"),
        (0.1, "0.1"),
        (-0.0, "0"),
        (Decimal("2.50"), "2.5"),
        (Decimal("1152921504606846977.00"), "1152921504606846977"),
        (Decimal("NaN"), None),
        (np.int8(-3), "-3"),
        ("late", "late"),
        (Colour.RED, "red"),
        (np.array([2]), "2"),
        ("x" * 300, "x" * 256),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        ([1], None),
    ],
)
def test_classes_have_one_text(value: object, text: str | None) -> None:
    assert class_text(value) == text
    assert class_texts([value, value]) == [text, text]


def test_equal_values_of_unlike_types_keep_their_own_texts() -> None:
    assert class_texts([1, True, 1.0, "1"]) == ["1", "true", "1", "1"]


def test_hashes_depend_on_the_key_and_clear_columns_stay() -> None:
    one, other = Redactor("m"), Redactor("m", key="secret", clear=frozenset({"city"}))
    assert one.category("city", "Rome") == Redactor("m").hashed("Rome")
    assert one.hashed("Rome") != other.hashed("Rome") != Redactor("m", key=b"k" * 100).hashed("Rome")
    assert other.category("city", "Rome") == "Rome"
    hashed = one.hashed("Rome\ud800")
    assert hashed[0] == "#"
    assert len(bytes.fromhex(hashed[1:])) == 8


values_of_a_category = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=2),
    st.lists(st.integers(), max_size=1),
)


@given(st.lists(values_of_a_category, max_size=40), st.integers(0, 40), st.booleans())
def test_every_value_of_a_category_has_one_state(column: list[Any], at: int, with_baseline: bool) -> None:
    vocabulary = ("true", "1", "a") if with_baseline else None
    redactor = Redactor("m", clear=frozenset({"c"}))
    counts = CategoryCounts(CategoryPlan("c", vocabulary, redactor))
    for part in (column[:at], column[at:]):
        counts.add(part)
    states: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for value in column:
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            states["missing"] += 1
        elif isinstance(value, list) or (isinstance(value, float) and math.isinf(value)):
            states["invalid"] += 1
        else:
            text = class_text(value)
            assert text is not None
            labels[text] += 1
            states["valid" if vocabulary is None or text in vocabulary else "unseen"] += 1
    assert counts.states == dict(states)
    assert counts.labels() == dict(labels)
    assert sum(counts.states.values()) == len(column)


@pytest.mark.parametrize(
    ("vocabulary", "values", "expected"),
    [
        (("false", "true"), [True, 1, 1.0, "true", False, 0], {"true": 4, "false": 2}),
        (("0", "1"), [True, 1, "true", False, "0"], {"1": 3, "0": 2}),
        (("0", "1", "true"), [True, 1, 0], {"true": 1, "1": 1, "0": 1}),
    ],
)
def test_a_vocabulary_knows_a_boolean_by_its_number_too(
    vocabulary: tuple[str, ...], values: list[object], expected: dict[str, int]
) -> None:
    """Rows lose the difference on their way, and must be counted as histograms are."""
    counts = CategoryCounts(CategoryPlan("c", vocabulary, Redactor("m", clear=frozenset({"c"}))))
    counts.add(values)
    assert {"valid": len(values)} == counts.states
    assert expected == counts.labels()


def test_categories_beyond_a_thousand_are_others() -> None:
    counts = CategoryCounts(CategoryPlan("c", None, Redactor("m", clear=frozenset({"*"}))))
    counts.add([f"v{place % 6_000}" for place in range(10_000)] + ["often"] * 3 + ["v0"] * 5)
    labels = counts.labels()
    assert len(labels) == MAX_CATEGORIES + 1
    assert labels["v0"] == 7
    assert sum(labels.values()) == 10_008
    assert labels[OTHER] > 5_000


def test_a_vocabulary_that_pools_rare_values_knows_no_unseen_ones() -> None:
    plan = CategoryPlan("c", ("a", OTHER), Redactor("m"))
    assert plan.classify("b") == ("valid", OTHER)


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), "number", [1.0, 2.0]),
        (np.array([True, False]), "number", [1.0, 0.0]),
        ([1, None, "x", Decimal("2.5"), True], "number", [1.0, math.nan, math.inf, 2.5, 1.0]),
        ([None, math.nan], None, [math.nan, math.nan]),
        (["a", None], "category", [math.inf, math.nan]),
        ([10**400], "number", [math.inf]),
        (["", 1, 2.5], "number", [math.nan, 1.0, 2.5]),
        (["", None], None, [math.nan, math.nan]),
        (np.array(["", "2"]), "category", [math.nan, math.inf]),
        (np.array(["1", "2"]), "category", [math.inf, math.inf]),
        (pd.Series([1, None], dtype="Int64"), "number", [1.0, math.nan]),
        (pd.Series([True, None], dtype="boolean"), "number", [1.0, math.nan]),
        (pd.Series([1.5, 2], dtype="double[pyarrow]"), "number", [1.5, 2.0]),
        (pd.Series([1, 2], dtype="category"), "category", [1.0, 2.0]),
        (pl.Series([Decimal("1.5"), None]), "number", [1.5, math.nan]),
        (pl.Series(["a", None]), "category", [math.inf, math.nan]),
        (pl.Series([None, None]), None, [math.nan, math.nan]),
        (pa.array([2**63 - 1, None]), "number", [2.0**63, math.nan]),
        (pa.array([True, None]), "number", [1.0, math.nan]),
        (pa.array([STAMPS[0]]), "number", [FIVE / 1e9]),
        (np.array(["2013-01-01T05", "NaT"], dtype="M8[s]"), "number", [FIVE / 1e9, math.nan]),
        ([timedelta(seconds=3)], "number", [3.0]),
    ],
)
def test_columns_become_numbers(column: object, kind: str | None, expected: list[float]) -> None:
    assert kind_of(column) == kind
    np.testing.assert_array_equal(numbers(column), expected)
    assert len(values(column)) == len(expected)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60), st.sampled_from([10**9, 7 * 10**9, 10**11]))
def test_rows_are_split_by_the_pane_of_their_time(times: list[int], pane_ns: int) -> None:
    array = np.array(times)
    order, parts = split(array, pane_ns)
    ordered = array if order is None else array[order]
    found = {part.pane: ordered[part.part].tolist() for part in parts}
    expected: dict[int, list[int]] = {}
    for time in times:
        expected.setdefault(time - time % pane_ns, []).append(time)
    assert found == expected
    assert sum(part.rows for part in parts) == len(times)


@given(st.lists(st.integers(0, 6_000), max_size=300))
def test_no_slice_of_a_pane_is_given_twice(panes: list[int]) -> None:
    slices = Slices(60 * 10**9)
    for place in range(5_000):
        slices.take(place * 60 * 10**9)
    given_out = [slices.take(pane * 60 * 10**9) for pane in panes]
    assert len(set(given_out)) == len(given_out)
    for pane, times in zip(panes, given_out, strict=True):
        assert times is not None
        assert (times[1] - 1) // (60 * 10**9) == pane
        assert times[0] > pane * 60 * 10**9 or pane >= 5_000


def test_a_pane_has_as_many_slices_as_milliseconds() -> None:
    slices = Slices(2 * NS_PER_MS)
    assert [slices.take(0), slices.take(0), slices.take(0)] == [(0, 10**6), (10**6, 2 * 10**6), None]


def test_slices_are_shared_by_sink_and_stream() -> None:
    book, one, other = SliceBook(), ListeningSink(), ListeningSink()
    assert book.of(one, "m", 60) is book.of(one, "m", 60)
    assert book.of(one, "m", 60) is not book.of(other, "m", 60)
    assert book.of(one, "m", 60) is not book.of(one, "n", 60)


def test_roles_are_read_from_text_and_mapping() -> None:
    expected = Roles(id="i", time="t", group="g", segments=("a", "b"))
    assert Roles.parse("id=i, time=t,group=g,segment=a,segment=b,") == expected
    assert Roles.parse({"id": "i", "time": "t", "group": "g", "segments": ["a", "b"]}) == expected
    assert expected.never_features == {"i", "t", "g"}
    for wrong in ("colour=x", "id="):
        with pytest.raises(ConfigError, match="wanted one of"):
            Roles.parse(wrong)


def test_an_unreadable_time_is_the_time_of_the_call() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record([{"a": 1.0}, {"a": 2.0}], times=["soon", FIVE])
    assert watch.flush()
    assert len({point.start_ns for point in sink.heard}) == 2
    assert {point.attributes[attributes.ML_MODEL_NAME] for point in sink.heard} == {"m"}
