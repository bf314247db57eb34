"""A backend in forty lines: takes OTLP over gRPC and keeps every `ml.window.closed` event."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def plain(value: AnyValue) -> Any:
    """An attribute value as plain Python."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes as a dictionary."""
    pair: KeyValue
    return {pair.key: plain(pair.value) for pair in pairs}


class Backend(logs_service_pb2_grpc.LogsServiceServicer):
    """Keeps the newest revision of every window, and writes each event down as a JSON line."""

    def __init__(self, path: Path) -> None:
        """Start listening on a free port of the loopback interface; `port` tells which."""
        self.windows: dict[tuple[str, int], dict[str, Any]] = {}
        self.metric_points = 0
        self._file = path.open("w")
        self._server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", 16 * 2**20)])
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(self), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 (the name that gRPC calls)
        """Take events."""
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    if record.event_name == "ml.window.closed":
                        self._keep(attributes(record.attributes))
        return logs_service_pb2.ExportLogsServiceResponse()

    def _keep(self, event: dict[str, Any]) -> None:
        self._file.write(json.dumps(event) + "\n")
        window = (event["ml.window.name"], event["ml.window.start"])
        known = self.windows.get(window)
        if known is None or known["ml.window.revision"] < event["ml.window.revision"]:
            self.windows[window] = event

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(grace=1).wait()
        self._file.close()


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Counts metric points: they go to whatever backend you have, and this one only counts."""

    def __init__(self, backend: Backend) -> None:
        """Count for `backend`."""
        self._backend = backend

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take metrics."""
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                self._backend.metric_points += sum(len(metric.gauge.data_points) for metric in scope.metrics)
        return metrics_service_pb2.ExportMetricsServiceResponse()
