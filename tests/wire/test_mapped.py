"""The parts of a prediction that a mapping finds in spans of others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph_processor.engine.batch import Predictions
from barograph_processor.wire.decode_traces import decode_traces

from .foreign_requests import ONE, SPAN, context, listed, numbers, only, spans
from .otlp_requests import TIME_NS, Value, key_values


def test_a_span_becomes_a_prediction_with_its_features() -> None:
    decoded = spans(ONE, how=context(SPAN))
    batch = only(decoded)
    assert ("t", "", "", "credit", "3", "") == batch.key
    assert "pod-1" == batch.source
    assert ["a-1"] == batch.ids
    assert [TIME_NS + 1_000] == batch.time_ns.tolist()
    assert ["default"] == listed(batch.classes)
    assert [0.75] == batch.score.tolist()
    assert ["north"] == listed(batch.segments["region"])
    assert batch.features is not None
    assert ["age", "owns", "job"] == list(batch.features.columns)
    assert [41.0] == numbers(batch, "age")
    assert [1.0] == numbers(batch, "owns")
    job = batch.features.columns["job"].texts
    assert job is not None
    assert ["clerk"] == listed(job)
    assert (1, Counter(), Counter()) == (decoded.accepted, decoded.rejected, decoded.ignored)


def test_a_row_lacks_what_only_others_have() -> None:
    other: dict[str, Value] = {"app.request_id": "a-2", "app.score": 0.5, "app.features.income": 2.5}
    with_version = {"version": "3"}
    batch = only(spans(ONE, other, how=context({**SPAN, **with_version})))
    assert ["default", None] == listed(batch.classes)
    assert ["north", None] == listed(batch.segments["region"])
    np.testing.assert_array_equal([41.0, np.nan], numbers(batch, "age"))
    np.testing.assert_array_equal([np.nan, 2.5], numbers(batch, "income"))


def test_rows_of_several_versions_and_resources_become_batches_of_their_own() -> None:
    decoded = spans(
        ONE, {**ONE, "app.model.version": "4"}, {**ONE, "app.request_id": "a-3"}, how=context(SPAN)
    )
    found = {batch.key.version: batch.ids for batch in decoded.batches if isinstance(batch, Predictions)}
    assert {"3": ["a-1", "a-3"], "4": ["a-1"]} == found


def test_the_model_is_named_by_the_record_or_else_by_its_resource() -> None:
    how = context({**SPAN, "model": {"attribute": "app.model"}, "version": {"attribute": "service.version"}})
    resource: dict[str, Value] = {"app.model": "churn", "service.version": "7"}
    assert "credit" == only(spans({**ONE, "app.model": "credit"}, how=how, resource=resource)).key.model
    key = only(spans(ONE, how=how, resource=resource)).key
    assert ("churn", "7") == (key.model, key.version)
    assert {"no_model": 1} == spans(ONE, how=how).rejected


def test_no_version_is_version_zero_and_an_output_has_a_key_of_its_own() -> None:
    key = only(spans(ONE, how=context({**SPAN, "version": None, "output": "risk"}))).key
    assert ("0", "risk") == (key.version, key.output)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("app.request_id", ["a"], "bad_type"),
        ("app.request_id", "x" * 257, "id_too_long"),
        ("app.answer", b"no", "bad_type"),
        ("app.score", "high", "bad_type"),
        ("app.score", 1.5, "score_range"),
        ("app.region", ["north"], "bad_type"),
        ("app.model.version", {"major": 3}, "bad_type"),
        ("app.features." + "f" * 257, 1.0, "name_too_long"),
    ],
)
def test_a_wrong_type_costs_its_row_and_says_why(attribute: str, value: Value, reason: str) -> None:
    decoded = spans(ONE, {**ONE, "app.request_id": "a-2", attribute: value}, how=context(SPAN))
    assert ({reason: 1}, 1) == (decoded.rejected, decoded.accepted)
    assert ["a-1"] == only(decoded).ids


def test_a_value_that_no_feature_has_is_invalid_and_its_row_counts() -> None:
    batch = only(
        spans({**ONE, "app.features.age": [1, 2]}, {**ONE, "app.features.age": b"x"}, how=context(SPAN))
    )
    assert [np.inf, np.inf] == numbers(batch, "age")


def test_a_span_without_any_mapped_part_says_nothing() -> None:
    decoded = spans(ONE, {"http.route": "/predict", "app.request_id": "a-9"}, how=context(SPAN))
    assert ({"says_nothing": 1}, 2) == (decoded.ignored, decoded.accepted)
    assert ["a-1"] == only(decoded).ids


def test_features_alone_are_a_prediction() -> None:
    assert [5.0] == numbers(only(spans({"app.features.age": 5}, how=context(SPAN))), "age")


@pytest.mark.parametrize(
    ("features", "found"),
    [
        ("app.map", {"age": [41.0], "owns": [0.0]}),
        (["app.features.age", "app.score"], {"app.features.age": [41.0], "app.score": [0.75]}),
        ({"years": "app.features.age"}, {"years": [41.0]}),
    ],
)
def test_features_are_a_map_or_a_list_or_renamed(features: Any, found: dict[str, list[float]]) -> None:
    row: dict[str, Value] = {**ONE, "app.map": {"age": 41, "owns": False}}
    batch = only(spans(row, how=context({**SPAN, "features": features})))
    assert batch.features is not None
    assert found == {name: column.numbers.tolist() for name, column in batch.features.columns.items()}


def test_features_that_should_be_a_map_and_are_not_are_refused() -> None:
    decoded = spans({**ONE, "app.map": "{}"}, how=context({**SPAN, "features": "app.map"}))
    assert {"bad_type": 1} == decoded.rejected


def test_scores_by_class_decide_nothing_yet() -> None:
    how = context({**SPAN, "class": None, "score": None, "scores": "app.p.*"})
    batch = only(spans({"app.p.no": 0.3, "app.p.yes": 0.7}, {"app.p.no": 1, "app.p.yes": 0}, how=how))
    assert ("no", "yes") == batch.score_classes
    assert [[0.3, 0.7], [1.0, 0.0]] == batch.scores.tolist()
    assert [None, None] == listed(batch.classes)


def test_a_predicted_number_is_a_value() -> None:
    how = context({**SPAN, "value": "app.price"})
    batch = only(spans({"app.price": 12}, {"app.price": 1.5}, how=how))
    assert [12.0, 1.5] == batch.value.tolist()
    assert {"not_finite": 1} == spans({"app.price": float("inf")}, how=how).rejected


def test_more_features_than_there_is_room_for_cost_the_rows_that_name_them() -> None:
    wide = {**ONE, "app.request_id": "a-2", "app.features.more": 1}
    decoded = spans(ONE, wide, how=context(SPAN, max_features=3))
    assert {"too_many_features": 1} == decoded.rejected
    assert ["a-1"] == only(decoded).ids


def test_ten_thousand_names_need_no_more_memory_than_their_values() -> None:
    rows: list[dict[str, Value]] = [
        {f"app.features.f{i}": 1.0, "app.model.version": "3"} for i in range(10_000)
    ]
    decoded = spans(*rows, how=context(SPAN))
    assert {"too_many_features": 9_600} == decoded.rejected
    assert 400 == len(only(decoded).ids)


def test_classes_and_segments_have_their_limits_too() -> None:
    row: dict[str, Value] = {"p.a": 0.5, "p.b": 0.5, "s.a": "x", "s.b": "y"}
    how = {**SPAN, "class": None, "score": None, "features": None, "segments": "s.*", "scores": "p.*"}
    assert {"too_many_classes": 1} == spans(row, how=context(how, max_classes=1)).rejected
    assert {"too_many_segments": 1} == spans(row, how=context(how, max_segments=1)).rejected


def test_a_name_that_repeats_in_a_span_counts_once_by_its_last_value() -> None:
    request = ExportTraceServiceRequest()
    attributes = [*key_values(ONE), *key_values({"app.features.age": 42})]
    request.resource_spans.add().scope_spans.add().spans.add(
        name="POST /predict", end_time_unix_nano=TIME_NS, attributes=attributes
    )
    assert [42.0] == numbers(only(decode_traces(request.SerializeToString(), context(SPAN))), "age")
