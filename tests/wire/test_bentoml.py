"""BentoML's monitoring logs, as the real library sent them, and what may be wrong with such records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire.bentoml import BentoML
from barograph_processor.wire.bentoml_schema import Config
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.limits import Limits

from .foreign_requests import listed, numbers, only, truths
from .otlp_requests import Value, any_value

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> ExportLogsServiceRequest:
    """What tools/recording/bentoml/record.py kept."""
    return ExportLogsServiceRequest.FromString((RECORDED / f"bentoml-1.4.40-{name}.otlp").read_bytes())


def decoded(request: ExportLogsServiceRequest, limits: Limits | None = None, **config: Any) -> Decoded:
    how = DecodeContext(limits=limits or Limits(), dialects=[BentoML(Config(**config))])
    return decode_logs(request.SerializeToString(), how)


def predictions(found: Decoded) -> list[Predictions]:
    return [batch for batch in found.batches if isinstance(batch, Predictions)]


def entries(request: ExportLogsServiceRequest, row: int) -> Any:
    """The body of a record."""
    records = [r for one in request.resource_logs for scope in one.scope_logs for r in scope.log_records]
    return records[row].body.kvlist_value.values


def put(request: ExportLogsServiceRequest, row: int, name: str, value: Value) -> None:
    """Change an entry of a record's body."""
    for pair in entries(request, row):
        if pair.key == name:
            pair.value.CopyFrom(any_value(value))


def drop(request: ExportLogsServiceRequest, row: int, name: str) -> None:
    values = entries(request, row)
    kept = [pair for pair in values if pair.key != name]
    del values[:]
    values.extend(kept)


def test_a_monitor_is_a_model_with_features_and_a_class() -> None:
    found = decoded(recorded("class"))
    batch = only(found)
    assert ("default", "", "", "answers", "0", "") == batch.key
    assert ["refuse", "grant", "grant"] == listed(batch.classes)
    assert [25.0, 35.0, 45.0] == numbers(batch, "age")
    assert [0.0, 0.0, 1.0] == numbers(batch, "owns")
    assert batch.features is not None
    assert {"age", "job", "owns"} == set(batch.features.columns)
    job = batch.features.columns["job"].texts
    assert job is not None
    assert ["clerk"] * 3 == listed(job)
    assert (3, {}, {}) == (found.accepted, found.rejected, found.ignored)


def test_a_request_of_one_row_has_its_request_id_and_time() -> None:
    request = recorded("class")
    ids = [
        pair.value.string_value
        for row in range(3)
        for pair in entries(request, row)
        if pair.key == "request_id"
    ]
    batch = only(decoded(request))
    assert ids == batch.ids
    times = [record.time_unix_nano for record in request.resource_logs[0].scope_logs[0].log_records]
    assert times == batch.time_ns.tolist()


def test_rows_of_a_batch_are_told_apart_and_carry_their_truth() -> None:
    found = decoded(recorded("numbers-in-a-batch"))
    (batch,) = predictions(found)
    assert [2.5, 5.0, 0.25] == batch.value.tolist()
    assert [1.0, 2.0, 0.1] == numbers(batch, "area")
    assert 3 == len(set(batch.ids))
    (truth,) = truths(found)
    assert batch.ids == truth.ids
    assert [3.5, 6.0, 1.25] == truth.value.tolist()
    assert batch.ids == only_ids(decoded(recorded("numbers-in-a-batch")))


def only_ids(found: Decoded) -> Any:
    return predictions(found)[0].ids


def test_several_prediction_columns_are_outputs_and_the_target_is_that_of_its_type() -> None:
    found = decoded(recorded("class-and-score"))
    by_output = {batch.key.output: batch for batch in predictions(found)}
    assert ["", "answer", "chance"] == sorted(by_output)
    assert [20.0, 60.0] == numbers(by_output[""], "age")
    assert ["no", "yes"] == listed(by_output["answer"].classes)
    assert [0.2, 0.6] == by_output["chance"].value.tolist()
    assert [("answer", ["yes", "yes"])] == [(truth.output, listed(truth.classes)) for truth in truths(found)]


def test_a_column_may_be_named_as_the_score_and_others_as_segments() -> None:
    found = decoded(recorded("class-and-score"), score="chance", segments=("age",))
    (batch,) = predictions(found)
    assert ("", ["no", "yes"], [0.2, 0.6]) == (batch.key.output, listed(batch.classes), batch.score.tolist())
    assert [20.0, 60.0] == numbers(batch, "age")
    assert ["20", "60"] == listed(batch.segments["age"])
    assert [""] == [truth.output for truth in truths(found)]


def test_an_id_of_the_services_own_is_no_feature() -> None:
    batch = only(decoded(recorded("class"), id="job"))
    assert ["clerk"] * 3 == batch.ids
    assert batch.features is not None
    assert {"age", "owns"} == set(batch.features.columns)


def test_probabilities_by_position_have_positions_for_classes_and_lists_are_no_features() -> None:
    batch = only(decoded(recorded("sequences")))
    assert ("0", "1", "2") == batch.score_classes
    np.testing.assert_array_equal([[0.25, 0.75, np.nan], [0.25, 0.25, 0.5]], batch.scores)
    assert [None, None] == listed(batch.classes)
    assert [np.inf, np.inf] == numbers(batch, "values")


def test_records_say_themselves_which_monitor_they_are_of() -> None:
    """BentoML sends a service's later records under the resource of the monitor that came last."""
    request = recorded("two-monitors")
    assert 2 == len(request.resource_logs[-1].scope_logs[0].log_records)
    found = {batch.key.model: len(batch.ids) for batch in predictions(decoded(request))}
    assert {"answers": 2, "prices": 1} == found


def test_records_without_description_are_like_the_others_of_their_scope() -> None:
    assert 3 == len(only(decoded(recorded("first-described"))).ids)


def test_records_that_nothing_describes_are_refused_and_say_what_to_do() -> None:
    request = recorded("first-described")
    drop(request, 0, "bento_meta")
    found = decoded(request)
    assert ({"no_schema": 3}, 0, []) == (found.rejected, found.accepted, found.batches)
    assert "set meta_sample_rate to 1" in found.message


def test_records_among_several_monitors_are_not_guessed() -> None:
    request = recorded("two-monitors")
    last = request.resource_logs[-1].scope_logs[0]
    last.log_records.add().CopyFrom(last.log_records[-1])
    drop(request, 3, "bento_meta")
    assert {"no_schema": 1} == decoded(request).rejected


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"monitor_name": "m"},
        {"schema": {}},
        {"monitor_name": "m", "schema": {}},
        {"monitor_name": "m", "schema": {"age": "x"}},
        {"monitor_name": 3, "schema": {"age": {"role": 3}}},
    ],
)
def test_a_description_that_says_nothing_costs_only_its_own_records(meta: Any) -> None:
    request = recorded("class")
    put(request, 1, "bento_meta", meta)
    found = decoded(request)
    assert 1 == found.rejected.total() + found.ignored.total()
    assert [25.0, 45.0] == numbers(only(found), "age")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("answer", ["grant"], "bad_type"),
        ("answer", "x" * 300, "name_too_long"),
        ("request_id", ["1"], "bad_type"),
        ("request_id", "1" * 300, "id_too_long"),
    ],
)
def test_a_wrong_type_costs_its_row(name: str, value: Value, reason: str) -> None:
    request = recorded("class")
    put(request, 1, name, value)
    found = decoded(request)
    assert ({reason: 1}, 2) == (found.rejected, found.accepted)
    assert [25.0, 45.0] == numbers(only(found), "age")


def test_a_request_without_id_counts_without_one() -> None:
    request = recorded("class")
    put(request, 1, "request_id", "None")
    assert None is only(decoded(request)).ids[1]


def test_a_bento_has_a_version() -> None:
    request = recorded("class")
    for row in range(3):
        for pair in entries(request, row):
            if pair.key == "bento_meta":
                for each in pair.value.kvlist_value.values:
                    if each.key == "bento_version":
                        each.value.string_value = "abc"
    assert "abc" == only(decoded(request)).key.version


def test_what_others_log_is_left_alone() -> None:
    request = recorded("class")
    request.resource_logs[0].scope_logs[0].scope.name = "shop"
    assert 3 == len(only(decoded(request)).ids), "bento_meta tells it, in SDKs whose scope is another"
    for row in range(3):
        drop(request, row, "bento_meta")
    assert {"foreign": 3} == decoded(request).ignored


def test_a_body_that_is_text_is_refused_where_the_scope_says_that_it_is_a_monitors() -> None:
    request = recorded("class")
    request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = "{'age': 25}"
    assert 2 == len(only(decoded(request)).ids), "the others describe it, but it says nothing"
    assert {"says_nothing": 1} == decoded(request).ignored


def test_a_thousand_descriptions_are_as_many_models_as_there_is_room_for() -> None:
    request = recorded("class")
    put(request, 1, "bento_meta", {"monitor_name": "other", "schema": {"age": {"role": "feature"}}})
    assert {"too_many_keys": 1} == decoded(request, Limits(max_keys=1)).rejected


def test_truths_of_columns_that_nothing_was_predicted_for_wait_under_their_own_name() -> None:
    request = recorded("numbers-in-a-batch")
    schema: dict[str, Value] = {
        "price": {"role": "prediction", "type": "numerical"},
        "area": {"role": "target", "type": "categorical"},
        "sold": {"role": "target", "type": "numerical"},
    }
    for row in range(3):
        put(request, row, "bento_meta", {"monitor_name": "prices", "schema": schema})
    found = {truth.output: truth.value.tolist() for truth in truths(decoded(request))}
    assert {"": [3.5, 6.0, 1.25], "area": [1.0, 2.0, 0.1]} == found


def test_the_same_records_again_have_the_same_ids() -> None:
    request = recorded("numbers-in-a-batch")
    first = predictions(decoded(request))[0].ids
    request.resource_logs[0].scope_logs[0].log_records.add().CopyFrom(
        recorded("class").resource_logs[0].scope_logs[0].log_records[0]
    )
    again = [batch for batch in decoded(request).batches if isinstance(batch, Predictions | Truths)]
    assert first == next(batch.ids for batch in again if len(batch.ids) == 3)
