"""A whole processor in this process, between a sender and a backend that a test puts in trouble."""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.semconv import attributes, events, metrics
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

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from barograph_processor.components.api import Exporter
    from barograph_processor.patterns.opening import Running
    from wire.otlp_requests import Value

LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
MINUTE_NS = 60 * 10**9
BEGIN_NS = TIME_NS // MINUTE_NS * MINUTE_NS
QUEUE = 8
OTLP = {attributes.BAROGRAPH_COMPONENT: "exporter/otlp"}


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


class World:
    """A processor with that upstream, and a sender that moves one minute on with each request."""

    def __init__(self, running: Running, telemetry: Telemetry, channel: grpc.Channel) -> None:
        self.running = running
        self.telemetry = telemetry
        self.minute = 0
        self.channel = channel
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
def world(
    upstream: Upstream,
    *,
    export: Mapping[str, Any] | None = None,
    made: Mapping[str, Exporter] | None = None,
    **more: Any,
) -> Iterator[World]:
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
    with (
        ExitStack() as after,  # the channel outlives the processor, so that a test sees how that ends
        open_service(config, baselines=[], registry=registry, telemetry=telemetry, exporters=made) as running,
    ):
        receiver = running.graph.receivers["otlp"]
        assert isinstance(receiver, Listens)
        channel = after.enter_context(grpc.insecure_channel(receiver.listeners[0].endpoint))
        yield World(running, telemetry, channel)
