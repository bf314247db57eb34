"""An OTLP server on a free port that keeps what it is sent, and may send it on as a Collector does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FORWARD_S = 30


class Number(NamedTuple):
    """A point of a sum or gauge, and where it came from."""

    resource: dict[str, Any]
    scope: str
    metric: str
    attributes: dict[str, Any]
    value: float


class Recorded:
    """Answers every export and keeps what came.

    Attributes:
        spans: Spans, in order.
        metrics: Metrics.
        records: Log records.
        numbers: Points of sums and gauges.
        scopes: Scope and metric, or event, of everything but spans.
    """

    def __init__(self, forward_to: str | None = None) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.records: list[Any] = []
        self.numbers: list[Number] = []
        self.scopes: set[tuple[str, str]] = set()
        self._channel = grpc.insecure_channel(forward_to) if forward_to else None

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def take_traces(self, request: Any) -> Any:
        self.spans += [one for a in request.resource_spans for b in a.scope_spans for one in b.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def take_metrics(self, request: Any) -> Any:
        for carrier in request.resource_metrics:
            for scope in carrier.scope_metrics:
                self._keep(carrier.resource, scope)
        if self._channel is not None:
            forward: Any = metrics_service_pb2_grpc.MetricsServiceStub(self._channel)  # type: ignore[no-untyped-call]
            forward.Export(request, timeout=_FORWARD_S)
        return metrics_service_pb2.ExportMetricsServiceResponse()

    def take_logs(self, request: Any) -> Any:
        for carrier in request.resource_logs:
            for scope in carrier.scope_logs:
                self.records += scope.log_records
                self.scopes |= {(scope.scope.name, one.event_name) for one in scope.log_records}
        if self._channel is not None:
            forward: Any = logs_service_pb2_grpc.LogsServiceStub(self._channel)  # type: ignore[no-untyped-call]
            forward.Export(request, timeout=_FORWARD_S)
        return logs_service_pb2.ExportLogsServiceResponse()

    def _keep(self, resource: Any, scope: Any) -> None:
        self.metrics += scope.metrics
        for metric in scope.metrics:
            self.scopes.add((scope.scope.name, metric.name))
            held = metric.WhichOneof("data")
            if held in {"sum", "gauge"}:
                for point in getattr(metric, held).data_points:
                    value = getattr(point, point.WhichOneof("value"))
                    number = Number(
                        attributes_of(resource), scope.scope.name, metric.name, attributes_of(point), value
                    )
                    self.numbers.append(number)

    def values(self, metric: str, **wanted: str) -> list[float]:
        """Values of a sum or gauge, in the order in which they came."""
        return [
            number.value
            for number in self.numbers
            if number.metric == metric and wanted.items() <= number.attributes.items()
        ]


@contextmanager
def listening(forward_to: str | None = None) -> Iterator[tuple[Recorded, int]]:
    """A server for OTLP/gRPC, and its port.

    Args:
        forward_to: Where metrics and logs are sent on to; nowhere if absent.
    """
    found = Recorded(forward_to)
    server = grpc.server(ThreadPoolExecutor(16))
    services: tuple[tuple[Any, Any, Callable[[Any], Any]], ...] = (
        (
            trace_service_pb2_grpc.add_TraceServiceServicer_to_server,
            trace_service_pb2_grpc.TraceServiceServicer,
            found.take_traces,
        ),
        (
            metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
            metrics_service_pb2_grpc.MetricsServiceServicer,
            found.take_metrics,
        ),
        (
            logs_service_pb2_grpc.add_LogsServiceServicer_to_server,
            logs_service_pb2_grpc.LogsServiceServicer,
            found.take_logs,
        ),
    )
    for add, kind, take in services:
        add(type(kind.__name__, (kind,), {"Export": _called(take)})(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield found, port
    finally:
        server.stop(None).wait(60)
        found.close()


def _called(take: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Any]:
    return lambda _, request, __: take(request)


@contextmanager
def listening_http() -> Iterator[tuple[Recorded, int]]:
    """A server for OTLP/HTTP in protobuf, and its port."""
    found = Recorded()
    takes: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "/v1/traces": (trace_service_pb2.ExportTraceServiceRequest, found.take_traces),
        "/v1/metrics": (metrics_service_pb2.ExportMetricsServiceRequest, found.take_metrics),
        "/v1/logs": (logs_service_pb2.ExportLogsServiceRequest, found.take_logs),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kind, take = takes[self.path]
            answer = take(kind.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            body = answer.SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield found, server.server_address[1]
    finally:
        server.shutdown()
        serving.join(60)
        server.server_close()


def attributes_of(one: Any) -> dict[str, Any]:
    """The scalar attributes of a span, point, record or resource."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in one.attributes}
