"""OTLP/HTTP against OTLP/gRPC: the same requests to the same receiver on one core.

    python benchmarks/otlp_http.py

The receiver, with decoding and without an engine, has a core of its own; four senders on the other core
have one request each under way, encoded beforehand, by sockets and by gRPC's C library, so that they cost as
little as they can: a tenth of the receiver's time or less. JSON is told beside them, and requests that the
decoder is done with at once (one field of 1 MiB that it doesn't know), where carrying bytes is all there is.

Figures "by CPU" divide by the receiver's processor time rather than by the clock: a run lasts less than a
second, so the clock's ratios of single runs go from 0.7 to 1.4 where anything else runs on the machine.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import measuring
from google.protobuf import json_format
from measuring import Samples
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
SPANS_A_RUN = {1_000: 60, 100: 200}  # spans of a request: requests of a run
PADDED_A_RUN = 300
JSON_SPANS_A_RUN = 4_000
PADDING = b"\xfa\x3e\x80\x80\x40" + bytes(2**20)  # field 1007, 1 MiB
PROTOBUF = "application/x-protobuf"


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
def receiver(core: int) -> Iterator[tuple[dict[str, str], int]]:
    """Where a receiver on that core listens, and its process."""
    command = [sys.executable, __file__, "serve", str(core)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline()), child.pid
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


def together(send: Callable[[int], None], requests: int) -> None:
    """All senders at once, each its share."""
    senders = [threading.Thread(target=send, args=(requests // SENDERS,)) for _ in range(SENDERS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()


def rates(
    senders: Mapping[str, tuple[Callable[[int], None], int]], pid: int, runs: int
) -> tuple[dict[str, Samples], dict[str, Samples]]:
    """Requests a second, and a second of the receiver's processor time, in turns.

    Args:
        senders: How requests are sent, and how many in a run.
        pid: The receiver.
        runs: Runs that count; one more before them warms up.
    """
    clock: dict[str, list[float]] = {name: [] for name in senders}
    cpu: dict[str, list[float]] = {name: [] for name in senders}
    for run in range(runs + 1):
        for name, (send, requests) in senders.items():
            cpu_before, began = measuring.cpu_s(pid), time.perf_counter()
            together(send, requests)
            taken, cpu_taken = time.perf_counter() - began, measuring.cpu_s(pid) - cpu_before
            if run:
                clock[name].append(requests / taken)
                cpu[name].append(requests / cpu_taken)
    return (
        {name: Samples(tuple(found)) for name, found in clock.items()},
        {name: Samples(tuple(found)) for name, found in cpu.items()},
    )


def main() -> None:
    """Print the figures."""
    with measuring.report(__doc__, pinned=False) as report:
        core = report.options.core
        measuring.pin([each for each in measuring.cores() if each != core] or [core])
        with receiver(core) as (endpoints, pid):
            for size, requests in SPANS_A_RUN.items():
                request = spans(size)
                data, text = request.SerializeToString(), as_json(request)
                senders = {
                    "gRPC": (by_grpc(endpoints["grpc"], data), requests),
                    "HTTP": (by_http(endpoints["http"], data, PROTOBUF), requests),
                    "JSON": (
                        by_http(endpoints["http"], text, "application/json"),
                        JSON_SPANS_A_RUN // size,
                    ),
                }
                promised = 0.7 if size == max(SPANS_A_RUN) else None
                tell(report, f"{size} spans a request", rates(senders, pid, report.runs), promised, size)
            padded = {
                "gRPC": (by_grpc(endpoints["grpc"], PADDING), PADDED_A_RUN),
                "HTTP": (by_http(endpoints["http"], PADDING, PROTOBUF), PADDED_A_RUN),
            }
            tell(report, "1 MiB of nothing", rates(padded, pid, report.runs), None, None)


def tell(
    report: measuring.Report,
    name: str,
    found: tuple[dict[str, Samples], dict[str, Samples]],
    promised: float | None,
    size: int | None,
) -> None:
    """The figures of one payload."""
    clock, cpu = found
    for protocol, rate in clock.items():
        report.add(f"{protocol}, {name}", rate.times(size or 1), "spans/s" if size else "requests/s")
    for protocol in [each for each in clock if each != "gRPC"]:
        at_least = promised if protocol == "HTTP" else None
        title = f"{protocol} to gRPC, {name}"
        report.add(title, clock[protocol].over(clock["gRPC"]), "ratio", at_least=at_least)
        report.add(f"{title}, by CPU", cpu[protocol].over(cpu["gRPC"]), "ratio", at_least=at_least)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main()
