"""Where telemetry leaves the process: sinks made from the standard OpenTelemetry environment.

Points counted by event time can't pass through SDK instruments, so they are handed to the exporters
that the environment names (``OTEL_METRICS_EXPORTER``, ``OTEL_LOGS_EXPORTER``, ``OTEL_EXPORTER_OTLP_*``),
found by the same entry points as the SDK finds them.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - can't be imported first when the process is ending
import os
import time
from typing import TYPE_CHECKING, Any

from barograph.errors import ConfigError
from barograph.export_lane import Lane
from barograph.exporters import Exporters
from barograph.guard import HISTOGRAMS, OUTCOMES, guard
from barograph.points import ExplicitBuckets, ExponentialBuckets, value_bytes
from barograph.routing import event_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import SourceEvent, SourcePoint

# A point of 64 buckets is about 1.2 KB: chunks stay below gRPC's default of 4 MiB.
_POINT_BYTES = 300
_BUCKET_BYTES = 16
_EVENT_BYTES = 300
POINTS_A_CHUNK = 1_500
EVENTS_A_CHUNK = 512
_DISABLED = "OTEL_SDK_DISABLED"


def point_bytes(point: SourcePoint) -> int:
    """Size of a point on the wire, about."""
    if isinstance(point.data, ExplicitBuckets):
        return _POINT_BYTES + _BUCKET_BYTES * len(point.data.counts)
    if isinstance(point.data, ExponentialBuckets):
        return _POINT_BYTES + _BUCKET_BYTES * (len(point.data.positive) + len(point.data.negative))
    return _POINT_BYTES


def event_bytes(event: SourceEvent) -> int:
    """Size of an event on the wire, about."""
    return _EVENT_BYTES + value_bytes(event.attributes)


class ExporterSink:
    """Sends points and events to exporters, each signal with a queue and a thread of its own.

    Args:
        metric_exporters: Makes the exporters of points, when first needed and anew after a fork.
        log_exporters: The same for events.
    """

    def __init__(
        self, metric_exporters: Callable[[], Sequence[Any]], log_exporters: Callable[[], Sequence[Any]]
    ) -> None:
        self._exporters = Exporters(metric_exporters, log_exporters)
        self._points: Lane[SourcePoint] = Lane(
            HISTOGRAMS,
            self._send_points,
            size_bytes=point_bytes,
            rows=lambda _: 1,
            chunk_items=POINTS_A_CHUNK,
            prepare=lambda: self._exporters.get("metrics"),
        )
        self._events: Lane[SourceEvent] = Lane(
            OUTCOMES,
            self._send_events,
            size_bytes=event_bytes,
            rows=event_rows,
            chunk_items=EVENTS_A_CHUNK,
            prepare=lambda: self._exporters.get("logs"),
        )

    def start(self) -> None:
        """Start the threads."""
        self._points.start()
        self._events.start()

    def after_fork(self) -> None:
        """In the child: nothing of the parent's waits, and no connection is shared with it."""
        self._exporters.after_fork()
        self._points.begin()
        self._events.begin()

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Queue delta points."""
        self._points.put(points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Queue events."""
        self._events.put(events)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued was sent or given up; False where that took longer."""
        deadline = time.monotonic() + timeout_s
        sent = self._points.flush(timeout_s)
        return self._events.flush(deadline - time.monotonic()) and sent

    def shutdown(self, timeout_s: float) -> None:
        """Flush and stop; an exporter that hangs is left behind."""
        begun = time.monotonic()
        self._points.close(timeout_s)
        self._events.close(begun + timeout_s - time.monotonic(), begun=begun)
        self._exporters.shutdown()

    def _send_points(self, points: Sequence[SourcePoint]) -> bool:
        made = self._exporters.get("metrics")
        if not made:
            guard.dropped(HISTOGRAMS, "no_exporter", len(points))
            return True
        from barograph.export_sdk import send_points  # noqa: PLC0415 - the SDK is an extra

        results = [send_points(exporter, points) for exporter in made]  # each, whatever the others say
        return all(results)

    def _send_events(self, events: Sequence[SourceEvent]) -> bool:
        made = self._exporters.get("logs")
        if not made:
            guard.dropped(OUTCOMES, "no_exporter", sum(map(event_rows, events)))
            return True
        from barograph.export_sdk import send_events  # noqa: PLC0415 - the SDK is an extra

        now_ns = time.time_ns()
        results = [send_events(exporter, events, now_ns) for exporter in made]
        return all(results)


def from_environment(signal: str, endpoint: str | None = None) -> Callable[[], Sequence[Any]]:
    """What makes the exporters of a signal as OpenTelemetry's variables say.

    Args:
        signal: ``metrics`` or ``logs``.
        endpoint: OTLP, sent there whatever the variables say of that.
    """

    def make() -> Sequence[Any]:
        if os.environ.get(_DISABLED, "").strip().lower() == "true":
            return ()
        try:
            from barograph.export_sdk import exporters, upstream_exporters  # noqa: PLC0415 - the SDK is an extra
        except ImportError as error:
            raise ConfigError(
                f"the OpenTelemetry SDK is missing ({error}); pip install 'barograph[otlp]'"
            ) from error
        return exporters(signal) if endpoint is None else upstream_exporters(signal, endpoint)

    return make
