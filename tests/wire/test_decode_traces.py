"""Spans: counted, checked, and never a batch."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_traces import decode_traces

from .otlp_requests import Value, key_values


def decoded(
    *spans: dict[str, Value], resource: dict[str, Value] | None = None, scope: str = "barograph"
) -> Decoded:
    """Decode spans with the given attributes."""
    request = ExportTraceServiceRequest()
    carrier = request.resource_spans.add()
    carrier.resource.attributes.extend(key_values(resource or {}))
    scoped = carrier.scope_spans.add()
    scoped.scope.name = scope
    for attributes in spans:
        scoped.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, attributes=key_values(attributes))
    return decode_traces(request.SerializeToString(), DecodeContext())


def test_prediction_spans_are_accepted_and_others_passed_over() -> None:
    found = decoded({names.ML_MODEL_NAME: "m", names.ML_BATCH_ROWS: 3}, {"http.route": "/"}, {})
    assert Decoded(accepted=3, ignored=type(Decoded().ignored)({"foreign": 2})) == found


def test_a_model_named_by_the_resource_counts() -> None:
    assert {} == decoded({}, resource={names.ML_MODEL_NAME: "m"}).ignored


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({names.ML_MODEL_NAME: ""}, "no_model"),
        ({names.ML_MODEL_NAME: ["m"]}, "bad_type"),
        ({names.ML_MODEL_NAME: "m" * 300}, "name_too_long"),
        ({names.ML_MODEL_NAME: "m", names.ML_BATCH_ROWS: "3"}, "bad_type"),
        ({names.ML_MODEL_NAME: "m", names.ML_BATCH_ROWS: -3}, "negative_count"),
    ],
)
def test_a_bad_span_is_refused_alone_and_says_why(attributes: dict[str, Value], reason: str) -> None:
    found = decoded({names.ML_MODEL_NAME: "m"}, attributes)
    assert ({reason: 1}, 1) == (found.rejected, found.accepted)


def test_our_own_scope_is_passed_over() -> None:
    assert {"own_readings": 1} == decoded({names.ML_MODEL_NAME: "m"}, scope="barograph.readings").ignored


def test_bytes_that_are_no_request_are_a_permanent_error() -> None:
    with pytest.raises(Permanent, match="isn't an OTLP traces request"):
        decode_traces(b"\xff", DecodeContext())
