"""Log records: what is ours, what is refused and why, and the limits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.limits import Limits

from .otlp_requests import TIME_NS, Value, logs, record

if TYPE_CHECKING:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def decoded(*records: LogRecord, scope: str = "barograph", limits: dict[str, int] | None = None) -> Decoded:
    """Decode records of one resource."""
    resource: dict[str, Value] = {
        "service.namespace": "shop",
        "deployment.environment": "prod",
        "service.instance.id": "i",
    }
    context = DecodeContext(limits=dataclasses.replace(Limits(), **(limits or {})))
    return decode_logs(logs(records, resource, scope).SerializeToString(), context)


def prediction(**attributes: Value) -> LogRecord:
    """A readable prediction of model ``m``; keywords are the names' last parts."""
    return record(events.ML_INFERENCE_PREDICTION, {names.ML_MODEL_NAME: "m", **_named(attributes)})


def truth(**attributes: Value) -> LogRecord:
    """A readable ground truth of model ``m``."""
    return record(events.ML_GROUND_TRUTH_OBSERVED, {names.ML_MODEL_NAME: "m", **_named(attributes)})


def _named(attributes: dict[str, Value]) -> dict[str, Value]:
    known = {
        "id": names.ML_INFERENCE_ID,
        "cls": names.ML_PREDICTION_CLASS,
        "score": names.ML_PREDICTION_SCORE,
        "scores": names.ML_PREDICTION_SCORES,
        "value": names.ML_PREDICTION_VALUE,
        "segments": names.ML_SEGMENTS,
        "truth": names.ML_GROUND_TRUTH_VALUE,
        "model": names.ML_MODEL_NAME,
        "version": names.ML_MODEL_VERSION,
    }
    return {known[short]: value for short, value in attributes.items()}


def test_a_key_has_its_defaults_and_the_resources_namespace_and_environment() -> None:
    (batch,) = decoded(prediction(id="a", value=1.5)).batches
    assert isinstance(batch, Predictions)
    assert ("default", "shop", "prod", "m", "0", "") == batch.key
    assert batch.source == "i"
    assert batch.time_ns.tolist() == [TIME_NS]


def test_records_of_one_key_make_one_batch() -> None:
    found = decoded(
        prediction(id="a", version=1), prediction(id="b", version="1"), prediction(id="c", version="2")
    )
    assert [["a", "b"], ["c"]] == [
        list(batch.ids) for batch in found.batches if isinstance(batch, Predictions)
    ]


@pytest.mark.parametrize("told", [{"score": 0.9}, {"scores": {"a": 0.2, "b": 0.7, "c": 0.1}}])
def test_which_class_scores_decide_for_is_left_to_the_engine_that_knows_the_baseline(told: Any) -> None:
    (batch,) = decoded(prediction(**told)).batches
    assert isinstance(batch, Predictions)
    assert [-1] == batch.classes.codes.tolist()


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [("late", "late", np.nan), ("1", "1", 1.0), (True, "true", np.nan), (1, None, 1.0), (2.5, None, 2.5)],
)
def test_a_truth_is_a_class_a_number_or_both(value: Value, text: str | None, number: float) -> None:
    (batch,) = decoded(truth(id="a", truth=value)).batches
    assert isinstance(batch, Truths)
    assert batch.version is None
    assert ((text,) if text else ()) == batch.classes.values
    np.testing.assert_equal(batch.value, [number])


def test_a_truth_with_its_prediction_needs_no_id() -> None:
    (batch,) = decoded(truth(truth="a", cls="b")).batches
    assert isinstance(batch, Truths)
    assert batch.pair is not None
    assert batch.pair.classes.values == ("b",)
    assert batch.pair.key.version == "0"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (prediction(model=""), "no_model"),
        (prediction(model=b"m"), "bad_type"),
        (prediction(model="m" * 257), "name_too_long"),
        (prediction(id="i" * 257), "id_too_long"),
        (prediction(id=["a"]), "bad_type"),
        (prediction(cls={"a": 1}), "bad_type"),
        (prediction(cls=float("nan")), "bad_type"),
        (prediction(score="high"), "bad_type"),
        (prediction(score=1.5), "score_range"),
        (prediction(score=float("inf")), "score_range"),
        (prediction(scores={"a": -0.5}), "score_range"),
        (prediction(scores={"a": "x"}), "bad_type"),
        (prediction(scores=[0.5]), "bad_type"),
        (prediction(value=float("-inf")), "not_finite"),
        (prediction(segments={"s": {"deep": "x"}}), "bad_type"),
        (prediction(segments={"s": "x" * 257}), "name_too_long"),
        (truth(truth="a"), "no_id"),
        (truth(id="a"), "no_value"),
        (truth(id="a", truth=float("nan")), "not_finite"),
        (truth(id="a", truth=b"x"), "bad_type"),
        (record(events.ML_INFERENCE_PREDICTION, {names.ML_MODEL_NAME: "m"}, 0), "no_time"),
        (record(events.ML_INFERENCE_PREDICTION, {names.ML_MODEL_NAME: "m"}, 2**63), "bad_time"),
    ],
)
def test_a_bad_item_is_refused_alone_and_says_why(item: LogRecord, reason: str) -> None:
    found = decoded(prediction(id="good"), item)
    assert {reason: 1} == found.rejected
    assert found.accepted == 1
    assert len(found.batches) == 1
    assert reason in found.message


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_classes": 2}, "too_many_classes"),
        ({"max_segments": 2}, "too_many_segments"),
        ({"max_keys": 2}, "too_many_keys"),
    ],
)
def test_what_exceeds_a_limit_is_refused_and_the_rest_taken(limits: dict[str, int], reason: str) -> None:
    found = decoded(
        *(prediction(id=f"{i}", version=i, scores={f"c{i}": 0.5}, segments={f"s{i}": "x"}) for i in range(3)),
        limits=limits,
    )
    assert {reason: 1} == found.rejected
    assert [["0"], ["1"]] == [list(batch.ids) for batch in found.batches if isinstance(batch, Predictions)]


def test_our_own_scope_and_other_records_are_passed_over_and_counted() -> None:
    own = decoded(prediction(id="a"), scope="barograph.readings")
    assert ({"own_readings": 1}, [], 1) == (own.ignored, own.batches, own.accepted)
    other = decoded(record("exception", {"exception.type": "X"}))
    assert ({"foreign": 1}, [], 1) == (other.ignored, other.batches, other.accepted)


def test_the_older_place_of_an_events_name_is_known() -> None:
    found = decoded(record("", {"event.name": events.ML_INFERENCE_PREDICTION, names.ML_MODEL_NAME: "m"}))
    assert len(found.batches) == 1


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\x7f", b"hello"])
def test_bytes_that_are_no_request_are_a_permanent_error(data: bytes) -> None:
    with pytest.raises(Permanent, match="isn't an OTLP logs request"):
        decode_logs(data, DecodeContext())


def test_an_empty_request_is_fine() -> None:
    assert Decoded() == decode_logs(b"", DecodeContext())
