"""An engine in this process whose exporters are the test's, and what they were given."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from barograph import this_process
from barograph.guard import guard
from barograph.routing import Routed
from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE, attributes, metrics
from barograph.testing import CaptureSink
from barograph.worker import WORKER
from barograph_processor.patterns.embedded_sink import EmbeddedSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.metrics.export import MetricsData

WAIT_S = 60.0


class Metrics(MetricExporter):
    """Keeps figures; fails or waits where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: list[tuple[str, str, dict[str, Any], float]] = []
        self.failing = False
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object
    ) -> MetricExportResult:
        self.reached.set()
        assert self.gate.wait(WAIT_S)
        if self.failing:
            return MetricExportResult.FAILURE
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        found: Any = point
                        self.figures.append(
                            (scope.scope.name, metric.name, dict(found.attributes), found.value)
                        )
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Nothing to stop."""

    def readings(self, metric: str) -> list[tuple[dict[str, Any], float]]:
        return [
            (told, value)
            for scope, name, told, value in self.figures
            if (scope, name) == (READINGS_SCOPE, metric)
        ]

    def newest(self, metric: str, **wanted: str) -> float:
        """The newest value of the engine's own telemetry."""
        found = [
            value
            for scope, name, told, value in self.figures
            if (scope, name) == (PROCESSOR_SCOPE, metric) and wanted.items() <= told.items()
        ]
        return found[-1]


class Logs(LogRecordExporter):
    """Keeps events; fails where it is told to."""

    def __init__(self) -> None:
        self.records: list[ReadableLogRecord] = []
        self.failures = 0

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if self.failures:
            self.failures -= 1
            return LogRecordExportResult.FAILURE
        self.records += batch
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True

    def shutdown(self) -> None:
        """Nothing to stop."""

    def windows(self) -> dict[tuple[object, ...], dict[str, Any]]:
        """Attributes of the newest revision of every window."""
        found: dict[tuple[object, ...], dict[str, Any]] = {}
        for record in self.records:
            told = dict(record.log_record.attributes or {})
            names = (attributes.ML_MODEL_NAME, attributes.ML_MODEL_VERSION, attributes.ML_WINDOW_NAME)
            found[tuple(told[name] for name in (*names, attributes.ML_WINDOW_START))] = told
        return found


class Embedding:
    """A sink with an engine, and its exporters."""

    def __init__(self, **settings: Any) -> None:
        self.metrics, self.logs = Metrics(), Logs()
        self.more_logs: list[Logs] = []
        self.people = CaptureSink()
        self.engine = EmbeddedSink(lambda: [self.metrics], lambda: [self.logs, *self.more_logs], **settings)
        self.sink = Routed(self.people, {"embedded": self.engine}, exports_all=False)

    def waiting(self) -> int:
        """Windows that are not sent yet."""
        running = self.engine._engine.running(WAIT_S)
        assert running is not None
        return sum(delivery.waiting() for delivery in running.graph.deliveries)

    def dropped(self) -> dict[tuple[object, ...], int]:
        """Everything that was counted as dropped, by lane and reason."""
        sent = self.people.sums(
            metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON
        )
        return dict(sent + Counter[tuple[object, ...]](guard.counts()))

    def drain(self) -> None:
        assert WORKER.flush(WAIT_S)
        assert self.sink.drain(WAIT_S)


@contextmanager
def embedding(**settings: Any) -> Iterator[Embedding]:
    """Run it as the process's sink: what the worker counts for the process goes there, too."""
    found = Embedding(**settings)
    before = this_process.swap_sink(found.sink)
    try:
        yield found
    finally:
        found.metrics.gate.set()
        WORKER.shutdown(5.0)
        found.sink.shutdown(5.0)
        this_process.swap_sink(before)
