"""Log records of others as predictions and as ground truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from barograph_processor.engine.batch import Predictions

from .foreign_requests import LOG, context, listed, numbers, only, records, truths
from .otlp_requests import TIME_NS, Value


def test_a_log_record_is_found_by_its_event_name_wherever_it_stands() -> None:
    how = context({**LOG, "id": "request"})
    assert ["r"] == only(records({"score": 0.5, "request": "r"}, how=how)).ids
    old = records({"score": 0.5, "request": "r", "event.name": "scored"}, how=how, event_name="")
    assert ["r"] == only(old).ids


def test_a_log_record_keeps_its_own_time_or_else_when_it_was_observed() -> None:
    how = context(LOG)
    assert [TIME_NS] == only(records({"score": 0.5}, how=how)).time_ns.tolist()
    late = records({"score": 0.5}, how=how, time_unix_nano=0, observed_time_unix_nano=7)
    assert [7] == only(late).time_ns.tolist()
    assert {"no_time": 1} == records({"score": 0.5}, how=how, time_unix_nano=0).rejected


def test_parts_may_stand_in_a_body_that_is_a_map() -> None:
    how = context(
        {
            "signal": "logs",
            "when": {"scope": "shop", "attributes": {"body.kind": "scored"}},
            "model": {"attribute": "body.model"},
            "id": "body.id",
            "score": "body.score",
            "features": "body.f_*",
            "time": {"attribute": "body.at"},
        }
    )
    body: Value = {"kind": "scored", "model": "m", "id": 7, "score": 0.25, "f_age": 3, "f_x": "y", "at": 1.5}
    batch = only(records({}, how=how, body=body))
    assert ("m", ["7"], [0.25], [1_500_000_000]) == (
        batch.key.model,
        batch.ids,
        batch.score.tolist(),
        batch.time_ns.tolist(),
    )
    assert batch.features is not None
    assert ["age", "x"] == list(batch.features.columns)
    assert {"foreign": 1} == records({}, how=how, body="scored").ignored
    assert {"foreign": 1} == records({}, how=how).ignored


TRUTH: dict[str, Any] = {
    "signal": "logs",
    "when": {"name": "scored"},
    "model": "credit",
    "id": "id",
    "truth": "outcome",
}


def test_a_log_record_may_be_ground_truth() -> None:
    rows: list[dict[str, Value]] = [{"id": "a", "outcome": "default"}, {"id": "b", "outcome": 3}]
    (batch,) = truths(records(*rows, how=context(TRUTH)))
    assert ("t", "credit", None, "", ["a", "b"]) == (
        batch.tenant,
        batch.model,
        batch.version,
        batch.output,
        batch.ids,
    )
    assert ["default", None] == listed(batch.classes)
    np.testing.assert_array_equal([np.nan, 3.0], batch.value)
    assert batch.pair is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"outcome": "x"}, "no_id"),
        ({"id": "a", "outcome": ["x"]}, "bad_type"),
        ({"id": "a", "outcome": float("nan")}, "not_finite"),
        ({"id": "a", "outcome": "x" * 257}, "name_too_long"),
        ({"id": "a", "outcome": ""}, "no_value"),
    ],
)
def test_a_truth_that_is_none_is_refused_with_its_reason(row: dict[str, Value], reason: str) -> None:
    decoded = records({"id": "good", "outcome": "yes"}, row, how=context(TRUTH))
    assert ({reason: 1}, ["good"]) == (decoded.rejected, truths(decoded)[0].ids)


def test_a_record_without_the_truth_says_nothing() -> None:
    assert {"says_nothing": 1} == records({"id": "a"}, how=context(TRUTH)).ignored


def test_prediction_and_truth_in_one_record_are_joined_by_the_id_and_without_one_at_once() -> None:
    how = context({**TRUTH, "class": "answer", "features": "f.*"})
    rows: list[dict[str, Value]] = [
        {"id": "a", "answer": "no", "outcome": "yes", "f.x": 1},
        {"answer": "yes", "outcome": "yes", "f.x": 2},
        {"id": "c", "answer": "no", "f.x": 3},
    ]
    decoded = records(*rows, how=how)
    predictions = decoded.batches[0]
    assert isinstance(predictions, Predictions)
    assert ["a", None, "c"] == predictions.ids
    assert [1.0, 2.0, 3.0] == numbers(predictions, "x")
    by_id, pairs = truths(decoded)
    assert (["a"], None) == (by_id.ids, by_id.pair)
    assert [None] == pairs.ids
    assert pairs.pair is not None
    assert ["yes"] == listed(pairs.pair.classes)
    assert None is pairs.pair.features
