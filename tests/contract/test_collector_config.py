"""Every shipped Collector configuration: valid, documented, and run with traffic that shows its story."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import children
from barograph.semconv import READINGS_SCOPE, SOURCE_SCOPE, events, metrics, processor
from barograph.semconv import attributes as names
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Points, Predictions
from barograph_processor.patterns.opening import open_service
from cli.processes import barograph, value
from real.collector import collector
from real.programs import program
from receivers.otlp_server import LOGS, predictions, text

from .backend import backend
from .receiving import METRICS, TRACES, receiving, send
from .shipped import (
    DOCUMENTED,
    FILES,
    FOLDER,
    GATEWAY_PORTS,
    LISTENING,
    PORTS,
    SECRETS,
    missing,
    program_of,
    without_tail_sampling,
)
from .waiting import until

if TYPE_CHECKING:
    from pathlib import Path

slow = pytest.mark.slow
real = pytest.mark.real
FOREIGN = "http.server.request.duration"


def spans(*of: str, model: str = "") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number, name in enumerate(of, 1):
        scope.spans.add(
            name=name, trace_id=bytes([number] * 16), span_id=bytes([number] * 8), start_time_unix_nano=1,
            end_time_unix_nano=2, attributes=[text(names.ML_MODEL_NAME, model)] if model else [],
        )  # fmt: skip
    return request


def counts(name: str, scope: str, model: str = "m", count: int = 5) -> ExportMetricsServiceRequest:
    """A count, as increments."""
    request = ExportMetricsServiceRequest()
    carrier = request.resource_metrics.add().scope_metrics.add()
    carrier.scope.name = scope
    metric = carrier.metrics.add(name=name)
    metric.sum.aggregation_temporality = 1  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(
        start_time_unix_nano=60_000_000_000, time_unix_nano=60_001_000_000, as_int=count,
        attributes=[text(names.ML_MODEL_NAME, model), text(names.ML_SOURCE_ID, "s")],
    )  # fmt: skip
    return request


def log(event: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1, event_name=event)
    return request


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_uses_names_of_today_and_is_told_of_on_the_page(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    kinds = {
        name.partition("/")[0]
        for section in ("receivers", "processors", "exporters", "connectors", "extensions")
        for name in content.get(section, {})
    }
    old = {"otlphttp", "filelog", "loadbalancing", "prometheusremotewrite", "spanmetrics", "batch", "logging"}
    assert set() == kinds & old
    assert ("otlp" in content["exporters"]) is False, "otlp_grpc today"
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    story = page.partition(f"## `{file.name}`\n")[2].partition("\n## ")[0]
    assert 2 <= len(story.strip().splitlines()) <= 12


def test_the_page_tells_of_no_file_that_is_not_there() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## `(.*)`$", page, re.MULTILINE)) == sorted(file.name for file in FILES)


@pytest.mark.parametrize("file", [file for file in FILES if not program_of(file)], ids=lambda file: file.stem)
def test_what_no_program_has_keeps_to_its_documentation(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert "Not run in our tests" in file.read_text(encoding="utf-8")

    def check(path: str, settings: Any) -> None:
        for each in settings if isinstance(settings, list) else [settings]:
            if path in DOCUMENTED and isinstance(each, dict):
                assert set() == each.keys() - DOCUMENTED[path], path
            if isinstance(each, dict):
                for key, value in each.items():
                    check(f"{path}.{key}", value)

    found = missing(content)
    assert found
    for name, settings in found:
        check(name, settings)


@slow
@real("otelcol")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_valid(file: Path, tmp_path: Path) -> None:
    name = program_of(file)
    if not name and file.stem != "existing":
        assert file.stem == "load-balancing", "the one that no program can read as a whole"
        return
    path = without_tail_sampling(file, tmp_path) if not name else file
    done = children.run(
        [program(name or "otelcol"), "validate", f"--config={path}"],
        environ={**os.environ, **SECRETS, "STORAGE": str(tmp_path)},
    )
    assert 0 == done.returncode, done.stderr


@slow
@real("otelcol")
def test_existing_loses_no_prediction_and_floods_no_backend(tmp_path: Path) -> None:
    config = without_tail_sampling(FOLDER / "existing.yaml", tmp_path)
    with receiving() as ours, backend() as other:
        environ = {**LISTENING, "BAROGRAPH": ours.grpc, "BACKEND": other.url}
        environ["STORAGE"] = str(tmp_path / "queue")
        with collector(config, tmp_path, ports=PORTS, environ=environ) as running:
            send(running, TRACES, spans("predict m", "predict m", model="m"))
            send(running, TRACES, spans("GET /"))
            send(running, METRICS, counts(metrics.ML_INFERENCE_PREDICTIONS, SOURCE_SCOPE))
            send(running, METRICS, counts(metrics.ML_FEATURE_DRIFT_PSI, READINGS_SCOPE))
            send(running, METRICS, counts(FOREIGN, "http"))
            send(running, LOGS, predictions("a", "b"))
            send(running, LOGS, log(events.ML_WINDOW_CLOSED))
            send(running, LOGS, log(""))
            until(lambda: len(other.metrics) >= 2 and len(other.events) >= 2, otherwise=running.said)
            wanted = {
                processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS: 2,  # though the backend saw no trace
                processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS: 2,
                processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS: 1,
            }
            until(
                lambda: all(ours.counted(name) >= count for name, count in wanted.items()),
                otherwise=running.said,
            )
            assert 0 == running.stop()
    assert [] == other.spans, "sampled away"
    assert [(READINGS_SCOPE, metrics.ML_FEATURE_DRIFT_PSI), ("http", FOREIGN)] == sorted(other.metrics)
    assert ["", events.ML_WINDOW_CLOSED] == sorted(other.events)
    assert wanted == {name: ours.counted(name) for name in wanted}
    dropped = [s for s in ours.telemetry.snapshot() if s.name == metrics.ML_TELEMETRY_DROPPED]
    assert [] == dropped, "nothing came that we have no use for"


@slow
@real("otelcol")
def test_sidecar_keeps_what_its_neighbour_sent_though_it_is_killed_before_anybody_takes_it(
    tmp_path: Path,
) -> None:
    environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": "127.0.0.1:1"}
    config = FOLDER / "sidecar.yaml"
    with collector(config, tmp_path, ports=PORTS, environ=environ) as first:
        send(first, LOGS, predictions("a", "b"))
        send(first, METRICS, counts(metrics.ML_INFERENCE_PREDICTIONS, SOURCE_SCOPE))
        until(lambda: "connection refused" in first.said(), otherwise=first.said)
        first.kill()
    with (
        receiving() as ours,
        collector(config, tmp_path, ports=PORTS, environ={**environ, "NEXT": ours.grpc}) as second,
    ):
        until(lambda: len(ours.engine.batches) >= 2, otherwise=second.said)
        assert 0 == second.stop()
    ids = [tuple(batch.ids) for batch in ours.engine.batches if isinstance(batch, Predictions)]
    assert [("a", "b")] == ids
    assert 1 == sum(isinstance(batch, Points) for batch in ours.engine.batches)


@slow
@real("otelcol")
def test_gateway_gives_each_model_one_owner_in_all_signals(tmp_path: Path) -> None:
    models = [f"model-{index}" for index in range(24)]
    with receiving() as one, receiving() as two:
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "FIRST": one.grpc, "SECOND": two.grpc}
        with collector(FOLDER / "gateway.yaml", tmp_path, ports=GATEWAY_PORTS, environ=environ) as running:
            for turn in range(2):
                for model in models:
                    send(running, LOGS, predictions(f"{turn}", model=model))
                    send(
                        running,
                        METRICS,
                        counts(metrics.ML_INFERENCE_PREDICTIONS, SOURCE_SCOPE, model, turn + 1),
                    )
                    send(running, TRACES, spans("predict", model=model))
            send(running, TRACES, spans("GET /"))
            wanted = {
                processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS: 48,
                processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS: 48,
                processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS: 48,
            }
            until(
                lambda: all(one.counted(name) + two.counted(name) >= n for name, n in wanted.items()),
                otherwise=running.said,
            )
            assert 0 == running.stop()
    owners: dict[str, set[str]] = defaultdict(set)
    for owner, ours in (("one", one), ("two", two)):
        for batch in ours.engine.batches:
            keys = {point.key for point in batch.points} if isinstance(batch, Points) else set()
            keys |= {batch.key} if isinstance(batch, Predictions) else set()
            for key in keys:
                owners[key.model].add(owner)
    assert sorted(models) == sorted(owners)
    assert {1} == {len(each) for each in owners.values()}
    shares = [sum(owner in each for each in owners.values()) for owner in ("one", "two")]
    assert min(shares) >= 4, "both have work"
    assert wanted == {name: one.counted(name) + two.counted(name) for name in wanted}


@slow
@real("otelcol")
@pytest.mark.parametrize(
    ("file", "header", "folder"),
    [
        ("grafana-cloud", ("authorization", "Basic MTc6Y2xvdWQtdG9rZW4="), "/otlp"),
        ("datadog", ("dd-api-key", "dog-key"), ""),
    ],
)
def test_a_cloud_gets_readings_and_closed_windows_and_no_histogram_of_features(
    tmp_path: Path, file: str, header: tuple[str, str], folder: str
) -> None:
    with backend() as cloud:
        environ = {**LISTENING, **SECRETS, "STORAGE": str(tmp_path / "queue")}
        environ |= {"GRAFANA_CLOUD_ENDPOINT": f"{cloud.url}/otlp", "DATADOG": cloud.url}
        with collector(FOLDER / f"{file}.yaml", tmp_path, environ=environ) as running:
            send(running, METRICS, counts(metrics.ML_FEATURE_VALUE, SOURCE_SCOPE))
            send(running, METRICS, counts(metrics.ML_INFERENCE_PREDICTIONS, SOURCE_SCOPE))
            send(running, METRICS, counts(metrics.ML_WINDOW_OBSERVATIONS, READINGS_SCOPE))
            send(running, LOGS, predictions("a"))
            send(running, LOGS, log(events.ML_WINDOW_CLOSED))
            until(lambda: len(cloud.metrics) >= 2 and cloud.events, otherwise=running.said)
            assert 0 == running.stop()
    assert [metrics.ML_INFERENCE_PREDICTIONS, metrics.ML_WINDOW_OBSERVATIONS] == sorted(
        name for _, name in cloud.metrics
    )
    assert [events.ML_WINDOW_CLOSED] == cloud.events
    assert {f"{folder}/v1/metrics", f"{folder}/v1/logs"} == {came.path for came in cloud.came}
    assert {header[1]} == {came.headers[header[0]] for came in cloud.came}


@slow
@real("otelcol")
def test_files_are_read_by_a_batch_as_the_service_would_have(tmp_path: Path) -> None:
    environ = {**LISTENING, "FOLDER": str(tmp_path / "predictions")}
    ids = [f"a-{index}" for index in range(300)]
    with collector(FOLDER / "files.yaml", tmp_path, ports=PORTS, environ=environ) as running:
        for part in range(0, 300, 50):
            send(running, LOGS, predictions(*ids[part : part + 50]))
        send(running, LOGS, log(""))
        assert 0 == running.stop()
    done = barograph("batch", "--predictions", str(tmp_path / "predictions"), "--window", "1h", "--json")
    windows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [300.0] == [value(window, metrics.ML_WINDOW_OBSERVATIONS) for window in windows]


AGENT = """
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
windows: [1h]
mappings:
  - {signal: logs, when: {attributes: {model: credit}}, model: {attribute: model}, id: id, score: score}
"""


@slow
@real("otelcol-filelog")
def test_agent_reads_what_containers_print_and_goes_on_where_it_was(tmp_path: Path) -> None:
    logs = tmp_path / "pods" / "shop_credit-0_0a1b2c3d" / "serve" / "0.log"
    logs.parent.mkdir(parents=True)
    stamp = "2026-01-01T12:00:00.000000000Z stdout"
    long = json.dumps({"model": "credit", "id": "long", "score": 0.5, "note": "x" * 100})
    lines = [f'{stamp} F {{"model": "credit", "id": "a-{index}", "score": 0.25}}' for index in range(5)]
    lines += [f"{stamp} P {long[:40]}", f"{stamp} F {long[40:]}"]
    lines += [f"{stamp} F listening on port 8080", f'{stamp} F {{"level": "info"}}']
    logs.write_text("\n".join(lines) + "\n", encoding="utf-8")
    registry = Registry()
    config = load(AGENT, catalog=registry, environ={})
    with open_service(config, baselines=[], registry=registry) as service:
        receiver: Any = service.graph.receivers["otlp"]
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "NEXT": receiver.listeners[0].endpoint}
        environ["CONTAINER_LOGS"] = str(tmp_path / "pods/*/*/*.log")
        agent, name = FOLDER / "agent.yaml", "otelcol-filelog"

        def seen(count: int) -> bool:
            return bool(service.service.summary()["predictions"] == count)

        with collector(agent, tmp_path, ports=PORTS, environ=environ, name=name) as first:
            until(lambda: seen(6), otherwise=first.said)
            assert 0 == first.stop()
        with logs.open("a", encoding="utf-8") as file:
            file.write(f'{stamp} F {{"model": "credit", "id": "later", "score": 0.75}}\n')
        with collector(agent, tmp_path, ports=PORTS, environ=environ, name=name) as second:
            until(lambda: seen(7), otherwise=second.said)
            assert 0 == second.stop()
        summary: Any = service.service.summary()
    assert 7 == summary["predictions"]
    assert {} == summary["dropped"], "no line came twice"
