"""One export request over gRPC or HTTP, and what came back; nothing is repeated, nothing is hidden."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.exporters.otlp_target import Target

_METHODS: Final[Mapping[str, str]] = {
    signal: f"/opentelemetry.proto.collector.{package}.v1.{service}Service/Export"
    for signal, package, service in (
        ("logs", "logs", "Logs"),
        ("metrics", "metrics", "Metrics"),
        ("traces", "trace", "Trace"),
    )
}
_HEALTH: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = 1
_MOST_BYTES: Final = 1 << 16
_SHOWN: Final = 200


class Answer(NamedTuple):
    """What came back.

    Attributes:
        code: ``OK``, the name of a gRPC status, ``HTTP 401`` …, or ``""`` where no answer can be understood.
        detail: What the other side says about it, or what happened instead.
        body: The response of a request that was taken.
    """

    code: str
    detail: str = ""
    body: bytes = b""

    @property
    def taken(self) -> bool:
        """Whether the request was taken."""
        return self.code == "OK"


def ask(target: Target, request: bytes, timeout_s: float) -> Answer:
    """Send one export request."""
    if target.protocol == "grpc":
        return _over_grpc(target, _METHODS[target.signal], request, timeout_s)
    return _over_http(target, request, timeout_s)


def ask_health(target: Target, timeout_s: float) -> Answer:
    """Ask gRPC's health service; the code is ``SERVING`` or ``NOT_SERVING`` where it answers."""
    answer = _over_grpc(target, _HEALTH, b"", timeout_s)
    if not answer.taken:
        return answer
    serving = answer.body[:2] == bytes((8, _SERVING))  # field 1, HealthCheckResponse.status
    return Answer("SERVING" if serving else "NOT_SERVING")


def _over_grpc(target: Target, method: str, request: bytes, timeout_s: float) -> Answer:
    import grpc  # noqa: PLC0415  # not for what needs no network

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    if target.secure:
        credentials = grpc.ssl_channel_credentials(
            *map(_content, (target.ca, target.key, target.certificate))
        )
        channel = grpc.secure_channel(target.endpoint, credentials, options=options)
    else:
        channel = grpc.insecure_channel(target.endpoint, options=options)
    with channel:
        metadata = tuple((key.lower(), value) for key, value in target.headers)
        try:
            return Answer(
                "OK", body=bytes(channel.unary_unary(method)(request, timeout=timeout_s, metadata=metadata))
            )
        except grpc.RpcError as error:
            return Answer(error.code().name, _short(error.details() or ""))
        except ValueError as error:  # metadata that can't be sent
            return Answer("", _short(str(error)))


def _content(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _over_http(target: Target, request: bytes, timeout_s: float) -> Answer:
    parts = urlsplit(target.endpoint)
    connection: http.client.HTTPConnection
    host = parts.hostname or ""
    if target.secure:
        context = ssl.create_default_context(cafile=target.ca)
        if target.certificate is not None:
            context.load_cert_chain(target.certificate, target.key)
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    headers = {"Content-Type": "application/x-protobuf", "User-Agent": "barograph", **dict(target.headers)}
    try:
        connection.request("POST", parts.path or "/", request, headers)
        response = connection.getresponse()
        body = response.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer("", _short(f"{type(error).__name__}: {error}"))
    finally:
        connection.close()
    if response.status == http.client.OK:
        return Answer("OK", body=body)
    return Answer(f"HTTP {response.status}", _short(_printable(body) or response.reason))


def _printable(body: bytes) -> str:
    """The longest run of text in an answer, which may be a `google.rpc.Status` around it."""
    text = "".join(letter if letter.isprintable() else "\n" for letter in body.decode("utf-8", "replace"))
    return max(text.split("\n"), key=len).strip()


def _short(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
