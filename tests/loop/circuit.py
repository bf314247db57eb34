"""The whole loop in one process: monitor → the SDK's exporters → bytes → decoders → engine → readings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from barograph.export import ExporterSink
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Horizon, Settings, Window
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.metrics.export import MetricsData

    from barograph.baseline import Baseline
    from barograph_processor.engine.results import ClosedWindow

SETTINGS = Settings(
    windows=(Window("1d", DAY_NS),),
    pane_ns=HOUR_NS,
    horizons=(Horizon("1h", HOUR_NS), Horizon("all", 7 * DAY_NS)),
    segments=("region",),
)


class Circuit:
    """An engine, and a sink whose exporters end in it."""

    def __init__(self, baselines: Sequence[Baseline] = (), settings: Settings = SETTINGS) -> None:
        self.engine = Engine(settings, store=MemoryStore(2**28), baselines=baselines)
        self.requests = 0
        self.now_ns = 0
        self._lock = threading.Lock()
        metrics, logs = Metrics(self), Logs(self)
        self.sink = ExporterSink(lambda: (metrics,), lambda: (logs,))

    def take(self, signal: str, data: bytes) -> None:
        """One OTLP request."""
        decode = decode_metrics if signal == "metrics" else decode_logs
        decoded = decode(data, DecodeContext())
        assert not decoded.rejected
        assert not decoded.rows_rejected
        assert not decoded.ignored
        with self._lock:  # points and events are exported by a thread each, and an engine knows one
            self.requests += 1
            fed = self.engine.feed(decoded.batches, self.now_ns)
        assert not fed.dropped

    def drain(self) -> list[ClosedWindow]:
        """Newest revision of every window."""
        assert self.sink.flush(60.0)
        closed = self.engine.drain(self.now_ns)
        newest = {(window.key, window.window, window.start_ns): window for window in closed}
        return list(newest.values())


class Takes(Protocol):
    """Where requests end."""

    def take(self, signal: str, data: bytes) -> None:
        """One OTLP request."""


class Metrics(MetricExporter):
    """Encodes as the OTLP exporters do, and hands the bytes over."""

    def __init__(self, circuit: Takes) -> None:
        super().__init__()
        self._circuit = circuit

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object
    ) -> MetricExportResult:
        self._circuit.take("metrics", encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Nothing to stop."""


class Logs(LogRecordExporter):
    """The same for events."""

    def __init__(self, circuit: Takes) -> None:
        self._circuit = circuit

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self._circuit.take("logs", encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True

    def shutdown(self) -> None:
        """Nothing to stop."""
