"""A sink that ends in bytes: what a wiretap behind the exporters would see."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult

from barograph.export_sdk import send_events, send_points

from .listening import ListeningSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourceEvent, SourcePoint


class WireSink(ListeningSink):
    """Keeps what it is given, and the OTLP requests that become of it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[bytes] = []

    def points(self, points: Sequence[SourcePoint]) -> None:
        super().points(points)
        exporter: Any = _Exporter(self.requests)
        send_points(exporter, points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        super().events(events)
        exporter: Any = _Exporter(self.requests)
        send_events(exporter, events, 1)

    def holds(self, value: str | float) -> bool:
        """Whether a value stands anywhere in the bytes: as text, or as a double or whole number."""
        sought = [str(value).encode()]
        if isinstance(value, float):
            sought.append(struct.pack("<d", value))
            if value.is_integer():
                sought += [struct.pack("<q", int(value)), str(int(value)).encode()]
        return any(one in request for one in sought for request in self.requests)


class _Exporter:
    """Encodes as the OTLP exporters do."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = requests

    def export(self, told: Any) -> Any:
        if isinstance(told, list):
            self._requests.append(encode_logs(told).SerializeToString())
            return LogRecordExportResult.SUCCESS
        self._requests.append(encode_metrics(told).SerializeToString())
        return MetricExportResult.SUCCESS
