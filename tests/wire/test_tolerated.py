"""What protobuf refuses and decoding doesn't: damage in what nobody reads, without which the same is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import metrics as metric_names
from barograph_processor.wire import decode_traces as decoding
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.span_scan import SPANS_LEAST

from .foreign_requests import ONE, SPAN, context
from .oracle import rows_of
from .otlp_requests import TIME_NS, Value, any_value, key_values

if TYPE_CHECKING:
    from barograph_processor.wire.decode import Decoded

HOW: Final = context(SPAN)
PLAIN: Final[dict[str, Value]] = {
    "text": "~~~~~~",
    "map": {"a": "mmmmmm"},
    "number": -1,
    "list": ["llllll", 2],
}
NUMBER: Final = b"\x18" + b"\xff" * 9 + b"\x01"

# By what is broken: a part of a request, its damage, and whether only scanned spans hide it.
SPANS: Final[dict[str, tuple[bytes, bytes, bool]]] = {
    "text is no UTF-8": (any_value("~~~~~~").SerializeToString(), b"\x0a\x06~~~\xff~~", True),
    "text in a map is no UTF-8": (b"\x0a\x06mmmmmm", b"\x0a\x06mmm\xffmm", True),
    "a map is cut": (b"\x0a\x0d\x0a\x01a\x12\x08", b"\x0a\x0e\x0a\x01a\x12\x08", True),
    "a number is cut": (NUMBER, NUMBER[:-1] + b"\x81", True),
    "no field is behind a number": (NUMBER, b"\x18\x01\x00" + b"\x78\x01" * 4, True),
    "a list is cut": (b"\x2a\x0e\x0a\x08", b"\x2a\x0e\x0a\x18", False),
    "an event is cut": (b"\x12\x05event", b"\x12\x15event", False),
    "an event's name is no UTF-8": (b"\x12\x05event", b"\x12\x05even\xff", False),
    "a state is no UTF-8": (b"\x1a\x05state", b"\x1a\x05\xfftate", False),
    "the end of a group ends another": (b"\x1a\x05state", b"\x7b\x78\x01\x78\x01\x84\x01", False),
    "a field's number is too great": (b"\x1a\x05state", b"\xf8\xff\xff\xff\x7f\x80\x01", False),
}


def spans(count: int) -> ExportTraceServiceRequest:
    """Spans with attributes that no mapping reads."""
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for row in range(count):
        span = scoped.spans.add(
            name="POST /predict",
            trace_state="state",
            end_time_unix_nano=TIME_NS + row,
            attributes=key_values({**ONE, **PLAIN}),
        )
        span.events.add(name="event")
    return request


def told(decoded: Decoded) -> object:
    """All that was decoded, comparable."""
    return rows_of(decoded.batches), decoded.accepted, decoded.rejected, decoded.ignored


@pytest.mark.parametrize("count", [3, SPANS_LEAST])
@pytest.mark.parametrize(("intact", "broken", "scans_alone"), SPANS.values(), ids=[*SPANS])
def test_damage_in_what_no_mapping_reads_changes_nothing_that_is_read(
    intact: bytes, broken: bytes, scans_alone: bool, count: int
) -> None:
    data = spans(count).SerializeToString()
    damaged = data.replace(intact, broken)
    assert len(data) == len(damaged)
    assert data.count(intact) >= count
    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(damaged)
    if scans_alone and count < SPANS_LEAST:
        with pytest.raises(Permanent):
            decoding.decode_traces(damaged, HOW)
        return
    assert told(decoding.decode_traces(data, HOW)) == told(decoding.decode_traces(damaged, HOW))


def test_packed_numbers_of_which_the_last_is_cut_are_those_before_it() -> None:
    point = HistogramDataPoint(
        time_unix_nano=TIME_NS,
        count=3,
        bucket_counts=[1, 2],
        explicit_bounds=[0.5],
        attributes=key_values({names.ML_MODEL_NAME: "credit"}),
    ).SerializeToString()
    head = Metric(name=metric_names.ML_PREDICTION_VALUE).SerializeToString()
    intact, damaged = (
        within(head + within(within(each, 1) + b"\x10\x01", 9), 2, 2, 1)
        for each in (point, point + b"\x32\x03cut")
    )
    with pytest.raises(DecodeError):
        ExportMetricsServiceRequest.FromString(damaged)
    found = decode_metrics(intact, HOW)
    assert 1 == found.accepted
    assert told(found) == told(decode_metrics(damaged, HOW))


def within(content: bytes, *numbers: int) -> bytes:
    """A message in fields, each in the next."""
    for number in numbers:
        size = len(content)
        content = bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content
    return content
