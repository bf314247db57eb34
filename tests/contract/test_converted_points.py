"""Points of a monitor that a real Collector changed on the way: the readings are the same.

Cumulative points are made by ``deltatocumulative``, which Prometheus' OTLP endpoint needs; points may also
be merged (``batch``), moved between item and resource (``groupbyattrs``) and touched (``transform``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from barograph import Monitor
from barograph.baseline import Baseline
from barograph.export import ExporterSink
from barograph.guard import guard
from barograph.worker import WORKER
from barograph_processor.engine.batch import Fed, Points
from barograph_processor.engine.engine import Engine
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.telemetry import Telemetry
from loop.circuit import SETTINGS, Metrics
from real.collector import collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch
    from barograph_processor.signals.api import Reading
    from real.collector import Collector

pytestmark = [pytest.mark.slow, pytest.mark.real("otelcol")]

METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
HOUR = 3_600_000_000_000
MINUTE = 60_000_000_000
ROWS = 1_200
CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:${{env:PORT_OTLP}}"}}}}}}}}
processors:
  deltatocumulative: {{}}
  batch: {{timeout: 10m}}  # leaves when the Collector stops, whole, however slow the machine is
  groupbyattrs: {{keys: [ml.model.name, ml.model.version]}}
  transform:
    metric_statements:
      - {{context: datapoint, statements: ['set(attributes["team"], "risk")']}}
exporters:
  otlp_grpc: {{endpoint: "${{env:UPSTREAM}}", tls: {{insecure: true}}, sending_queue: {{enabled: false}}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], processors: [{processors}], exporters: [otlp_grpc]}}}}}}
"""


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    guard.reset()
    guard.strict(on=True)
    yield
    WORKER.shutdown(5.0)
    guard.reset()


class Sent:
    """Requests, as an exporter of the SDK makes them."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def take(self, signal: str, data: bytes) -> None:
        assert "metrics" == signal
        self.requests.append(data)


class Listening:
    """Where the Collector sends to."""

    def __init__(self, server: grpc.Server, endpoint: str) -> None:
        self._server = server
        self.endpoint = endpoint
        self.requests: list[bytes] = []


@contextmanager
def listening() -> Iterator[Listening]:
    server = grpc.server(ThreadPoolExecutor(2))
    found = Listening(server, f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(self.keep)

        def keep(self, data: bytes, _: Any) -> bytes:
            found.requests.append(data)
            return b""

    server.add_generic_rpc_handlers((Handler(),))
    server.start()
    try:
        yield found
    finally:
        server.stop(None).wait(60)


def send(running: Collector, requests: Sequence[bytes]) -> None:
    """One after the other; each is upstream before the next one leaves, except where batches are made."""
    options = [("grpc.use_local_subchannel_pool", 1)]  # one that is closing is never taken for a new one
    with grpc.insecure_channel(running.endpoint("otlp"), options) as channel:
        for data in requests:
            channel.unary_unary(METRICS)(data, timeout=60, wait_for_ready=True)


def table(shift: float) -> dict[str, Any]:
    """Numbers of both signs, missing ones, and categories."""
    random = np.random.default_rng(3 if shift else 1)
    return {
        "age": random.normal(40 + shift, 10, ROWS),
        "change": np.where(random.random(ROWS) < 0.05, np.nan, random.normal(0, 2, ROWS)),
        "region": random.choice(["north", "south"] if not shift else ["north", "east"], ROWS),
    }


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    score = np.random.default_rng(9).random(ROWS)
    output = OutputRows(task="binary", scores=score, labels=score > 0.5)
    return Baseline(fit(table(0.0), model="m", version="1", outputs=[output]))


def points(baseline: Baseline | None, *, late: bool = False) -> list[bytes]:
    """What a monitor sends in an hour, a request every few minutes."""
    sent = Sent()
    exporter = Metrics(sent)
    sink = ExporterSink(lambda: (exporter,), lambda: ())
    monitor = Monitor("m", "1", baseline=baseline, outcomes="off", pane_s=60, sink=sink)
    columns, scores = table(6.0), np.random.default_rng(2).random(ROWS)
    times = NOON + np.sort(np.random.default_rng(4).integers(0, HOUR, ROWS))
    parts = np.array_split(np.arange(ROWS), 8)
    if late:
        parts[3], parts[6] = parts[6], parts[3]
    for part in parts:
        rows = {name: column[part] for name, column in columns.items()}
        monitor.record(rows, scores=scores[part], times=times[part])
        assert monitor.flush(20.0)
        assert sink.flush(20.0)
    return sent.requests


class Into:
    """An engine as a receiver feeds it."""

    def __init__(self, baseline: Baseline | None) -> None:
        settings = replace(SETTINGS, pane_ns=MINUTE, segments=())
        self.engine = Engine(
            settings, store=MemoryStore(2**24), baselines=[] if baseline is None else [baseline]
        )
        self.telemetry = Telemetry()
        self.rows = 0

    def remembered(self, owner: str) -> None:
        """Nothing is kept."""

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        assert all(isinstance(batch, Points) for batch in batches)
        return self.engine.feed(batches, NOON + 2 * HOUR)


def readings(requests: Sequence[bytes], baseline: Baseline | None) -> list[Reading]:
    """What a processor that began before the monitor makes of requests, which must all be taken."""
    into = Into(baseline)
    intake = OtlpIntake(into, into.telemetry, CumulativeStreams(into, NOON - HOUR))
    for data in requests:
        assert b"" == intake.export("metrics", data)
    newest = {window.start_ns: window for window in into.engine.drain(NOON + 2 * HOUR)}
    return sorted(reading for window in newest.values() for reading in window.readings)


@contextmanager
def through(folder: Path, processors: str) -> Iterator[tuple[Listening, ExitStack, Any]]:
    """A listener, and a way to start a Collector in front of it, again and again."""
    with ExitStack() as stack:
        upstream = stack.enter_context(listening())
        config = CONFIG.format(processors=processors)

        def start(**options: Any) -> Collector:
            return stack.enter_context(
                collector(config, folder, environ={"UPSTREAM": upstream.endpoint}, **options)
            )

        yield upstream, stack, start


@pytest.mark.parametrize("known", [True, False], ids=["explicit", "exponential"])
def test_cumulative_points_give_the_readings_of_the_increments(
    tmp_path: Path, baseline: Baseline, known: bool
) -> None:
    reference = baseline if known else None
    sent = points(reference)
    expected = readings(sent, reference)
    assert len(expected) > 10
    with through(tmp_path, "deltatocumulative") as (upstream, _, start):
        send(start(), sent)
    assert all(b"\x10\x02" in request for request in upstream.requests), "temporality: cumulative"
    assert expected == readings(upstream.requests, reference)


@pytest.mark.parametrize("known", [True, False], ids=["explicit", "exponential"])
def test_a_collector_that_began_anew_counts_from_nothing(
    tmp_path: Path, baseline: Baseline, known: bool
) -> None:
    reference = baseline if known else None
    sent = points(reference)
    with through(tmp_path, "deltatocumulative") as (upstream, _, start):
        first = start()
        send(first, sent[:3])
        first.kill()
        second = start(keep=first.ports)
        send(second, sent[3:5])
        second.stop()
        send(start(keep=first.ports), sent[5:])
    assert readings(sent, reference) == readings(upstream.requests, reference)


def test_merged_moved_and_touched_points_give_the_same_readings(tmp_path: Path, baseline: Baseline) -> None:
    sent = points(baseline)
    with through(tmp_path, "transform, groupbyattrs, deltatocumulative, batch") as (upstream, _, start):
        running = start()
        send(running, sent)
        assert 0 == running.stop()  # what waits to be batched leaves
    assert len(upstream.requests) < len(sent)
    assert readings(sent, baseline) == readings(upstream.requests, baseline)


def test_cumulative_points_that_overtook_each_other_lose_nothing(tmp_path: Path) -> None:
    """The earlier one is refused, the later one holds what both counted; only the pane is another's."""
    sent = points(None)
    with through(tmp_path, "deltatocumulative") as (upstream, _, start):
        send(start(), sent)
    swapped = [*upstream.requests]
    swapped[3], swapped[4] = swapped[4], swapped[3]
    into = Into(None)
    intake = OtlpIntake(into, into.telemetry, CumulativeStreams(into, NOON - HOUR))
    answers = [intake.export("metrics", data) for data in swapped]
    assert [4] == [place for place, answer in enumerate(answers) if answer]
    assert b"out_of_order" in answers[4]
    observed = [
        reading.value
        for window in into.engine.drain(NOON + 2 * HOUR)
        for reading in window.readings
        if reading.metric == "ml.window.observations"
    ]
    assert float(ROWS) == observed[-1]


def test_what_the_collector_drops_as_late_is_the_price_of_converting(tmp_path: Path) -> None:
    """``deltatocumulative`` keeps one point a stream and refuses older increments; without it they count."""
    sent = points(None, late=True)
    with through(tmp_path, "deltatocumulative") as (upstream, _, start):
        running = start()
        send(running, sent)
        dropped = running.metrics()
    assert "deltatocumulative_datapoints" in dropped
    direct, converted = readings(sent, None), readings(upstream.requests, None)
    assert [float(ROWS)] == [each.value for each in direct if each.metric == "ml.window.observations"]
    (counted,) = [each.value for each in converted if each.metric == "ml.window.observations"]
    assert 0.0 < counted < ROWS
