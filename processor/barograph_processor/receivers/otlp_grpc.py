"""The OTLP receiver: a gRPC server that hands raw request bytes to the decoders."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import grpc
import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from barograph.errors import ConfigError, Permanent, Retryable
from barograph_processor.components.api import Context, Factory
from barograph_processor.config.values import Duration
from barograph_processor.receivers.otlp_intake import OtlpIntake, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICES: Final[dict[str, Signal]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
_log = logging.getLogger(__name__)
_NANOS: Final = 1_000_000_000
_LAST_PORT: Final = 65_535
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # what ":4317" asks for


class Keepalive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When connections are probed and closed.

    Attributes:
        time: A connection that was silent for so long is probed.
        timeout: It is closed when the probe isn't answered in time.
        min_ping_interval: Clients that probe more often are disconnected.
        max_idle: A connection without requests for so long is closed.
    """

    time: Duration = Duration("2h")
    timeout: Duration = Duration("20s")
    min_ping_interval: Duration = Duration("10s")
    max_idle: Duration = Duration("1h")


class Grpc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gRPC server.

    Attributes:
        endpoint: ``host:port``; port 0 takes a free one.
        max_receive_bytes: Largest request, compressed or not; the sender splits larger ones.
        workers: Requests worked on at the same time; further ones wait unread in their connections.
        max_streams: Requests that one connection may have open.
        retry_after: What senders are told to wait when the engine can't take more.
        stop_within: Requests under way are given so long to finish when the receiver stops.
        keepalive: When connections are probed and closed.
    """

    endpoint: str = "127.0.0.1:4317"
    max_receive_bytes: Annotated[int, msgspec.Meta(ge=1_024, le=2**31 - 1)] = 64 * 2**20
    workers: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 8
    max_streams: Annotated[int, msgspec.Meta(ge=1)] = 128
    retry_after: Duration = Duration("1s")
    stop_within: Duration = Duration("10s")
    keepalive: Keepalive = Keepalive()


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the receiver ``otlp``.

    Attributes:
        grpc: The gRPC server.
    """

    grpc: Grpc = Grpc()


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
        self.endpoint = _listen(self._server, config.endpoint)
        self._server.start()

    def close(self) -> None:
        """Take no more requests, and wait until those under way have been answered."""
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
    host, separator, port = endpoint.rpartition(":")
    if not separator or not port.isdigit() or int(port) > _LAST_PORT:
        raise ConfigError(f"found {endpoint!r}, wanted host:port such as 127.0.0.1:4317")
    host = host or _EVERYWHERE
    try:
        taken = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise ConfigError(
            f"can't listen on {endpoint}: the port is in use or the address isn't ours; stop what "
            "listens there, or set receivers.otlp.grpc.endpoint to another host:port (port 0: any free one)"
        ) from error
    return f"{host}:{taken}"


@contextmanager
def _open(config: Config, context: Context) -> Iterator[OtlpGrpc]:
    if context.intake is None:
        raise ConfigError("a receiver needs an engine to feed")
    receiver = OtlpGrpc(config.grpc, OtlpIntake(context.intake, context.telemetry, time.time_ns()))
    try:
        yield receiver
    finally:
        receiver.close()


FACTORY: Factory[Config, OtlpGrpc] = Factory(
    kind="receiver",
    name="otlp",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="Spans, metrics and log records by OTLP over gRPC.",
)
