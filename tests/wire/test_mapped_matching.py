"""Which records a mapping takes, and when it says that they happened."""

from __future__ import annotations

from typing import Any

import pytest

from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Predictions

from .foreign_requests import LOG, ONE, SPAN, context, only, records, spans
from .otlp_requests import TIME_NS, Value


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"name": "POST /predict"}, True),
        ({"name": "POST *"}, True),
        ({"name": ["GET /", "POST /predict"]}, True),
        ({"name": "GET *"}, False),
        ({"scope": "shop"}, True),
        ({"scope": "sh*"}, True),
        ({"scope": "bank"}, False),
        ({"service": "checkout"}, True),
        ({"service": "cart"}, False),
        ({"attributes": {"app.model.version": 3}}, True),
        ({"attributes": {"app.features.owns": True, "app.region": "north"}}, True),
        ({"attributes": {"app.region": "south"}}, False),
        ({"attributes": {"team": "risk"}}, True),
        ({"name": "POST /predict", "scope": "bank"}, False),
    ],
)
def test_a_mapping_takes_what_fits_and_leaves_the_rest(when: dict[str, Any], fits: bool) -> None:
    resource: dict[str, Value] = {"service.name": "checkout", "team": "risk"}
    decoded = spans(ONE, how=context({**SPAN, "when": when}), resource=resource)
    assert (int(fits), {} if fits else {"foreign": 1}) == (len(decoded.batches), decoded.ignored)


def test_the_first_mapping_that_fits_has_the_record() -> None:
    first = {**SPAN, "model": "first", "when": {"attributes": {"app.region": "south"}}}
    how = context(first, SPAN, {**SPAN, "model": "never"})
    decoded = spans(ONE, {**ONE, "app.region": "south"}, how=how)
    assert ["first", "credit"] == [b.key.model for b in decoded.batches if isinstance(b, Predictions)]


def test_mappings_of_one_signal_leave_the_other_alone() -> None:
    assert {"foreign": 1} == spans(ONE, how=context({**SPAN, "signal": "logs"})).ignored
    assert {"foreign": 1} == records({"score": 0.5}, how=context({**LOG, "signal": "spans"})).ignored


@pytest.mark.parametrize(
    ("stated", "time"),
    [
        ("start", TIME_NS),
        ("end", TIME_NS + 1_000),
        ({"attribute": "at"}, 1_700_000_000_250_000_000),
        ({"attribute": "at_ms", "unit": "ms"}, 1_700_000_000_125_000_000),
        ({"attribute": "at_ns", "unit": "ns"}, 1_700_000_000_123_456_789),
        ({"attribute": "at_text"}, 1_767_268_800_500_000_000),
        ({"attribute": "at_local"}, 1_767_268_800_000_000_000),
    ],
)
def test_event_time_is_the_spans_or_an_attribute(stated: Any, time: int) -> None:
    row: dict[str, Value] = {
        **ONE,
        "at": 1_700_000_000.25,
        "at_ms": 1_700_000_000_125,
        "at_ns": 1_700_000_000_123_456_789,
        "at_text": "2026-01-01T13:00:00.5+01:00",
        "at_local": "2026-01-01 12:00:00",
    }
    assert [time] == only(spans(row, how=context({**SPAN, "time": stated}))).time_ns.tolist()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_time"),
        ("yesterday", "bad_time"),
        (-1, "bad_time"),
        (2**62, "bad_time"),
        (float("nan"), "bad_time"),
        ({}, "bad_time"),
        ("1920-01-01T00:00:00Z", "bad_time"),
    ],
)
def test_a_time_that_is_none_costs_its_row(value: Value, reason: str) -> None:
    good: dict[str, Value] = {**ONE, "at": "2026-01-01T12:00:00Z"}
    decoded = spans(good, {**ONE, "at": value}, how=context({**SPAN, "time": {"attribute": "at"}}))
    assert {reason: 1} == decoded.rejected
    assert [1_767_268_800_000_000_000] == only(decoded).time_ns.tolist()


def test_texts_of_several_forms_are_read_one_by_one() -> None:
    how = context({**SPAN, "time": {"attribute": "at"}})
    rows: list[dict[str, Value]] = [
        {**ONE, "at": at} for at in ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00", "?", "2026-01-01")
    ]
    decoded = spans(*rows, how=how)
    noon = 1_767_268_800_000_000_000
    assert [noon, noon, noon - 43_200_000_000_000] == only(decoded).time_ns.tolist()
    assert {"bad_time": 1} == decoded.rejected


def test_our_own_spans_events_and_readings_are_not_mapped() -> None:
    everything = context({**SPAN, "when": {"name": "*"}}, {**LOG, "when": {"name": "*"}})
    assert [] == spans(ONE, how=everything, scope="barograph").batches
    assert {"own_readings": 1} == spans(ONE, how=everything, scope="barograph.readings").ignored
    event = "ml.inference.prediction"
    decoded = records({names.ML_MODEL_NAME: "m", "score": 0.5}, how=everything, event_name=event)
    assert "m" == only(decoded).key.model


def test_a_span_that_names_a_model_by_our_attribute_may_be_mapped_or_only_checked() -> None:
    row: dict[str, Value] = {**ONE, names.ML_MODEL_NAME: "m"}
    assert "credit" == only(spans(row, how=context(SPAN))).key.model
    unmapped = spans(row, how=context(SPAN), name="predict m")
    assert ([], {}, 1) == (unmapped.batches, unmapped.ignored, unmapped.accepted)
