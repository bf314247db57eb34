"""What an engine in the serving process costs, against sending the same by OTLP.

    python benchmarks/embedded.py

Both sinks get the same predictions of 20 features with ids; exporters encode as OTLP's do and drop the
bytes. The engine opens with the first prediction, so runs begin when it is there. Labels come too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import measuring
import numpy as np
import serving
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from barograph.export import ExporterSink
from barograph.feedback import Feedback
from barograph.monitor import Monitor
from barograph_processor.patterns.embedded_sink import EmbeddedSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import Sink

ROWS = 10_000


class Metrics(MetricExporter):
    """Encodes and forgets."""

    def export(self, metrics_data: Any, *_: object, **__: object) -> MetricExportResult:  # noqa: ANN401
        """Encode."""
        encode_metrics(metrics_data).SerializeToString()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits."""
        return timeout_millis >= 0

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Nothing to stop."""


class Logs(LogRecordExporter):
    """Encodes and forgets."""

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        """Encode."""
        encode_logs(batch).SerializeToString()
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits."""
        return timeout_millis >= 0

    def shutdown(self) -> None:
        """Nothing to stop."""


def monitors() -> dict[str, Monitor]:
    """A monitor a sink, warm."""
    row = np.zeros(serving.FEATURES)
    found = {}
    for version, (name, kind) in enumerate({"otlp": ExporterSink, "embedded": EmbeddedSink}.items()):
        sink: Sink = kind(lambda: [Metrics()], lambda: [Logs()])
        found[name] = Monitor("b", version, baseline=serving.a_baseline(), sink=sink)
        found[name].record(row, 1, scores=0.7, ids="first")
        Feedback("b", version, sink=sink).observe(id="first", value=True)
        found[name].flush(60.0)
    return found


def calls(report: measuring.Report, found: dict[str, Monitor]) -> None:
    """The caller's thread."""
    row = np.random.default_rng(4).normal(size=serving.FEATURES)

    def form(monitor: Monitor) -> Callable[[], object]:
        return lambda: monitor.record(row, 1, scores=0.7, ids="a-17")

    forms = {name: form(monitor) for name, monitor in found.items()}
    before = [monitor.flush for monitor in found.values()]
    times = measuring.alternated(
        forms, calls=serving.BURST, runs=report.runs, before=lambda: [flush() for flush in before]
    )
    for name, samples in times.items():
        report.add(f"{name}, a call", samples.times(serving.MICROSECONDS), "µs", at_most=5)
    report.add("a call, embedded to otlp", times["embedded"].over(times["otlp"]), "ratio")


def threads(report: measuring.Report, found: dict[str, Monitor]) -> None:
    """The same while eight threads predict and the background works."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for _ in range(min(report.runs, 7)):
        for name, monitor in found.items():
            runs[name].append(serving.eight_threads(monitor, "a-17"))
    for place, told in enumerate(("median", "99th percentile")):
        samples = {name: measuring.Samples(tuple(one[place] for one in each)) for name, each in runs.items()}
        for name, each in samples.items():
            report.add(f"{name}, {serving.THREADS} threads, {told}", each, "µs")
        report.add(f"{told}, embedded to otlp", samples["embedded"].over(samples["otlp"]), "ratio")


def background(report: measuring.Report, found: dict[str, Monitor]) -> None:
    """From queue to the engine's states, or to encoded requests, a row."""
    batch = np.random.default_rng(8).normal(size=(ROWS, serving.FEATURES))
    scores = np.random.default_rng(9).random(ROWS)
    taken: dict[str, list[float]] = {name: [] for name in found}
    for run in range(report.runs):
        ids = [f"{run}-{place}" for place in range(ROWS)]
        for name, monitor in found.items():
            monitor.record(batch, scores=scores, ids=ids)
            begun = time.process_time()
            monitor.flush(60.0)
            taken[name].append((time.process_time() - begun) / ROWS * serving.MICROSECONDS)
    samples = {name: measuring.Samples(tuple(each)) for name, each in taken.items()}
    for name, each in samples.items():
        report.add(f"{name}, background, a row of CPU", each, "µs")
    report.add("background, embedded to otlp", samples["embedded"].over(samples["otlp"]), "ratio")


def main() -> None:
    """Measure and print."""
    os.environ.pop("BAROGRAPH_CONFIG", None)
    with measuring.report(__doc__) as report:
        found = monitors()
        for part in (calls, threads, background):
            part(report, found)


if __name__ == "__main__":
    main()
