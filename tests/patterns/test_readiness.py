"""What a processor says about itself: whether it is ready, in what order it stops, and its figures."""

from __future__ import annotations

import json
import threading
import urllib.error
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph.semconv import processor
from barograph_processor.patterns.readiness import NOT_STARTED, Readiness
from barograph_processor.patterns.service import Service
from barograph_processor.telemetry import Telemetry
from contract.waiting import until

from .crashes import StillClock
from .processing import Upstream, World, world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from barograph_processor.engine.results import ClosedWindow, CurrentReading

READY = {"status": "ready"}
OWN = [
    value
    for name, value in vars(processor).items()
    if name.startswith(("BAROGRAPH_PROCESS_", "BAROGRAPH_SERVICE_", "BAROGRAPH_STORAGE_"))
]


def status(processing: World, path: str) -> dict[str, Any]:
    try:
        answer = processing.scrape(path)
    except urllib.error.HTTPError as error:
        answer = error.read().decode()
    found: dict[str, Any] = json.loads(answer)
    return found


def serving(stub: HealthStub) -> int:
    return int(stub.Check(HealthCheckRequest(), timeout=60).status)


def last_words(watching: Iterable[HealthCheckResponse]) -> list[int]:
    """What is told until the server hangs up."""
    seen: list[int] = []
    with pytest.raises(grpc.RpcError):
        seen.extend(answer.status for answer in watching)
    return seen


def test_who_watches_is_told_at_once_and_at_each_change_alone() -> None:
    readiness, told, trouble = Readiness(), list[bool](), [""]
    readiness.watch(told.append)
    assert ([False], NOT_STARTED) == (told, readiness.why_not())
    readiness.started(lambda: trouble[0])
    readiness.tell()
    trouble[0] = "no room"
    assert "no room" == readiness.why_not()
    readiness.tell()
    trouble[0] = ""
    readiness.tell()
    readiness.stopping()
    readiness.tell()
    assert [False, True, False, True, False] == told


def test_before_the_engine_runs_a_service_is_not_ready() -> None:
    assert {"status": NOT_STARTED} == Service(Telemetry(), StillClock()).ready()


class Probe:
    """An exporter that holds up the end until it is let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.windows_seen = 0

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        assert self.gate.wait(60)
        self.windows_seen += len(closed)

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        pass


def test_a_stop_is_told_first_then_intake_ends_then_queues_flush_and_state_is_kept(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.up()
    probe = Probe()
    storage = {"directory": str(tmp_path), "durability": "disk"}
    entered, leave = threading.Event(), threading.Event()
    held: list[World] = []

    def run() -> None:
        with world(upstream, storage=storage, made={"probe": probe}) as processing:
            held.append(processing)
            entered.set()
            assert leave.wait(60)

    thread = threading.Thread(daemon=True, target=run)
    thread.start()
    assert entered.wait(60)
    (processing,) = held
    stub = HealthStub(processing.channel)
    assert (READY, HealthCheckResponse.SERVING) == (status(processing, "/readyz"), serving(stub))
    for _ in range(2):
        assert processing.send() is None
    until(lambda: processing.running.service.closed_windows)
    watching = stub.Watch(HealthCheckRequest(), timeout=60)
    assert HealthCheckResponse.SERVING == next(watching).status
    leave.set()
    assert set(last_words(watching)) <= {HealthCheckResponse.NOT_SERVING}  # the end may come first
    until(lambda: list(tmp_path.glob("checkpoints/*/state")) and status(processing, "/readyz") != READY)
    assert {"status": "stopping"} == status(processing, "/readyz")
    assert {"status": "ok"} == status(processing, "/healthz")
    assert 0.0 == processing.value(processor.BAROGRAPH_SERVICE_READY)
    assert 0 == probe.windows_seen
    probe.gate.set()
    thread.join(60)
    assert not thread.is_alive()
    assert 1 == probe.windows_seen
    assert {0} == upstream.windows()


def test_while_the_storage_fails_a_processor_is_not_ready_and_then_it_is_again(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.up()
    storage = {"directory": str(tmp_path / "state"), "durability": "disk"}
    with world(upstream, storage=storage) as processing:
        stub = HealthStub(processing.channel)
        assert processing.send() is None
        # No checkpoint can be made meanwhile: it would repair the journal before anybody is told.
        checkpoints, aside = tmp_path / "state" / "checkpoints", tmp_path / "aside"
        checkpoints.rename(aside)
        checkpoints.touch()
        segments = tmp_path / "state" / "journal"
        segments.rename(tmp_path / "away")
        for segment in (tmp_path / "away").iterdir():
            segment.unlink()
        refused = processing.send()
        assert refused is not None
        assert grpc.StatusCode.UNAVAILABLE is refused.code()
        assert "was removed" in str(status(processing, "/readyz")["status"])
        until(lambda: serving(stub) == HealthCheckResponse.NOT_SERVING)
        checkpoints.unlink()
        aside.rename(checkpoints)
        until(lambda: processing.send() is None)  # a checkpoint has shown that it works again
        until(lambda: READY == status(processing, "/readyz"))
        until(lambda: serving(stub) == HealthCheckResponse.SERVING)


def test_its_own_figures_are_scraped_and_pushed(upstream: Upstream, tmp_path: Path) -> None:
    upstream.up()
    storage = {"directory": str(tmp_path), "durability": "disk"}
    with world(upstream, storage=storage, export={"interval": "1s"}) as processing:
        assert processing.send() is None
        scraped = processing.scrape()
        until(lambda: set(OWN) <= pushed(upstream))
        entries = processing.value(processor.BAROGRAPH_STORAGE_JOURNAL_ENTRIES)
        assert entries >= processing.value(processor.BAROGRAPH_STORAGE_JOURNAL_SYNCS) > 0
        assert 1 == processing.value(processor.BAROGRAPH_STORAGE_CHECKPOINTS)
        assert 0 == processing.value(processor.BAROGRAPH_STORAGE_CHECKPOINT_FAILURES)
        assert 10**7 < processing.value(processor.BAROGRAPH_PROCESS_MEMORY_RSS) < 10**10
        assert processing.value(processor.BAROGRAPH_PROCESS_CPU_SECONDS) > 0
        assert 1.0 == processing.value(processor.BAROGRAPH_SERVICE_READY)
        size = processing.value(processor.BAROGRAPH_STORAGE_JOURNAL_SIZE)
        assert 0 < size < processing.value(processor.BAROGRAPH_STORAGE_JOURNAL_CAPACITY)
    for name in ("process_cpu_seconds_total", "process_memory_rss_bytes", "storage_journal_size_bytes"):
        assert f"\nbarograph_{name} " in scraped
    assert "\nbarograph_storage_journal_entries_total " in scraped


def pushed(upstream: Upstream) -> set[str]:
    return {
        metric.name
        for path, data, _ in list(upstream.taken.requests)
        if "Metrics" in path
        for resource in ExportMetricsServiceRequest.FromString(data).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
