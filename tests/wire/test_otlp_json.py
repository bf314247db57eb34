"""JSON and protobuf say the same: bytes compared with protobuf's own reader of JSON."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as some
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import Permanent
from barograph_processor.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from barograph_processor.wire.otlp_json import Lane

REQUESTS: dict[Lane, type[Message]] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
IDS = ("traceId", "spanId", "parentSpanId")
DEEPEST = 6
TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=5)


def scalars(field: FieldDescriptor) -> some.SearchStrategy[Any]:
    """Values of a field that is no message."""
    simple: dict[int, some.SearchStrategy[Any]] = {
        field.TYPE_STRING: TEXT,
        field.TYPE_BYTES: some.binary(max_size=9),
        field.TYPE_BOOL: some.booleans(),
        field.TYPE_DOUBLE: some.floats().map(lambda number: math.nan if math.isnan(number) else number),
    }
    if field.type in simple:
        return simple[field.type]
    if field.enum_type is not None:
        return some.sampled_from([value.number for value in field.enum_type.values])
    bits = 32 if field.cpp_type in {field.CPPTYPE_INT32, field.CPPTYPE_UINT32} else 64
    if field.cpp_type in {field.CPPTYPE_UINT32, field.CPPTYPE_UINT64}:
        return some.integers(0, 2**bits - 1)
    return some.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def contents(message: Descriptor, depth: int) -> some.SearchStrategy[dict[str, Any]]:
    """What may be given to a message's constructor, a few fields at a time."""

    @some.composite
    def draw(drawn: some.DrawFn) -> dict[str, Any]:
        chosen = drawn(some.lists(some.sampled_from(list(message.fields)), max_size=4, unique=True))
        found: dict[str, Any] = {}
        taken = set()
        for field in chosen:
            oneof = field.containing_oneof
            if oneof is not None and oneof.name in taken:
                continue
            if field.message_type is not None and depth == 0:
                continue
            one = contents(field.message_type, depth - 1) if field.message_type else scalars(field)
            found[field.name] = drawn(some.lists(one, max_size=3) if field.is_repeated else one)
            taken |= {oneof.name} if oneof is not None else set()
        return found

    return draw()


def written(value: Any, *, numbers: bool) -> Any:
    """JSON as protobuf writes it, changed to OTLP's: ids in hexadecimal digits, times as numbers."""
    if isinstance(value, list):
        return [written(each, numbers=numbers) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(child).hex()
        if key in IDS
        else int(child)
        if numbers and isinstance(child, str) and child.lstrip("-").isdigit() and key.endswith("UnixNano")
        else written(child, numbers=numbers)
        for key, child in value.items()
    }


@pytest.mark.parametrize("lane", REQUESTS)
@given(data=some.data(), by_number=some.booleans())
def test_every_request_is_the_same_in_json_and_in_protobuf(
    lane: Lane, data: some.DataObject, by_number: bool
) -> None:
    request = REQUESTS[lane](**data.draw(contents(cast("Descriptor", REQUESTS[lane].DESCRIPTOR), DEEPEST)))
    plain = json_format.MessageToDict(request, use_integers_for_enums=by_number)
    text = json.dumps(written(plain, numbers=by_number)).encode()
    assert request.SerializeToString() == to_protobuf(lane, text)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ({"intValue": "7"}, {"int_value": 7}),
        ({"intValue": 7}, {"int_value": 7}),
        ({"intValue": 7.0}, {"int_value": 7}),
        ({"intValue": "-9223372036854775808"}, {"int_value": -(2**63)}),
        ({"doubleValue": 1}, {"double_value": 1.0}),
        ({"doubleValue": "1e3"}, {"double_value": 1000.0}),
        ({"doubleValue": "-Infinity"}, {"double_value": float("-inf")}),
        ({"bytesValue": "-_8="}, {"bytes_value": b"\xfb\xff"}),
        ({"bytesValue": "+/8"}, {"bytes_value": b"\xfb\xff"}),
        ({"stringValue": None, "intValue": 0}, {"int_value": 0}),
        ({"boolValue": False, "madeUpLater": {"deep": [1]}}, {"bool_value": False}),
        ({}, {}),
    ],
)
def test_values_may_be_written_in_several_ways(given_value: object, expected: dict[str, Any]) -> None:
    text = {"resourceLogs": [{"resource": {"attributes": [{"key": "a", "value": given_value}]}}]}
    request = ExportLogsServiceRequest(
        resource_logs=[{"resource": {"attributes": [{"key": "a", "value": expected}]}}]  # type: ignore[list-item]
    )
    assert request.SerializeToString() == to_protobuf("logs", json.dumps(text).encode())


def test_enums_may_be_names_and_digits_of_ids_of_either_case() -> None:
    span = {"traceId": "0AfF", "kind": "SPAN_KIND_SERVER", "name": "x"}
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    found = ExportTraceServiceRequest.FromString(to_protobuf("traces", text))
    read = found.resource_spans[0].scope_spans[0].spans[0]
    assert (b"\x0a\xff", 2) == (read.trace_id, read.kind)


def record(**fields: Any) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [fields]}]}]}).encode()


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "found a list, wanted an object"),
        (b"{", "truncated"),
        (b"\xff{}", "malformed"),
        (b'{"resourceLogs": {}}', "resourceLogs: found an object, wanted a list"),
        (b'{"resourceLogs": [7]}', r"resourceLogs\[0\]: found the number 7, wanted an object"),
        (b'{"resourceLogs": [{"schemaUrl": 7}]}', r"\[0\].schemaUrl: found the number 7, wanted text"),
        (record(traceId="xy"), r"resourceLogs\[0\].scopeLogs\[0\].logRecords\[0\].traceId: non-hexadecimal"),
        (record(traceId="abc"), "traceId: "),
        (record(traceId="ab cd"), "traceId: found text, wanted hexadecimal digits"),
        (record(timeUnixNano="x"), "timeUnixNano: found text, wanted a whole number"),
        (record(timeUnixNano=1.5), "timeUnixNano: found the number 1.5, wanted a whole number"),
        (record(timeUnixNano=-1), "range"),
        (record(timeUnixNano=2**64), "range"),
        (record(timeUnixNano=True), "timeUnixNano: found true or false, wanted"),
        (record(severityNumber="LOUD"), "LOUD"),
        (record(body={"bytesValue": "*"}), "body.bytesValue: "),
        (record(body={"doubleValue": "1_0"}), "body.doubleValue: found text, wanted a number"),
        (record(body={"boolValue": 1}), "body.boolValue: found the number 1, wanted true or false"),
        (record(body={"intValue": 1, "boolValue": True}), "boolValue: only one of stringValue, boolValue"),
        (record(body=nested(60)), "nested deeper than 100 levels"),
        (b"[" * 100_000, "RecursionError|maximum"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        to_protobuf("logs", text)


KEYS = some.sampled_from(
    [*["resourceLogs", "scopeLogs", "logRecords", "body", "stringValue", "attributes", "traceId"]]
)
VALUES = some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | TEXT
ANYTHING = some.recursive(VALUES, lambda inner: some.lists(inner) | some.dictionaries(KEYS, inner))


@given(text=some.binary() | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_is_sent_is_more_than_refused(text: bytes) -> None:
    try:
        taken = to_protobuf("logs", text)
    except Permanent:
        return
    assert ExportLogsServiceRequest.FromString(taken).SerializeToString() == taken
