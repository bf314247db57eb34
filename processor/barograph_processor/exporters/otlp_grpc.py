"""OTLP requests over gRPC, as bytes that are encoded already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.rpc import error_details_pb2, status_pb2

from barograph.errors import Permanent, Retryable
from barograph_processor.components.delivery import RetryLater

if TYPE_CHECKING:
    from barograph_processor.exporters.otlp_target import Target

_METHODS = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_RETRYABLE = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
_STATUS_TRAILER = "grpc-status-details-bin"
_RETRY_TRAILER = "google.rpc.retryinfo-bin"


class GrpcSender:
    """Sends to one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        options = [("grpc.max_receive_message_length", 16 * 2**20)]
        compression = grpc.Compression.Gzip if target.gzip else grpc.Compression.NoCompression
        if target.secure:
            self._channel = grpc.secure_channel(
                target.endpoint, _credentials(target), options=options, compression=compression
            )
        else:
            self._channel = grpc.insecure_channel(target.endpoint, options=options, compression=compression)
        self._call = self._channel.unary_unary(_METHODS[target.signal])
        self._metadata = tuple((key.lower(), value) for key, value in target.headers)

    def send(self, request: bytes) -> bytes:
        """Send a request; returns the response.

        Raises:
            Retryable: The target is away or busy.
            Permanent: It will never take this request.
        """
        try:
            return bytes(self._call(request, timeout=self._target.timeout_s, metadata=self._metadata))
        except grpc.RpcError as error:
            raise self._mapped(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _mapped(self, error: grpc.RpcError) -> Retryable | Permanent:
        code = error.code()
        detail = " ".join((error.details() or "").split())
        message = f"{self._target.endpoint} answered {code.name}: {detail}"
        after_s = _retry_after(error)
        if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
            message += self._advice(detail)
            return Retryable(message) if after_s is None else RetryLater(message, after_s=after_s)
        return Permanent(message)

    def _advice(self, detail: str) -> str:
        if not self._target.secure:
            closed = "Socket closed" in detail
            return f"; if it speaks TLS, write https://{self._target.endpoint}" if closed else ""
        if "CERTIFICATE_VERIFY_FAILED" in detail or "Verification" in detail:
            return "; its certificate has to be in date, for this name, and signed by an authority in ca_file"
        if "SSL" in detail or "handshake" in detail.lower():
            return f"; if it speaks plain text, write http://{self._target.endpoint} or insecure: true"
        return ""


def _credentials(target: Target) -> grpc.ChannelCredentials:
    def content(path: str | None) -> bytes | None:
        return None if path is None else Path(path).read_bytes()

    return grpc.ssl_channel_credentials(
        root_certificates=content(target.ca),
        private_key=content(target.key),
        certificate_chain=content(target.certificate),
    )


def _retry_after(error: grpc.RpcError) -> float | None:
    """Seconds that the server asks to wait: Go servers say it in the status, Python ones in a trailer."""
    for key, value in error.trailing_metadata() or ():
        info = error_details_pb2.RetryInfo()
        try:
            if key == _RETRY_TRAILER:
                info.ParseFromString(value)
                return _seconds(info)
            if key == _STATUS_TRAILER:
                status = status_pb2.Status()
                status.ParseFromString(value)
                for detail in status.details:
                    if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
                        return _seconds(info)
        except Exception:  # noqa: BLE001, S112  # a damaged trailer is no trailer
            continue
    return None


def _seconds(info: error_details_pb2.RetryInfo) -> float:
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
