"""A small backend: takes OTLP over gRPC and keeps every `ml.window.closed` event."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias, Union

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Plain: TypeAlias = Union[str, bool, int, float, bytes, "list[Plain]", "dict[str, Plain]", None]
MAX_REQUEST_BYTES = 16 * 2**20


def plain(value: AnyValue) -> Plain:
    """An attribute value as plain Python."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    found: Plain = getattr(value, kind)
    return found


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Plain]:
    """Attributes as a dictionary."""
    return {pair.key: plain(pair.value) for pair in pairs}


class Events(logs_service_pb2_grpc.LogsServiceServicer):
    """Keeps the newest revision of every window, and writes each event down as a JSON line."""

    def __init__(self, path: Path) -> None:
        """Keep what comes in `path` too."""
        self.windows: dict[tuple[str, int], dict[str, Plain]] = {}
        self._file = path.open("w")

    def Export(  # noqa: N802 - the name that gRPC calls
        self, request: logs_service_pb2.ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> logs_service_pb2.ExportLogsServiceResponse:
        """Take events."""
        del context
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    if record.event_name == "ml.window.closed":
                        self._keep(attributes(record.attributes))
        return logs_service_pb2.ExportLogsServiceResponse()

    def _keep(self, event: dict[str, Plain]) -> None:
        self._file.write(json.dumps(event) + "\n")
        window = (str(event["ml.window.name"]), _int(event, "ml.window.start"))
        known = self.windows.get(window)
        if known is None or _int(known, "ml.window.revision") < _int(event, "ml.window.revision"):
            self.windows[window] = event

    def close(self) -> None:
        """Nothing comes any more."""
        self._file.close()


def _int(event: dict[str, Plain], name: str) -> int:
    found = event[name]
    if not isinstance(found, int):
        raise TypeError(f"{name} is {found!r}")
    return found


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Takes metric points, which go to whatever backend you have; this one only accepts them."""

    def Export(  # noqa: N802
        self, request: metrics_service_pb2.ExportMetricsServiceRequest, context: grpc.ServicerContext
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        """Take metrics."""
        del request, context
        return metrics_service_pb2.ExportMetricsServiceResponse()


class Backend:
    """Listens on a free port of the loopback interface; `port` tells which."""

    def __init__(self, path: Path) -> None:
        """Start listening; events are written to `path`."""
        self.events = Events(path)
        options = [("grpc.max_receive_message_length", MAX_REQUEST_BYTES)]
        self._server = grpc.server(ThreadPoolExecutor(2), options=options)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self.events, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(grace=1).wait()
        self.events.close()
