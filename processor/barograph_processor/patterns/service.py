"""The streaming service: one process that listens, computes and exports until it is stopped.

One lock guards the engines; one thread advances them. Receivers feed from threads of their own,
exporters have theirs, so nothing that waits for a network holds the lock.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barograph.errors import Retryable
from barograph.semconv import attributes, metrics, processor
from barograph_processor.engine.board import Board
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.patterns.self_samples import dropped_samples, engine_samples
from barograph_processor.telemetry import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.clock import Clock
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.config.model import Config
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.stats import EngineStats
    from barograph_processor.patterns.engines import Engines
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.telemetry import Telemetry

TICK_S = 1.0
REST_S = 0.05
FRESH_S = 1.0
STATS_S = 1.0

# Labels that are counted under these reasons were taken, now or before.
_TAKEN = (Reason.DUPLICATE, Reason.CLAMPED, Reason.UNUSABLE)

_log = logging.getLogger(__name__)


class Service:
    """Intake of the receivers and control of the operators, around the engines."""

    def __init__(self, config: Config, telemetry: Telemetry, clock: Clock) -> None:
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._lock = threading.Lock()
        self._moved = threading.Event()
        self._stop = threading.Event()
        self._trouble = ""
        self._engines: Engines | None = None
        self._kept: Kept | None = None
        self._deliveries: Sequence[Delivery] = ()
        self._board = Board(config.export.grace.ns)
        self._next_export_s = 0.0
        self._last_export_s = -FRESH_S
        self._fresh = False
        self._stats: Sequence[EngineStats] = ()
        self._stats_until_s = 0.0
        self._began_s = clock.monotonic_s()
        self.closed_windows = 0
        self.revised_windows = 0
        telemetry.watch(self._samples)
        telemetry.add(processor.BAROGRAPH_ENGINE_FAILURES, 0)

    def feed(self, batches: Sequence[Batch]) -> Fed:
        """Take batches from a receiver.

        Raises:
            Retryable: An exporter is too far behind; nothing was taken.
        """
        for delivery in self._deliveries:
            if delivery.pressed:
                raise Retryable(
                    f"{delivery.component_id} is behind with {delivery.waiting():,} windows; try again later"
                )
        return self.take(batches)

    def take(self, batches: Sequence[Batch]) -> Fed:
        """Take batches, however far exporters are behind: from a caller that can't send them again.

        Raises:
            Retryable: The store failed.
        """
        with self._lock:
            fed = self._running().feed(batches, self._clock.now_ns())
        self._moved.set()
        return fed

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        """Close every window and horizon, wait until all of it is exported; returns a summary.

        Raises:
            TimeoutError: Not everything was exported in time.
        """
        deadline = self._clock.monotonic_s() + timeout_s
        with self._lock:
            now_ns = self._clock.now_ns()
            closed = self._running().drain(now_ns)
            self._stats = self._running().stats(now_ns)
            self._publish(closed, now_ns, everything=True)
            learned = self._running().new_baselines()
        self._keep(learned)
        for delivery in self._deliveries:
            if not delivery.flush(max(0.0, deadline - self._clock.monotonic_s())):
                raise TimeoutError(
                    f"every window is closed, but after {timeout_s:g} s {delivery.component_id} still has "
                    f"{delivery.waiting():,} windows to send; drain again to wait longer"
                )
        return self.summary()

    def flush(self, timeout_s: float) -> bool:
        """Publish what is due and the current readings now; False where sending took longer."""
        deadline = self._clock.monotonic_s() + timeout_s
        self.tick(everything=True)
        return all(
            delivery.flush(max(0.0, deadline - self._clock.monotonic_s())) for delivery in self._deliveries
        )

    def add_baseline(self, baseline: Baseline) -> None:
        """Compare keys that are first seen from now on with one more baseline."""
        with self._lock:
            self._running().add_baseline(baseline)

    def summary(self) -> dict[str, object]:
        """What was taken, closed and dropped since the start."""
        with self._lock:
            stats = self._stats = self._running().stats(self._clock.now_ns())
            feedback = {
                reason: count
                for (lane, reason), count in self._running().counters().items()
                if lane == Lane.FEEDBACK
            }
        return {
            "windows": self.closed_windows,
            "revisions": self.revised_windows,
            "points": sum(each.points for each in stats),
            "predictions": sum(each.predictions for each in stats),
            "labels": {
                "accepted": sum(each.labels_accepted for each in stats),
                "joined": sum(each.labels_joined for each in stats),
                "waiting": sum(each.labels_waiting for each in stats),
                "duplicates": feedback.get(Reason.DUPLICATE, 0),
                "conflicts": feedback.get(Reason.CONFLICT, 0),
                "dropped": {
                    reason: count for reason, count in sorted(feedback.items()) if reason not in _TAKEN
                },
            },
            "dropped": self._dropped(),
        }

    def _dropped(self) -> dict[str, dict[str, int]]:
        """Everything of `ml.telemetry.dropped`, by lane and reason, whoever counted it."""
        found: dict[str, dict[str, int]] = {}
        for sample in self._telemetry.snapshot():
            if sample.name == metrics.ML_TELEMETRY_DROPPED and sample.value:
                labels = dict(sample.attributes)
                lane = found.setdefault(labels[attributes.ML_TELEMETRY_LANE], {})
                lane[labels[attributes.ML_TELEMETRY_REASON]] = int(sample.value)
        return found

    def health(self) -> Mapping[str, object]:
        """Whether the engine works."""
        return {"status": self._trouble or "ok"}

    def tick(self, *, everything: bool = False) -> None:
        """Close what is due and publish it; repeat the readings at each export interval, or now."""
        with self._lock:
            now_ns = self._clock.now_ns()
            closed = self._running().advance(now_ns)
            if everything or self._clock.monotonic_s() >= self._stats_until_s:
                self._stats = self._running().stats(now_ns)
                self._stats_until_s = self._clock.monotonic_s() + STATS_S
            self._publish(closed, now_ns, everything=everything)
            learned = self._running().new_baselines()
        self._keep(learned)

    def attach(self, engines: Engines, deliveries: Sequence[Delivery], kept: Kept | None = None) -> None:
        """Give the service its engines, the queues of its exporters, and where it keeps things."""
        self._engines = engines
        self._deliveries = deliveries
        self._kept = kept

    def attempt(self) -> None:
        """Tick; a failure is told by `health` until a tick works again.

        The thread that ticks must live: a window that can't be computed is no reason to lose the others.
        """
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  # whatever it is, see above
            before, self._trouble = self._trouble, f"engine: {type(error).__name__}: {error}"
            self._telemetry.add(processor.BAROGRAPH_ENGINE_FAILURES)
            if self._trouble != before:
                _log.exception("the engine failed, which is told and counted until it works again")
        else:
            self._trouble = ""

    @contextmanager
    def running(
        self, engines: Engines, deliveries: Sequence[Delivery], kept: Kept | None = None
    ) -> Iterator[Service]:
        """Advance the engines for as long as the context lasts; on leaving, keep their states.

        Nothing is closed before its time on leaving: that is what `drain` is for.
        """
        self.attach(engines, deliveries, kept)
        thread = threading.Thread(target=self._advance, name="barograph engine", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._moved.set()
            thread.join()
            self.attempt()
            if kept is not None:
                kept.save_engines(engines.snapshot(), self._clock.now_ns())

    def _advance(self) -> None:
        while not self._stop.is_set():
            self._moved.wait(TICK_S)
            self._moved.clear()
            began = self._clock.monotonic_s()
            self.attempt()
            took = self._clock.monotonic_s() - began
            self._stop.wait(max(REST_S, took))  # receivers get the lock at least half of the time

    def _publish(self, closed: Sequence[ClosedWindow], now_ns: int, *, everything: bool = False) -> None:
        """Hand results to the deliveries; the lock is held, so that they are in order."""
        if closed:
            self._board.update(closed, now_ns)
            first = sum(window.revision == 0 for window in closed)
            self.closed_windows += first
            self.revised_windows += len(closed) - first
            for delivery in self._deliveries:
                delivery.offer_windows(closed)
            self._fresh = True
        now_s = self._clock.monotonic_s()
        fresh = self._fresh and now_s >= self._last_export_s + FRESH_S
        if everything or fresh or now_s >= self._next_export_s:
            current = self._board.current(now_ns)
            for delivery in self._deliveries:
                delivery.offer_readings(current, now_ns)
            self._fresh = False
            self._last_export_s = now_s
            self._next_export_s = now_s + self._config.export.interval.seconds

    def _keep(self, learned: Sequence[Baseline]) -> None:
        for baseline in learned:
            header = baseline.header
            _log.warning(
                "learned a baseline of %s:%s from %s rows (%s)",
                header.model, header.version, f"{header.rows:,}", baseline.id[:12],
            )  # fmt: skip
            if self._kept is not None:
                try:
                    self._kept.save_baseline(baseline)
                except OSError as error:
                    self._trouble = f"storage: {error}"
                    _log.error("the learned baseline can't be kept: %s", error)

    def _running(self) -> Engines:
        if self._engines is None:
            raise Retryable("the engine hasn't started yet; try again in a moment")
        return self._engines

    def _samples(self) -> Iterator[Sample]:
        """For the telemetry; takes no lock, so that a scrape answers while windows are computed."""
        up_s = self._clock.monotonic_s() - self._began_s
        yield Sample(processor.BAROGRAPH_PROCESS_UPTIME, (), up_s, monotonic=False)
        if self._engines is not None:
            yield from dropped_samples(self._engines.counters())
            yield from engine_samples(self._stats)
