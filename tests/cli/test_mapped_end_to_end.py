"""A service that knows nothing of us, a processor that is told how to read it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .processes import WAIT_S, last_revisions, send, service, value

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
mappings:
  - signal: spans
    when: {name: "POST /predict", service: shop}
    model: credit
    version: {attribute: service.version}
    id: app.request_id
    class: app.answer
    features: app.features.*
  - signal: logs
    when: {name: loan.closed}
    model: credit
    id: app.request_id
    truth: app.outcome
windows: [1h]
"""
SECOND_NS = 1_000_000_000


def trace(endpoint: str, start_ns: int, count: int) -> None:
    """One span a prediction, as the service's own SDK sends them."""
    resource = Resource({"service.name": "shop", "service.version": "7", "service.instance.id": "one"})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"http://{endpoint}", insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=10_000))
    tracer = provider.get_tracer("shop")
    for i in range(count):
        span = tracer.start_span("POST /predict", start_time=start_ns + i)
        span.set_attributes(
            {
                "app.request_id": f"r-{i}",
                "app.answer": "no" if i % 4 else "yes",
                "app.features.age": 20 + i % 50,
            }
        )
        span.end(end_time=start_ns + i + 1)
    assert provider.force_flush(WAIT_S * 1_000)
    provider.shutdown()


@pytest.mark.slow
def test_spans_and_events_of_a_service_become_a_models_accuracy(tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    hour_ns = time.time_ns() // (3_600 * SECOND_NS) * 3_600 * SECOND_NS - 3_600 * SECOND_NS
    with service("--config", str(file)) as running:
        trace(running.otlp, hour_ns, 400)
        outcomes = [
            LogRecord(
                timestamp=hour_ns + SECOND_NS,
                event_name="loan.closed",
                attributes={"app.request_id": f"r-{i}", "app.outcome": "no"},
            )
            for i in range(400)
        ]
        send(running.otlp, outcomes)
        summary = running.drain()
        running.stop()
    assert (400, 400) == (summary["predictions"], summary["labels"]["joined"])
    (window,) = last_revisions(running.windows, "1h")
    assert ("credit", "7") == (window["model"], window["version"])
    assert 0.75 == value(window, "ml.performance.accuracy", **{"ml.label.horizon": "all"})
