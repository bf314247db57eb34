"""OTLP over gRPC: a server that hands raw request bytes to the decoders."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from barograph.errors import Permanent, Retryable
from barograph_processor.receivers.grpc_health import Health
from barograph_processor.receivers.otlp_config import cannot_listen, listening_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.config.values import Duration
    from barograph_processor.receivers.otlp_config import Grpc
    from barograph_processor.receivers.otlp_intake import OtlpIntake, Signal

SERVICES: Final[dict[str, Signal]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
_log = logging.getLogger(__name__)
_NANOS: Final = 1_000_000_000


class OtlpGrpc:
    """A running server.

    Attributes:
        endpoint: Where it listens, with the port that was really taken.
    """

    def __init__(self, config: Grpc, intake: OtlpIntake) -> None:
        """Listen and serve.

        Raises:
            ConfigError: The endpoint can't be listened on.
        """
        self._stop_within_s = config.stop_within.seconds
        self._workers = ThreadPoolExecutor(config.workers, thread_name_prefix="barograph otlp")
        exporter = _Exporter(intake, config.retry_after)
        self._server = grpc.server(
            self._workers,
            handlers=[
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.unary_unary_rpc_method_handler(exporter.handler(signal))}
                )
                for service, signal in SERVICES.items()
            ],
            options=_options(config),
        )
        self._health = Health(self._server, SERVICES)
        self.endpoint = _listen(self._server, config.endpoint)
        self._server.start()

    def close(self) -> None:
        """Take no more requests, and wait until those under way have been answered."""
        self._health.stop()
        self._server.stop(self._stop_within_s).wait()
        self._workers.shutdown(wait=True, cancel_futures=True)


class _Exporter:
    """The Export methods. Requests and responses are bytes: no (de)serialiser is registered."""

    def __init__(self, intake: OtlpIntake, retry_after: Duration) -> None:
        self._intake = intake
        self._retry_after = RetryInfo(
            retry_delay=DurationMessage(seconds=retry_after.ns // _NANOS, nanos=retry_after.ns % _NANOS)
        )

    def handler(self, signal: Signal) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        """The method of one signal."""

        def export(data: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                return self._intake.export(signal, data)
            except Permanent as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except Retryable as error:
                context.set_trailing_metadata(self._retry_trailers(str(error)))
                context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            except Exception:  # noqa: BLE001  # any fault of ours must leave the server running
                _log.exception("a request of %d bytes of %s failed", len(data), signal)
                context.abort(grpc.StatusCode.INTERNAL, "the processor failed on this request; see its log")
            raise AssertionError("abort raises")

        return export

    def _retry_trailers(self, message: str) -> tuple[tuple[str, bytes], ...]:
        """RetryInfo twice: the Go client reads it in the status, the Python one in a trailer of its own."""
        detail = AnyMessage()
        detail.Pack(self._retry_after)
        status = Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message=message, details=[detail])
        return (
            ("grpc-status-details-bin", status.SerializeToString()),
            ("google.rpc.retryinfo-bin", self._retry_after.SerializeToString()),
        )


def _options(config: Grpc) -> list[tuple[str, int]]:
    keepalive = config.keepalive
    return [
        (
            "grpc.max_receive_message_length",
            config.max_receive_bytes,
        ),  # of the message, and after decompression
        ("grpc.max_concurrent_streams", config.max_streams),
        ("grpc.keepalive_time_ms", round(keepalive.time.seconds * 1000)),
        ("grpc.keepalive_timeout_ms", round(keepalive.timeout.seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", round(keepalive.min_ping_interval.seconds * 1000)),
        ("grpc.max_connection_idle_ms", round(keepalive.max_idle.seconds * 1000)),
        ("grpc.so_reuseport", 0),  # two processors on one port would share requests by chance
    ]


def _listen(server: grpc.Server, endpoint: str) -> str:
    host, port = listening_address(endpoint, "grpc")
    try:
        taken = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise cannot_listen(endpoint, "grpc") from error
    return f"{host}:{taken}"
