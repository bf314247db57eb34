"""The signal of a request is told by its bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import Permanent
from barograph_processor.wire.lanes import lane_of

TIME = st.integers(1, 2**63)
TEXT = st.text(max_size=20)
BLOB = st.binary(max_size=20)


@given(TIME, TEXT, BLOB, st.booleans(), st.integers(0, 2**32 - 1))
def test_log_records_are_told_by_their_times(
    time_ns: int, text: str, blob: bytes, observed: bool, flags: int
) -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add()  # resources and scopes without records tell nothing
    carrier = request.resource_logs.add()
    carrier.resource.attributes.add(key=text).value.bytes_value = blob
    record = carrier.scope_logs.add().log_records.add(severity_text=text, trace_id=blob, flags=flags)
    record.body.string_value = text
    setattr(record, "observed_time_unix_nano" if observed else "time_unix_nano", time_ns)
    assert "logs" == lane_of(request.SerializeToString())


@given(TIME, TEXT, BLOB, st.integers(0, 5))
def test_spans_are_told_by_their_times(time_ns: int, text: str, blob: bytes, kind: int) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=text, trace_id=blob, kind=kind)
    span.end_time_unix_nano = time_ns
    span.events.add(time_unix_nano=time_ns)
    span.status.message = text
    assert "traces" == lane_of(request.SerializeToString())


@given(TIME, TEXT, st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "summary"]))
def test_metrics_are_what_has_no_time_of_its_own(time_ns: int, text: str, kind: str) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=text, description=text)
    getattr(metric, kind).data_points.add(time_unix_nano=time_ns, start_time_unix_nano=time_ns)
    assert "metrics" == lane_of(request.SerializeToString())


def test_without_records_it_makes_no_difference() -> None:
    assert "logs" == lane_of(b"")
    assert "logs" == lane_of(ExportTraceServiceRequest().SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_told_or_refused(data: bytes) -> None:
    try:
        assert lane_of(data) in {"logs", "metrics", "traces"}
    except Permanent as error:
        assert "it isn't OTLP" in str(error)  # noqa: PT017  # either is right


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\x0b", b"\x80" * 12, b"\x0a\x04\x12\x02\x12\xff"])
def test_what_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(Permanent, match="it isn't OTLP"):
        lane_of(data)
