"""The receiver ``otlp``: one intake behind a gRPC and an HTTP server."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from msgspec import UnsetType

from barograph.errors import ConfigError
from barograph_processor.components.api import Factory, Listener
from barograph_processor.receivers.certificates import Certificates
from barograph_processor.receivers.credentials import Credentials
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.http_messages import Bounds
from barograph_processor.receivers.http_server import HttpServer
from barograph_processor.receivers.otlp_config import Config, cannot_listen, listening_address
from barograph_processor.receivers.otlp_grpc import OtlpGrpc
from barograph_processor.receivers.otlp_http import OtlpHttp
from barograph_processor.receivers.otlp_intake import OtlpIntake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.components.api import Context
    from barograph_processor.receivers.certificates import Tls
    from barograph_processor.receivers.otlp_config import Http


class OtlpReceiver:
    """The servers that run.

    Attributes:
        listeners: Where each of them listens.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.listeners = listeners


@contextmanager
def _open(config: Config, context: Context) -> Iterator[OtlpReceiver]:
    if context.intake is None:
        raise ConfigError("a receiver needs an engine to feed")
    streams = CumulativeStreams(
        context.intake,
        time.time_ns(),
        context.component_id,
        context.remembered,
        max_streams=context.limits.max_cumulative_streams,
    )
    intake = OtlpIntake(context.intake, context.telemetry, streams, context.limits, dialects=context.dialects)
    credentials = Credentials(config.auth)
    listeners: list[Listener] = []
    with ExitStack() as stack:
        if not isinstance(config.grpc, UnsetType):
            tls = _certificates(config.grpc.tls, "grpc")
            server = OtlpGrpc(config.grpc, intake, credentials, tls, context.control)
            stack.callback(server.close)
            listeners.append(_listener("grpc", server.endpoint, config.grpc.tls, credentials))
        if not isinstance(config.http, UnsetType):
            http = _http(config.http, intake, credentials)
            stack.callback(http.close, config.http.stop_within.seconds)
            host = f"[{http.host}]" if ":" in http.host else http.host
            listeners.append(_listener("http", f"{host}:{http.port}", config.http.tls, credentials))
        yield OtlpReceiver(listeners)


def _certificates(tls: Tls | UnsetType, protocol: str) -> Certificates | None:
    return None if isinstance(tls, UnsetType) else Certificates(tls, protocol)


def _listener(protocol: str, endpoint: str, tls: Tls | UnsetType, credentials: Credentials) -> Listener:
    secure = not isinstance(tls, UnsetType)
    certified = not isinstance(tls, UnsetType) and tls.client_ca_file is not None
    return Listener(protocol, endpoint, secure=secure, authenticated=certified or credentials.wanted)


def _http(config: Http, intake: OtlpIntake, credentials: Credentials) -> HttpServer:
    tls = _certificates(config.tls, "http")
    host, port = listening_address(config.endpoint, "http")
    program = OtlpHttp(
        intake, credentials, max_bytes=config.max_receive_bytes, retry_after_ns=config.retry_after.ns
    )
    bounds = Bounds(
        connections=config.max_connections,
        body_bytes=config.max_receive_bytes,
        buffered_bytes=config.max_buffered_bytes,
        head_s=config.head_timeout.seconds,
        body_s=config.body_timeout.seconds,
        idle_s=config.idle_timeout.seconds,
    )
    try:
        return HttpServer(
            (host.strip("[]"), port),
            program,
            bounds=bounds,
            workers=config.workers,
            secure=tls.context if tls is not None else None,
        )
    except OSError as error:
        raise cannot_listen(config.endpoint, "http") from error


FACTORY: Factory[Config, OtlpReceiver] = Factory(
    kind="receiver",
    name="otlp",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="Spans, metrics and log records by OTLP over gRPC and HTTP.",
)
