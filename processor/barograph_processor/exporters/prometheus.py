"""Current readings and our own telemetry to be scraped, and a small HTTP interface for operators."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from barograph.errors import ConfigError, Retryable
from barograph_processor.components.api import Factory
from barograph_processor.config.endpoints import is_loopback, split_address
from barograph_processor.exporters.prometheus_families import families_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from barograph_processor.components.api import Context, Control
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.telemetry import Telemetry

DRAIN_TIMEOUT_S = 300.0
POLL_S = 0.05
_PROBES = "/-/probe/"
_PATHS = "/metrics, /healthz, /readyz"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where ``/metrics`` is served.

    Attributes:
        endpoint: ``host:port``; port 0 takes a free one.
    """

    endpoint: str = "127.0.0.1:9464"


class Prometheus(Collector):
    """Holds the newest readings for the next scrape.

    Attributes:
        endpoint: Where it listens, with the port that was really taken.
    """

    def __init__(self, telemetry: Telemetry, endpoint: str = "") -> None:
        self.endpoint = endpoint
        self._telemetry = telemetry
        self._current: Sequence[CurrentReading] = ()

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Nothing: a scrape sees what is current, not events."""

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Hold the readings; a series that has ended is gone from the next scrape on."""
        del now_ns
        self._current = [each for each in current if not each.ended]

    def collect(self) -> Iterable[Metric]:
        """The families of a scrape, as prometheus_client asks for them."""
        return families_of(self._current, self._telemetry.snapshot())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], registry: CollectorRegistry, control: Control | None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.registry = registry
        self.control = control
        self.local = is_loopback(address[0])

    def server_bind(self) -> None:
        """Take the address without asking the network for its name, which may answer after seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:  # named by http.server
        """Answer a scrape or a question for health."""
        path = urlsplit(self.path).path
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, encode(self.server.registry), content_type)
        elif path == "/healthz":
            self._status(None if self.server.control is None else self.server.control.health(), "ok")
        elif path == "/readyz":
            self._status(None if self.server.control is None else self.server.control.ready(), "ready")
        elif path.startswith(_PROBES) and self.server.control is not None:
            told = self.server.control.probe(unquote(path.removeprefix(_PROBES)))
            self._answer(HTTPStatus.OK, json.dumps(told).encode(), "application/json")
        elif path == "/":
            self._text(HTTPStatus.OK, f"barograph: {_PATHS}\n")
        else:
            self._text(HTTPStatus.NOT_FOUND, f"there is nothing at {path}; see {_PATHS}\n")

    def do_POST(self) -> None:  # named by http.server
        """Drain, for those on this machine who aren't a web page."""
        parts = urlsplit(self.path)
        self.close_connection = True
        if parts.path != "/-/drain":
            self._text(HTTPStatus.NOT_FOUND, f"there is nothing to POST to at {parts.path}\n")
        elif self.server.control is None:
            self._text(HTTPStatus.NOT_FOUND, "nothing here can be drained\n")
        elif not self.server.local or "Origin" in self.headers:
            self._text(
                HTTPStatus.FORBIDDEN,
                "draining is only possible where the metrics listener is bound to 127.0.0.1, and never from "
                "a web page; set exporters.prometheus.endpoint to 127.0.0.1:9464\n",
            )
        else:
            self._drain(self.server.control, parse_qs(parts.query).get("timeout", [str(DRAIN_TIMEOUT_S)])[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named by http.server
        """Say nothing: a scrape every few seconds is no news."""

    def _drain(self, control: Control, timeout: str) -> None:
        try:
            summary = control.drain(float(timeout))
        except ValueError:
            self._text(HTTPStatus.BAD_REQUEST, f"timeout: found {timeout!r}, wanted a number of seconds\n")
        except TimeoutError as error:
            self._text(HTTPStatus.GATEWAY_TIMEOUT, f"{error}\n")
        except Retryable as error:
            self._text(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")
        else:
            self._answer(HTTPStatus.OK, json.dumps(summary).encode(), "application/json")

    def _status(self, told: Mapping[str, object] | None, good: str) -> None:
        told = told or {"status": good}
        status = HTTPStatus.OK if told.get("status") == good else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, json.dumps(told).encode(), "application/json")

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, text.encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _open(config: Config, context: Context) -> Iterator[Prometheus]:
    host, port = split_address(config.endpoint)
    exporter = Prometheus(context.telemetry)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(exporter)
    try:
        server = _Server((host.strip("[]"), int(port)), registry, context.control)
    except OSError as error:
        raise ConfigError(
            f"can't listen on {config.endpoint}: {error.strerror}; stop what listens there, or choose "
            f"another endpoint (port 0 takes a free one)"
        ) from error
    exporter.endpoint = f"{host}:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, args=(POLL_S,), name="barograph metrics", daemon=True
    )
    thread.start()
    try:
        yield exporter
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)


FACTORY: Factory[Config, Prometheus] = Factory(
    kind="exporter",
    name="prometheus",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="Current readings at /metrics for Prometheus; /healthz, /readyz; drain, on this machine only.",
)
