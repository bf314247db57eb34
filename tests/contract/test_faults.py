"""Nothing lost and nothing twice, though somebody in the chain is killed, slow, or says it again."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

from barograph import Monitor
from barograph.export import ExporterSink
from barograph.guard import guard
from barograph.semconv import metrics
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.opening import open_service
from cli.processes import last_revisions, service, value
from real.collector import collector
from real.processes import free_ports
from receivers.otlp_server import LOGS, predictions

from .receiving import receiving, send
from .shipped import FOLDER, LISTENING, PORTS
from .waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    from barograph_processor.patterns.opening import Running

pytestmark = [pytest.mark.slow, pytest.mark.real("otelcol")]

HOUR_NS = 3_600_000_000_000
NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
REQUESTS, ROWS = 30, 20
SIDECAR = FOLDER / "sidecar.yaml"
CONFIG = """
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
windows: [1d]
engine: {pane: 1h}
"""


def part(number: int) -> ExportLogsServiceRequest:
    """One of `REQUESTS` requests, whose rows are spread over a day."""
    request = predictions(*(f"{number}-{row}" for row in range(ROWS)))
    for record in request.resource_logs[0].scope_logs[0].log_records:
        record.time_unix_nano = NOON + number * 60_000_000_000
    return request


@contextmanager
def processing() -> Iterator[tuple[Running, str]]:
    """A processor in this process, and where it receives."""
    registry = Registry()
    config = load(CONFIG, catalog=registry, environ={})
    with open_service(config, baselines=[], registry=registry) as running:
        receiver: Any = running.graph.receivers["otlp"]
        yield running, receiver.listeners[0].endpoint


def predictions_of(running: Running) -> int:
    found: Any = running.service.summary()["predictions"]
    return int(found)


def test_a_processor_that_is_killed_behind_a_queue_has_everything_once(tmp_path: Path) -> None:
    """Some requests before, some while it is dead, some after; the kill falls wherever it does."""
    port = free_ports("processor")["processor"]
    config = tmp_path / "barograph.yaml"
    config.write_text("windows: [1d]\nengine: {pane: 1h}\nstorage: {durability: disk}\n", encoding="utf-8")
    options = ("--config", str(config), "--listen", f"127.0.0.1:{port}", "--storage", str(tmp_path / "state"))
    environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": f"127.0.0.1:{port}"}
    with ExitStack() as stack:
        first = stack.enter_context(service(*options))
        running = stack.enter_context(collector(SIDECAR, tmp_path, ports=PORTS, environ=environ))
        for number in range(10):
            send(running, LOGS, part(number))
        until(lambda: "barograph_receiver_accepted_log_records_total 0" not in first.scrape())
        first.kill()
        for number in range(10, 20):
            send(running, LOGS, part(number))
        until(lambda: "refused" in running.said(), otherwise=running.said)
        second = stack.enter_context(service(*options))
        for number in range(20, REQUESTS):
            send(running, LOGS, part(number))
        until(
            lambda: running.metric("otelcol_exporter_sent_log_records") >= REQUESTS * ROWS,
            otherwise=running.said,
        )
        summary = second.drain()
        second.stop()
    (day,) = last_revisions(second.windows, "1d")
    assert float(REQUESTS * ROWS) == value(day, metrics.ML_WINDOW_OBSERVATIONS)
    assert set(summary["dropped"]) <= {"outcomes"}
    assert set(summary["dropped"].get("outcomes", {})) <= {"duplicate"}, "at most, some came again"


@pytest.fixture
def lenient() -> Iterator[None]:
    """As in production: a Collector that is away is no error of the service."""
    guard.strict(on=False)
    yield
    guard.reset()
    guard.strict(on=True)


@pytest.mark.usefixtures("lenient")
def test_a_collector_that_is_killed_behind_a_service_costs_nothing(tmp_path: Path) -> None:
    with processing() as (running, endpoint):
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": endpoint}

        def watch(through: str) -> Monitor:
            points = OTLPMetricExporter(f"http://{through}", insecure=True, timeout=2)
            events = OTLPLogExporter(f"http://{through}", insecure=True, timeout=2)
            sink = ExporterSink(lambda: (points,), lambda: (events,))
            return Monitor("credit", version="3", task="binary", sink=sink, clock=lambda: NOON)

        def predict(monitor: Monitor, first: int) -> None:
            for number in range(first, first + 50):
                with monitor.predict({"age": float(number)}, ids=f"a-{number}") as call:
                    call.outputs("yes", scores=0.5)

        with collector(SIDECAR, tmp_path, ports=PORTS, environ=environ) as first:
            monitor = watch(first.endpoint("otlp"))
            predict(monitor, 0)
            assert monitor.flush()
            first.kill()
            predict(monitor, 50)
            monitor.flush()
        with collector(SIDECAR, tmp_path, ports=PORTS, environ=environ, keep=first.ports) as second:
            predict(monitor, 100)
            until(monitor.flush, otherwise=second.said)
            until(lambda: predictions_of(running) >= 150, otherwise=second.said)
            until(
                lambda: observed(running) >= 150.0, otherwise=second.said
            )  # histograms have a queue of their own
            assert 0 == second.stop()
        with_histograms = observed(running)
    assert 150 == predictions_of(running)
    assert 150.0 == with_histograms


def observed(running: Running) -> float:
    """Rows of the only window so far; 0 before there is one."""
    running.service.drain(60)
    exporter: Any = running.graph.exporters["prometheus"]
    readings = {family.name: sample.value for family in exporter.collect() for sample in family.samples}
    return float(readings.get("ml_window_observations", 0.0))


def test_a_slow_processor_gets_a_request_again_and_counts_it_once(tmp_path: Path) -> None:
    """It had taken the request when the Collector lost patience."""
    release = threading.Event()
    tries: list[int] = []

    def slowly() -> None:
        tries.append(1)
        if len(tries) == 1:
            assert release.wait(PATIENCE_S)

    with receiving() as slow, processing() as (running, _):
        config = (FOLDER / "sidecar.yaml").read_text(encoding="utf-8")
        impatient = config.replace("compression: gzip", "timeout: 1s").replace(
            "flush_timeout: 5s", "flush_timeout: 100ms"
        )
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": slow.grpc}
        slow.engine.before = slowly
        with collector(impatient, tmp_path, ports=PORTS, environ=environ) as sidecar:
            send(sidecar, LOGS, part(0))
            until(lambda: "DeadlineExceeded" in sidecar.said(), otherwise=sidecar.said)
            until(lambda: len(slow.engine.batches) >= 1, otherwise=sidecar.said)
            release.set()
            until(lambda: len(slow.engine.batches) >= 2, otherwise=sidecar.said)
            assert 0 == sidecar.stop()
        came = list(slow.engine.batches)
        running.service.feed(came)
        summary: Any = running.service.summary()
    assert ROWS == summary["predictions"]
    assert {"outcomes": {"duplicate": ROWS * (len(came) - 1)}} == summary["dropped"]


def test_the_same_request_twice_is_one(tmp_path: Path) -> None:
    with processing() as (running, endpoint):
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": endpoint}
        with collector(SIDECAR, tmp_path, ports=PORTS, environ=environ) as sidecar:
            for _ in range(2):
                send(sidecar, LOGS, part(0))
            until(
                lambda: sidecar.metric("otelcol_exporter_sent_log_records") >= 2 * ROWS,
                otherwise=sidecar.said,
            )
            assert 0 == sidecar.stop()
        summary: Any = running.service.summary()
    assert ROWS == summary["predictions"]
    assert {"outcomes": {"duplicate": ROWS}} == summary["dropped"]
