"""Of what a message may have once the last counts, as protobuf has it, however it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph.semconv import metrics as metric_names
from barograph_processor.engine.batch import Points
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_traces
from barograph_processor.wire.span_scan import SPANS_LEAST

from .foreign_requests import LOG, ONE, SPAN, context
from .oracle import rows_of
from .otlp_requests import TIME_NS, Value, any_value, key_values, logs, metrics, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    from barograph_processor.wire.decode import Decoded

    Request = ExportLogsServiceRequest | ExportMetricsServiceRequest | ExportTraceServiceRequest

TWICE: Final = [("a", 7), (7, "a"), (b"x", "a"), ("a", b"x"), (True, 0.5), (1.5, False), ({"a": 1}, 7)]
HERE: Final = b"~" * 100  # in place of it, the value of a test
HOW: Final = context(SPAN, {**LOG, "score": "body.score"})
IDENTITY: Final[dict[str, Value]] = {names.ML_MODEL_NAME: "credit", names.ML_MODEL_VERSION: "3"}
PREDICTION: Final[dict[str, Value]] = {**IDENTITY, names.ML_PREDICTION_CLASS: "yes"}
DECODE: Final[dict[str, Any]] = {
    "ExportLogsServiceRequest": decode_logs,
    "ExportMetricsServiceRequest": decode_metrics,
    "ExportTraceServiceRequest": decode_traces,
}


def requests() -> Iterator[Request]:
    """Requests with a value in each of the places where values are read."""
    places: list[tuple[dict[str, Value], dict[str, Value] | None]] = [
        ({names.ML_INFERENCE_ID: HERE}, None),
        ({names.ML_FEATURES: {"age": HERE, "job": "clerk"}}, None),
        ({names.ML_SEGMENTS: {"region": HERE}}, None),
        ({}, {"service.namespace": HERE}),
    ]
    for at_record, resource in places:
        yield logs([record(events.ML_INFERENCE_PREDICTION, {**PREDICTION, **at_record})] * 2, resource)
    scored = record("scored", {})
    scored.body.CopyFrom(any_value({"score": HERE}))
    yield logs([scored], scope="shop")
    counted = Metric(name=metric_names.ML_INFERENCE_PREDICTIONS)
    counted.sum.aggregation_temporality = 1  # type: ignore[assignment]
    counted.sum.data_points.add(
        as_int=3, time_unix_nano=TIME_NS, attributes=key_values({**IDENTITY, names.ML_SOURCE_ID: HERE})
    )
    yield metrics([counted])
    for count in (3, SPANS_LEAST):  # parsed, and scanned
        for attribute in ("app.request_id", "app.score", "app.features.age", "app.region", "other"):
            yield spans(count, {**ONE, attribute: HERE})


def spans(count: int, attributes: dict[str, Value], resource: Value = "shop") -> ExportTraceServiceRequest:
    """A request of spans that are alike."""
    request = ExportTraceServiceRequest()
    carrier = request.resource_spans.add()
    carrier.resource.attributes.extend(key_values({"service.namespace": resource}))
    scoped = carrier.scope_spans.add()
    for _ in range(count):
        scoped.spans.add(name="POST /predict", end_time_unix_nano=TIME_NS, attributes=key_values(attributes))
    return request


def told(decoded: Decoded) -> object:
    """All that was decoded, comparable."""
    return rows_of(decoded.batches), decoded.accepted, decoded.rejected, decoded.ignored


def by_protobuf(request: Request, data: bytes) -> object:
    """What the request holds when protobuf has read and written it."""
    written = type(request).FromString(data).SerializeToString()
    assert len(written) < len(data)
    return told(DECODE[type(request).__name__](written, HOW))


@pytest.mark.parametrize(("first", "second"), TWICE)
def test_a_value_given_twice_is_the_last(first: Value, second: Value) -> None:
    two = any_value(first).SerializeToString() + any_value(second).SerializeToString()
    filler = b"\x7a" + bytes([len(HERE) - len(two)]) + bytes(len(HERE) - len(two))  # an unknown field
    for request in requests():
        data = request.SerializeToString()
        found = data.replace(AnyValue(bytes_value=HERE).SerializeToString(), two + filler)
        assert found != data
        assert by_protobuf(request, found) == told(DECODE[type(request).__name__](found, HOW))


def test_a_count_given_twice_is_the_last() -> None:
    whole, real = NumberDataPoint(as_int=3), NumberDataPoint(as_double=5.0)
    point = NumberDataPoint(time_unix_nano=TIME_NS, attributes=key_values(IDENTITY)).SerializeToString()
    head = Metric(name=metric_names.ML_INFERENCE_PREDICTIONS).SerializeToString()
    for first, second, count in ((whole, real, 5), (real, whole, 3)):
        both = point + first.SerializeToString() + second.SerializeToString()
        data = within(head + within(within(both, 1) + b"\x10\x01", 7), 2, 2, 1)
        (batch,) = decode_metrics(data, HOW).batches
        assert isinstance(batch, Points)
        assert [CategoryCounts.of({"": count}).to_bytes()] == [one.state.to_bytes() for one in batch.points]


def test_data_given_twice_is_the_last() -> None:
    metric = Metric(name=metric_names.ML_INFERENCE_PREDICTIONS)
    metric.sum.aggregation_temporality = 1  # type: ignore[assignment]
    metric.sum.data_points.add(as_int=3, time_unix_nano=TIME_NS, attributes=key_values(IDENTITY))
    counted, other = metric.SerializeToString(), Metric()
    other.gauge.data_points.add(as_int=3, time_unix_nano=TIME_NS)
    gauge = other.SerializeToString()
    for content, accepted, rejected in (
        (gauge + counted, 1, {}),
        (counted + gauge, 0, {"wrong_instrument": 1}),
    ):
        found = decode_metrics(within(content, 2, 2, 1), HOW)
        assert (accepted, rejected) == (found.accepted, found.rejected)


def within(content: bytes, *numbers: int) -> bytes:
    """A message in fields, each in the next."""
    for number in numbers:
        size = len(content)
        content = bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content
    return content


def test_what_protobuf_refuses_beside_it_is_refused() -> None:
    data = within(within(b"\x0a\x01k" + within(b"\x0a\x01a\x18\x07", 2), 1), 1, 1)
    assert {} == decode_traces(data, HOW).rejected
    with pytest.raises(Permanent, match="the body isn't an OTLP traces request"):
        decode_traces(data + b"\xf8\xff\xff\xff\x1f\x01", HOW)  # a field whose number can't be
