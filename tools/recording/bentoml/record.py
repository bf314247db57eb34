"""Records what BentoML's OTLP monitor sends, for tests/wire/recorded.

In an environment of its own, since BentoML brings its own versions of what we use too:

    python -m venv /tmp/bentoml
    /tmp/bentoml/bin/pip install bentoml==1.4.40 opentelemetry-exporter-otlp-proto-http
    /tmp/bentoml/bin/python tools/recording/bentoml/record.py tests/wire/recorded

A real service is served on loopback and called; the requests that its monitors send are kept as they
came, except that the place of the environment is taken out of ``code.file.path``.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
WAIT_S = 60.0
JUDGE = [("judge", {"age": age, "job": "clerk", "owns": age > 40}) for age in (25, 35, 45)]
# Name of the file, share of records with bento_meta, calls, records.
RECORDINGS: list[tuple[str, float, list[tuple[str, dict[str, Any]]], int]] = [
    ("class", 1.0, JUDGE, 3),
    ("numbers-in-a-batch", 1.0, [("price", {"areas": [1.0, 2.0, 0.1]})], 3),
    ("class-and-score", 1.0, [("weigh", {"age": 20.0}), ("weigh", {"age": 60.0})], 2),
    ("sequences", 1.0, [("spread", {"values": [1.0, 3.0]}), ("spread", {"values": [2.0, 2.0, 4.0]})], 2),
    ("two-monitors", 1.0, [JUDGE[0], ("price", {"areas": [4.0]}), JUDGE[1]], 3),
    ("first-described", 0.0, JUDGE, 3),
]


def main() -> None:
    """Make every recording."""
    folder = Path(sys.argv[1])
    for name, rate, calls, records in RECORDINGS:
        with listening() as (endpoint, arrived), serving(endpoint, rate) as service:
            for path, body in calls:
                post(f"{service}/{path}", body)
            request = ExportLogsServiceRequest()
            while counted(request) < records:
                request.MergeFromString(arrived.get(timeout=WAIT_S))
        file = folder / f"bentoml-{version('bentoml')}-{name}.otlp"
        file.write_bytes(anonymous(request).SerializeToString())
        print(f"{file}: {records} records, {file.stat().st_size} bytes")


@contextmanager
def listening() -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """An OTLP/HTTP endpoint that keeps what arrives."""
    arrived: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/logs", arrived
    finally:
        server.shutdown()


@contextmanager
def serving(endpoint: str, rate: float) -> Iterator[str]:
    """The service; its monitors send to the endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("bentoml"),
                *("serve", "service:Loans", "--host", "127.0.0.1", "--port", str(port)),
            ],
            cwd=HERE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "BENTOML_DO_NOT_TRACK": "True",
                "BENTOML_HOME": home,
                "OTEL_BLRP_SCHEDULE_DELAY": "200",
                "RECORD_ENDPOINT": endpoint,
                "RECORD_META_SAMPLE_RATE": str(rate),
            },
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(WAIT_S)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the service answers."""
    for _ in range(int(WAIT_S / 0.2)):
        if answers(url):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            break
    raise TimeoutError(f"{url} does not answer; the service's status is {process.returncode}")


def answers(url: str) -> bool:
    """Whether somebody is there."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # loopback
            return True
    except OSError:
        return False


def post(url: str, body: dict[str, Any]) -> None:
    """Call the service."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=WAIT_S):  # noqa: S310  # likewise
        pass


def counted(request: ExportLogsServiceRequest) -> int:
    """How many records a request holds."""
    return sum(len(scope.log_records) for one in request.resource_logs for scope in one.scope_logs)


def anonymous(request: ExportLogsServiceRequest) -> ExportLogsServiceRequest:
    """The request without the place of the environment that it was made in."""
    for one in request.resource_logs:
        for scope in one.scope_logs:
            for record in scope.log_records:
                for pair in record.attributes:
                    if pair.key == "code.file.path":
                        pair.value.string_value = pair.value.string_value.partition("site-packages/")[2]
    return request


if __name__ == "__main__":
    main()
