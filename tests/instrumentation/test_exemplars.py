"""A duration names the trace of its slowest call, where that trace is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import SpanContext, TraceFlags

from barograph.export_sdk import send_points
from barograph.points import Exemplar, ExplicitBuckets
from barograph.semconv import metrics
from barograph.timings import Timing, timing_points

from .listening import ListeningSink, monitor

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

SAMPLED, UNSAMPLED = TraceFlags(1), TraceFlags(0)


def call(seconds: float, number: int, *, error: str = "", flags: TraceFlags = SAMPLED) -> Timing:
    span = SpanContext(number, number + 100, is_remote=False, trace_flags=flags)
    return Timing("predict", seconds, 1, error, 1_000 + number, span)


def exemplars(*calls: Timing) -> list[Exemplar]:
    points = timing_points(calls, {}, 0, 1)
    assert not any(point.exemplars for point in points if point.metric != metrics.ML_INFERENCE_DURATION)
    return [each for point in points for each in point.exemplars]


def test_the_slowest_call_is_named() -> None:
    assert [Exemplar(0.3, 1_002, 2, 102)] == exemplars(call(0.1, 1), call(0.3, 2), call(0.2, 3))


def test_calls_that_failed_have_one_of_their_own() -> None:
    found = exemplars(call(0.1, 1), call(0.9, 2, error="KeyError"))
    assert [1, 2] == sorted(each.trace_id for each in found)


def test_a_trace_that_nobody_keeps_is_not_named() -> None:
    assert [Exemplar(0.1, 1_001, 1, 101)] == exemplars(call(0.1, 1), call(0.3, 2, flags=UNSAMPLED))
    assert [] == exemplars(call(0.3, 2, flags=UNSAMPLED))
    assert [] == exemplars(Timing("predict", 0.1, 1, "", 0, None))


@pytest.mark.parametrize(("sampler", "expected"), [(ALWAYS_ON, 1), (ALWAYS_OFF, 0)])
def test_a_monitor_names_the_span_of_its_call(
    monkeypatch: pytest.MonkeyPatch, sampler: Sampler, expected: int
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    sink = ListeningSink()
    watch = monitor(sink)
    with watch.predict({"a": 1.0}) as begun:
        begun.outputs("yes")
    assert watch.flush()
    provider.shutdown()
    (point,) = sink.of(metrics.ML_INFERENCE_DURATION)
    named = [(each.trace_id, each.span_id) for each in point.exemplars]
    assert named == [(s.context.trace_id, s.context.span_id) for s in kept.get_finished_spans() if s.context]
    assert expected == len(named)
    assert isinstance(point.data, ExplicitBuckets)
    assert [each.value for each in point.exemplars] == [point.data.high] * expected


class Keeping(MetricExporter):
    """Encodes as the OTLP exporters do."""

    def __init__(self) -> None:
        super().__init__()
        self.request: Any = None

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **_: object) -> MetricExportResult:
        self.request = encode_metrics(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: object) -> None:
        """Nothing to stop."""


def test_the_exemplar_is_on_the_wire() -> None:
    exporter = Keeping()
    points = timing_points([call(0.3, 2)], {}, 0, 1)
    assert send_points(exporter, [each for each in points if each.metric == metrics.ML_INFERENCE_DURATION])
    (metric,) = exporter.request.resource_metrics[0].scope_metrics[0].metrics
    (exemplar,) = metric.histogram.data_points[0].exemplars
    assert (0.3, 1_002) == (exemplar.as_double, exemplar.time_unix_nano)
    assert (bytes(15) + b"\x02", bytes(7) + b"\x66") == (exemplar.trace_id, exemplar.span_id)
