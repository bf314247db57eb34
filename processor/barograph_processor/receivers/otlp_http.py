"""OTLP over HTTP: which requests are taken, and every answer as the protocol wants it.

Source: OpenTelemetry Protocol 1.x, "OTLP/HTTP".
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from barograph.errors import Permanent, Retryable
from barograph_processor.receivers.credentials import WANTED
from barograph_processor.receivers.http_messages import Response
from barograph_processor.receivers.otlp_bodies import CODINGS, TooLarge, decompressed
from barograph_processor.wire.decode import DEFAULT_TENANT
from barograph_processor.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from barograph_processor.receivers.credentials import Credentials
    from barograph_processor.receivers.http_messages import Head
    from barograph_processor.receivers.otlp_intake import OtlpIntake, Signal

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
PATHS: Final[Mapping[str, Signal]] = {"/v1/traces": "traces", "/v1/metrics": "metrics", "/v1/logs": "logs"}
_RESPONSES: Final[Mapping[Signal, type[Message]]] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
CODES: Final = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.RESOURCE_EXHAUSTED,
    415: Code.INVALID_ARGUMENT,
    431: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
}
_UNREAD: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_NANOS: Final = 1_000_000_000


class OtlpHttp:
    """The program behind the server: export requests, and nothing else."""

    def __init__(
        self, intake: OtlpIntake, credentials: Credentials, *, max_bytes: int, retry_after_ns: int
    ) -> None:
        """Answer for an intake.

        Args:
            intake: Where requests go.
            credentials: Who may send.
            max_bytes: Largest body after decompression.
            retry_after_ns: What senders are told to wait when the engine can't take more.
        """
        self._intake = intake
        self._credentials = credentials
        self._max_bytes = max_bytes
        self._retry_after = RetryInfo(
            retry_delay=DurationMessage(seconds=retry_after_ns // _NANOS, nanos=retry_after_ns % _NANOS)
        )
        self._retry_after_s = str(max(1, math.ceil(retry_after_ns / _NANOS)))

    def admit(self, head: Head) -> Response | None:
        """Refuse what is no export request, before its body is read."""
        if head.path not in PATHS:
            return _plain(404, f"there is nothing at {head.path}; POST to {', '.join(PATHS)}\n")
        if head.method != "POST":
            return _plain(405, f"{head.method} isn't possible here; POST OTLP requests\n", ("Allow", "POST"))
        if self._credentials.tenant(head.headers) is None:
            self._intake.unauthenticated()
            return self._refused(head, 401, WANTED)._replace(headers=(("WWW-Authenticate", "Bearer"),))
        if _content_type(head) not in {PROTOBUF, JSON}:
            self._intake.failed(PATHS[head.path])
            given = head.headers.get("content-type", "no Content-Type")
            return _plain(415, f"found {given}, wanted {PROTOBUF} or {JSON}\n")
        coding = _coding(head)
        if coding not in {"", "identity", *CODINGS}:
            self._intake.failed(PATHS[head.path])
            refusal = self._refused(
                head, 415, f"found Content-Encoding {coding}, wanted one of {', '.join(CODINGS)}"
            )
            return refusal._replace(headers=(("Accept-Encoding", ", ".join(CODINGS)),))
        return None

    def answer(self, head: Head, body: bytes) -> Response:
        """Take a request into the engine."""
        signal = PATHS[head.path]
        is_json = _content_type(head) == JSON
        try:
            data = decompressed(body, _coding(head), self._max_bytes)
            data = to_protobuf(signal, data) if is_json else data
        except TooLarge as error:
            self._intake.failed(signal)
            return self._refused(head, 413, str(error))
        except Permanent as error:
            self._intake.failed(signal)
            return self._refused(head, 400, str(error))
        try:
            tenant = self._credentials.tenant(head.headers) or DEFAULT_TENANT
            taken = self._intake.export(signal, data, tenant=tenant)
        except Permanent as error:
            return self._refused(head, 400, str(error))
        except Retryable as error:
            return self._refused(head, 503, str(error))
        if not is_json:
            return Response(200, taken, PROTOBUF)
        return Response(200, _json(_RESPONSES[signal].FromString(taken)), JSON)

    def troubled(self, head: Head | None, status: int, message: str) -> Response:
        """What the server refuses by itself is a request that could not be read."""
        if head is not None and head.path in PATHS and status in _UNREAD:
            self._intake.failed(PATHS[head.path])
        return self._refused(head, status, message)

    def _refused(self, head: Head | None, status: int, message: str) -> Response:
        """A `google.rpc.Status` in the content type of the request."""
        content_type = _content_type(head) if head is not None else ""
        if content_type not in {PROTOBUF, JSON}:
            return _plain(status, f"{message}\n")
        told = Status(code=CODES.get(status, Code.UNKNOWN), message=message)
        headers: tuple[tuple[str, str], ...] = ()
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            told.details.add().Pack(self._retry_after)
            headers = (("Retry-After", self._retry_after_s),)
        body = _json(told) if content_type == JSON else told.SerializeToString()
        return Response(status, body, content_type, headers)


def _content_type(head: Head) -> str:
    return head.headers.get("content-type", "").partition(";")[0].strip().lower()


def _coding(head: Head) -> str:
    return head.headers.get("content-encoding", "").strip().lower()


def _json(message: Message) -> bytes:
    return json_format.MessageToJson(message, indent=None).encode()


def _plain(status: int, text: str, *headers: tuple[str, str]) -> Response:
    return Response(status, text.encode(), TEXT, headers)
