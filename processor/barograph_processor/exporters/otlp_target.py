"""Where an OTLP exporter sends: its configuration, completed from the standard environment.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import msgspec

from barograph.errors import ConfigError
from barograph_processor.config.endpoints import is_loopback
from barograph_processor.config.values import Duration, Secret  # noqa: TC001  # msgspec reads annotations
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Signal = Literal["metrics", "logs", "traces"]
Protocol = Literal["grpc", "http/protobuf"]
Timestamps = Literal["now", "window"]
SIGNALS: tuple[Signal, ...] = ("metrics", "logs")
_PROTOCOLS = ("grpc", "http/protobuf")
_PREFIX = "OTEL_EXPORTER_OTLP_"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how; what is absent is taken from ``OTEL_EXPORTER_OTLP_*``, then from the defaults.

    Attributes:
        endpoint: ``host:port`` or a URL; ``http://`` is plain text, ``https://`` is TLS.
        protocol: ``grpc`` or ``http/protobuf``.
        headers: Sent with each request.
        compression: ``gzip`` or ``none``.
        insecure: Plain text for an endpoint without ``http://``; by default only on this machine.
        timeout: For one request.
        ca_file: Certificates to trust instead of the system's (PEM).
        cert_file: Our own certificate (PEM).
        key_file: Its key (PEM).
        timestamps: ``now``: the current readings every export interval, at that time; ``window``: each
            reading once, at the end of its window, for backends that take points of the past.
    """

    endpoint: str | None = None
    protocol: Protocol | None = None
    headers: dict[str, Secret] = {}
    compression: Literal["gzip", "none"] | None = None
    insecure: bool | None = None
    timeout: Duration | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    timestamps: Timestamps = "now"

    def targets(self, environ: Mapping[str, str]) -> Sequence[str]:
        """The endpoints that this configuration sends to, by the given environment."""
        return [target_of(self, signal, environ).endpoint for signal in SIGNALS]


class Target(NamedTuple):
    """Where one signal goes.

    Attributes:
        signal: ``metrics``, ``logs`` or, for what asks for it, ``traces``.
        endpoint: ``host:port`` for gRPC, the whole URL for HTTP.
        protocol: ``grpc`` or ``http/protobuf``.
        secure: Whether TLS is spoken.
        headers: Sent with each request.
        gzip: Whether requests are compressed.
        timeout_s: For one request.
        ca: Certificates to trust, a path.
        certificate: Our own certificate, a path.
        key: Its key, a path.
    """

    signal: Signal
    endpoint: str
    protocol: Protocol
    secure: bool
    headers: Sequence[tuple[str, str]]
    gzip: bool
    timeout_s: float
    ca: str | None
    certificate: str | None
    key: str | None


def target_of(config: Config, signal: Signal, environ: Mapping[str, str]) -> Target:
    """Complete a configuration from the environment.

    Raises:
        ConfigError: A variable or the endpoint can't be understood, or a certificate is missing.
    """

    def variable(name: str) -> str | None:
        own = environ.get(f"{_PREFIX}{signal.upper()}_{name}", "").strip()
        return own or environ.get(f"{_PREFIX}{name}", "").strip() or None

    protocol = config.protocol or _protocol(variable("PROTOCOL"))
    default = "http://localhost:4317" if protocol == "grpc" else "http://localhost:4318"
    written = config.endpoint or variable("ENDPOINT") or default
    own = config.endpoint is None and bool(environ.get(f"{_PREFIX}{signal.upper()}_ENDPOINT", "").strip())
    insecure = config.insecure if config.insecure is not None else _truth(variable("INSECURE"))
    endpoint, secure = _endpoint(written, protocol, signal, insecure=insecure, whole=own)
    compression = config.compression or variable("COMPRESSION") or "none"
    headers = {key: secret.reveal() for key, secret in config.headers.items()} or _headers(
        variable("HEADERS")
    )
    target = Target(
        signal=signal,
        endpoint=endpoint,
        protocol=protocol,
        secure=secure,
        headers=tuple(headers.items()),
        gzip=compression == "gzip",
        timeout_s=config.timeout.seconds if config.timeout is not None else _timeout(variable("TIMEOUT")),
        ca=config.ca_file or variable("CERTIFICATE"),
        certificate=config.cert_file or variable("CLIENT_CERTIFICATE"),
        key=config.key_file or variable("CLIENT_KEY"),
    )
    for path in (target.ca, target.certificate, target.key):
        if path is not None and not Path(path).is_file():
            raise ConfigError(f"the certificate file {path} does not exist")
    return target


def _protocol(text: str | None) -> Protocol:
    if text is None:
        return "grpc"
    if text not in _PROTOCOLS:
        hint = nearest(text, _PROTOCOLS)
        raise ConfigError(f"{_PREFIX}PROTOCOL: found {text!r}, wanted one of {', '.join(_PROTOCOLS)}{hint}")
    return cast("Protocol", text)


def _endpoint(
    written: str, protocol: Protocol, signal: Signal, *, insecure: bool | None, whole: bool
) -> tuple[str, bool]:
    scheme, separator, _ = written.partition("://")
    if separator and scheme not in {"http", "https"}:
        raise ConfigError(
            f"endpoint: found {written!r}, wanted host:port, http://host:port or https://host:port"
        )
    parts = urlsplit(written if separator else f"//{written}")
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"endpoint: found {written!r}, wanted a port from 1 to 65535") from error
    if not parts.hostname:
        raise ConfigError(f"endpoint: found {written!r}, wanted host:port, such as collector:4317")
    plain = insecure if insecure is not None else is_loopback(parts.hostname)
    secure = scheme == "https" if separator else not plain
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if protocol == "grpc":
        return f"{host}:{port or 4317}", secure
    path = parts.path if whole else f"{parts.path.rstrip('/')}/v1/{signal}"
    default_port = "" if separator else ":4318"
    return f"{'https' if secure else 'http'}://{host}{f':{port}' if port else default_port}{path}", secure


def _truth(text: str | None) -> bool | None:
    return None if text is None else text.lower() == "true"


def _timeout(text: str | None) -> float:
    """The variable is in milliseconds by the specification."""
    if text is None:
        return 10.0
    try:
        return float(text) / 1000.0
    except ValueError as error:
        raise ConfigError(f"{_PREFIX}TIMEOUT: found {text!r}, wanted a number of milliseconds") from error


def _headers(text: str | None) -> dict[str, str]:
    """``key=value,key=value``, percent-encoded as W3C Baggage."""
    found = {}
    for part in (text or "").split(","):
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[unquote(key.strip()).lower()] = unquote(value.strip())
    return found
