"""A backend that takes OTLP over HTTP and remembers every request: where it came, how, and what was in it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph_processor.receivers.http_messages import Bounds, Head, Response
from barograph_processor.receivers.http_server import HttpServer
from barograph_processor.receivers.otlp_bodies import decompressed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST = 64 * 2**20


class Came(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Backend:
    """Remembers; answers everything with success."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.url = ""
        self._remembering = threading.Lock()

    def admit(self, head: Head) -> Response | None:
        return None

    def answer(self, head: Head, body: bytes) -> Response:
        content = decompressed(body, head.headers.get("content-encoding", ""), LARGEST)
        with self._remembering:
            self.came.append(Came(head.path, head.headers, content))
        return Response(200, b"", "application/x-protobuf")

    def troubled(self, head: Head | None, status: int, message: str) -> Response:
        return Response(status, message.encode(), "text/plain")

    def _bodies(self, end: str) -> list[bytes]:
        with self._remembering:
            return [came.body for came in self.came if came.path.endswith(end)]

    @property
    def spans(self) -> list[str]:
        """Names of the spans that came."""
        return [
            span.name
            for body in self._bodies("/v1/traces")
            for carrier in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in carrier.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> list[tuple[str, str]]:
        """Scope and name of the metrics that came."""
        return [
            (scope.scope.name, metric.name)
            for body in self._bodies("/v1/metrics")
            for carrier in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in carrier.scope_metrics
            for metric in scope.metrics
        ]

    @property
    def events(self) -> list[str]:
        """Names of the events that came; ``""`` for log records that are none."""
        return [
            record.event_name
            for body in self._bodies("/v1/logs")
            for carrier in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in carrier.scope_logs
            for record in scope.log_records
        ]


@contextmanager
def backend() -> Iterator[Backend]:
    """A backend on a free port of this machine."""
    held = Backend()
    bounds = Bounds(100, LARGEST, 4 * LARGEST, head_s=10.0, body_s=30.0, idle_s=60.0)
    server = HttpServer(("127.0.0.1", 0), held, bounds=bounds, workers=2)
    held.url = f"http://127.0.0.1:{server.port}"
    try:
        yield held
    finally:
        server.close(5.0)
