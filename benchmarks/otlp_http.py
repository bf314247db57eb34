"""OTLP/HTTP against OTLP/gRPC: the same requests to the same receiver on one core.

    python benchmarks/otlp_http.py

The receiver, with decoding and without an engine, has a core of its own; four senders on the other core
have one request each under way, by sockets and by gRPC's C library, so that they cost as little as they can.
JSON is told beside them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import measuring
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from barograph.semconv import attributes as names
from barograph_processor.components.api import Context
from barograph_processor.engine.batch import Fed
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Config, Grpc, Http
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from barograph_processor.engine.batch import Batch

SENDERS = 4
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
ATTRIBUTES = 25
SPANS_A_RUN = {1_000: 32, 100: 200}  # spans of a request: requests of a run


class Engine:
    """Takes everything."""

    def feed(self, batches: Sequence[Batch], position: object = None) -> Fed:
        """Take."""
        del position
        return Fed(len(batches), {})

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        """Nothing."""
        del owner
        return {}


def serve(core: int) -> None:
    """Receive until standard input ends."""
    measuring.pin([core])
    intake: Any = Engine()
    config = Config(grpc=Grpc(endpoint="127.0.0.1:0"), http=Http(endpoint="127.0.0.1:0"))
    with FACTORY.open(config, Context(intake, Telemetry(), "receiver/otlp")) as receiver:
        print(json.dumps({each.protocol: each.endpoint for each in receiver.listeners}), flush=True)
        sys.stdin.read()


@contextmanager
def receiver(core: int) -> Iterator[dict[str, str]]:
    """Where a receiver on that core listens."""
    command = [sys.executable, __file__, "serve", str(core)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline())
    finally:
        child.stdin.close()
        child.wait(30)


def spans(count: int) -> ExportTraceServiceRequest:
    """Spans of predictions."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for index in range(count):
        span = scope.spans.add(
            name="predict m", trace_id=os.urandom(16), span_id=os.urandom(8), kind=1,
            start_time_unix_nano=10**18, end_time_unix_nano=10**18 + 5_000,
        )  # fmt: skip
        span.attributes.add(key=names.ML_MODEL_NAME, value=AnyValue(string_value="m"))
        for number in range(1, ATTRIBUTES):
            value = (
                AnyValue(double_value=index * 0.37) if number % 2 else AnyValue(string_value=f"v{index % 7}")
            )
            span.attributes.add(key=f"app.attribute.{number}", value=value)
    return request


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """In OTLP's JSON, with ids in hexadecimal digits."""
    plain = json_format.MessageToDict(request, use_integers_for_enums=True)
    held = request.resource_spans[0].scope_spans[0].spans
    for written, span in zip(plain["resourceSpans"][0]["scopeSpans"][0]["spans"], held, strict=True):
        written["traceId"], written["spanId"] = span.trace_id.hex(), span.span_id.hex()
    return json.dumps(plain).encode()


def by_http(endpoint: str, body: bytes, content_type: str) -> Callable[[int], None]:
    """Sends so many requests on a connection of its own."""
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    host, _, port = endpoint.rpartition(":")

    def send(count: int) -> None:
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            for _ in range(count):
                connection.sendall(whole)
                answer = connection.recv(4_096)
                assert answer.startswith(b"HTTP/1.1 200 "), answer

    return send


def by_grpc(endpoint: str, body: bytes) -> Callable[[int], None]:
    """Sends so many requests on a connection of its own."""

    def send(count: int) -> None:
        with grpc.insecure_channel(endpoint, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            method = channel.unary_unary(METHOD)
            for _ in range(count):
                method(body, timeout=60)

    return send


def together(send: Callable[[int], None], requests: int) -> Callable[[], None]:
    """All senders at once, each its share."""

    def run() -> None:
        senders = [threading.Thread(target=send, args=(requests // SENDERS,)) for _ in range(SENDERS)]
        for each in senders:
            each.start()
        for each in senders:
            each.join()

    return run


def main() -> None:
    """Print the figures."""
    with measuring.report(__doc__, pinned=False) as report:
        core = report.options.core
        measuring.pin([each for each in measuring.cores() if each != core] or [core])
        with receiver(core) as endpoints:
            for size, requests in SPANS_A_RUN.items():
                request = spans(size)
                data, text = request.SerializeToString(), as_json(request)
                http = endpoints["http"]
                alternatives = {
                    "gRPC": by_grpc(endpoints["grpc"], data),
                    "HTTP": by_http(http, data, "application/x-protobuf"),
                    "JSON": by_http(http, text, "application/json"),
                }
                times = measuring.alternated(
                    {name: together(send, requests) for name, send in alternatives.items()}, runs=report.runs
                )
                ratio = times["gRPC"].over(times["HTTP"])
                for name, taken in times.items():
                    report.add(f"{name}, {size} spans a request", taken.rate(size * requests), "spans/s")
                promised = 0.7 if size == max(SPANS_A_RUN) else None
                name = f"HTTP/protobuf to gRPC, {size} spans a request"
                report.add(name, ratio, "ratio", at_least=promised)
                report.add(
                    f"JSON to gRPC, {size} spans a request", times["gRPC"].over(times["JSON"]), "ratio"
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main()
