"""What it costs to acknowledge from disk, and how long a checkpoint keeps telemetry waiting.

    python benchmarks/durability.py --directory /var/tmp

Three services run side by side: durability memory without a storage directory, disk with a sync before each
answer, and disk with a sync every second. Senders on another core send the same requests to each in
turn; each request is answered before its sender sends the next. Requests are one readable prediction, or
1,000 packed. The checkpoint is that of ten models with 20 features and two days of hourly windows,
made in this process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
import measuring
import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.clock import SystemClock
from barograph_processor.config.model import Config
from barograph_processor.engine.batch import Key, Point, Points
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS, Settings
from barograph_processor.patterns.checkpointing import Checkpointing, Policy
from barograph_processor.patterns.checkpoints import Checkpoints
from barograph_processor.patterns.engines import EVERY_OTHER, Engines, Group
from barograph_processor.patterns.journaled import Journaled
from barograph_processor.patterns.machine import Machine
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.stores.disk import DiskStore
from barograph_processor.stores.files import SystemFiles
from barograph_processor.stores.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
TIME_NS = 1_767_268_800_000_000_000
PACKED_ROWS = 1_000
MODES = {
    "memory": {},
    "disk, always": {"durability": "disk", "sync": "always"},
    "disk, interval": {"durability": "disk", "sync": "interval"},
}
MODELS, FEATURES, HOURS = 10, 20, 48


class Load(NamedTuple):
    """What is sent in one run."""

    name: str
    senders: int
    requests: int
    rows: int


LOADS = (
    Load("1 sender, 1 row", 1, 100, 1),
    Load("8 senders, 1 row", 8, 800, 1),
    Load("8 senders, 1,000 rows", 8, 160, PACKED_ROWS),
)


class Requests:
    """Requests whose ids never came before."""

    def __init__(self) -> None:
        self._next = 0

    def made(self, load: Load) -> list[bytes]:
        """As many as a run needs."""
        return [self._packed(load.rows) if load.rows > 1 else self._readable() for _ in range(load.requests)]

    def _ids(self, count: int) -> list[str]:
        self._next += count
        return [f"id-{number}" for number in range(self._next - count, self._next)]

    def _readable(self) -> bytes:
        request, record = _request(events.ML_INFERENCE_PREDICTION)
        _text(record, names.ML_INFERENCE_ID, self._ids(1)[0])
        _text(record, names.ML_PREDICTION_CLASS, "true")
        record.attributes.add(key=names.ML_PREDICTION_SCORE).value.double_value = 0.75
        return request.SerializeToString()

    def _packed(self, rows: int) -> bytes:
        request, record = _request(events.ML_INFERENCE_PREDICTION_BATCH)
        columns = {
            names.ML_INFERENCE_ID: self._ids(rows),
            "time_unix_nano": pa.array([TIME_NS] * rows, pa.int64()),
            names.ML_PREDICTION_CLASS: ["true"] * rows,
            names.ML_PREDICTION_SCORE: [0.75] * rows,
        }
        table = pa.table(columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        record.attributes.add(key=names.ML_BATCH_ROWS).value.int_value = rows
        record.attributes.add(key=names.ML_BATCH_ARROW).value.bytes_value = sink.getvalue().to_pybytes()
        return request.SerializeToString()


def _request(event: str):  # noqa: ANN202  # protobuf's own objects
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = TIME_NS
    record.event_name = event
    _text(record, names.ML_MODEL_NAME, "credit")
    _text(record, names.ML_SOURCE_ID, "bench")
    return request, record


def _text(record, name: str, value: str) -> None:  # noqa: ANN001  # as above
    record.attributes.add(key=name).value.string_value = value


@contextmanager
def service(directory: str, settings: dict[str, str], core: int) -> Iterator[str]:
    """`barograph run`; gives the address that it receives at."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        config = Path(folder) / "barograph.yaml"
        storage = {"directory": f"{folder}/state", **settings} if settings else {}
        config.write_text(json.dumps({"storage": storage}), encoding="utf-8")
        command = [sys.executable, "-m", "barograph_processor.cli", "run", "--json", "--config", str(config)]
        with subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--prometheus", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                measuring.pin([core], process.pid)
                assert process.stdout is not None
                yield json.loads(process.stdout.readline())["receivers"]["otlp"]["grpc"]
            finally:
                process.terminate()


def send(channels: Sequence[grpc.Channel], requests: Sequence[bytes]) -> float:
    """Seconds until every request was taken, by a sender for each channel."""
    parts = [requests[place :: len(channels)] for place in range(len(channels))]

    def one(channel: grpc.Channel, part: Sequence[bytes]) -> None:
        call = channel.unary_unary(METHOD)
        for request in part:
            assert call(request, timeout=60) == b""

    with ThreadPoolExecutor(len(channels)) as pool:
        begun = time.perf_counter()
        list(pool.map(one, channels, parts))
        return time.perf_counter() - begun


def throughput(report: measuring.Report, directory: str, core: int) -> None:
    """The three services against each other."""
    requests = Requests()
    with ExitStack() as stack:
        channels = {}
        for mode, settings in MODES.items():
            endpoint = stack.enter_context(service(directory, settings, core))
            options = [("grpc.use_local_subchannel_pool", 1)]
            channels[mode] = [
                stack.enter_context(grpc.insecure_channel(endpoint, options=options)) for _ in range(8)
            ]
        for load in LOADS:
            seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
            for run in range(report.runs + 1):
                for mode, held in channels.items():
                    taken = send(held[: load.senders], requests.made(load))
                    if run:
                        seconds[mode].append(taken)
            rates = {
                mode: measuring.Samples(tuple(values)).rate(load.requests * load.rows)
                for mode, values in seconds.items()
            }
            for mode, rate in rates.items():
                report.add(f"{load.name}: {mode}", rate, "rows/s" if load.rows > 1 else "requests/s")
            for mode in list(MODES)[1:]:
                report.add(f"  {mode} to memory", rates[mode].over(rates["memory"]), "ratio")


def checkpoint(report: measuring.Report, directory: str) -> None:
    """A checkpoint of a service with much in it."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        store = DiskStore(Path(folder) / "pending", log=False)
        engine = Engine(Settings(), store=store, signals=[])
        for hour in range(HOURS):
            now_ns = TIME_NS + hour * HOUR_NS
            engine.feed(
                [Points([point for model in range(MODELS) for point in points(model, now_ns)])], now_ns
            )
            engine.advance(now_ns + MINUTE_NS)
        group = Group(EVERY_OTHER, (), engine.settings)
        clock, files = SystemClock(), SystemFiles()
        steps = Journaled(
            Machine(Engines([(group, engine)]), Config().export.grace.ns),
            Journal(Path(folder) / "journal", files),
            clock,
            most_bytes=2**30,
        )
        folders = Checkpoints(Path(folder) / "checkpoints", files)
        policy = Policy(every_s=300, journal_bytes=2**28)
        made = Checkpointing(steps, folders, clock, stores={"all": store}, waiting=dict, policy=policy)
        pauses, took = [], []
        for _ in range(report.runs):
            made.keep()
            assert made.made is not None
            pauses.append(made.made.pause_s)
            took.append(made.made.took_s)
        size_bytes = sum(path.stat().st_size for path in Path(folder).glob("checkpoints/*/state"))
        windows = engine.stats(TIME_NS).windows
        store.close()
    report.add(
        "checkpoint: pause", measuring.Samples(tuple(pauses)).times(1e3), "ms", note=f"{windows:,} windows"
    )
    report.add("checkpoint: all of it", measuring.Samples(tuple(took)).times(1e3), "ms")
    report.add("checkpoint: size", size_bytes / 1e6, "MB")


def points(model: int, time_ns: int) -> Iterator[Point]:
    """What a source sends of an hour."""
    key = Key("default", "", "", f"model-{model}", "1", "")
    random = np.random.default_rng(model)
    edges = np.sort(random.normal(size=64))
    made = ExplicitHistogram.zero(edges).observe(random.normal(size=500))
    states = {StreamId(StreamKind.ROWS): CategoryCounts.of({"": 500})}
    for feature in range(FEATURES):
        states[StreamId(StreamKind.FEATURE_VALUE, f"f{feature}", basis="b")] = made
        states[StreamId(StreamKind.FEATURE_STATES, f"f{feature}")] = CategoryCounts.of({"valid": 500})
    for stream, state in states.items():
        yield Point(key, "bench", stream, "", time_ns, time_ns + 1_000_000, MINUTE_NS, state)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", help="where state is kept (default: that of temporary files)")
    with measuring.report(__doc__, pinned=False, parser=parser) as report:
        cores = measuring.cores()
        directory = report.options.directory or tempfile.gettempdir()
        measuring.pin([core for core in cores if core != report.options.core] or cores)
        throughput(report, directory, report.options.core)
        checkpoint(report, directory)


if __name__ == "__main__":
    main()
