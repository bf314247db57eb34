"""The whole way with real programs: a Collector before `barograph run`, and then each of them gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.processes import barograph, service
from real.collector import collector

if TYPE_CHECKING:
    from pathlib import Path

    from cli.processes import Running
    from real.collector import Collector

pytestmark = [pytest.mark.slow, pytest.mark.real("otelcol")]

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:PORT_OTLP}"}}}}
exporters: {otlp_grpc: {endpoint: "${env:PROCESSOR}", tls: {insecure: true}}}
service:
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp], exporters: [otlp_grpc]}
    traces: {receivers: [otlp], exporters: [otlp_grpc]}
"""


def statuses(collecting: Collector, running: Running, *, status: int = 0) -> dict[str, set[str]]:
    """How the checks of each group that needs the network ended."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collecting.endpoint('otlp')}",
        "BAROGRAPH_COLUMNS": "id=application_id",
    }
    done = barograph(
        "doctor", "--send", "--processor", running.metrics, "--timeout", "10" if status else "60", "--json",
        status=status, environ=environ,
    )  # fmt: skip
    found: dict[str, set[str]] = {}
    for each in json.loads(done.stdout)["checks"]:
        found.setdefault(each["group"], set()).add(each["status"])
    return {group: found[group] - {"skipped"} for group in ("endpoint", "processor", "round trip")}


def test_the_doctor_says_which_part_of_the_way_is_broken(tmp_path: Path) -> None:
    with service() as running:
        environ = {"PROCESSOR": running.otlp}
        with collector(CONFIG, tmp_path, environ=environ) as collecting:
            well = {"endpoint": {"ok"}, "processor": {"ok"}, "round trip": {"ok"}}
            assert well == statuses(collecting, running)
            assert 0 == running.drain()["predictions"]
            collecting.kill()
            no_collector = {"endpoint": {"failed"}, "processor": {"ok"}, "round trip": {"failed"}}
            assert no_collector == statuses(collecting, running, status=1)
            ports = collecting.ports
        with collector(CONFIG, tmp_path, environ=environ, keep=ports) as collecting:
            running.kill()
            no_processor = {"endpoint": {"ok"}, "processor": {"failed"}, "round trip": {"failed"}}
            assert no_processor == statuses(collecting, running, status=1)
