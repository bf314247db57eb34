"""A row names the span of its call, where that was sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from barograph.semconv import attributes
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs

from .listening import ListeningSink, monitor
from .row_reading import told_rows
from .wire_sink import WireSink

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TRACE = 0x0102030405060708090A0B0C0D0E0F10
SPAN = 0x00000000000000FF
BOTH = ("packed", "readable")


def inside(
    trace_id: int = TRACE, span_id: int = SPAN, *, sampled: bool = True
) -> AbstractContextManager[Any]:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags))
    return trace.use_span(span)


def spans(sink: ListeningSink) -> dict[str, tuple[str, str] | None]:
    return {
        id_: (row["trace_id"].hex(), row["span_id"].hex()) if row.get("trace_id") else None
        for id_, row in told_rows(sink.told).items()
    }


HERE = (f"{TRACE:032x}", f"{SPAN:016x}")


@pytest.mark.parametrize("rows", ["off", "all"])
@pytest.mark.parametrize("outcomes", BOTH)
def test_rows_name_the_sampled_span_of_their_call(outcomes: str, rows: str) -> None:
    sink = ListeningSink()
    watch = monitor(sink, outcomes=outcomes, rows=rows)
    watch.record({"a": 1.0}, "x", ids="none")
    with inside():
        watch.record({"a": 1.0}, "x", ids="one")
        watch.record({"a": [1.0, 2.0]}, ["x", "y"], ids=["two", "three"])
    with inside(span_id=7, sampled=False):
        watch.record({"a": 1.0}, "x", ids="unsampled")
    with inside(TRACE + 1, 8), watch.predict({"a": 1.0}, ids="call") as call:
        call.outputs("x")
    assert watch.flush()
    assert {
        "none": None,
        "one": HERE,
        "two": HERE,
        "three": HERE,
        "unsampled": None,
        "call": (f"{TRACE + 1:032x}", f"{8:016x}"),
    } == spans(sink)


@pytest.mark.parametrize("outcomes", BOTH)
def test_rows_of_unsampled_calls_pay_nothing_for_it(outcomes: str) -> None:
    sink = ListeningSink()
    watch = monitor(sink, outcomes=outcomes)
    with inside(sampled=False):
        watch.record({"a": 1.0}, "x", ids="one")
    assert watch.flush()
    assert "trace_id" not in told_rows(sink.told)["one"]


def test_what_waits_keeps_no_span_alive() -> None:
    watch = monitor(ListeningSink())
    with inside():
        outer = contexts.get_current()
        with watch.predict({"a": 1.0}, ids="one") as call:
            call.outputs("x")
    (item,) = watch._recorder.queue.take(1)
    assert outer is item.context  # and not the call's own, with its span in it
    assert (TRACE, SPAN) == item.span  # without an SDK a call has its caller's span


def test_a_readable_row_is_a_log_record_of_its_span() -> None:
    sink = WireSink()
    watch = monitor(sink, outcomes="readable")
    with inside():
        watch.record({"a": 1.0}, "x", ids="one")
    assert watch.flush()
    (request,) = [one for one in sink.requests if attributes.ML_INFERENCE_ID.encode() in one]
    (record,) = ExportLogsServiceRequest.FromString(request).resource_logs[0].scope_logs[0].log_records
    assert HERE == (record.trace_id.hex(), record.span_id.hex())


@pytest.mark.parametrize("outcomes", BOTH)
def test_the_processor_takes_such_rows(outcomes: str) -> None:
    sink = WireSink()
    watch = monitor(sink, outcomes=outcomes, rows="all")
    with inside():
        watch.record({"a": [1.0, 2.0]}, ["x", "y"], ids=["one", "two"])
    assert watch.flush()
    decoded = [
        decode_logs(one, DecodeContext())
        for one in sink.requests
        if attributes.ML_INFERENCE_ID.encode() in one
    ]
    assert [] == [one.rejected for one in decoded if one.rejected or one.rows_rejected]
    assert {"one", "two"} == {id_ for one in decoded for batch in one.batches for id_ in batch.ids}  # type: ignore[union-attr]
