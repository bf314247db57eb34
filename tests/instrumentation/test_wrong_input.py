"""Whatever is recorded, every row is counted or its loss is, and the caller gets no exception."""

from __future__ import annotations

import decimal
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.baseline import Output
from barograph.batches import batches
from barograph.guard import guard
from barograph.rows import MAX_SEGMENT_VALUES
from barograph.schema import MAX_FEATURES
from barograph.semconv import attributes, metrics

from .listening import NOON, ListeningSink, baseline, monitor
from .row_reading import told_rows
from .test_guard import Hostile

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR_NS = 3_600 * 10**9


class HostileList(list[Any]):
    """Raises whatever it is asked."""

    def __len__(self) -> int:
        raise RuntimeError("no length today")

    def __iter__(self) -> Any:
        raise RuntimeError("no values today")


class HostileValue:
    """A value that can be neither compared nor shown."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison today")

    def __str__(self) -> str:
        raise RuntimeError("no text today")


def states(sink: ListeningSink, feature: str) -> dict[str, int]:
    return {state: count for (name, state), count in sink.states().items() if name == feature}


def dropped(sink: ListeningSink) -> dict[str, int]:
    waiting = {reason: count for (_, reason), count in guard.counts().items()}
    told = sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_REASON)
    return {reason: told[reason] + waiting.get(reason, 0) for reason in told.keys() | waiting.keys()}


ROWS: dict[str, tuple[Any, dict[str, str]]] = {
    "an object": (object(), {"x0": "invalid"}),
    "a complex number": (3 + 4j, {"x0": "invalid"}),
    "bytes": (b"ab", {"x0": "invalid"}),
    "a generator": ((number for number in (1, 2)), {"x0": "invalid"}),
    "a function": (len, {"x0": "invalid"}),
    "text": ("text", {"x0": "valid"}),
    "a moment": (datetime(2026, 1, 1, tzinfo=timezone.utc), {"x0": "valid"}),
    "a set": ({2.5}, {"x0": "valid"}),
    "an array without dimensions": (np.array(1.0), {"x0": "valid"}),
    "an array of complex numbers": (np.array([[1 + 2j]]), {"x0": "invalid"}),
    "keys that are no text": ({1: 2.0}, {"1": "valid"}),
    "a huge number": ({"a": 10**400}, {"a": "invalid"}),
    "a huge decimal": ({"a": decimal.Decimal("1e400")}, {"a": "invalid"}),
    "a list among numbers": ([1.0, [2.0]], {"x0": "valid", "x1": "invalid"}),
    "NaN and infinities": ([np.nan, np.inf, -np.inf, 1.0], {"x1": "invalid", "x2": "invalid", "x3": "valid"}),
    "a value that can't be compared": ({"a": HostileValue()}, {"a": "invalid"}),
    "one name twice": (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), {"a": "valid"}),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_a_value_of_a_wrong_type_is_an_invalid_one(lenient: None, case: str) -> None:
    given_features, expected = ROWS[case]
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(given_features, "x", ids="a-17")
    assert watch.flush()
    assert 1 == sink.rows()
    found = {name: state for (name, state), count in sink.states().items() for _ in range(count)}
    assert expected.items() <= found.items()
    assert {"a-17"} == set(told_rows(sink.told))
    assert {} == dropped(sink)


@pytest.mark.parametrize("case", [Hostile(), HostileList([1.0])])
def test_what_cannot_be_read_at_all_is_counted_as_a_fault(lenient: None, case: Any) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(case, "x")
    watch.record({"a": 1.0}, "x")
    assert watch.flush()
    assert (1, {"internal_error": 1}) == (sink.rows(), dropped(sink))


@pytest.mark.parametrize("rows", [[{"a": 1.0}, [2.0], None], [[1.0], {"a": 2.0}, None]])
def test_rows_of_unlike_forms_are_counted_without_their_features(lenient: None, rows: list[Any]) -> None:
    sink = ListeningSink()
    watch = monitor(sink, feature_names=["a"])
    watch.record(rows, ["x"] * 3)
    assert watch.flush()
    assert (3, {"valid": 1, "missing": 2}) == (sink.rows(), states(sink, "a"))
    assert {"unfit_rows": 2} == dropped(sink)


EMPTY = [
    [],
    np.empty((0, 20)),
    pd.DataFrame({"a": []}),
    pl.DataFrame({"a": []}),
    pa.table({"a": pa.array([], pa.float64())}),
    {"a": []},
    {"a": np.empty(0)},
]


@pytest.mark.parametrize("empty", EMPTY, ids=lambda one: type(one).__name__)
def test_an_empty_batch_is_nothing(empty: Any) -> None:
    sink = ListeningSink()
    watch = monitor(sink, rows="all")
    watch.record(empty, [], ids=[])
    with watch.predict(empty) as call:
        call.outputs([])
    assert watch.flush()
    assert (0, []) == (sink.rows(), sink.told)


@pytest.mark.parametrize(
    ("features", "prediction", "rows"),
    [
        ({}, "x", 1),
        ({}, ["x", "y"], 2),
        ({}, [], 0),
        ([{}, {}], ["x", "y"], 2),
        (np.empty((3, 0)), ["x", "y", "z"], 3),
        (pd.DataFrame(index=[0, 1, 2]), ["x", "y", "z"], 3),
    ],
)
def test_rows_without_features_are_predictions_all_the_same(
    features: Any, prediction: Any, rows: int
) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(features, prediction)
    assert watch.flush()
    assert rows == sink.rows()
    assert rows == sink.sums(metrics.ML_PREDICTION_CLASSES).total()


CHANGES = st.lists(
    st.dictionaries(
        st.sampled_from("abcde"),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(10**400), 10**400),
            st.floats(),
            st.text(max_size=3),
            st.just(["list"]),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=40,
)


@given(CHANGES, st.booleans(), st.sampled_from(["each", "list", "columns"]))
def test_columns_may_appear_vanish_and_change_type(
    rows: list[dict[str, Any]], with_baseline: bool, form: str
) -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline() if with_baseline else None)
    if form == "each":
        for row in rows:
            watch.record(row, "x")
    elif form == "list":
        watch.record(rows, ["x"] * len(rows))
    else:
        watch.record({name: [row.get(name) for row in rows] for name in "abcde"}, ["x"] * len(rows))
    assert watch.flush()
    assert len(rows) == sink.rows()
    assert {} == guard.counts()
    names = {name for name, _ in sink.states()}
    if with_baseline:
        assert {"a", "b", "c"} == names
    for name in names:
        told = sum(count for state, count in states(sink, name).items() if state not in ("below", "above"))
        assert len(rows) == told


@given(CHANGES)
def test_many_unlike_dicts_are_counted_as_each_alone(rows: list[dict[str, Any]]) -> None:
    items = [(row, "x") for row in rows if row]
    found = []
    for flush_each in (False, True):
        sink = ListeningSink()
        watch = monitor(sink, baseline=baseline(outputs=[Output(task="multiclass", classes=("x", "y", "z"))]))
        for row, prediction in items:
            watch.record(row, prediction)
            if flush_each:
                assert watch.flush()
        assert watch.flush()
        found.append(
            (sink.states(), sink.sums(metrics.ML_FEATURE_CATEGORIES, attributes.ML_FEATURE_CATEGORY))
        )
    assert found[0] == found[1]


def test_ten_thousand_names_are_bounded_and_the_rest_is_counted(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    for number in range(10_000):
        watch.record({f"name {number}": 1.0 if number % 2 else "text"}, "x")
    assert watch.flush(60.0)
    assert 10_000 == sink.rows()
    assert MAX_FEATURES == len({name for name, _ in sink.states()})
    assert {"too_many_features": 10_000 - MAX_FEATURES} == dropped(sink)


def test_unlike_dicts_are_few_batches_and_none_is_huge() -> None:
    from .test_guard import item  # noqa: PLC0415

    def shapes(count: int) -> Iterable[tuple[int, int]]:
        for batch in batches([item({f"name {number}": 1.0}) for number in range(count)]):
            assert batch.frame is not None
            yield batch.rows, batch.frame.width

    assert [(1, 1)] * 8 == list(shapes(8))
    assert [(1_000, 1_000)] == list(shapes(1_000))
    many = list(shapes(8_192))
    assert 8_192 == sum(rows for rows, _ in many)
    assert max(rows * width for rows, width in many) <= 2**20
    assert len(many) <= 9


def test_a_hundred_thousand_segment_values_are_twenty_and_others() -> None:
    sink = ListeningSink()
    watch = monitor(sink, outcomes="packed")
    for start in range(0, 100_000, 10_000):
        segments = {"customer": [f"c-{number}" for number in range(start, start + 10_000)]}
        ids = [f"id-{number}" for number in range(start, start + 10_000)]
        watch.record({"a": np.ones(10_000)}, ["x"] * 10_000, ids=ids, segments=segments)
    assert watch.flush(60.0)
    rows = told_rows(sink.told)
    found = [row[attributes.ML_SEGMENTS]["customer"] for row in rows.values()]
    assert (100_000, MAX_SEGMENT_VALUES + 1) == (len(found), len(set(found)))
    assert 100_000 - MAX_SEGMENT_VALUES == found.count("__other__")


def test_ids_that_repeat_leave_as_often_as_they_came() -> None:
    sink = ListeningSink()
    watch = monitor(sink, rows=0.5)
    for number in range(6):
        watch.record({"a": [1.0, 2.0]}, ["x", "y"], ids=["again", f"id-{number}"])
    assert watch.flush()
    assert 12 == sink.rows()
    told = [event.attributes[attributes.ML_BATCH_ROWS] for event in sink.told]
    assert 12 == sum(told)  # type: ignore[arg-type]


@pytest.mark.parametrize("off_by_ns", [HOUR_NS, -HOUR_NS])
def test_event_times_an_hour_off_belong_to_their_own_panes(off_by_ns: int) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    for number in range(10):
        watch.record({"a": 1.0}, "x", times=NOON + (off_by_ns if number % 2 else 0))
    assert watch.flush()
    by_pane = {
        point.start_ns // (60 * 10**9) * 60 * 10**9: point.data
        for point in sink.of(metrics.ML_INFERENCE_PREDICTIONS)
    }
    assert {NOON: 5, NOON + off_by_ns: 5} == by_pane


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_a_wall_clock_that_jumps_an_hour_repeats_no_slice_and_loses_no_row(step_ns: int) -> None:
    now = [NOON]
    sink = ListeningSink()
    watch = monitor(sink, clock=lambda: now[0])
    for step in (0, step_ns, -step_ns, step_ns):
        now[0] += step
        for _ in range(5):
            with watch.predict({"a": 1.0}) as call:
                call.outputs("x")
        assert watch.flush()
    assert 20 == sink.rows()
    told = [
        (point.metric, tuple(sorted(point.attributes.items())), point.start_ns, point.end_ns)
        for point in sink.heard
        if point.metric != metrics.ML_TELEMETRY_DROPPED
    ]
    assert len(told) == len(set(told))
    assert all(start < end for _, _, start, end in told)
