"""Data as it should not be: what is told to whoever sends it, what is counted, what still comes out right."""

from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph.semconv import metrics as metric_names
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS
from wire.otlp_requests import TIME_NS, Value, key_values, logs, metrics, record

from .world import NOW_NS, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from barograph_processor.engine.results import ClosedWindow

HOUR = TIME_NS // HOUR_NS * HOUR_NS
MIB = 2**20


def prediction(row: int, time_ns: int | None = None, **changed: Value) -> dict[str, Value]:
    """Attributes of a prediction, and its time under ``time``."""
    return {
        names.ML_MODEL_NAME: "m",
        names.ML_INFERENCE_ID: f"id-{row}",
        names.ML_PREDICTION_CLASS: "yes" if row % 2 else "no",
        "time": HOUR + row * MINUTE_NS if time_ns is None else time_ns,
        **{name.replace("__", "."): value for name, value in changed.items()},
    }


def truth(row: int, time_ns: int, value: Value = "yes") -> dict[str, Value]:
    return {
        names.ML_MODEL_NAME: "m",
        names.ML_INFERENCE_ID: f"id-{row}",
        names.ML_GROUND_TRUTH_VALUE: value,
        "time": time_ns,
    }


def request(rows: Iterable[Mapping[str, Value]], source: str = "pod") -> ExportLogsServiceRequest:
    """Predictions and truths, told apart by what they hold."""
    records = []
    for row in rows:
        attributes = {name: value for name, value in row.items() if name != "time"}
        is_truth = names.ML_GROUND_TRUTH_VALUE in attributes
        event = events.ML_GROUND_TRUTH_OBSERVED if is_truth else events.ML_INFERENCE_PREDICTION
        time_ns = row["time"]
        assert isinstance(time_ns, int)
        records.append(record(event, attributes, time_ns))
    return logs(records, {"service.instance.id": source})


def reading(closed: Sequence[ClosedWindow], metric: str, window: str = "1h", **labels: str) -> float | None:
    """The only value of a metric in the windows of a name, of their last revisions."""
    last = {(each.key, each.window, each.start_ns): each for each in closed}
    wanted = {(name.replace("__", "."), value) for name, value in labels.items()}
    found = [
        one.value
        for each in last.values()
        if each.window == window
        for one in each.readings
        if one.metric == metric and wanted <= set(one.attributes)
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


WHOLE: dict[str, str] = {"ml__label__horizon": "all"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ml__prediction__score": "high"}, "bad_type"),
        ({"ml__prediction__score": True}, "bad_type"),
        ({"ml__prediction__score": math.inf}, "score_range"),
        ({"ml__prediction__score": 1.5}, "score_range"),
        ({"ml__prediction__score": -1e300}, "score_range"),
        ({"ml__prediction__value": math.inf}, "not_finite"),
        ({"ml__prediction__value": -math.inf}, "not_finite"),
        ({"ml__prediction__value": [1.0]}, "bad_type"),
        ({"ml__prediction__scores": 0.5}, "bad_type"),
        ({"ml__prediction__scores": {"yes": "x"}}, "bad_type"),
        ({"ml__prediction__scores": {"yes": 7.0}}, "score_range"),
        ({"ml__segments": ["north"]}, "bad_type"),
        ({"ml__features": "41"}, "bad_type"),
        ({"ml__sampling__rate": 0}, "bad_rate"),
        ({"ml__sampling__rate": math.nan}, "bad_rate"),
        ({"ml__model__name": 3.5}, ""),
        ({"ml__model__name": b"m"}, "bad_type"),
        ({"ml__inference__id": {"a": 1}}, "bad_type"),
        ({"ml__inference__id": "x" * 10_000}, "id_too_long"),
        ({"ml__model__name": "x" * 10_000}, "name_too_long"),
        ({"ml__model__name": ""}, "no_model"),
        ({"ml__prediction__score": math.nan}, ""),
        ({"ml__prediction__value": 1.797e308}, ""),
        ({"ml__prediction__value": 5e-324}, ""),
        ({"ml__prediction__value": 2**63 - 1}, ""),
        ({"ml__features": {"age": math.inf, "job": b"x", "list": [1], "map": {"a": 1}, "none": None}}, ""),
    ],
)
def test_a_value_that_can_not_be_costs_its_row_and_a_strange_one_nothing(
    changed: dict[str, Any], reason: str
) -> None:
    world = World()
    refused, told = world.send(request([prediction(0), prediction(1, **changed), prediction(2)]))
    assert (1 if reason else 0, reason in told) == (refused, True)
    assert ({reason: 1} if reason else {}) == world.dropped
    closed = world.drain()
    rows = [one.value for each in closed if each.window == "1h" for one in each.readings
            if one.metric == metric_names.ML_WINDOW_OBSERVATIONS]  # fmt: skip
    assert 3 - refused == sum(rows)


@pytest.mark.parametrize(
    ("time_ns", "outcome"),
    [
        (0, "no_time"),
        (2**64 - 1, "bad_time"),
        (2**63 - 1, "clamped"),
        (NOW_NS + 2 * HOUR_NS, "clamped"),
        (NOW_NS + HOUR_NS, ""),
        (1, "late"),
        (HOUR - 10 * DAY_NS, "late"),
    ],
)
def test_a_time_that_can_not_be_is_refused_and_one_far_ahead_set_back(time_ns: int, outcome: str) -> None:
    world = World()
    world.send(request([prediction(0)]))
    refused, told = world.send(request([prediction(1, time_ns)]))
    assert outcome in world.dropped or not outcome
    is_refused = outcome in {"no_time", "bad_time", "late"}
    assert (int(is_refused), is_refused) == (refused, bool(told))
    assert 2 - refused == world.engine.stats(NOW_NS).predictions
    latest = max(each.end_ns for each in world.drain())
    assert latest <= NOW_NS + 2 * DAY_NS


def test_a_truth_that_is_no_number_or_nothing_is_refused() -> None:
    world = World()
    values: list[Value] = [math.nan, math.inf, b"x", [1], None, ""]
    rows = [truth(row, HOUR, value) for row, value in enumerate(values)]
    refused, _ = world.send(request(rows))
    assert (6, {"not_finite": 2, "bad_type": 2, "no_value": 2}) == (refused, world.dropped)


def test_counts_that_can_not_be_are_refused() -> None:
    world = World()
    held = Metric(name=metric_names.ML_INFERENCE_PREDICTIONS)
    held.sum.aggregation_temporality = 1  # type: ignore[assignment]
    for number in (
        {"as_int": -1},
        {"as_double": 1.5},
        {"as_double": math.nan},
        {"as_double": 1e300},
        {"as_int": 2**62},
    ):
        held.sum.data_points.add(
            start_time_unix_nano=HOUR,
            time_unix_nano=HOUR + 1,
            attributes=key_values({names.ML_MODEL_NAME: "m"}),
            **number,
        )
    refused, told = world.send(metrics([held]))
    assert refused >= 4, told
    assert {"negative_count", "not_integral"} <= set(world.dropped)


@pytest.mark.parametrize(
    "empty",
    [
        ExportLogsServiceRequest(),
        ExportMetricsServiceRequest(),
        logs([]),
        metrics([]),
        metrics([Metric(name=metric_names.ML_FEATURE_VALUE)]),
    ],
    ids=range(5),
)
def test_an_empty_request_is_taken(empty: ExportLogsServiceRequest) -> None:
    world = World()
    assert (0, "") == world.send(empty)
    assert ({}, []) == (world.dropped, world.drain())


def test_a_model_that_nobody_named_learns() -> None:
    world = World("models: {credit: {task: binary}}")
    world.send(request([prediction(row, ml__model__name="other") for row in range(60)]))
    (hour, day) = sorted(world.drain(), key=lambda each: each.window)
    assert ("learning", "other", "learning") == (day.status, hour.key.model, hour.status)


def test_features_that_appear_vanish_or_change_their_type_are_counted_as_what_they_are() -> None:
    world = World("engine: {learn_rows: 1000000}")
    rows = [
        *(prediction(row, ml__features={"age": 41 + row, "job": "clerk"}) for row in range(20)),
        *(prediction(row, ml__features={"job": "clerk", "debt": 1.5}) for row in range(20, 40)),
        *(prediction(row, ml__features={"age": "old", "job": 7, "debt": 2}) for row in range(40, 60)),
    ]
    assert (0, "") == world.send(request(rows))
    closed = world.drain()
    assert 60 == reading(closed, metric_names.ML_WINDOW_OBSERVATIONS)
    missing = {
        name: reading(closed, metric_names.ML_FEATURE_MISSING_RATIO, ml__feature__name=name)
        for name in ("age", "job", "debt")
    }
    invalid = {
        name: reading(closed, metric_names.ML_FEATURE_INVALID_RATIO, ml__feature__name=name)
        for name in ("age", "job", "debt")
    }
    assert {"age": 1 / 3, "job": 0.0} == {name: missing[name] for name in ("age", "job")}
    assert (missing["debt"] or 0) <= 1 / 3
    assert all(value is not None and 0 <= value <= 1 for value in invalid.values())
    assert set() == set(world.dropped)


def test_a_request_that_comes_twice_counts_once() -> None:
    once, twice = World(), World()
    rows = [prediction(row, ml__prediction__score=row / 60) for row in range(60)]
    answers = [truth(row, HOUR + 2 * HOUR_NS) for row in range(40)]
    for world, times in ((once, 1), (twice, 3)):
        for each in (rows, answers):
            for _ in range(times):
                assert (0, "") == world.send(request(each))
    figures = [[(each.window, sorted(each.readings)) for each in world.drain()] for world in (once, twice)]
    assert figures[0] == figures[1]
    assert {"duplicate": 200} == twice.dropped


def test_an_id_that_comes_again_with_another_answer_is_a_conflict_and_the_first_counts() -> None:
    world = World()
    answers = {row: "yes" if row % 2 else "no" for row in range(40)}
    opposite = {"yes": "no", "no": "yes"}
    world.send(request([prediction(row, ml__prediction__class=answer) for row, answer in answers.items()]))
    world.send(request([truth(row, HOUR + HOUR_NS, answer) for row, answer in answers.items()]))
    again = [
        request([prediction(row, ml__prediction__class=opposite[answer]) for row, answer in answers.items()]),
        request([truth(row, HOUR + HOUR_NS, opposite[answer]) for row, answer in answers.items()]),
    ]
    for each in again:
        refused, told = world.send(each)
        assert (40, True) == (refused, "40 as conflict" in told)
    assert {"conflict": 80} == world.dropped
    assert 1.0 == reading(world.drain(), metric_names.ML_PERFORMANCE_ACCURACY, **WHOLE)


def test_labels_may_come_first() -> None:
    worlds = World(), World()
    rows = request([prediction(row) for row in range(60)])
    answers = request([truth(row, HOUR + 2 * HOUR_NS) for row in range(60)])
    for world, order in zip(worlds, ((rows, answers), (answers, rows)), strict=True):
        for each in order:
            world.send(each)
    first, second = ({(w.window, w.start_ns): sorted(w.readings) for w in world.drain()} for world in worlds)
    assert first == second
    assert 60 == worlds[1].engine.stats(NOW_NS).labels_joined


def test_labels_that_never_come_are_counted_when_their_time_is_over() -> None:
    world = World("labels: {within: 1d}")
    world.send(request([prediction(row) for row in range(60)]))
    world.send(request([truth(row, HOUR) for row in range(1_000, 1_010)]))
    world.send(request([prediction(2_000, HOUR + 5 * DAY_NS)]))
    world.engine.advance(HOUR + 5 * DAY_NS)
    assert {"never_labelled": 60, "never_matched": 10} == {
        reason: count for reason, count in world.dropped.items() if reason.startswith("never")
    }


@pytest.mark.parametrize("off_ns", [HOUR_NS, -HOUR_NS])
def test_a_clock_an_hour_off_moves_its_own_rows_and_nobody_elses(off_ns: int) -> None:
    world = World("windows: [1h]")
    for minute in range(0, 240, 5):
        right = HOUR + minute * MINUTE_NS
        world.send(request([prediction(minute, right)], "right"))
        world.send(request([prediction(10_000 + minute, right + off_ns)], "wrong"))
    rows: dict[int, float] = {}
    for each in world.drain():
        for one in each.readings:
            if one.metric == metric_names.ML_WINDOW_OBSERVATIONS:
                rows[(each.start_ns - HOUR) // HOUR_NS] = one.value
    shift = off_ns // HOUR_NS
    expected = {hour: 12.0 * ((0 <= hour < 4) + (0 <= hour - shift < 4)) for hour in range(-1, 5)}
    assert {hour: count for hour, count in expected.items() if count} == rows
    assert {} == world.dropped


def held_mib(world: World, sent: Iterable[ExportLogsServiceRequest | ExportMetricsServiceRequest]) -> float:
    """Memory of Python's own that is held after requests were taken."""
    tracemalloc.start()
    try:
        for each in sent:
            world.send(each)
        return tracemalloc.get_traced_memory()[0] / MIB
    finally:
        tracemalloc.stop()


def test_ten_thousand_feature_names_are_bounded() -> None:
    def observations(begin: int) -> ExportMetricsServiceRequest:
        held = Metric(name=metric_names.ML_FEATURE_OBSERVATIONS)
        held.sum.aggregation_temporality = 1  # type: ignore[assignment]
        for number in range(begin, begin + 1_000):
            attributes: dict[str, Value] = {
                names.ML_MODEL_NAME: "m",
                names.ML_FEATURE_NAME: f"feature-{number}",
                names.ML_FEATURE_STATE: "valid",
            }
            held.sum.data_points.add(
                start_time_unix_nano=HOUR,
                time_unix_nano=HOUR + 1,
                as_int=1,
                attributes=key_values(attributes),
            )
        return metrics([held])

    world = World()
    assert held_mib(world, (observations(begin) for begin in range(0, 10_000, 1_000))) < 50
    assert {"feature_limit": 8_000} == world.dropped
    assert 2 == len(world.drain())


def test_ten_thousand_features_of_rows_are_bounded() -> None:
    world = World()
    wide: list[dict[str, Value]] = [
        prediction(row, ml__features={f"feature-{1_000 * row + each}": 1.5 for each in range(1_000)})
        for row in range(10)
    ]
    assert held_mib(world, (request([row]) for row in wide)) < 100
    world.drain()
    assert 8_000 == world.dropped["feature_limit"]


@pytest.mark.slow
def test_a_hundred_thousand_values_of_a_segment_are_bounded() -> None:
    world = World("segments: [region]")
    batches = (
        request(
            [
                prediction(row, HOUR + row, ml__segments={"region": f"region-{row}"})
                for row in range(begin, begin + 5_000)
            ]
        )
        for begin in range(0, 100_000, 5_000)
    )
    before = held_mib(World(), ())
    assert held_mib(world, batches) - before < 200  # the pending predictions of the store in memory
    closed = world.drain()
    assert 100_000 == reading(closed, metric_names.ML_WINDOW_OBSERVATIONS)
    assert world.dropped["segment_limit"] > 99_000


@pytest.mark.slow
def test_thousands_of_models_are_bounded() -> None:
    world = World("windows: [1d]")
    models = (
        request([prediction(row, ml__model__name=f"model-{row}") for row in range(begin, begin + 500)])
        for begin in range(0, 5_000, 500)
    )
    assert held_mib(world, models) < 100
    assert (1_000, {"key_limit": 4_000}) == (world.engine.stats(NOW_NS).keys, world.dropped)
    assert 1_000 == len(world.drain())


def test_thousands_of_sources_are_bounded() -> None:
    world = World("windows: [1d]")
    crowd = ExportLogsServiceRequest()
    for row in range(3_000):
        crowd.MergeFrom(request([prediction(row, HOUR)], f"source-{row}"))
    parts = [
        ExportLogsServiceRequest(resource_logs=crowd.resource_logs[at : at + 500])
        for at in range(0, 3_000, 500)
    ]
    assert held_mib(world, parts) < 50
    assert {"source_limit": 2_000} == world.dropped
    assert 1_000 == reading(world.drain(), metric_names.ML_WINDOW_OBSERVATIONS, "1d")
