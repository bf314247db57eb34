"""Two tenants with a model of the same name share a processor, and nothing else."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.opening import open_service
from barograph_processor.telemetry import Telemetry

CONFIG = """
receivers:
  otlp:
    http: {endpoint: "127.0.0.1:0"}
    auth: {bearer: nobody-s, tokens: {team-a: a-token, team-b: b-token}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
windows: [1h]
engine: {pane: 1h}
"""
NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z


def prediction(name: str) -> dict[str, Any]:
    texts = {names.ML_MODEL_NAME: "credit", names.ML_INFERENCE_ID: name, names.ML_PREDICTION_CLASS: "yes"}
    return {
        "timeUnixNano": NOON,
        "eventName": events.ML_INFERENCE_PREDICTION,
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()],
    }


def send(endpoint: str, token: str, *ids: str) -> None:
    records = [prediction(name) for name in ids]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://{endpoint}/v1/logs", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert b"{}" == answer.read()


def test_tenants_are_monitored_apart_and_told_apart() -> None:
    registry = Registry()
    config = load(CONFIG, catalog=registry, environ={})
    telemetry = Telemetry()
    with open_service(config, baselines=[], registry=registry, telemetry=telemetry) as running:
        receiver: Any = running.graph.receivers["otlp"]
        exporter: Any = running.graph.exporters["prometheus"]
        endpoint = receiver.listeners[0].endpoint
        send(endpoint, "a-token", "1", "2", "3")
        send(endpoint, "b-token", "1", "2")  # other predictions than those of team-a with the same ids
        send(endpoint, "nobody-s", "1")
        running.service.drain(20)
        with urllib.request.urlopen(f"http://{exporter.endpoint}/metrics", timeout=60) as scraped:
            lines = scraped.read().decode().splitlines()
    found = [line for line in lines if line.startswith("ml_window_observations{")]
    counts = {
        tenant: [float(line.rpartition(" ")[2]) for line in found if tenant in line]
        for tenant in ('barograph_tenant="team-a"', 'barograph_tenant="team-b"')
    }
    assert {'barograph_tenant="team-a"': [3.0], 'barograph_tenant="team-b"': [2.0]} == counts
    assert [1.0] == [float(line.rpartition(" ")[2]) for line in found if "barograph_tenant" not in line]
