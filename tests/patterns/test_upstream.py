"""An upstream that is dead, refuses, hangs or is slow: senders keep their data, and nothing grows."""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.semconv import attributes, events, metrics, processor
from barograph_processor.components.api import Listens
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.opening import open_service
from barograph_processor.telemetry import Telemetry
from contract.waiting import until
from exporters.servers import Taken, grpc_server
from real.processes import free_ports
from wire.otlp_requests import TIME_NS, logs, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from barograph_processor.patterns.opening import Running
    from wire.otlp_requests import Value

LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
MINUTE_NS = 60 * 10**9
BEGIN_NS = TIME_NS // MINUTE_NS * MINUTE_NS
QUEUE = 8
OTLP = {attributes.BAROGRAPH_COMPONENT: "exporter/otlp"}
REASONS = ("queue_full", "export_failed", "shutdown", "rejected")
pytestmark = pytest.mark.timeout(180)


class Upstream:
    """A backend that comes, goes, hangs and refuses."""

    def __init__(self) -> None:
        self.taken = Taken()
        self.port = free_ports("upstream")["upstream"]
        self.gate = threading.Event()
        self._server = ExitStack()

    def up(self) -> None:
        self.taken.abort = None
        self._server.enter_context(grpc_server(self.taken, self.port))

    def recover(self) -> None:
        """Whatever was wrong, it is right now."""
        self.taken.requests.clear()  # what it got while it was not well counts for nothing
        self.taken.abort = None
        self.gate.set()
        self.close()
        self.up()

    def close(self) -> None:
        self.gate.set()
        self._server.close()

    def refuse(self) -> None:
        self.up()
        self.taken.abort = lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")

    def hang(self) -> None:
        self.up()
        self.taken.abort = lambda context: self.wait()

    def wait(self) -> None:
        self.gate.wait(60)

    def windows(self) -> set[int]:
        """Minutes whose window has arrived."""
        found = set()
        for path, data, _ in list(self.taken.requests):
            if path == LOGS:
                for resource in ExportLogsServiceRequest.FromString(data).resource_logs:
                    for scope in resource.scope_logs:
                        found |= {_minute(each) for each in scope.log_records}
        return found


def _minute(window: LogRecord) -> int:
    start = next(each.value.int_value for each in window.attributes if each.key == attributes.ML_WINDOW_START)
    return (start - BEGIN_NS) // MINUTE_NS


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


class World:
    """A processor with that upstream, and a sender that moves one minute on with each request."""

    def __init__(self, running: Running, telemetry: Telemetry, channel: grpc.Channel) -> None:
        self.running = running
        self.telemetry = telemetry
        self.minute = 0
        self._export: Callable[..., bytes] = channel.unary_unary(LOGS)

    def send(self) -> grpc.Call | None:
        """One more minute; the error where it was refused, and then it is not counted."""
        held: dict[str, Value] = {
            attributes.ML_MODEL_NAME: "credit",
            attributes.ML_INFERENCE_ID: f"id-{self.minute}",
            attributes.ML_SOURCE_ID: "one",
            attributes.ML_PREDICTION_SCORE: 0.5,
        }
        request = logs([record(events.ML_INFERENCE_PREDICTION, held, BEGIN_NS + self.minute * MINUTE_NS)])
        try:
            assert b"" == self._export(request.SerializeToString(), timeout=30)
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)  # noqa: PT017  # what a test looks at
            return error
        self.minute += 1
        return None

    def press(self) -> grpc.Call:
        """Send until it is refused."""
        return until(self.send, otherwise=lambda: f"{self.minute} minutes were taken")

    def value(self, name: str, **labels: str) -> float:
        wanted = tuple(sorted(labels.items()))
        found = {(each.name, each.attributes): each.value for each in self.telemetry.snapshot()}
        return found.get((name, wanted), 0.0)

    def dropped(self, reason: str) -> float:
        labels = {attributes.ML_TELEMETRY_LANE: "windows", attributes.ML_TELEMETRY_REASON: reason}
        return self.value(metrics.ML_TELEMETRY_DROPPED, **labels)

    def scrape(self, path: str = "/metrics") -> str:
        endpoint = getattr(self.running.graph.exporters["prometheus"], "endpoint")  # noqa: B009
        with urllib.request.urlopen(f"http://{endpoint}{path}", timeout=30) as response:
            return str(response.read().decode())


@contextmanager
def world(upstream: Upstream, *, export: Mapping[str, Any] | None = None, **more: Any) -> Iterator[World]:
    text = json.dumps(
        {
            "receivers": {"otlp": {"grpc": {"endpoint": "127.0.0.1:0", "retry_after": "1500ms"}}},
            "exporters": {
                "otlp": {"endpoint": f"http://127.0.0.1:{upstream.port}", "timeout": "500ms"},
                "prometheus": {"endpoint": "127.0.0.1:0"},
            },
            "windows": ["1m"],
            "engine": {"lateness": "0s"},
            "export": {"queue": QUEUE, **(export or {})},
            **more,
        }
    )
    registry = Registry()
    config = load(text, catalog=registry, environ={})
    telemetry = Telemetry()
    with open_service(config, baselines=[], registry=registry, telemetry=telemetry) as running:
        receiver = running.graph.receivers["otlp"]
        assert isinstance(receiver, Listens)
        with grpc.insecure_channel(receiver.listeners[0].endpoint) as channel:
            yield World(running, telemetry, channel)


BEHAVIOURS = {"dead": lambda upstream: None, "refuses": Upstream.refuse, "hangs": Upstream.hang}


@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_senders_are_asked_to_wait_and_nothing_is_lost_when_it_recovers(
    upstream: Upstream, behave: Callable[[Upstream], None]
) -> None:
    behave(upstream)
    with world(upstream) as processing:
        error = processing.press()
        assert grpc.StatusCode.UNAVAILABLE == error.code()
        assert "exporter/otlp is behind with" in str(error.details())
        trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
        wait = RetryInfo(retry_delay=DurationMessage(seconds=1, nanos=500_000_000))
        assert wait == RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
        (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
        assert wait == RetryInfo.FromString(detail.value)
        assert processing.value(processor.BAROGRAPH_EXPORTER_QUEUE_SIZE, **OTLP) <= QUEUE
        assert QUEUE == processing.value(processor.BAROGRAPH_EXPORTER_QUEUE_CAPACITY, **OTLP)
        until(lambda: processing.value(processor.BAROGRAPH_EXPORTER_FAILED_SENDS, **OTLP))
        # Nothing else waits for it.
        until(lambda: "ml_window_observations{" in processing.scrape())
        assert {"status": "ok"} == json.loads(processing.scrape("/healthz"))
        upstream.recover()
        until(lambda: processing.send() is None)
        processing.running.service.drain(60)
        assert set(range(processing.minute)) == upstream.windows()
        assert 0 == sum(map(processing.dropped, REASONS))


def test_an_upstream_that_is_slow_sets_the_pace_and_gets_everything(upstream: Upstream) -> None:
    upstream.up()
    pace = threading.Semaphore(0)

    def slow(context: grpc.ServicerContext) -> None:
        pace.acquire(timeout=60)

    upstream.taken.abort = slow
    exporters = {
        "otlp": {"endpoint": f"http://127.0.0.1:{upstream.port}", "timeout": "60s"},
        "prometheus": {"endpoint": "127.0.0.1:0"},
    }
    with world(upstream, exporters=exporters) as processing:
        for _ in range(3):
            before = processing.minute
            processing.press()
            pace.release(4)
            until(lambda: processing.send() is None)
            assert processing.minute > before
        upstream.taken.abort = None
        pace.release(1_000)
        processing.running.service.drain(60)
        assert set(range(processing.minute)) == upstream.windows()


@pytest.mark.parametrize(
    ("code", "reason"),
    [(grpc.StatusCode.PERMISSION_DENIED, "never"), (grpc.StatusCode.UNAVAILABLE, "for too long")],
)
def test_what_can_not_be_sent_is_dropped_counted_and_holds_up_nobody(
    upstream: Upstream, code: grpc.StatusCode, reason: str
) -> None:
    upstream.up()
    upstream.taken.abort = lambda context: context.abort(code, reason)
    with world(upstream, export={"retry_for": "0s"}) as processing:
        for _ in range(4 * QUEUE):
            until(lambda: processing.send() is None)
        until(lambda: processing.dropped("export_failed") >= 3 * QUEUE)
        upstream.recover()
        processing.running.service.drain(60)
        sent = processing.value(processor.BAROGRAPH_EXPORTER_SENT_WINDOWS, **OTLP)
        service = processing.running.service
        assert service.closed_windows == processing.minute
        closed = service.closed_windows + service.revised_windows
        assert closed == sent + processing.dropped("export_failed")


def test_an_upstream_that_asks_for_longer_than_windows_are_kept_is_not_waited_for(upstream: Upstream) -> None:
    upstream.up()

    def busy(context: grpc.ServicerContext) -> None:
        wait = RetryInfo(retry_delay=DurationMessage(seconds=10**9))
        context.set_trailing_metadata((("google.rpc.retryinfo-bin", wait.SerializeToString()),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")

    upstream.taken.abort = busy
    with world(upstream) as processing:
        for _ in range(2):
            until(lambda: processing.send() is None)
        until(lambda: processing.dropped("export_failed"))


@pytest.mark.parametrize("durability", ["memory", "disk"])
def test_windows_that_could_not_be_sent_before_a_stop_are_sent_after_it(
    upstream: Upstream, tmp_path: Path, durability: str
) -> None:
    storage = {"directory": str(tmp_path), "durability": durability}
    with world(upstream, storage=storage) as processing:
        processing.press()
        minutes = processing.minute
    assert 0 == sum(map(processing.dropped, REASONS))
    upstream.up()
    with world(upstream, storage=storage) as processing:
        processing.running.service.drain(60)
    assert set(range(minutes)) == upstream.windows()
