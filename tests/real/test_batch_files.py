"""What a real Collector writes to files, a batch reads: every format of its exporter, compressed or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

from barograph import Feedback, Monitor
from barograph.export import ExporterSink
from barograph.worker import WORKER
from barograph_processor.cli.root import cli

from .collector import collector

if TYPE_CHECKING:
    from pathlib import Path

FORMATS: dict[str, dict[str, str]] = {
    "lines.json": {},
    "messages.proto": {"format": "proto"},
    "compressed-lines.json": {"compression": "zstd"},
    "compressed-messages.proto": {"format": "proto", "compression": "zstd"},
}
ROWS = 1_000
DAY = 86_400 * 10**9
START = 1_767_225_600 * 10**9  # 2026-01-01


def configuration(folder: Path) -> str:
    exporters = {
        f"file/{number}": {"path": str(folder / name), **settings}
        for number, (name, settings) in enumerate(FORMATS.items())
    }
    pipeline = {"receivers": ["otlp"], "exporters": [*exporters]}
    return json.dumps(
        {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:${env:PORT_OTLP}"}}}},
            "exporters": exporters,
            "service": {"pipelines": {"metrics": pipeline, "logs": pipeline}},
        }
    )


def send(endpoint: str) -> None:
    """A monitored model of two days, and the labels of the first."""
    sink = ExporterSink(
        lambda: [OTLPMetricExporter(endpoint=endpoint, insecure=True)],
        lambda: [OTLPLogExporter(endpoint=endpoint, insecure=True)],
    )
    random = np.random.default_rng(6)
    score = random.random(ROWS)
    times = START + np.sort(random.integers(0, 2 * DAY, ROWS))
    monitor = Monitor("credit", "3", pane_s=3600, sink=sink)
    for part in np.array_split(np.arange(ROWS), 4):
        monitor.record(
            {"age": random.normal(40, 10, len(part))},
            scores=score[part],
            ids=[f"a-{row}" for row in part],
            times=times[part],
        )
        assert monitor.flush(20.0)
    known = np.flatnonzero(times < START + DAY)
    feedback = Feedback("credit", sink=sink)
    feedback.observe_batch(
        ids=[f"a-{row}" for row in known],
        values=random.random(len(known)) < score[known],
        times=times[known] + DAY,
    )
    assert feedback.flush(timeout_s=60.0)
    sink.shutdown(5.0)
    WORKER.shutdown(5.0)


def windows(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    (folder / "barograph.yaml").write_text("{windows: [1d], engine: {pane: 1h, learn_rows: 100}}")
    done = CliRunner().invoke(
        cli, ["batch", "-c", str(folder / "barograph.yaml"), "--json", *arguments], prog_name="barograph"
    )
    assert 0 == done.exit_code, done.output
    assert "left out" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_every_format_of_the_collectors_file_exporter_gives_equal_readings(tmp_path: Path) -> None:
    with collector(configuration(tmp_path), tmp_path) as running:
        send(running.endpoint("otlp"))
        running.stop()
    found = [windows(tmp_path, "--predictions", str(tmp_path / name)) for name in FORMATS]
    first = found[0]
    assert ["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"] == [one["start"] for one in first]
    assert all(first == one for one in found)
    values = [
        {
            reading["name"]: reading["value"]
            for reading in window["readings"]
            if reading.get("ml.label.horizon", "all") == "all"
        }
        for window in first
    ]
    assert ROWS == sum(one["ml.window.observations"] for one in values)
    assert [1.0, 0.0] == [one["ml.label.maturity"] for one in values]
    assert 0.6 < values[0]["ml.performance.roc_auc"] < 1
    together = windows(tmp_path, "--predictions", *(str(tmp_path / name) for name in FORMATS))
    assert first == together
