"""Listens to what the packages encode while tests run: names, units, attributes.

Every name that leaves is compared with the registry at once; the last test of a whole run asks
whether everything that is declared left at least once. Only what our own encoders made counts,
on its way to a socket or file: what a test writes by hand proves nothing.
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

from barograph.semconv import SOURCE_SCOPE
from generate import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from reading import Signal

IS_WHOLE = pytest.StashKey[bool]()
OUR_ROOTS = ("ml.", "barograph")

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
        names: Metrics, events and span types.
        attributes: Attribute names, by metric, event or span type.
        faults: What the registry doesn't allow, once each.
    """

    names: set[str] = field(default_factory=set)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def signal(self, known: Mapping[str, Signal], name: str, attributes: Iterable[str]) -> None:
        """Take note of one point, record or span."""
        present = frozenset(attributes)
        with self.lock:
            self.names.add(name)
            self.attributes.setdefault(name, set()).update(present)
            declared = known.get(name)
            if declared is None:
                self.faults.add(f"{name} is not declared")
                return
            allowed = {use.attribute.key for use in declared.uses}
            required = {use.attribute.key for use in declared.uses if use.level == "required"}
            self.faults |= {f"{name} carries {each}, undeclared" for each in present - allowed}
            self.faults |= {f"{name} lacks {each}, required" for each in required - present}


HEARD = Heard()


def hear_metrics(request: bytes) -> None:
    """An ExportMetricsServiceRequest."""
    for carrier in ExportMetricsServiceRequest.FromString(request).resource_metrics:
        for scope in carrier.scope_metrics:
            for metric in scope.metrics:
                hear_metric(metric)


def hear_metric(metric: Any) -> None:
    """One metric, as protobuf or as the SDK's data."""
    if not metric.name.startswith(OUR_ROOTS):
        return  # a third party's
    declared = METRICS.get(metric.name)
    if declared is not None:
        if metric.unit != declared.unit:
            HEARD.faults.add(f"{metric.name} has unit {metric.unit!r}, declared {declared.unit!r}")
        if metric.description != declared.brief:
            HEARD.faults.add(f"{metric.name} has another description than the registry")
        kind = metric.WhichOneof("data")
        if kind not in INSTRUMENTS[declared.instrument]:
            HEARD.faults.add(f"{metric.name} is sent as {kind}, declared {declared.instrument}")
    for point in getattr(metric, metric.WhichOneof("data")).data_points:
        HEARD.signal(METRICS, metric.name, (each.key for each in point.attributes))


def hear_logs(request: bytes) -> None:
    """An ExportLogsServiceRequest."""
    for carrier in ExportLogsServiceRequest.FromString(request).resource_logs:
        for scope in carrier.scope_logs:
            for record in scope.log_records:
                if record.HasField("body"):
                    HEARD.faults.add(f"{record.event_name} has a body")
                HEARD.signal(EVENTS, record.event_name, (each.key for each in record.attributes))


def hear_span(span: ReadableSpan) -> None:
    """A span that ended; ours are of one type."""
    scope = span.instrumentation_scope
    if scope is not None and scope.name == SOURCE_SCOPE:
        (span_type,) = SPANS
        HEARD.signal(SPANS, span_type, span.attributes or {})


def listen() -> None:
    """Wrap the encoders wherever they are referred to."""
    for module, name, hear in (
        ("barograph_processor.wire.encode", "encode_readings", hear_metrics),
        ("barograph_processor.wire.encode", "encode_windows", hear_logs),
        ("barograph_processor.exporters.otlp_telemetry", "encode_telemetry", hear_metrics),
    ):
        original = getattr(importlib.import_module(module), name)
        _replace_everywhere(original, _listening(original, hear))
    _listen_to_spans()


def _listening(original: Callable[..., bytes], hear: Callable[[bytes], None]) -> Callable[..., bytes]:
    @functools.wraps(original)
    def encode(*arguments: Any, **named: Any) -> bytes:
        encoded = original(*arguments, **named)
        hear(encoded)
        return encoded

    return encode


def _replace_everywhere(original: object, replacement: object) -> None:
    """Also where a module did ``from … import …``."""
    for module in list(sys.modules.values()):
        space = getattr(module, "__dict__", {})
        for name in [name for name, value in space.items() if value is original]:
            setattr(module, name, replacement)


def _listen_to_spans() -> None:
    from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor  # noqa: PLC0415  # only when tests run

    original = SynchronousMultiSpanProcessor.on_end

    def on_end(self: SynchronousMultiSpanProcessor, span: ReadableSpan) -> None:
        hear_span(span)
        original(self, span)

    SynchronousMultiSpanProcessor.on_end = on_end  # type: ignore[method-assign]
