"""A receiver that speaks HTTP, and clients that say exactly what a test wants on the wire."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET

from barograph_processor.components.api import Context
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Config, Http
from barograph_processor.telemetry import Telemetry

from .otlp_server import Counting, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
WAIT_S = 60.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpRunning(Counting):
    """A receiver and its engine."""

    def __init__(self, endpoint: str, engine: Engine, telemetry: Telemetry) -> None:
        self.endpoint = endpoint
        self.engine = engine
        self.telemetry = telemetry
        host, _, port = endpoint.rpartition(":")
        self.address = (host, int(port))

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=WAIT_S)
        try:
            return exchange(connection, method, path, body, **headers)
        finally:
            connection.close()

    def post(self, path: str, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Answer:
        return self.request("POST", path, body, content_type=content_type, **headers)

    def logs(self, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Answer:
        return self.post("/v1/logs", body, content_type, **headers)

    def dial(self) -> socket.socket:
        """A connection to say anything on."""
        return socket.create_connection(self.address, timeout=WAIT_S)

    def said(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes until the receiver closes."""
        with self.dial() as connection:
            connection.sendall(data)
            return everything(connection)


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> Answer:
    """One request and its answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, response.read())


def everything(connection: socket.socket) -> bytes:
    """What the other side sends until it closes."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def http_running(**settings: Any) -> Iterator[HttpRunning]:
    """A receiver on a free port of this machine."""
    engine, telemetry = Engine(), Telemetry()
    config = Config(grpc=UNSET, http=Http(endpoint="127.0.0.1:0", **settings))
    with FACTORY.open(config, Context(engine, telemetry, "receivers/otlp")) as receiver:
        (listener,) = receiver.listeners
        yield HttpRunning(listener.endpoint, engine, telemetry)
