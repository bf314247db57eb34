"""Readings as OTLP metrics, closed windows as OTLP events, to any Collector or backend."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from barograph.semconv import attributes, metrics
from barograph_processor.clock import SystemClock
from barograph_processor.components.api import Factory
from barograph_processor.components.reasons import Lane, Reason
from barograph_processor.engine.results import readings_of
from barograph_processor.exporters.otlp_target import SIGNALS, Config, target_of
from barograph_processor.exporters.otlp_telemetry import encode_telemetry, resource_of
from barograph_processor.wire.encode import encode_readings, encode_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Context
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.exporters.otlp_target import Signal, Target, Timestamps
    from barograph_processor.telemetry import Telemetry

MAX_REQUEST_BYTES = 3 * 2**20
T = TypeVar("T")


class Sender(Protocol):
    """Sends encoded requests to one target."""

    def send(self, request: bytes) -> bytes:
        """Send a request; returns the response."""

    def close(self) -> None:
        """Close the connection."""


class Otlp:
    """Sends readings and windows, with the processor's own telemetry beside the readings."""

    def __init__(
        self,
        senders: Mapping[Signal, Sender],
        telemetry: Telemetry,
        *,
        timestamps: Timestamps = "now",
        resource: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._dated = timestamps == "window"
        self._senders = senders
        self._telemetry = telemetry
        self._resource = resource or resource_of(os.environ)
        self._clock = clock or SystemClock()

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Send the event of each window, and its readings where each is sent once at its own time."""
        now_ns = None if self._dated else self._clock.now_ns()
        for request in _requests(closed, lambda part: encode_windows(part, self._resource, now_ns)):
            response = ExportLogsServiceResponse.FromString(self._senders["logs"].send(request))
            self._partial(Lane.WINDOWS, response.partial_success.rejected_log_records)
        if self._dated:
            own = [each for window in closed for each in readings_of(window)]
            self._send_readings(_requests(own, lambda part: encode_readings(part, None, self._resource)))

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Send the current readings, unless each was sent with its window, and our own telemetry."""
        if not self._dated:
            self._send_readings(
                _requests(current, lambda part: encode_readings(part, now_ns, self._resource))
            )
        self._send_readings([encode_telemetry(self._telemetry, now_ns, self._resource)])

    def _send_readings(self, requests: Iterable[bytes]) -> None:
        for request in requests:
            response = ExportMetricsServiceResponse.FromString(self._senders["metrics"].send(request))
            self._partial(Lane.READINGS, response.partial_success.rejected_data_points)

    def _partial(self, lane: str, rejected: int) -> None:
        if rejected:
            labels = {attributes.ML_TELEMETRY_LANE: lane, attributes.ML_TELEMETRY_REASON: Reason.REJECTED}
            self._telemetry.add(metrics.ML_TELEMETRY_DROPPED, rejected, **labels)


def _requests(items: Sequence[T], encode: Callable[[Sequence[T]], bytes]) -> Iterator[bytes]:
    """Encoded requests of at most `MAX_REQUEST_BYTES`, where an item alone isn't larger."""
    if not items:
        return
    request = encode(items)
    if len(request) <= MAX_REQUEST_BYTES or len(items) == 1:
        yield request
        return
    middle = len(items) // 2
    yield from _requests(items[:middle], encode)
    yield from _requests(items[middle:], encode)


def sender_to(target: Target) -> Sender:
    """What sends to a target by its protocol."""
    if target.protocol == "grpc":
        from barograph_processor.exporters.otlp_grpc import GrpcSender  # noqa: PLC0415  # grpc takes 0.1 s

        return GrpcSender(target)
    from barograph_processor.exporters.otlp_http import HttpSender  # noqa: PLC0415  # only one of them is needed

    return HttpSender(target)


@contextmanager
def _open(config: Config, context: Context) -> Iterator[Otlp]:
    senders: dict[Signal, Sender] = {
        signal: sender_to(target_of(config, signal, os.environ)) for signal in SIGNALS
    }
    try:
        yield Otlp(senders, context.telemetry, timestamps=config.timestamps)
    finally:
        for sender in senders.values():
            sender.close()


FACTORY: Factory[Config, Otlp] = Factory(
    kind="exporter",
    name="otlp",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="Readings as OTLP metrics and closed windows as OTLP events, over gRPC or HTTP.",
)
