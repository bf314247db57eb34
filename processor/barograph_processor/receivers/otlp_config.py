"""What the receiver ``otlp`` can be told."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import UNSET, UnsetType

from barograph.errors import ConfigError
from barograph_processor.config.values import Duration, Secret
from barograph_processor.receivers.certificates import Certificates, Tls

_LAST_PORT: Final = 65_535
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # what ":4317" asks for

Bytes = Annotated[int, msgspec.Meta(ge=1_024, le=2**31 - 1)]
Workers = Annotated[int, msgspec.Meta(ge=1, le=1_024)]


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may send, by the header ``authorization: Bearer …``.

    Attributes:
        bearer: A token, or a list of them (an old and a new one), of the tenant ``default``.
        tokens: Tenant to its token, or a list of them; a tenant's models are monitored apart from others'.
    """

    bearer: Secret | tuple[Secret, ...] = ()
    tokens: dict[str, Secret | tuple[Secret, ...]] = {}

    def __post_init__(self) -> None:
        """Refuse what can't be meant; the message has no token in it.

        Raises:
            ValueError: There is no token, one can't be sent in a header, or one is there twice.
        """
        tokens = [token.reveal() for token in (*self.bearers, *(token for _, token in self.owned))]
        if not tokens:
            raise ValueError("found no token, wanted bearer or tokens; leave auth out to let everybody send")
        if not all(
            token.isascii() and token.isprintable() and token == token.strip() and token for token in tokens
        ):
            raise ValueError(
                "found a token that is empty or can't be sent in a header, wanted printable ASCII"
            )
        if len(set(tokens)) < len(tokens):
            raise ValueError("found one token twice, wanted a token of its own for each tenant")
        if "" in self.tokens:
            raise ValueError("found a tenant without a name")

    @property
    def bearers(self) -> tuple[Secret, ...]:
        """Tokens of the tenant ``default``."""
        return _several(self.bearer)

    @property
    def owned(self) -> tuple[tuple[str, Secret], ...]:
        """Tenant and token, for each token."""
        return tuple((tenant, token) for tenant, given in self.tokens.items() for token in _several(given))


def _several(given: Secret | tuple[Secret, ...]) -> tuple[Secret, ...]:
    return given if isinstance(given, tuple) else (given,)


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
        max_receiving: Requests that may be arriving at the same time; further ones wait unread in their
            connections.
        max_buffered_bytes: Requests that have arrived and wait to be worked on, together.
        workers: Requests worked on at the same time; further ones wait.
        max_connections: Connections open at the same time; further ones are refused.
        max_streams: Requests that one connection may have open.
        retry_after: What senders are told to wait when the engine can't take more.
        stop_within: Requests under way are given so long to finish when the receiver stops.
        body_timeout: A request takes no longer to arrive.
        handshake_timeout: A connection that hasn't said by then what it speaks is closed.
        keepalive: When connections are probed and closed.
        tls: TLS; plain text without it.
    """

    endpoint: str = "127.0.0.1:4317"
    max_receive_bytes: Bytes = 64 * 2**20
    max_receiving: Workers = 128
    max_buffered_bytes: Annotated[int, msgspec.Meta(ge=1_024)] = 256 * 2**20
    workers: Workers = 8
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 512
    max_streams: Annotated[int, msgspec.Meta(ge=1)] = 128
    retry_after: Duration = Duration("1s")
    stop_within: Duration = Duration("10s")
    body_timeout: Duration = Duration("15s")
    handshake_timeout: Duration = Duration("10s")
    keepalive: Keepalive = Keepalive()
    tls: Tls | UnsetType = UNSET


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP server: POST to /v1/traces, /v1/metrics and /v1/logs, in protobuf or JSON.

    Attributes:
        endpoint: ``host:port``; port 0 takes a free one.
        max_receive_bytes: Largest body, compressed or not; the sender splits larger ones.
        max_buffered_bytes: Bodies that are being received, of all connections together.
        max_connections: Connections open at the same time; a further one takes the place of the one that is
            idle the longest.
        workers: Requests worked on at the same time; further ones wait in their connections.
        retry_after: What senders are told to wait when the engine can't take more.
        stop_within: Requests under way are given so long to finish when the receiver stops.
        head_timeout: The head of a request, or a TLS handshake, takes no longer.
        body_timeout: A body takes no longer to arrive.
        idle_timeout: A connection without requests for so long is closed.
        tls: TLS; plain text without it.
    """

    endpoint: str = "127.0.0.1:4318"
    max_receive_bytes: Bytes = 64 * 2**20
    max_buffered_bytes: Annotated[int, msgspec.Meta(ge=1_024)] = 256 * 2**20
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 512
    workers: Workers = 8
    retry_after: Duration = Duration("1s")
    stop_within: Duration = Duration("10s")
    head_timeout: Duration = Duration("10s")
    body_timeout: Duration = Duration("30s")
    idle_timeout: Duration = Duration("2m")
    tls: Tls | UnsetType = UNSET


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the receiver ``otlp``. Of ``grpc`` and ``http``, what is written is on; with neither, both.

    Attributes:
        grpc: The gRPC server.
        http: The HTTP server.
        auth: Who may send, by either; everybody without it.
    """

    only_if_written: ClassVar[tuple[str, ...]] = ("grpc", "http")
    grpc: Grpc | UnsetType = Grpc()
    http: Http | UnsetType = Http()
    auth: Auth | UnsetType = UNSET

    def verify(self) -> None:
        """Read the certificates.

        Raises:
            ConfigError: A file is missing or isn't what it should be.
        """
        servers: tuple[tuple[str, Grpc | Http | UnsetType], ...] = (("grpc", self.grpc), ("http", self.http))
        for protocol, server in servers:
            if not isinstance(server, UnsetType) and not isinstance(server.tls, UnsetType):
                Certificates(server.tls, protocol)


def listening_address(endpoint: str, protocol: str) -> tuple[str, int]:
    """Host and port of a server.

    Raises:
        ConfigError: The text has no port.
    """
    host, separator, port = endpoint.rpartition(":")
    if not separator or not port.isdigit() or int(port) > _LAST_PORT:
        example = "127.0.0.1:4317" if protocol == "grpc" else "127.0.0.1:4318"
        raise ConfigError(f"{protocol}.endpoint: found {endpoint!r}, wanted host:port such as {example}")
    return host or _EVERYWHERE, int(port)


def cannot_listen(endpoint: str, protocol: str) -> ConfigError:
    """What to say when a port can't be taken."""
    return ConfigError(
        f"can't listen on {endpoint}: the port is in use or the address isn't ours; stop what listens there, "
        f"or set receivers.otlp.{protocol}.endpoint to another host:port (port 0: any free one)"
    )
