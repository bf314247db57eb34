"""Between the engine and an exporter: a bounded queue and a thread of its own.

The engine never waits for a backend. Windows are kept and sent again for a while; readings are
a picture of now, so only the newest is kept, except for those that say that their series ends.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.errors import Retryable
from barograph.semconv import attributes, metrics, processor
from barograph_processor.clock import SystemClock
from barograph_processor.components.reasons import Lane, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Exporter
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.telemetry import Telemetry

CHUNK = 256

_log = logging.getLogger(__name__)


class RetryLater(Retryable):
    """The receiving side said when to try again.

    Attributes:
        after_s: Seconds to wait.
    """

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Sending:
    """How a delivery waits and when it gives up.

    Attributes:
        queue: Windows that wait at most, beside those that close at one time; beyond it the oldest are
            dropped, counted.
        first_wait_s: Wait after the first failure; it doubles with each further one.
        longest_wait_s: Longest wait between attempts.
        give_up_s: Windows that could not be sent for so long are dropped, counted.
    """

    queue: int = 10_000
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    give_up_s: float = 300.0


class Delivery:
    """Sends results to one exporter, in order, from its own thread."""

    def __init__(
        self,
        exporter: Exporter,
        component_id: str,
        telemetry: Telemetry,
        *,
        sending: Sending | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.component_id = component_id
        self._exporter = exporter
        self._telemetry = telemetry
        self._sending = sending or Sending()
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._windows: deque[ClosedWindow] = deque()
        self._in_flight: Sequence[ClosedWindow] = ()
        self._busy = False
        self._readings: tuple[Sequence[CurrentReading], int] | None = None
        self._ended: dict[object, CurrentReading] = {}
        self._stopping_at: float | None = None
        self._left_to_next_run = False
        self._failing = False
        label = {attributes.BAROGRAPH_COMPONENT: component_id}
        telemetry.gauge(processor.BAROGRAPH_EXPORTER_QUEUE_SIZE, self.waiting, **label)
        telemetry.gauge(processor.BAROGRAPH_EXPORTER_QUEUE_CAPACITY, lambda: self._sending.queue, **label)
        self._thread = threading.Thread(target=self._run, name=f"barograph {component_id}", daemon=True)
        self._thread.start()

    def waiting(self) -> int:
        """Windows that are not sent yet."""
        with self._changed:
            return len(self._windows) + len(self._in_flight)

    def unsent(self) -> list[ClosedWindow]:
        """The windows that are not sent yet, in order."""
        with self._changed:
            return [*self._in_flight, *self._windows]

    @property
    def pressed(self) -> bool:
        """Whether the queue is more than half full, so that intake should pause."""
        return self.waiting() * 2 > self._sending.queue

    def offer_windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Queue windows; returns at once.

        What closes at one time is taken whole while the queue has room at all, so that a drain loses
        nothing; a queue that is full already gives up as many of its oldest.
        """
        with self._changed:
            full = len(self._windows) + len(self._in_flight) >= self._sending.queue
            surplus = min(len(closed), len(self._windows)) if full else 0
            for _ in range(surplus):
                self._windows.popleft()
            self._windows.extend(closed)
            self._changed.notify_all()
        self._count_dropped(Lane.WINDOWS, Reason.QUEUE_FULL, surplus)

    def offer_readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Replace the readings that wait; returns at once."""
        with self._changed:
            if self._readings is not None:
                self._owe(self._readings[0])
            self._readings = (current, now_ns)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued has been sent or dropped; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout_s)

    def leave_to_next_run(self) -> None:
        """What isn't sent before this run ends was kept for the next one, so it is not dropped."""
        self._left_to_next_run = True

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what is queued for at most `timeout_s`, then stop. Safe to call twice."""
        with self._changed:
            if self._stopping_at is None:
                self._stopping_at = self._clock.monotonic_s() + timeout_s
            self._changed.notify_all()
        self._thread.join(timeout_s + 1.0)
        with self._changed:
            left = len(self._windows)
            self._windows.clear()
        self._not_sent(left, Reason.SHUTDOWN, "stopped with")

    def _idle(self) -> bool:
        return not self._windows and not self._busy and self._readings is None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: bool(self._windows) or self._readings or self._stopping_at is not None
                )
                if self._stopping_at is not None and not self._windows and self._readings is None:
                    return
                chunk = [self._windows.popleft() for _ in range(min(CHUNK, len(self._windows)))]
                readings = None if chunk else self._readings
                self._readings = self._readings if chunk else None
                self._in_flight = chunk
                self._busy = True
            if chunk:
                self._send_windows(chunk)
            elif readings is not None:
                self._send_readings(*readings)
            with self._changed:
                self._in_flight = ()
                self._busy = False
                self._changed.notify_all()
                if self._stopping_at is not None and self._clock.monotonic_s() > self._stopping_at:
                    return

    def _send_windows(self, chunk: Sequence[ClosedWindow]) -> None:
        if self._attempts(lambda: self._exporter.windows(chunk)):
            self._count(processor.BAROGRAPH_EXPORTER_SENT_WINDOWS, len(chunk))
        else:
            self._not_sent(len(chunk), Reason.EXPORT_FAILED, "gave up on")

    def _not_sent(self, windows: int, reason: str, what: str) -> None:
        if not windows:
            return
        kept = self._left_to_next_run and self._stopping_at is not None
        becomes = "the next run sends them" if kept else "they are counted as dropped"
        _log.warning("%s: %s %s windows unsent; %s", self.component_id, what, f"{windows:,}", becomes)
        if not kept:
            self._count_dropped(Lane.WINDOWS, reason, windows)

    def _send_readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Readings are not tried again: newer ones follow. The ends of series are, with those."""
        present = {_series(each) for each in current}
        with self._changed:
            owed = [each for series, each in self._ended.items() if series not in present]
            self._ended = {}
        try:
            self._exporter.readings([*current, *owed], now_ns)
        except Exception as error:  # noqa: BLE001  # a failing exporter must not stop the thread
            self._failed(error)
            with self._changed:
                self._owe([*owed, *current])
            self._count_dropped(Lane.READINGS, Reason.EXPORT_FAILED, len(current))
        else:
            self._recovered()
            self._count(processor.BAROGRAPH_EXPORTER_SENT_READINGS, len(current) + len(owed))

    def _owe(self, readings: Sequence[CurrentReading]) -> None:
        """Remember which series still have to be ended, by the newest that is known of each."""
        for each in readings:
            series = _series(each)
            if each.ended:
                self._ended[series] = each
            else:
                self._ended.pop(series, None)

    def _attempts(self, send: Callable[[], None]) -> bool:
        """Send until it works; False where it can't, or took too long."""
        began = self._clock.monotonic_s()
        wait = self._sending.first_wait_s
        while True:
            try:
                send()
            except Retryable as error:  # noqa: PERF203  # an attempt is a network call
                self._failed(error)
                after = error.after_s if isinstance(error, RetryLater) else wait * random.uniform(0.8, 1.2)  # noqa: S311
                if not self._pause(began, after):
                    return False
                wait = min(wait * 2, self._sending.longest_wait_s)
            except Exception as error:  # noqa: BLE001  # whatever it is, sending the same again is pointless
                self._failed(error)
                return False
            else:
                self._recovered()
                return True

    def _pause(self, began: float, after_s: float) -> bool:
        """Wait before the next attempt; False where there is no time for one."""
        stopping_at = self._stopping_at
        last = began + self._sending.give_up_s if stopping_at is None else stopping_at
        if self._clock.monotonic_s() + after_s > last:
            return False
        with self._changed:
            self._changed.wait_for(lambda: self._stopping_at is not stopping_at, after_s)
        return True

    def _failed(self, error: Exception) -> None:
        self._count(processor.BAROGRAPH_EXPORTER_FAILED_SENDS, 1)
        if not self._failing:
            _log.warning("%s: %s", self.component_id, error)
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            _log.warning("%s: sending works again", self.component_id)
        self._failing = False

    def _count(self, name: str, value: int) -> None:
        self._telemetry.add(name, value, **{attributes.BAROGRAPH_COMPONENT: self.component_id})

    def _count_dropped(self, lane: str, reason: str, count: int) -> None:
        if count:
            self._telemetry.add(
                metrics.ML_TELEMETRY_DROPPED,
                count,
                **{attributes.ML_TELEMETRY_LANE: lane, attributes.ML_TELEMETRY_REASON: reason},
            )


def _series(current: CurrentReading) -> object:
    return (
        current.key,
        current.window,
        current.baseline_id,
        current.reading.metric,
        current.reading.attributes,
    )
