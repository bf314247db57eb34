"""The OpenTelemetry SDK's exporters and data types."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from barograph.errors import ConfigError
from barograph.points import ExplicitBuckets, ExponentialBuckets
from barograph.semconv import SCHEMA_URL, SOURCE_SCOPE
from barograph.semconv.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourceEvent, SourcePoint


_GROUPS = {"metrics": "opentelemetry_metrics_exporter", "logs": "opentelemetry_logs_exporter"}
_OTLP_BY_PROTOCOL = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
# The adapter: to give results to it would be to give them back to the engine that they come from.
_TAKEN_HERE = "barograph"
_own_resource: Resource | None = None


def exporters(signal: str) -> list[MetricExporter | LogRecordExporter]:
    """The exporters that the standard environment names for ``metrics`` or ``logs``.

    Raises:
        ConfigError: A name is unknown, isn't installed, or is read from rather than pushed to.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in os.environ.get(variable, "otlp").split(",")]
    return [_exporter(signal, variable, name) for name in names if name not in {"", "none", _TAKEN_HERE}]


def upstream_exporters(signal: str, endpoint: str) -> list[MetricExporter | LogRecordExporter]:
    """The OTLP exporter of a signal, with all that the environment says of it but where it sends to.

    Raises:
        ConfigError: It isn't installed.
    """
    return [_exporter(signal, f"OTEL_{signal.upper()}_EXPORTER", "otlp", endpoint)]


def _exporter(
    signal: str, variable: str, name: str, endpoint: str | None = None
) -> MetricExporter | LogRecordExporter:
    entry = name
    if name == "otlp":
        protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or os.environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"
        )
        entry = _OTLP_BY_PROTOCOL.get(protocol.strip(), "")
        if not entry:
            known = ", ".join(_OTLP_BY_PROTOCOL)
            raise ConfigError(f"OTEL_EXPORTER_OTLP_PROTOCOL: got {protocol!r}; wanted one of {known}")
    found = next(iter(entry_points(group=_GROUPS[signal], name=entry)), None)
    if found is None:
        raise ConfigError(
            f"{variable}: no exporter {entry!r} is installed; pip install 'barograph[otlp]' brings OTLP, "
            f"{variable}=none sends nothing"
        )
    kind: type[MetricExporter | LogRecordExporter] = found.load()
    wanted = MetricExporter if signal == "metrics" else LogRecordExporter
    if not issubclass(kind, wanted):
        raise ConfigError(
            f"{variable}: {name!r} is read from, and points counted by event time have to be pushed; "
            "use otlp and let the Collector or `barograph run` be scraped"
        )
    if endpoint is None:
        return kind()
    over_http = entry == _OTLP_BY_PROTOCOL["http/protobuf"]
    given: Any = {"endpoint": f"{endpoint.rstrip('/')}/v1/{signal}" if over_http else endpoint}
    return kind(**given)


def resource() -> Resource:
    """The tracer provider's, so that points and spans name the same instance."""
    global _own_resource  # noqa: PLW0603 - made once, where no provider is set up
    found = getattr(trace.get_tracer_provider(), "resource", None)
    if isinstance(found, Resource):
        return found
    if _own_resource is None:
        _own_resource = _created()
    return _own_resource


def _created() -> Resource:
    try:
        return Resource.create()
    except RuntimeError:  # its detectors run in threads, and the interpreter is ending
        return Resource({}).merge(OTELResourceDetector().detect())


def scope(name: str = SOURCE_SCOPE) -> InstrumentationScope:
    """A scope of this version of the package."""
    from barograph import __version__  # noqa: PLC0415 - the package is still loading at first

    return InstrumentationScope(name, __version__, SCHEMA_URL)


def send_points(exporter: MetricExporter, points: Sequence[SourcePoint]) -> bool:
    """Export delta points; False where that failed."""
    by_shape: dict[tuple[str, type], list[SourcePoint]] = {}
    for point in points:
        by_shape.setdefault((point.metric, type(point.data)), []).append(point)
    metrics = [_metric(name, group) for (name, _), group in by_shape.items()]
    scope_metrics = ScopeMetrics(scope(), metrics, SCHEMA_URL)
    data = MetricsData([ResourceMetrics(resource(), [scope_metrics], "")])
    with suppress_instrumentation():
        return exporter.export(data) is MetricExportResult.SUCCESS


def _metric(name: str, points: Sequence[SourcePoint]) -> Metric:
    declared = METRICS[name]
    delta = AggregationTemporality.DELTA
    data: Any
    if isinstance(points[0].data, ExplicitBuckets):
        data = Histogram([_explicit(point) for point in points], delta)
    elif isinstance(points[0].data, ExponentialBuckets):
        data = ExponentialHistogram([_exponential(point) for point in points], delta)
    else:
        data = Sum([_number(point) for point in points], delta, is_monotonic=True)
    return Metric(name, declared.brief, declared.unit, data)


def _number(point: SourcePoint) -> NumberDataPoint:
    attributes: Any = point.attributes
    value: Any = point.data
    return NumberDataPoint(attributes, point.start_ns, point.end_ns, value)


def _explicit(point: SourcePoint) -> HistogramDataPoint:
    buckets: Any = point.data
    attributes: Any = point.attributes
    return HistogramDataPoint(
        attributes,
        point.start_ns,
        point.end_ns,
        sum(buckets.counts),
        buckets.total,
        buckets.counts,
        buckets.edges,
        buckets.low,
        buckets.high,
        exemplars=[
            Exemplar({}, each.value, each.time_ns, each.span_id, each.trace_id) for each in point.exemplars
        ],
    )


def _exponential(point: SourcePoint) -> ExponentialHistogramDataPoint:
    from opentelemetry.sdk.metrics.export import Buckets  # noqa: PLC0415 - not exported by old SDKs

    counts: Any = point.data
    attributes: Any = point.attributes
    return ExponentialHistogramDataPoint(
        attributes,
        point.start_ns,
        point.end_ns,
        counts.zero_count + sum(counts.positive) + sum(counts.negative),
        counts.total,
        counts.scale,
        counts.zero_count,
        Buckets(counts.positive_offset, counts.positive),
        Buckets(counts.negative_offset, counts.negative),
        0,
        counts.low,
        counts.high,
    )


def send_events(
    exporter: LogRecordExporter,
    events: Sequence[SourceEvent],
    observed_ns: int,
    *,
    scope_name: str = SOURCE_SCOPE,
) -> bool:
    """Export events; False where that failed."""
    whose, where = resource(), scope(scope_name)
    records = [ReadableLogRecord(_record(event, observed_ns), whose, where) for event in events]
    with suppress_instrumentation():
        return exporter.export(records) is LogRecordExportResult.SUCCESS


def _record(event: SourceEvent, observed_ns: int) -> LogRecord:
    attributes: Any = event.attributes
    context = None
    if event.trace_id:
        span = SpanContext(event.trace_id, event.span_id, is_remote=False, trace_flags=TraceFlags(1))
        context = set_span_in_context(NonRecordingSpan(span))
    return LogRecord(
        timestamp=event.time_ns,
        observed_timestamp=observed_ns,
        context=context,
        severity_number=SeverityNumber.INFO,
        attributes=attributes,
        event_name=event.name,
    )
