"""What a request costs by what is in it: a few items, as services without batching send them, or many.

    python benchmarks/small_requests.py

A processor has a core of its own; one sender on the other core sends it over gRPC, in turns, requests that
hold nothing and requests of each lane and size; each is answered before the next is sent, and ids, times
and slices are new in each. Told are requests a second and the processor's time for one, everything
included: transport, decoding, engine, and the ticks of the engine meanwhile. A request of nothing is what
gRPC for Python costs. Then, in this process, the decoders alone: by columns against as it is done.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
import measuring
import numpy as np
import rows
import wire_decode
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.semconv import attributes as names
from barograph.semconv import events, metrics
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_columns as log_columns
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_columns as metric_columns
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_columns as span_columns
from barograph_processor.wire.decode_traces import decode_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGS, TRACES, METRICS = (
    f"/opentelemetry.proto.collector.{signal}Service/Export"
    for signal in ("logs.v1.Logs", "trace.v1.Trace", "metrics.v1.Metrics")
)
SECOND_NS: Final = 10**9
IDENTITY: Final = rows.IDENTITY


def readable(first: int, count: int, start_ns: int) -> bytes:
    """Predictions with 20 features, a record each."""
    drawn, request = rows.Rows.drawn(first, count), ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for place, identifier in enumerate(drawn.ids()):
        more = {
            names.ML_INFERENCE_ID: identifier,
            names.ML_PREDICTION_SCORE: float(drawn.score[place]),
            names.ML_FEATURES: drawn.features(place),
        }
        scope.log_records.add(
            time_unix_nano=start_ns + (first + place) * rows.STEP_NS,
            event_name=events.ML_INFERENCE_PREDICTION,
            attributes=wire_decode.pairs(IDENTITY | more),
        )
    return request.SerializeToString()


def truths(first: int, count: int, start_ns: int) -> bytes:
    """Ground truth, a record each, that waits for its prediction."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number in range(first, first + count):
        more = {names.ML_INFERENCE_ID: f"truth-{number:010}", names.ML_GROUND_TRUTH_VALUE: "1"}
        scope.log_records.add(
            time_unix_nano=start_ns + number * rows.STEP_NS,
            event_name=events.ML_GROUND_TRUTH_OBSERVED,
            attributes=wire_decode.pairs({names.ML_MODEL_NAME: "flights", **more}),
        )
    return request.SerializeToString()


def spans(first: int, count: int, start_ns: int) -> bytes:
    """Prediction spans of our own instrumentation."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "barograph"
    for number in range(first, first + count):
        scope.spans.add(
            name="predict flights",
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            end_time_unix_nano=start_ns + number * rows.STEP_NS,
            attributes=wire_decode.pairs(IDENTITY | {names.ML_BATCH_ROWS: 1}),
        )
    return request.SerializeToString()


def points(first: int, count: int, start_ns: int) -> bytes:
    """Delta histograms of 64 edges, a feature each."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=metrics.ML_FEATURE_VALUE)
    metric.histogram.aggregation_temporality = wire_decode.AGGREGATION_TEMPORALITY_DELTA
    begin_ns = start_ns + first * rows.STEP_NS
    for place in range(count):
        more = {names.ML_PANE_LENGTH: 60, names.ML_FEATURE_NAME: f"f{place:02}"}
        metric.histogram.data_points.add(
            start_time_unix_nano=begin_ns,
            time_unix_nano=begin_ns + 1_000_000,
            count=65 * place,
            sum=1.5,
            bucket_counts=[place] * 65,
            explicit_bounds=np.arange(64.0).tolist(),
            attributes=wire_decode.pairs(IDENTITY | more),
        )
    return request.SerializeToString()


class Lane(NamedTuple):
    """Requests of one kind and size.

    Attributes:
        name: What is in them.
        count: How many items.
        method: Where they go.
        make: Makes one of so many items, of which the first has a number, and of times after one.
        columns: The decoder that reads whatever comes.
        decode: The decoder as it is.
        at_most_ms: What one may cost the processor, where the project has promised it.
    """

    name: str
    count: int
    method: str
    make: Callable[[int, int, int], bytes]
    columns: Callable[[bytes, DecodeContext], object]
    decode: Callable[[bytes, DecodeContext], object]
    at_most_ms: float | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.count:,} a request"


LANES: Final = (
    Lane("readable predictions", 1, LOGS, readable, log_columns, decode_logs, 0.5),
    *(Lane("readable predictions", n, LOGS, readable, log_columns, decode_logs) for n in (5, 20, 100, 1_000)),
    Lane("truths", 1, LOGS, truths, log_columns, decode_logs),
    Lane("our spans", 1, TRACES, spans, span_columns, decode_traces),
    Lane("histogram points", 1, METRICS, points, metric_columns, decode_metrics),
    Lane("histogram points", 20, METRICS, points, metric_columns, decode_metrics),
)


class Cost(NamedTuple):
    """Seconds of a request: by the clock, and of the processor's core."""

    wall_s: float
    cpu_s: float


class Sender:
    """Sends requests to one processor, one after the other."""

    def __init__(self, endpoint: str, pid: int) -> None:
        self._channel = grpc.insecure_channel(endpoint)
        self._pid = pid
        self._sent = 0
        self._start_ns = time.time_ns() - 6 * 3_600 * SECOND_NS

    def empty(self, requests: int) -> Cost:
        """Requests of nothing."""
        return self._send(LOGS, [b""] * requests)

    def lane(self, lane: Lane, requests: int) -> Cost:
        """Requests of a lane, none of which came before."""
        made = []
        for _ in range(requests):
            made.append(lane.make(self._sent, lane.count, self._start_ns))
            self._sent += lane.count
        return self._send(lane.method, made)

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def _send(self, method: str, requests: list[bytes]) -> Cost:
        call = self._channel.unary_unary(method)
        used, begun = measuring.cpu_s(self._pid), time.perf_counter()
        for request in requests:
            answer = call(request, timeout=60, wait_for_ready=True)
            assert answer == b"", answer
        wall_s = time.perf_counter() - begun
        return Cost(wall_s / len(requests), (measuring.cpu_s(self._pid) - used) / len(requests))


@contextmanager
def processor(core: int) -> Iterator[Sender]:
    """`barograph run` on a core of its own."""
    command = [sys.executable, "-m", "barograph_processor.cli", "run", "--json", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--prometheus", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            measuring.pin([core], process.pid)
            assert process.stdout is not None
            sender = Sender(json.loads(process.stdout.readline())["receivers"]["otlp"]["grpc"], process.pid)
            yield sender
            sender.close()
        finally:
            process.terminate()


def over_grpc(report: measuring.Report) -> None:
    """Every lane and size in turns."""
    found: dict[str, list[Cost]] = {"nothing": [], **{str(lane): [] for lane in LANES}}
    with processor(report.options.core) as sender:
        for run in range(report.runs + 1):
            costs = {"nothing": sender.empty(400)}
            costs |= {str(lane): sender.lane(lane, 400 if lane.count <= 20 else 40) for lane in LANES}
            if run:
                for name, cost in costs.items():
                    found[name].append(cost)
    wall = {name: measuring.Samples(tuple(one.wall_s for one in costs)) for name, costs in found.items()}
    # The kernel counts in hundredths of a second; nothing is free.
    cpu = {
        name: measuring.Samples(tuple(max(one.cpu_s, 1e-6) for one in costs)) for name, costs in found.items()
    }
    most = {str(lane): lane.at_most_ms for lane in LANES}
    for name in found:
        report.add(name, wall[name].rate(1), "requests/s")
        note = "of it, gRPC for Python takes what a call of nothing does" if most.get(name) else ""
        report.add(f"{name}, CPU", cpu[name].times(1e3), "ms", at_most=most.get(name), note=note)
        if name != "nothing":
            report.add(f"{name}, CPU to nothing", cpu[name].over(cpu["nothing"]), "ratio")


def decoders(report: measuring.Report) -> None:
    """Columns against what is used."""
    context = DecodeContext()
    for lane in LANES:
        data = lane.make(0, lane.count, rows.TIME_NS)
        times = measuring.alternated(
            {
                "columns": lambda lane=lane, data=data: lane.columns(data, context),
                "used": lambda lane=lane, data=data: lane.decode(data, context),
            },
            calls=20 if lane.count <= 20 else 2,
            runs=report.runs,
        )
        report.add(f"{lane}, decoded", times["used"].times(1e3), "ms")
        report.add(f"{lane}, decoded, to columns", times["used"].over(times["columns"]), "ratio")


def main() -> None:
    """Measure."""
    with measuring.report(__doc__, pinned=False) as report:
        cores = measuring.cores()
        measuring.pin([core for core in cores if core != report.options.core] or cores)
        over_grpc(report)
        decoders(report)


if __name__ == "__main__":
    main()
