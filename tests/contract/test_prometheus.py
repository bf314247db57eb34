"""One metric has one name and the same labels in Prometheus, by whichever way it came."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from barograph import Monitor
from barograph.export import ExporterSink
from barograph.semconv import attributes as names
from barograph.semconv import events, metrics
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.opening import open_service
from barograph_processor.telemetry import Telemetry
from real.collector import collector
from real.prometheus import prometheus

from .shipped import FOLDER, LISTENING
from .waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from real.prometheus import Prometheus

pytestmark = [pytest.mark.slow, pytest.mark.real("otelcol", "prometheus")]

HOUR_NS = 3_600_000_000_000
NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
CONFIG = """
receivers: {otlp: {http: {endpoint: "127.0.0.1:0"}}}
exporters:
  prometheus: {endpoint: "127.0.0.1:0"}
  otlp/scraped: {endpoint: "http://${env:SCRAPED}"}
  otlp/written: {endpoint: "http://${env:WRITTEN}"}
  otlp/pushed: {endpoint: "http://${env:PUSHED}"}
windows: [1h]
segments: [region]
export: {interval: 1s}
engine: {pane: 1h, learn_rows: 200}
"""
TRUTH = (names.ML_MODEL_NAME, names.ML_INFERENCE_ID, names.ML_GROUND_TRUTH_VALUE)
# Readings of a window that closed before the last one are shown by the Collector until they expire, and what
# comes waits in the write-ahead log, a minute by default.
SOONER = {
    "metric_expiration: 5m": "metric_expiration: 10s",
    '/wal"}': '/wal", truncate_frequency: 1s}',
}
# What Prometheus itself says of where a series came from.
ORIGIN = {"__name__", "job", "instance", "exported_job", "exported_instance"}


class Series(NamedTuple):
    """A name in Prometheus and the labels that it has there."""

    name: str
    labels: frozenset[tuple[str, str]]


def records(hours: int, rows: int) -> list[dict[str, Any]]:
    """Predictions with features, segments and their truth."""
    chance = random.Random(20260101)
    found = []
    for index in range(hours * rows):
        score = chance.random()
        texts = {
            names.ML_MODEL_NAME: "credit", names.ML_MODEL_VERSION: "3", names.ML_INFERENCE_ID: f"a-{index}",
            names.ML_PREDICTION_CLASS: "true" if score >= 0.5 else "false",
            names.ML_GROUND_TRUTH_VALUE: "true" if chance.random() < score else "false",
        }  # fmt: skip
        maps: dict[str, dict[str, dict[str, Any]]] = {
            names.ML_SEGMENTS: {"region": {"stringValue": chance.choice(["north", "south"])}},
            names.ML_FEATURES: {
                "age": {"doubleValue": chance.gauss(40, 10)},
                "channel": {"stringValue": chance.choice(["web", "shop"])},
            },
        }
        attributes = [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()]
        attributes += [{"key": names.ML_PREDICTION_SCORE, "value": {"doubleValue": score}}]
        attributes += [
            {
                "key": key,
                "value": {"kvlistValue": {"values": [{"key": k, "value": v} for k, v in held.items()]}},
            }
            for key, held in maps.items()
        ]
        found.append({
            "timeUnixNano": NOON + index * HOUR_NS // rows, "eventName": events.ML_INFERENCE_PREDICTION,
            "attributes": attributes,
        })  # fmt: skip
        truth = [each for each in attributes if each["key"] in TRUTH]
        found.append({
            "timeUnixNano": NOON + index * HOUR_NS // rows, "eventName": events.ML_GROUND_TRUTH_OBSERVED,
            "attributes": truth,
        })  # fmt: skip
    return found


def shipped(way: str) -> str:
    """The configuration for a way to Prometheus, without the waiting."""
    text = (FOLDER / f"prometheus-{way}.yaml").read_text(encoding="utf-8")
    for before, after in SOONER.items():
        text = text.replace(before, after)
    return text


def send(endpoint: str, held: list[dict[str, Any]]) -> None:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": held}]}]}
    answer = requests.post(f"http://{endpoint}/v1/logs", json=body, timeout=60)
    assert {} == answer.json()


def series_of(where: Prometheus, job: str) -> dict[Series, float]:
    """What there is of a job, without what says where it came from."""
    found = {}
    for each in where.query(f'{{__name__=~"ml_.*|barograph_.*", job="{job}"}}'):
        labels = {(name, text) for name, text in each["metric"].items() if name not in ORIGIN}
        found[Series(each["metric"]["__name__"], frozenset(labels))] = float(each["value"][1])
    return found


def readings(found: Mapping[Series, float]) -> dict[Series, float]:
    return {each: value for each, value in found.items() if each.name.startswith("ml_window_")}


def test_the_four_ways_to_prometheus_agree_in_names_labels_and_values(tmp_path: Path) -> None:
    with ExitStack() as stack:
        written, pushed = (stack.enter_context(prometheus(tmp_path / way)) for way in ("written", "pushed"))
        environ = {
            **LISTENING,
            "SCRAPED": "127.0.0.1:${env:PORT_SCRAPED}",
            "STORAGE": str(tmp_path / "queue"),
        }
        environ |= {"REMOTE_WRITE": f"{written.url}/api/v1/write", "PROMETHEUS": pushed.url}
        collectors = {}
        for way, ports in (("scrape", ("otlp", "scraped")), ("remote-write", ("otlp",)), ("otlp", ("otlp",))):
            folder = tmp_path / way
            folder.mkdir()
            collectors[way] = stack.enter_context(
                collector(shipped(way), folder, ports=ports, environ=environ)
            )
        registry, telemetry = Registry(), Telemetry(NOON)
        config_environ = {
            "SCRAPED": collectors["scrape"].endpoint("otlp"),
            "WRITTEN": collectors["remote-write"].endpoint("otlp"),
            "PUSHED": collectors["otlp"].endpoint("otlp"),
        }
        settings = load(CONFIG, catalog=registry, environ=config_environ)
        running = stack.enter_context(
            open_service(settings, baselines=[], registry=registry, telemetry=telemetry)
        )
        receiver: Any = running.graph.receivers["otlp"]
        exporter: Any = running.graph.exporters["prometheus"]
        scraping = {"direct": exporter.endpoint, "collector": collectors["scrape"].endpoint("scraped")}
        scraped = stack.enter_context(prometheus(tmp_path / "scraped", scrape=scraping))
        held = records(hours=3, rows=300)
        send(receiver.listeners[0].endpoint, held[:600])
        running.service.tick()  # a baseline is learned
        send(receiver.listeners[0].endpoint, held[600:])
        running.service.drain(60)

        def ways() -> dict[str, dict[Series, float]]:
            return {
                "scraped from us": series_of(scraped, "direct"),
                "scraped from a Collector": series_of(scraped, "collector"),
                "written by a Collector": series_of(written, "barograph"),
                "pushed by a Collector": series_of(pushed, "barograph"),
            }

        def told() -> str:
            found = ways()
            first = found["scraped from us"].keys()
            return "\n".join(
                f"{way}: {len(each)}\n  more: {sorted(each.keys() - first)[:3]}"
                f"\n  less: {sorted(first - each.keys())[:3]}\n  values: {sorted(readings(each).items())[:3]}"
                for way, each in found.items()
            )

        def agreed() -> dict[str, dict[Series, float]] | None:
            found = ways()
            first, *others = found.values()
            same = all(
                first.keys() == each.keys() and readings(first) == readings(each) for each in others
            )  # values too: the ways are of different length, and a series may still have its last window's
            closed = any(each.name == "ml_performance_accuracy" for each in first)
            return found if same and closed else None

        seen = until(agreed, otherwise=told)
        assert seen is not None
    first, *others = seen.values()
    kinds = {each.name for each in first}
    assert {"ml_window_observations", "ml_monitor_status", "ml_window_end_seconds"} <= kinds
    assert "barograph_receiver_accepted_log_records_total" in kinds
    assert any(name.startswith("ml_feature_drift_") for name in kinds)
    for other in others:
        assert readings(first) == readings(other), "a reading has one value"
    assert metrics.ML_WINDOW_OBSERVATIONS.replace(".", "_") in kinds


@pytest.mark.parametrize("way", ["scrape", "remote-write", "otlp"])
def test_a_duration_names_a_trace_that_exists(tmp_path: Path, way: str) -> None:
    """From a monitored call through the SDK's exporter and a Collector to Prometheus."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with ExitStack() as stack:
        pushed = stack.enter_context(prometheus(tmp_path / "pushed"))
        environ = {
            **LISTENING,
            "SCRAPED": "127.0.0.1:${env:PORT_SCRAPED}",
            "STORAGE": str(tmp_path / "queue"),
        }
        environ |= {"REMOTE_WRITE": f"{pushed.url}/api/v1/write", "PROMETHEUS": pushed.url}
        ports = ("otlp", "scraped") if way == "scrape" else ("otlp",)
        running = stack.enter_context(collector(shipped(way), tmp_path, ports=ports, environ=environ))
        asked = pushed
        if way == "scrape":
            scrape = {"collector": running.endpoint("scraped")}
            asked = stack.enter_context(prometheus(tmp_path / "scraped", scrape=scrape))
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(
            trace, "get_tracer_provider", lambda: provider
        )
        exporter = OTLPMetricExporter(f"http://{running.endpoint('otlp')}", insecure=True)
        monitor = Monitor("credit", version="3", sink=ExporterSink(lambda: (exporter,), tuple))
        name = "ml_inference_duration_seconds_bucket"

        def named() -> set[str]:
            with monitor.predict({"age": 40.0}) as call:
                call.outputs("yes")
            assert monitor.flush()
            return {each["labels"]["trace_id"] for each in asked.exemplars(name)}

        found = until(named, otherwise=running.said)
    provider.shutdown()
    assert found <= {f"{span.context.trace_id:032x}" for span in kept.get_finished_spans() if span.context}


def test_what_makes_the_ways_quicker_stands_in_the_files() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("prometheus-*.yaml"))]
    assert dict.fromkeys(SOONER, 1) == {name: sum(name in text for text in texts) for name in SOONER}
