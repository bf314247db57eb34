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
from barograph_processor.receivers.credentials import WANTED
from barograph_processor.receivers.grpc_calls import Calls
from barograph_processor.receivers.grpc_health import PREFIX, Health
from barograph_processor.receivers.otlp_config import cannot_listen, listening_address
from barograph_processor.wire.decode import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from barograph_processor.components.api import Control
    from barograph_processor.config.values import Duration
    from barograph_processor.receivers.certificates import Certificates, Material
    from barograph_processor.receivers.credentials import Credentials
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

    def __init__(
        self,
        config: Grpc,
        intake: OtlpIntake,
        credentials: Credentials,
        certificates: Certificates | None,
        control: Control | None = None,
    ) -> None:
        """Listen and serve.

        Args:
            config: What it is told.
            intake: Where requests go.
            credentials: Who may send.
            certificates: For TLS; None for plain text.
            control: Says whether telemetry is taken; None: it always is.

        Raises:
            ConfigError: The endpoint can't be listened on.
        """
        self._stop_within_s = config.stop_within.seconds
        self._threads = ThreadPoolExecutor(
            max(config.max_receiving, config.workers), thread_name_prefix="barograph otlp"
        )
        self._calls = Calls(
            arrive_within_s=config.body_timeout.seconds,
            workers=config.workers,
            buffered_bytes=config.max_buffered_bytes,
        )
        exporter = _Exporter(intake, credentials, config.retry_after, self._calls)
        self._server = grpc.server(
            self._threads,
            handlers=[
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.stream_unary_rpc_method_handler(exporter.handler(signal))}
                )
                for service, signal in SERVICES.items()
            ],
            interceptors=[_Doorkeeper(intake, credentials)] if credentials.wanted else [],
            options=_options(config),
        )
        self._health = Health(self._server, SERVICES, control)
        self.endpoint = _listen(self._server, config.endpoint, certificates)
        self._server.start()

    def close(self) -> None:
        """Take no more requests, and wait until those under way have been answered."""
        self._health.stop()
        self._server.stop(self._stop_within_s).wait()
        self._calls.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


class _Exporter:
    """The Export methods. Requests and responses are bytes: no (de)serialiser is registered."""

    def __init__(
        self, intake: OtlpIntake, credentials: Credentials, retry_after: Duration, calls: Calls
    ) -> None:
        self._intake = intake
        self._credentials = credentials
        self._calls = calls
        self._retry_after = RetryInfo(
            retry_delay=DurationMessage(seconds=retry_after.ns // _NANOS, nanos=retry_after.ns % _NANOS)
        )

    def handler(self, signal: Signal) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        """The method of one signal, which reads the one message of a call itself."""

        def export(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            data = self._message(signal, messages, context)
            try:
                tenant = self._credentials.tenant(_texts(context.invocation_metadata())) or DEFAULT_TENANT
                with self._calls.turn(len(data)):
                    return self._intake.export(signal, data, tenant=tenant)
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

    def _message(self, signal: Signal, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """The message of a call; those that never come whole are counted."""
        try:
            with self._calls.arriving(context):
                data = next(messages, None)
        except grpc.RpcError:  # too large, too slow, or the sender is gone: gRPC has answered, if it could
            self._intake.failed(signal)
            raise
        if data is None:
            self._intake.failed(signal)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")
            raise AssertionError("abort raises")
        return data

    def _retry_trailers(self, message: str) -> tuple[tuple[str, bytes], ...]:
        """RetryInfo twice: the Go client reads it in the status, the Python one in a trailer of its own."""
        detail = AnyMessage()
        detail.Pack(self._retry_after)
        status = Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message=message, details=[detail])
        return (
            ("grpc-status-details-bin", status.SerializeToString()),
            ("google.rpc.retryinfo-bin", self._retry_after.SerializeToString()),
        )


class _Doorkeeper(grpc.ServerInterceptor):  # type: ignore[misc]  # has no types
    """Turns away who has no token, before a byte of the message is read; probes of health need none."""

    def __init__(self, intake: OtlpIntake, credentials: Credentials) -> None:
        self._intake = intake
        self._credentials = credentials
        self._refusal = grpc.stream_unary_rpc_method_handler(self._refuse)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Let a call pass or not."""
        headers = _texts(handler_call_details.invocation_metadata)
        if not handler_call_details.method.startswith(PREFIX) and self._credentials.tenant(headers) is None:
            self._intake.unauthenticated()
            return self._refusal
        return continuation(handler_call_details)

    @staticmethod
    def _refuse(request: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        del request
        context.abort(grpc.StatusCode.UNAUTHENTICATED, WANTED)
        raise AssertionError("abort raises")


def _texts(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def _options(config: Grpc) -> list[tuple[str, int]]:
    keepalive = config.keepalive
    timeout_ms = _milliseconds(keepalive.timeout)
    return [
        ("grpc.max_receive_message_length", config.max_receive_bytes),  # before and after decompression
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        ("grpc.max_concurrent_streams", config.max_streams),
        ("grpc.server_handshake_timeout_ms", _milliseconds(config.handshake_timeout)),
        ("grpc.keepalive_time_ms", _milliseconds(keepalive.time)),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        ("grpc.http2.ping_timeout_ms", timeout_ms),  # without it, a probe is waited for a minute
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(keepalive.min_ping_interval)),
        ("grpc.max_connection_idle_ms", _milliseconds(keepalive.max_idle)),
        ("grpc.so_reuseport", 0),  # two processors on one port would share requests by chance
    ]


def _milliseconds(duration: Duration) -> int:
    return round(duration.seconds * 1000)


def _listen(server: grpc.Server, endpoint: str, certificates: Certificates | None) -> str:
    host, port = listening_address(endpoint, "grpc")
    try:
        if certificates is None:
            taken = server.add_insecure_port(f"{host}:{port}")
        else:
            taken = server.add_secure_port(f"{host}:{port}", _secure(certificates))
    except RuntimeError as error:
        raise cannot_listen(endpoint, "grpc") from error
    return f"{host}:{taken}"


def _secure(certificates: Certificates) -> grpc.ServerCredentials:
    """Credentials that look at the files again for each handshake."""

    def told(material: Material) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(material.key, material.certificate)], root_certificates=material.client_ca
        )

    used = certificates.current()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        material = certificates.current()
        if material is used:
            return None
        used = material
        return told(material)

    return grpc.dynamic_ssl_server_credentials(told(used), changed, used.client_ca is not None)
