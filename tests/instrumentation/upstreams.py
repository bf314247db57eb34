"""Upstreams that misbehave, on real sockets of loopback, and programs that send to them."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

import children
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SERVICE = "opentelemetry.proto.collector.{0}.v1.{1}Service"


# For the beginning of a program: `dropped` holds what was counted as dropped from then on. The guard's own
# counts are taken from time to time, to be sent.
COUNTING = """
from collections import Counter
from barograph.guard import guard

dropped, count = Counter(), guard.dropped

def counting(lane, reason, items=1):
    dropped[lane, reason] += items
    count(lane, reason, items)

guard.dropped = counting
"""


# For the beginning of a program whose last words matter: a busy machine may need longer for them than a
# process's end is held up for.
PATIENT = """
import barograph.worker
barograph.worker.EXIT_TIMEOUT_S = 60.0
"""


class Upstream(grpc.GenericRpcHandler):  # type: ignore[misc]  # has no types
    """Takes metrics and logs, and answers each request as it is told.

    Args:
        verdict: The status of the n-th request, counted from 0; OK takes it.
        gate: What every answer waits for; open where None is given.
    """

    def __init__(self, verdict: Callable[[int], grpc.StatusCode], gate: threading.Event | None) -> None:
        self._verdict = verdict
        self._gate = gate
        self._lock = threading.Lock()
        self.asked = 0
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []

    def service(self, details: Any) -> Any:
        kind = details.method.split(".")[3]
        taken: list[Any] = self.metrics if kind == "metrics" else self.logs
        request = ExportMetricsServiceRequest if kind == "metrics" else ExportLogsServiceRequest
        answer = ExportMetricsServiceResponse if kind == "metrics" else ExportLogsServiceResponse

        def take(data: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                number, self.asked = self.asked, self.asked + 1
            if self._gate is not None:
                assert self._gate.wait(60)
            status = self._verdict(number)
            if status is not grpc.StatusCode.OK:
                context.abort(status, "not today")
            with self._lock:
                taken.append(data)
            return answer()

        return grpc.unary_unary_rpc_method_handler(
            take, request_deserializer=request.FromString, response_serializer=answer.SerializeToString
        )

    def predictions(self) -> Counter[str]:
        """Rows counted by `ml.inference.predictions`, by source."""
        found: Counter[str] = Counter()
        for request in self.metrics:
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                if metric.name == metrics.ML_INFERENCE_PREDICTIONS:
                    for point in metric.sum.data_points:
                        found[_told(point)[attributes.ML_SOURCE_ID]] += point.as_int
        return found

    def dropped(self) -> Counter[tuple[str, str]]:
        """What the program said that it dropped, by lane and reason."""
        found: Counter[tuple[str, str]] = Counter()
        for request in self.metrics:
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                if metric.name == metrics.ML_TELEMETRY_DROPPED:
                    for point in metric.sum.data_points:
                        told = _told(point)
                        key = told[attributes.ML_TELEMETRY_LANE], told[attributes.ML_TELEMETRY_REASON]
                        found[key] += point.as_int
        return found

    def slices(self) -> list[tuple[str, str, int, int]]:
        """Source, stream, start and end of every monitored point: what a receiver tells repeats by."""
        return [
            (metric.name, str(sorted(_told(point).items())), point.start_time_unix_nano, point.time_unix_nano)
            for request in self.metrics
            for metric in request.resource_metrics[0].scope_metrics[0].metrics
            if metric.name == metrics.ML_INFERENCE_PREDICTIONS
            for point in metric.sum.data_points
        ]

    def ids(self) -> list[str]:
        """Ids of all rows that arrived in packed events."""
        return [
            one
            for request in self.logs
            for record in request.resource_logs[0].scope_logs[0].log_records
            for one in pa.ipc.open_stream(_told(record)[attributes.ML_BATCH_ARROW])
            .read_all()[attributes.ML_INFERENCE_ID]
            .to_pylist()
        ]


def _told(one: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in one.attributes}


@contextmanager
def upstream(
    verdict: Callable[[int], grpc.StatusCode] = lambda _: grpc.StatusCode.OK,
    *,
    gate: threading.Event | None = None,
) -> Iterator[tuple[Upstream, int]]:
    """An upstream that listens, and its port."""
    made = Upstream(verdict, gate)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 4 * 2**20)])
    server.add_generic_rpc_handlers((made,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield made, port
    finally:
        if gate is not None:
            gate.set()
        server.stop(0).wait(60)


@contextmanager
def nothing() -> Iterator[int]:
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


@contextmanager
def started(program: str, port: int, **environment: str) -> Iterator[children.Child]:
    """A program that sends to a port of loopback."""
    own = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "BAROGRAPH_STRICT": "",
    }
    with children.child([sys.executable, "-c", program], environ=os.environ | own | environment) as child:
        yield child


def finished(program: str, port: int, **environment: str) -> list[str]:
    """Run such a program to its end, which has to be a good one; the lines that it printed."""
    with started(program, port, **environment) as child:
        return printed(child)


def printed(child: children.Child) -> list[str]:
    """Wait for its end, which has to be a good one; the lines that it printed."""
    assert 0 == child.ends(), child.told()
    return child.output.splitlines()
