"""A probe goes the way of all telemetry: what the doctor says of its arrival, and what it leaves behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from barograph.errors import Retryable
from barograph_processor.cli.doctor.round_trip import round_trip_findings
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.forward_opening import open_forwarding
from barograph_processor.patterns.opening import open_service
from barograph_processor.patterns.probing import Probing
from engine.test_probes import prediction
from exporters.servers import Taken, grpc_server, http_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from barograph_processor.cli.doctor.findings import Finding
    from barograph_processor.components.api import Listens
    from barograph_processor.components.graph import Graph
    from barograph_processor.exporters.prometheus import Prometheus
    from barograph_processor.patterns.service import Service

WAIT_S = 60.0
LOST_S = 5.0  # nothing comes within it, but an answer of this machine does
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
CONFIG = """
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
storage: STORAGE
"""


class Running(NamedTuple):
    grpc: str
    http: str
    metrics: str
    service: Service


@contextmanager
def processor(storage: str = "{}") -> Iterator[Running]:
    registry = Registry()
    config = load(CONFIG.replace("STORAGE", storage), catalog=registry)
    with open_service(config, baselines=[], registry=registry) as running:
        receiving, metrics = listening(running.graph)
        yield Running(receiving["grpc"], receiving["http"], metrics, running.service)


def listening(graph: Graph) -> tuple[dict[str, str], str]:
    """Where OTLP is received, by protocol, and where metrics are served."""
    (receiver,), (exporter,) = graph.receivers.values(), graph.exporters.values()
    return {each.protocol: each.endpoint for each in cast("Listens", receiver).listeners}, str(
        cast("Prometheus", exporter).endpoint
    )


def findings(environ: Mapping[str, str], processor: str, timeout_s: float = WAIT_S) -> dict[str, Finding]:
    return {each.check: each for each in round_trip_findings(environ, processor, timeout_s)}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_prediction_and_its_label_arrive_and_join(protocol: str) -> None:
    with processor() as running:
        address = running.grpc if protocol == "grpc" else running.http
        told = findings({ENDPOINT: f"http://{address}", PROTOCOL: protocol}, running.metrics)
    assert {"prediction and label": "ok", "counts": "ok"} == {
        check: each.status for check, each in told.items()
    }
    assert address in told["prediction and label"].said
    assert running.metrics in told["prediction and label"].said


@pytest.mark.parametrize("durable", [False, True])
def test_a_probe_leaves_nothing_behind(durable: bool, tmp_path: Path) -> None:
    storage = f"{{directory: '{tmp_path}', durability: disk}}" if durable else "{}"
    with processor(storage) as running:
        told = findings({ENDPOINT: f"http://{running.grpc}"}, running.metrics)
        assert {"ok"} == {each.status for each in told.values()}
        summary = running.service.drain(WAIT_S)
        assert {"windows": 0, "revisions": 0, "points": 0, "predictions": 0, "dropped": {}} == {
            name: summary[name] for name in ("windows", "revisions", "points", "predictions", "dropped")
        }
        labels = cast("Mapping[str, object]", summary["labels"])
        assert (0, 0, 0) == (labels["accepted"], labels["joined"], labels["waiting"])


def test_a_storage_that_takes_nothing_takes_no_probe() -> None:
    def full(_: object) -> object:
        raise Retryable("no space left")

    subject = Probing()
    with pytest.raises(Retryable):
        subject.feed([prediction("a")], full)  # type: ignore[arg-type]
    assert 0 == subject.seen("a")["predictions"]


def test_a_collector_with_no_processor_behind_it_is_told() -> None:
    taken = Taken()
    with processor() as running, grpc_server(taken) as collector:
        told = findings({ENDPOINT: f"http://{collector}"}, running.metrics, LOST_S)
    assert 2 == len(taken.requests)
    assert {"failed"} == {each.status for each in told.values()}
    lost = told["prediction and label"]
    assert f"taken by {collector} and did not arrive at {running.metrics}" in lost.said
    assert "logs pipeline" in lost.advice
    assert "metrics pipeline" in told["counts"].advice


def test_a_processor_that_can_not_be_asked_is_told() -> None:
    with grpc_server(Taken()) as collector:
        (gone,) = findings({ENDPOINT: f"http://{collector}"}, "127.0.0.1:1").values()
        with http_server(Taken()) as other:
            (strange,) = findings({ENDPOINT: f"http://{collector}"}, other).values()
    assert ("failed", True) == (gone.status, "does not answer operators" in gone.said)
    assert ("failed", True) == (strange.status, "no processor of this version" in strange.said)
    assert "--processor" in gone.advice


def test_where_nothing_can_be_sent_nobody_is_waited_for() -> None:
    with processor() as running:
        told = findings({ENDPOINT: "http://127.0.0.1:1"}, running.metrics)
    assert {"failed"} == {each.status for each in told.values()}
    assert all("not sent: nothing listens" in each.said for each in told.values())


def test_a_partial_success_is_a_refusal() -> None:
    taken = Taken()
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 2
    response.partial_success.error_message = "filtered"
    taken.response = response.SerializeToString()
    with grpc_server(taken) as collector:
        told = findings({ENDPOINT: f"http://{collector}", "OTEL_METRICS_EXPORTER": "none"}, "127.0.0.1:1")
    (refused,) = told.values()
    assert ("failed", "the probe was refused: filtered") == (refused.status, refused.said)


def test_only_what_is_sent_is_waited_for() -> None:
    with processor() as running:
        environ = {ENDPOINT: f"http://{running.grpc}", "OTEL_METRICS_EXPORTER": "none"}
        assert ["prediction and label"] == list(findings(environ, running.metrics))
        environ = {ENDPOINT: f"http://{running.grpc}", "OTEL_LOGS_EXPORTER": "none"}
        assert ["counts"] == list(findings(environ, running.metrics))
        nothing = {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
        assert ["skipped"] == [each.status for each in findings(nothing, running.metrics).values()]


def test_predictions_that_go_upstream_are_probed_there() -> None:
    with processor() as running, grpc_server(Taken()) as elsewhere:
        environ = {ENDPOINT: f"http://{elsewhere}", "BAROGRAPH_OTLP_ENDPOINT": f"http://{running.grpc}"}
        assert {"ok"} == {each.status for each in findings(environ, running.metrics).values()}


def test_an_edge_passes_probes_on_and_sends_those_who_ask_it_to_the_owner() -> None:
    with processor() as owner:
        registry = Registry()
        told = CONFIG.replace(
            "storage: STORAGE", f"forward: {{endpoint: 'http://{owner.grpc}', interval: 100ms}}"
        )
        with open_forwarding(load(told, catalog=registry), baselines=[], registry=registry) as edge:
            receiving, metrics = listening(edge.graph)
            environ = {ENDPOINT: f"http://{receiving['grpc']}"}
            (asked,) = findings(environ, metrics).values()
            assert ("failed", True) == (asked.status, "passes telemetry on" in asked.said)
            arrived = findings(environ, owner.metrics)
            assert {"ok"} == {each.status for each in arrived.values()}, arrived
