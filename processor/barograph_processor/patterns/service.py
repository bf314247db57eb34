"""The streaming service: one process that listens, computes and exports until it is stopped.

One thread advances the engines. Receivers feed from threads of their own, exporters have theirs, so
nothing that waits for a network holds a lock.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, Protocol

from barograph.errors import Retryable
from barograph.semconv import attributes, metrics, processor
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.patterns.probing import Probing
from barograph_processor.patterns.readiness import Readiness, named
from barograph_processor.patterns.self_samples import dropped_samples, engine_samples, process_samples
from barograph_processor.telemetry import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from barograph.baseline import Baseline
    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.stats import EngineStats
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.patterns.machine import Machine
    from barograph_processor.patterns.publishing import Publisher
    from barograph_processor.patterns.steps import Steps
    from barograph_processor.telemetry import Telemetry

TICK_S = 1.0
REST_S = 0.05
STATS_S = 1.0

# Labels that are counted under these reasons were taken, now or before.
_TAKEN = (Reason.DUPLICATE, Reason.CLAMPED, Reason.UNUSABLE)

_log = logging.getLogger(__name__)


class Keeping(Protocol):
    """How state is kept over a restart."""

    @property
    def trouble(self) -> str:
        """What is wrong with the storage; ``""`` where nothing is."""

    def keep(self) -> None:
        """Keep everything for the next start.

        Raises:
            Retryable: The disk failed, or is full.
        """

    def running(self) -> AbstractContextManager[None]:
        """Do what has to be done meanwhile, for as long as the context lasts."""

    def samples(self) -> Iterable[Sample]:
        """Figures about the storage."""


class Parts(NamedTuple):
    """What a service is put together from.

    Attributes:
        machine: Its state.
        steps: How its state changes.
        publisher: Where results go.
        kept: Where learned baselines are kept, None where nothing is.
        keeping: How state is kept, None where it isn't.
    """

    machine: Machine
    steps: Steps
    publisher: Publisher
    kept: Kept | None = None
    keeping: Keeping | None = None


class Service:
    """Intake of the receivers and control of the operators, around the engines."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._moved = threading.Event()
        self._stop = threading.Event()
        self._trouble = ""
        self._readiness = Readiness()
        self._probing = Probing()
        self._parts: Parts | None = None
        self._keeping_learned = threading.Lock()
        self._unkept: list[Baseline] = []
        self._unkept_because = ""
        self._stats: Sequence[EngineStats] = ()
        self._stats_until_s = 0.0
        self._began_s = clock.monotonic_s()
        telemetry.watch(self._samples)
        telemetry.add(processor.BAROGRAPH_ENGINE_FAILURES, 0)

    @property
    def closed_windows(self) -> int:
        """Windows that closed since the start."""
        return self._running().publisher.closed_windows

    @property
    def revised_windows(self) -> int:
        """Revisions of closed windows since the start."""
        return self._running().publisher.revised_windows

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Take batches from a receiver.

        Args:
            batches: What came.
            position: How far the receiver has come with them.

        Raises:
            Retryable: An exporter is too far behind, or the storage can't take them; nothing was taken.
        """
        for delivery in self._running().publisher.deliveries:
            if delivery.pressed:
                raise Retryable(
                    f"{delivery.component_id} is behind with {delivery.waiting():,} windows; try again later"
                )
        return self.take(batches, position)

    def take(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Take batches, however far exporters are behind: from a caller that can't send them again.

        Raises:
            Retryable: The storage failed.
        """
        steps = self._running().steps
        fed = self._probing.feed(batches, lambda rest: steps.feed(rest, position))
        self._moved.set()
        return fed

    def remembered(self, owner: str) -> Mapping[str, bytes] | None:
        """How far a receiver had come when the last run ended, by its names; None: nothing is kept."""
        parts = self._running()
        return None if parts.keeping is None else parts.machine.remembered(owner)

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        """Close every window and horizon, wait until all of it is exported; returns a summary.

        Raises:
            TimeoutError: Not everything was exported in time.
            Retryable: The storage failed.
        """
        deadline = self._clock.monotonic_s() + timeout_s
        parts = self._running()

        def publish(closed: Sequence[ClosedWindow], now_ns: int) -> None:
            self._observe(now_ns)
            parts.publisher.windows(closed)
            parts.publisher.readings(now_ns, everything=True)

        parts.steps.drain(publish)
        self._keep_learned()
        for delivery in parts.publisher.deliveries:
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
            delivery.flush(max(0.0, deadline - self._clock.monotonic_s()))
            for delivery in self._running().publisher.deliveries
        )

    def add_baseline(self, baseline: Baseline) -> None:
        """Compare keys that are first seen from now on with one more baseline."""
        machine = self._running().machine
        with machine.lock:
            machine.know([baseline])

    def summary(self) -> dict[str, object]:
        """What was taken, closed and dropped since the start."""
        machine = self._running().machine
        with machine.lock:
            stats = self._stats = machine.engines.stats(self._clock.now_ns())
            feedback = {
                reason: count
                for (lane, reason), count in machine.engines.counters().items()
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
        """Whether engine and storage work."""
        storage = self._storage_trouble() or self._unkept_because
        troubles = [self._trouble, named("storage", storage)]
        return {"status": "; ".join(filter(None, troubles)) or "ok"}

    def ready(self) -> Mapping[str, object]:
        """Whether telemetry is taken now, and why not."""
        return {"status": self._readiness.why_not() or "ready"}

    def probe(self, name: str) -> Mapping[str, object]:
        """What arrived of a probe."""
        return self._probing.seen(name)

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Tell now, and within a second of each change, whether telemetry is taken."""
        self._readiness.watch(changed)

    def stopping(self) -> None:
        """Take no more telemetry soon: from now on the service isn't ready."""
        self._readiness.stopping()

    def tick(self, *, everything: bool = False) -> None:
        """Close what is due and publish it; repeat the readings at each export interval, or now."""
        parts = self._running()

        def publish(closed: Sequence[ClosedWindow], now_ns: int) -> None:
            if everything or self._clock.monotonic_s() >= self._stats_until_s:
                self._observe(now_ns)
            parts.publisher.windows(closed)
            parts.publisher.readings(now_ns, everything=everything)

        parts.steps.advance(publish)
        self._keep_learned()

    def attach(self, parts: Parts) -> None:
        """Give the service what it is put together from."""
        self._parts = parts

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
    def running(self, parts: Parts) -> Iterator[Service]:
        """Advance the engines for as long as the context lasts; on leaving, keep their states.

        Nothing is closed before its time on leaving: that is what `drain` is for.

        Raises:
            Retryable: States can't be kept.
        """
        self.attach(parts)
        self._readiness.started(lambda: named("storage", self._storage_trouble()))
        thread = threading.Thread(target=self._advance, name="barograph engine", daemon=True)
        thread.start()
        with nullcontext() if parts.keeping is None else parts.keeping.running():
            try:
                yield self
            finally:
                self._stop.set()
                self._moved.set()
                thread.join()
                self.attempt()
        if parts.keeping is not None:
            parts.keeping.keep()
            parts.publisher.leave_to_next_run()

    def _advance(self) -> None:
        while not self._stop.is_set():
            self._moved.wait(TICK_S)
            self._moved.clear()
            began = self._clock.monotonic_s()
            self.attempt()
            self._readiness.tell()
            took = self._clock.monotonic_s() - began
            self._stop.wait(max(REST_S, took))  # receivers get the lock at least half of the time

    def _storage_trouble(self) -> str:
        keeping = None if self._parts is None else self._parts.keeping
        return "" if keeping is None else keeping.trouble

    def _observe(self, now_ns: int) -> None:
        machine = self._running().machine
        with machine.lock:
            self._stats = machine.engines.stats(now_ns)
        self._stats_until_s = self._clock.monotonic_s() + STATS_S

    def _keep_learned(self) -> None:
        """Keep baselines that were learned; what can't be kept is tried again at the next tick."""
        with self._keeping_learned:
            self._keep_learned_of(self._running())

    def _keep_learned_of(self, parts: Parts) -> None:
        with parts.machine.lock:
            learned = parts.machine.engines.new_baselines()
        for baseline in learned:
            header = baseline.header
            _log.warning(
                "learned a baseline of %s:%s from %s rows (%s)",
                header.model, header.version, f"{header.rows:,}", baseline.id[:12],
            )  # fmt: skip
        if parts.kept is None:
            return
        self._unkept += learned
        try:
            while self._unkept:
                parts.kept.save_baseline(self._unkept[0])
                del self._unkept[0]
        except OSError as error:
            if not self._unkept_because:
                _log.error("a learned baseline can't be kept: %s; it is tried again", error)
            self._unkept_because = f"a learned baseline can't be kept: {error.strerror or error}"
        else:
            self._unkept_because = ""

    def _running(self) -> Parts:
        if self._parts is None:
            raise Retryable("the engine hasn't started yet; try again in a moment")
        return self._parts

    def _samples(self) -> Iterator[Sample]:
        """For the telemetry; takes no lock, so that a scrape answers while windows are computed."""
        yield from process_samples(self._clock.monotonic_s() - self._began_s)
        ready = float(not self._readiness.why_not())
        yield Sample(processor.BAROGRAPH_SERVICE_READY, (), ready, monotonic=False)
        if self._parts is not None:
            if self._parts.keeping is not None:
                yield from self._parts.keeping.samples()
            yield from dropped_samples(self._parts.machine.engines.counters())
            yield from engine_samples(self._stats)
