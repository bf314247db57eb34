"""Listens to what the packages emit while tests run: names, units, attributes.

Whatever is emitted is compared with the registry at once; the last test of a whole run asks whether
everything that is declared was emitted. Only the packages' own doing counts: readings that an engine
computed, points and events that a recorder gave to its sink, samples that a component counted, spans
that ended. What a test writes by hand and encodes must be declared, but proves nothing.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph.points import ExplicitBuckets, ExponentialBuckets
from barograph.semconv import SOURCE_SCOPE
from barograph_processor.engine.batch import Points
from barograph_processor.engine.results import ClosedWindow, CurrentReading
from barograph_processor.wire.decode import DEFAULT_TENANT
from generate import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from barograph.points import SourceEvent, SourcePoint
    from reading import Signal

IS_WHOLE = pytest.StashKey[bool]()
OUR_ROOTS = ("ml.", "barograph")
OUR_PACKAGES = ("barograph.", "barograph_processor.")

REGISTRY = load()
METRICS: Mapping[str, Signal] = {metric.name: metric for metric in REGISTRY.metrics}
EVENTS: Mapping[str, Signal] = {event.name: event for event in REGISTRY.events}
SPANS: Mapping[str, Signal] = {span.name: span for span in REGISTRY.spans}
INSTRUMENTS = {
    "counter": ("sum",),
    "updowncounter": ("sum",),
    "gauge": ("gauge",),
    "histogram": ("histogram", "exponential_histogram"),
}


@dataclass(slots=True)
class Heard:
    """What was heard so far.

    Attributes:
        names: Metrics, events and span types that the packages emitted of themselves.
        attributes: The attributes that they carried.
        faults: What the registry doesn't allow, whoever asked for it.
    """

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    faults: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def signal(
        self, known: Mapping[str, Signal], name: str, attributes: Iterable[str], *, counts: bool
    ) -> None:
        """Take note of one point, record or span; it `counts` where the packages made it of themselves."""
        present = frozenset(attributes)
        with self.lock:
            declared = known.get(name)
            if declared is None:
                self.faults.add(f"{name} is not declared")
                return
            allowed = {use.attribute.key for use in declared.uses}
            self.faults |= {f"{name} carries {each}, undeclared" for each in present - allowed}
            if counts:
                required = {use.attribute.key for use in declared.uses if use.level == "required"}
                self.faults |= {f"{name} lacks {each}, required" for each in required - present}
                self.names.add(name)
                self.attributes |= present

    def instrument(self, name: str, kind: str) -> None:
        """Take note of how a metric is sent."""
        declared = METRICS.get(name)
        if declared is not None and kind not in INSTRUMENTS[declared.instrument]:
            self.faults.add(f"{name} is sent as {kind}, declared {declared.instrument}")


HEARD = Heard()


def hear_metrics(request: bytes, *, counts: bool = False) -> None:
    """An ExportMetricsServiceRequest."""
    for carrier in ExportMetricsServiceRequest.FromString(request).resource_metrics:
        for scope in carrier.scope_metrics:
            for metric in scope.metrics:
                if metric.name.startswith(OUR_ROOTS):  # others are third parties'
                    _hear_metric(metric, counts=counts)


def _hear_metric(metric: Any, *, counts: bool) -> None:
    declared = METRICS.get(metric.name)
    kind = metric.WhichOneof("data")
    HEARD.instrument(metric.name, kind)
    if declared is not None and metric.unit != declared.unit:
        HEARD.faults.add(f"{metric.name} has unit {metric.unit!r}, declared {declared.unit!r}")
    if declared is not None and metric.description != declared.brief:
        HEARD.faults.add(f"{metric.name} has another description than the registry's")
    for point in getattr(metric, kind).data_points:
        HEARD.signal(METRICS, metric.name, (each.key for each in point.attributes), counts=counts)


def hear_logs(request: bytes, *, counts: bool = False) -> None:
    """An ExportLogsServiceRequest."""
    for carrier in ExportLogsServiceRequest.FromString(request).resource_logs:
        for scope in carrier.scope_logs:
            for record in scope.log_records:
                if record.HasField("body"):
                    HEARD.faults.add(f"{record.event_name} has a body")
                names = (each.key for each in record.attributes)
                HEARD.signal(EVENTS, record.event_name, names, counts=counts)


def hear_span(span: ReadableSpan) -> None:
    """A span that ended; ours are of one type."""
    scope = span.instrumentation_scope
    if scope is not None and scope.name == SOURCE_SCOPE:
        (span_type,) = SPANS
        HEARD.signal(SPANS, span_type, span.attributes or {}, counts=True)


def hear_points(points: Sequence[SourcePoint]) -> None:
    """What a recorder gave to its sink."""
    for point in points:
        kinds = {ExplicitBuckets: "histogram", ExponentialBuckets: "exponential_histogram"}
        HEARD.instrument(point.metric, kinds.get(type(point.data), "sum"))
        HEARD.signal(METRICS, point.metric, point.attributes, counts=True)


def hear_events(events: Sequence[SourceEvent]) -> None:
    """What a recorder gave to its sink."""
    for event in events:
        HEARD.signal(EVENTS, event.name, event.attributes, counts=True)


def hear_sample(name: str, attributes: Iterable[str], kind: str) -> None:
    """What a component of the processor counted."""
    HEARD.instrument(name, kind)
    HEARD.signal(METRICS, name, attributes, counts=True)


def hear_figures(by_scope: Mapping[str, Sequence[Any]]) -> None:
    """What an engine in the serving process tells."""
    for figures in by_scope.values():
        for figure in figures:
            if figure.metric.startswith(OUR_ROOTS):  # others are third parties'
                HEARD.instrument(figure.metric, "gauge" if figure.start_ns is None else "sum")
                HEARD.signal(METRICS, figure.metric, figure.attributes, counts=True)


def listen() -> None:
    """Begin to listen, wherever something is emitted."""
    _listen_to_figures()
    _listen_to_encoders()
    _listen_to_edges()
    _listen_to_engines()
    _listen_to_telemetry()
    _listen_to_sinks()
    _listen_to_spans()


def _listen_to_encoders() -> None:
    for module, name, hear in (
        ("barograph_processor.wire.encode", "encode_readings", hear_metrics),
        ("barograph_processor.wire.encode", "encode_windows", hear_logs),
        ("barograph_processor.wire.encode_points", "encode_points", hear_metrics),
        ("barograph_processor.exporters.otlp_telemetry", "encode_telemetry", hear_metrics),
    ):
        original = getattr(importlib.import_module(module), name)
        _replace_everywhere(original, _passing_on(original, hear))


def _listen_to_edges() -> None:
    """Encode what edges counted, whether the test at hand sends it or not."""
    relay = importlib.import_module("barograph_processor.engine.relay").Relay
    encode = importlib.import_module("barograph_processor.wire.encode_points").encode_points

    def hear(batches: Iterable[Any]) -> None:
        points = [point for batch in batches if isinstance(batch, Points) for point in batch.points]
        hear_metrics(encode([point for point in points if point.edge]), counts=True)

    relay.take_out = _passing_on(relay.take_out, hear)


def _listen_to_figures() -> None:
    original = importlib.import_module("barograph.export_figures").send_figures

    @functools.wraps(original)
    def replacement(exporter: Any, by_scope: Any) -> Any:
        hear_figures(by_scope)
        return original(exporter, by_scope)

    _replace_everywhere(original, replacement)


def _passing_on(original: Callable[..., Any], hear: Callable[[Any], None]) -> Callable[..., Any]:
    """The function, whose results are heard too."""

    @functools.wraps(original)
    def replacement(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        hear(result)
        return result

    return replacement


def _replace_everywhere(original: object, replacement: object) -> None:
    """Also where a module did ``from … import …``."""
    for module in list(sys.modules.values()):
        space = getattr(module, "__dict__", {})
        for name in [name for name, value in space.items() if value is original]:
            setattr(module, name, replacement)


def _listen_to_engines() -> None:
    """Encode what engines compute, whether the test at hand sends it or not: once for each shape."""
    engine = importlib.import_module("barograph_processor.engine.engine").Engine
    encode = importlib.import_module("barograph_processor.wire.encode")
    shapes: set[object] = set()

    def hear(closed: Iterable[ClosedWindow]) -> None:
        for window in closed:
            is_tenant = window.key.tenant != DEFAULT_TENANT
            whose = (is_tenant, *map(bool, window.key), window.status, bool(window.baseline_id))
            fresh = [
                reading
                for reading in window.readings
                if (whose, reading.metric, tuple(name for name, _ in reading.attributes)) not in shapes
            ]
            if not fresh and whose in shapes:
                continue
            shapes.add(whose)
            shapes.update((whose, each.metric, tuple(name for name, _ in each.attributes)) for each in fresh)
            hear_logs(encode.encode_windows([window], {}), counts=True)
            current = [
                CurrentReading(
                    window.key, window.window, window.baseline_id, each, window.end_ns, ended=False
                )
                for each in fresh
            ]
            hear_metrics(encode.encode_readings(current, window.end_ns, {}), counts=True)

    for name in ("advance", "drain"):
        setattr(engine, name, _passing_on(getattr(engine, name), hear))


def _listen_to_telemetry() -> None:
    telemetry = importlib.import_module("barograph_processor.telemetry").Telemetry
    add, gauge, watch = telemetry.add, telemetry.gauge, telemetry.watch

    def is_ours(module: str) -> bool:
        return module.startswith(OUR_PACKAGES)

    def is_called_by_us() -> bool:
        caller = sys._getframe(2)
        return is_ours(caller.f_globals["__name__"]) and not caller.f_code.co_filename.startswith("<doctest")

    def hearing_add(self: Any, name: str, value: float = 1, /, **attributes: str) -> None:
        if is_called_by_us():
            hear_sample(name, attributes, "sum")
        add(self, name, value, **attributes)

    def hearing_gauge(self: Any, name: str, read: Callable[[], float], /, **attributes: str) -> None:
        if is_called_by_us():
            hear_sample(name, attributes, "gauge")
        gauge(self, name, read, **attributes)

    def hearing_watch(self: Any, read: Callable[[], Iterable[Any]]) -> None:
        def hearing_read() -> list[Any]:
            samples = list(read())
            for sample in samples:
                kind = "sum" if sample.monotonic else "gauge"
                hear_sample(sample.name, (name for name, _ in sample.attributes), kind)
            return samples

        watch(self, hearing_read if is_ours(getattr(read, "__module__", "")) else read)

    telemetry.add, telemetry.gauge, telemetry.watch = hearing_add, hearing_gauge, hearing_watch


def _listen_to_sinks() -> None:
    """Every kind of sink that a recorder or a feedback gets is listened to from then on."""
    recorder = importlib.import_module("barograph.recorder").Recorder
    feedback = importlib.import_module("barograph.feedback").Feedback
    default_sink = importlib.import_module("barograph.this_process").default_sink
    known: set[type] = set()

    def hear(sink: object) -> None:
        kind: Any = type(sink)
        if kind not in known:
            known.add(kind)
            kind.points = _hearing_first(kind.points, hear_points)
            kind.events = _hearing_first(kind.events, hear_events)

    begin = recorder.__init__

    @functools.wraps(begin)
    def hearing_begin(self: object, *arguments: Any, sink: Callable[[], Any], **named: Any) -> None:
        begin(self, *arguments, sink=_passing_on(sink, hear), **named)

    begin_feedback = feedback.__init__

    @functools.wraps(begin_feedback)
    def hearing_begin_feedback(self: object, *arguments: Any, sink: Any = None, **named: Any) -> None:
        if sink is not None:
            hear(sink)
        begin_feedback(self, *arguments, sink=sink, **named)

    recorder.__init__ = hearing_begin
    feedback.__init__ = hearing_begin_feedback
    _replace_everywhere(default_sink, _passing_on(default_sink, hear))


def _hearing_first(original: Callable[..., Any], hear: Callable[[Any], None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def replacement(self: object, sent: Any) -> Any:
        hear(sent)
        return original(self, sent)

    return replacement


def _listen_to_spans() -> None:
    processor = importlib.import_module("opentelemetry.sdk.trace").SynchronousMultiSpanProcessor
    original = processor.on_end

    def on_end(self: object, span: ReadableSpan) -> None:
        hear_span(span)
        original(self, span)

    processor.on_end = on_end
