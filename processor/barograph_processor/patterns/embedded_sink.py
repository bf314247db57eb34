"""Feeds the engine of this process with what its monitors record; serving code never waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from barograph.errors import Retryable
from barograph.export import EVENTS_A_CHUNK, POINTS_A_CHUNK, event_bytes, point_bytes
from barograph.export_adapters import flush_providers
from barograph.export_lane import Lane
from barograph.export_sdk import resource
from barograph.exporters import Exporters
from barograph.forking import GATE
from barograph.guard import CONFIGURATION, HISTOGRAMS, OUTCOMES, guard
from barograph.points import SourceEvent
from barograph.routing import event_rows
from barograph.semconv import attributes, events
from barograph.worker import WORKER
from barograph_processor.patterns.embedded_engine import EngineThread, open_embedded
from barograph_processor.patterns.embedded_others import OTHER_LANES, Others
from barograph_processor.signals.special_functions import special
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.in_process import decode_events, decode_points

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import SourcePoint
    from barograph.routing import OtherSignal
    from barograph_processor.clock import Clock
    from barograph_processor.patterns.opening import Running
    from barograph_processor.patterns.service import Service
    from barograph_processor.wire.decode import Decoded


class EmbeddedSink:
    """A sink with an engine behind it.

    Points and events wait in bounded queues, each with a thread that decodes them and feeds the engine.
    Whatever fails there is counted and said once. The engine is one a process: a forked child begins
    with an empty one of its own.

    Args:
        metric_exporters: Makes the application's exporters of metrics, for readings.
        log_exporters: The same for log records, for closed windows.
        clock: Tells the time.
    """

    def __init__(
        self,
        metric_exporters: Callable[[], Sequence[Any]],
        log_exporters: Callable[[], Sequence[Any]],
        clock: Clock | None = None,
    ) -> None:
        self._exporters = Exporters(metric_exporters, log_exporters)
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._engine = EngineThread(lambda: open_embedded(self._exporters, self._clock))
        self._known: set[str] = set()
        self._points: Lane[SourcePoint] = Lane(
            HISTOGRAMS,
            self._feed_points,
            size_bytes=point_bytes,
            rows=lambda _: 1,
            chunk_items=POINTS_A_CHUNK,
            prepare=self._engine.running,
        )
        self._events: Lane[SourceEvent] = Lane(
            OUTCOMES,
            self._feed_events,
            size_bytes=event_bytes,
            rows=event_rows,
            chunk_items=EVENTS_A_CHUNK,
            prepare=self._engine.running,
        )
        self._others = Others(self._feed, prepare=self._engine.running)

    def start(self) -> None:
        """Start the threads."""
        self._engine.start()
        self._points.start()
        self._events.start()

    def after_fork(self) -> None:
        """In the child: an engine of its own, with nothing seen."""
        self._exporters.after_fork()
        self._begin()

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Queue delta points."""
        self._points.put(points)

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Queue events."""
        self._events.put(events)

    def others(self, signal: OtherSignal, records: Sequence[object]) -> None:
        """Queue spans or log records that the application made by its own code."""
        self._others.put(signal, records)

    def flush_others(self, timeout_s: float) -> bool:
        """Have those counted; False where that took longer."""
        return self._others.flush(timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Have everything queued counted, and what is due sent; False where that took longer."""
        deadline = time.monotonic() + timeout_s
        return self._fed(deadline) and self._finish(deadline, lambda service, left_s: service.flush(left_s))

    def drain(self, timeout_s: float) -> bool:
        """Have every window and horizon closed and sent; False where that took longer."""
        deadline = time.monotonic() + timeout_s
        return self._fed(deadline) and self._finish(deadline, _drained)

    def shutdown(self, timeout_s: float) -> None:
        """Take nothing more, send what is due, keep what isn't where there is a place for it."""
        deadline = time.monotonic() + timeout_s
        self._points.close(timeout_s / 2)
        self._events.close(_left_s(deadline) / 2)
        self._others.close(_left_s(deadline) / 2)
        self._finish(deadline, lambda service, _: service.flush(0.0))
        self._engine.stop(_left_s(deadline))
        self._exporters.shutdown()

    def _fed(self, deadline: float) -> bool:
        given = flush_providers(_left_s(deadline))
        fed = [lane.flush(_left_s(deadline)) for lane in (self._points, self._events, self._others)]
        return given and all(fed)

    def _finish(self, deadline: float, call: Callable[[Service, float], bool]) -> bool:
        if not self._engine.is_there:
            return True
        running = self._engine.running(_left_s(deadline))
        if running is None:
            return not self._engine.is_there
        try:
            return call(running.service, _left_s(deadline))
        except Exception as error:  # noqa: BLE001  # whatever it is, serving must not notice
            guard.background_fault(HISTOGRAMS, error)
            return False

    def _feed_points(self, points: Sequence[SourcePoint]) -> bool:
        return self._feed(
            HISTOGRAMS, len(points), lambda context: decode_points(points, resource().attributes, context)
        )

    def _feed_events(self, events: Sequence[SourceEvent]) -> bool:
        rows = sum(map(event_rows, events))
        return self._feed(
            OUTCOMES, rows, lambda context: decode_events(events, resource().attributes, context)
        )

    def _feed(self, lane: str, rows: int, decode: Callable[[DecodeContext], Decoded]) -> bool:
        """Decode and feed; False where the same may work later."""
        running = self._engine.running()
        if running is None:
            guard.drop(lane, "no_engine", "the engine could not be started, see above", rows)
            return True
        try:
            self._introduce(running)
            context = DecodeContext(limits=running.config.limits.decoding, dialects=running.graph.dialects)
            with GATE:  # the parser has locks of its own, which nobody would let go of in a forked child
                decoded = decode(context)
            if decoded.batches:
                running.service.take(decoded.batches)
        except Retryable:
            return False
        except Exception as error:  # noqa: BLE001  # whatever it is, serving must not notice
            guard.background_fault(lane, error, rows)
            return True
        unread = decoded.rejected + decoded.rows_rejected
        if lane in OTHER_LANES:
            unread += decoded.ignored
        for reason, count in unread.items():
            guard.dropped(lane, reason, count)
        return True

    def _introduce(self, running: Running) -> None:
        """Give the engine the baselines of monitors that were made after it."""
        for baseline in WORKER.baselines():
            if baseline.id not in self._known:
                running.service.add_baseline(baseline)
                self._known.add(baseline.id)


def load() -> None:
    """Load what the first event and window would, in the thread that makes a monitor: it takes some tenths.

    The first array makes pyarrow import pandas, where it is installed. In a background thread that
    would slow down predictions, could meet an import of the program's halfway, and a fork in its midst
    would leave the child with a module that nobody ends loading.
    """
    special()
    event = SourceEvent(events.ML_INFERENCE_PREDICTION, 1, {attributes.ML_MODEL_NAME: "any"})
    decode_events([event], {}, DecodeContext())


def _left_s(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _drained(service: Service, timeout_s: float) -> bool:
    try:
        service.drain(timeout_s)
    except TimeoutError as error:
        guard.warn(CONFIGURATION, "slow_drain", str(error))
        return False
    return True
