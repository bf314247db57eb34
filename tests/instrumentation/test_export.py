"""Sinks: exporters from the environment, nothing lost while the Collector is away, nobody kept waiting."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

import children
from barograph import export, export_lane, this_process
from barograph.errors import ConfigError
from barograph.export_lane import Lane
from barograph.export_sdk import exporters
from barograph.exporters import Exporters
from barograph.guard import guard
from barograph.semconv import attributes

from .upstreams import PATIENT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

PROGRAM = """
import barograph, sys
monitor = barograph.Monitor("m", "1")
feedback = barograph.Feedback("m")
for number in range(50):
    monitor.record({"a": float(number), "b": "x"}, scores=number / 50, ids=f"k{number}")
feedback.observe_batch(ids=[f"k{number}" for number in range(50)], values=[True] * 50)
"""


class Collector(logs_service_pb2_grpc.LogsServiceServicer):
    """Takes OTLP and keeps the requests."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []
        self.logs: list[Any] = []
        server = grpc.server(ThreadPoolExecutor(2))
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self.metrics), server)  # type: ignore[no-untyped-call]
        self.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.server = server

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.logs.append(request)
        return logs_service_pb2.ExportLogsServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, kept: list[Any]) -> None:
        self._kept = kept

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._kept.append(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.server.stop(0).wait(60)


def run(port: int, program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    place = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "BAROGRAPH_STRICT": ""}
    return children.run([sys.executable, "-c", program], environ={**os.environ, **place, **environment})


@pytest.mark.slow
def test_what_waits_leaves_when_the_process_ends(collector: Collector) -> None:
    done = run(collector.port, PATIENT + PROGRAM)
    assert (0, "") == (done.returncode, done.stderr)
    scopes = [scope for request in collector.metrics for scope in request.resource_metrics[0].scope_metrics]
    assert {"barograph"} == {scope.scope.name for scope in scopes}
    points = [(metric.name, metric) for scope in scopes for metric in scope.metrics]
    predictions = [metric for name, metric in points if name == "ml.inference.predictions"]
    assert 50 == sum(point.as_int for metric in predictions for point in metric.sum.data_points)
    values = [metric.exponential_histogram for name, metric in points if name == "ml.feature.value"]
    assert {1} == {each.aggregation_temporality for each in values}
    assert 50 == sum(point.count for each in values for point in each.data_points)
    rows: Counter[str] = Counter()  # a slow process sends more than one event of a kind
    for request in collector.logs:
        for record in request.resource_logs[0].scope_logs[0].log_records:
            told = {one.key: one.value.int_value for one in record.attributes}
            rows[record.event_name] += told[attributes.ML_BATCH_ROWS]
    assert {"ml.ground_truth.observed_batch": 50, "ml.inference.prediction_batch": 50} == rows


@pytest.mark.slow
def test_a_child_has_a_source_of_its_own_and_sends_only_its_own(collector: Collector) -> None:
    program = PATIENT + PROGRAM + "\nimport os\nif os.fork() == 0:\n    monitor.record({'a': 1.0}, 1.0)\n"
    program += "    barograph.flush(60.0)\n    os._exit(0)\nos.wait()\n"
    done = run(collector.port, program)
    assert 0 == done.returncode, done.stderr
    rows: dict[str, int] = {}
    for request in collector.metrics:
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            if metric.name == "ml.inference.predictions":
                for point in metric.sum.data_points:
                    source = next(
                        one.value.string_value for one in point.attributes if one.key == "ml.source.id"
                    )
                    rows[source] = rows.get(source, 0) + point.as_int
    assert [1, 50] == sorted(rows.values())


@pytest.mark.slow
def test_a_dead_collector_does_not_hold_up_the_end() -> None:
    ended = run(1, OTEL_EXPORTER_OTLP_TIMEOUT="3600")  # for which the exporters alone would try
    assert 0 == ended.returncode, ended.stderr


@pytest.mark.slow
def test_a_process_that_only_reports_truth_sends_it_at_its_end(collector: Collector) -> None:
    truth = 'import barograph\nbarograph.Feedback("m").observe(id="a", value=True)\n'
    done = run(collector.port, PATIENT + truth)
    assert (0, "") == (done.returncode, done.stderr)
    (request,) = collector.logs
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert "ml.ground_truth.observed" == record.event_name


@pytest.mark.slow
def test_a_disabled_sdk_sends_nothing(collector: Collector) -> None:
    done = run(collector.port, OTEL_SDK_DISABLED="true")
    assert 0 == done.returncode, done.stderr
    assert not collector.metrics
    assert not collector.logs


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OTEL_METRICS_EXPORTER", "carrier-pigeon", "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml", "wanted one of grpc, http/protobuf"),
    ],
)
def test_a_wrong_environment_is_explained(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=said):
        exporters("metrics")


def test_none_means_none_and_a_list_means_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    assert [] == exporters("logs")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console,otlp")
    found = exporters("metrics")
    assert ["ConsoleMetricExporter", "OTLPMetricExporter"] == [type(one).__name__ for one in found]
    for one in found:
        one.shutdown()


class Sending:
    """An exporter that fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, chunk: Sequence[int]) -> bool:
        assert self.gate.wait(60)
        if self.failures:
            self.failures -= 1
            return False
        self.sent.append(list(chunk))
        return True


def lane(sending: Sending, **limits: int) -> Lane[int]:
    settings: dict[str, Any] = {"chunk_items": 3, "chunk_bytes": 100, "queue_bytes": 60} | limits
    return Lane("histograms", sending, size_bytes=lambda _: 10, rows=lambda _: 1, **settings)


def test_chunks_keep_their_order_and_their_limits() -> None:
    sending = Sending()
    queue = lane(sending)
    queue.put(range(5))
    assert queue.flush(60.0)
    assert [0, 1, 2, 3, 4] == [one for chunk in sending.sent for one in chunk]
    assert all(len(chunk) <= 3 for chunk in sending.sent)


def test_what_failed_is_sent_again_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lane, "_FIRST_PAUSE_S", 0.01)
    sending = Sending(failures=2)
    queue = lane(sending)
    queue.put(range(4))
    assert queue.flush(60.0)
    assert [0, 1, 2, 3] == [one for chunk in sending.sent for one in chunk]
    assert {} == guard.take()


def test_what_fails_for_good_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lane, "_FIRST_PAUSE_S", 0.0)
    sending = Sending(failures=export_lane.MAX_TRIES)
    queue = lane(sending)
    queue.put(range(3))
    assert queue.flush(60.0)
    assert {("histograms", "export_failed"): 3} == guard.take()


def test_a_full_queue_drops_and_counts_what_is_new() -> None:
    sending = Sending()
    sending.gate.clear()
    queue = lane(sending, chunk_items=1)
    queue.put(range(10))
    assert not queue.flush(0.0)
    sending.gate.set()
    assert queue.flush(60.0)
    assert [[0], [1], [2], [3], [4], [5]] == sending.sent
    assert {("histograms", "queue_full"): 4} == guard.take()


def test_after_the_end_everything_is_counted() -> None:
    queue = lane(Sending())
    queue.close(1.0)
    queue.put([1, 2])
    assert {("histograms", "shutdown"): 2} == guard.take()


def test_the_end_is_not_waited_for_where_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lane, "_HOPE", 0.0)
    sending = Sending()
    sending.gate.clear()
    queue = lane(sending, chunk_items=1)
    queue.put(range(3))
    queue.close(3_600.0)
    assert {("histograms", "shutdown"): 2} == guard.take()  # the third is on its way
    sending.gate.set()
    assert not queue.flush(5.0)  # it was cut short
    assert [[0]] == sending.sent


def test_the_end_waits_until_there_is_somebody_to_send() -> None:
    made = threading.Event()
    sending = Sending()
    queue = Lane(
        "histograms",
        sending,
        size_bytes=lambda _: 10,
        rows=lambda _: 1,
        chunk_items=3,
        prepare=lambda: made.wait(60),
    )
    queue.put(range(3))
    ending = threading.Thread(daemon=True, target=queue.close, args=(3_600.0,))
    ending.start()
    made.set()
    ending.join(60)
    assert ([[0, 1, 2]], {}) == (sending.sent, guard.take())
    assert queue.flush(0.0)


def test_at_the_end_what_failed_is_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lane, "_FIRST_PAUSE_S", 3_600.0)
    monkeypatch.setattr(export_lane, "_LONGEST_PAUSE_S", 3_600.0)
    monkeypatch.setattr(export_lane, "_LAST_PAUSE_S", 0.0)
    sending = Sending(failures=1)
    queue = lane(sending)
    queue.put(range(3))
    assert not queue.flush(0.0)
    queue.close(3_600.0)
    assert ([[0, 1, 2]], {}) == (sending.sent, guard.take())


def test_an_exporter_that_cannot_be_made_ends_no_queue(lenient: None) -> None:
    def make() -> None:
        raise OSError("no exporter today")

    sending = Sending()
    queue = Lane(
        "histograms", sending, size_bytes=lambda _: 10, rows=lambda _: 1, chunk_items=3, prepare=make
    )
    queue.put([1])
    assert queue.flush(60.0)
    assert [[1]] == sending.sent


def test_exporters_made_in_code_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    before = this_process.swap_sink(None)
    try:
        this_process.configure(metric_exporter="mine")
        sink = this_process.default_sink()
        assert isinstance(sink, export.ExporterSink)
        assert sink is this_process.default_sink()
    finally:
        this_process.configure()
        this_process.swap_sink(before)


def test_a_child_of_a_process_that_sent_over_grpc_is_told_what_to_set(
    lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    over_grpc = type(
        "Exporter", (), {"__module__": "opentelemetry.exporter.otlp.proto.grpc.metric_exporter"}
    )()
    made = Exporters(lambda: (over_grpc,), tuple)
    made.after_fork()
    assert "" == caplog.text
    assert (over_grpc,) == made.get("metrics")
    made.after_fork()
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in caplog.text


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that is the point
def test_a_fork_waits_for_exporters_that_are_being_made() -> None:
    begun, forking = threading.Event(), threading.Event()

    def make() -> tuple[str]:
        begun.set()
        assert forking.wait(60)
        return ("mine",)

    made = Exporters(make, tuple)
    making = threading.Thread(daemon=True, target=made.get, args=["metrics"])
    making.start()
    assert begun.wait(60)
    os.register_at_fork(before=forking.set)  # called first, since it was registered last
    child = os.fork()
    if child == 0:
        os._exit(0 if made._made else 1)
    assert 0 == os.waitpid(child, 0)[1]
    making.join(60)
