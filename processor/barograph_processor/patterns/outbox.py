"""Requests that wait to be passed on: bounded, sent in order, again and again until they are taken."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from barograph.errors import Retryable
from barograph.semconv import attributes, metrics, processor
from barograph_processor.components.delivery import RetryLater
from barograph_processor.components.reasons import Reason
from barograph_processor.engine.reasons import Lane
from barograph_processor.wire.answers import rejected_points, rejected_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from barograph_processor.clock import Clock
    from barograph_processor.telemetry import Telemetry

Signal = Literal["metrics", "logs"]
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
_LANES: Final[Mapping[Signal, str]] = {"metrics": Lane.HISTOGRAMS, "logs": Lane.OUTCOMES}
_REJECTED: Final[Mapping[Signal, Callable[[bytes], int]]] = {
    "metrics": rejected_points,
    "logs": rejected_records,
}

_log = logging.getLogger(__name__)


class Sender(Protocol):
    """Sends encoded requests to one target."""

    def send(self, request: bytes) -> bytes:
        """Send a request; returns the response.

        Raises:
            Retryable: The target is away or busy.
            Permanent: It will never take this request.
        """

    def close(self) -> None:
        """Close the connection."""


class Parcel(NamedTuple):
    """A request that waits.

    Attributes:
        signal: Which service takes it.
        data: The request.
        items: Points or rows in it.
        entry: Number of the journal's entry that holds it; the same as that of its neighbours.
    """

    signal: Signal
    data: bytes
    items: int
    entry: int


class Outbox:
    """A queue with a thread of its own. Nothing leaves it unsent but what the target refuses for good."""

    def __init__(
        self,
        senders: Mapping[Signal, Sender],
        telemetry: Telemetry,
        clock: Clock,
        *,
        most_bytes: int,
        sent: Callable[[int], None],
    ) -> None:
        """Begin to send.

        Args:
            senders: One for each service.
            telemetry: The processor's own counters.
            clock: Tells the time.
            most_bytes: Size that counts as full.
            sent: Called with an entry's number when everything up to it is sent.
        """
        self._senders = senders
        self._telemetry = telemetry
        self._clock = clock
        self._most_bytes = most_bytes
        self._sent = sent
        self._changed = threading.Condition()
        self._waiting: deque[Parcel] = deque()
        self._stopping_at: float | None = None
        self._closed = False
        self.size_bytes = 0
        self.trouble = ""
        telemetry.gauge(processor.BAROGRAPH_FORWARD_QUEUE_SIZE, lambda: self.size_bytes)
        telemetry.gauge(processor.BAROGRAPH_FORWARD_QUEUE_CAPACITY, lambda: self._most_bytes)
        telemetry.add(processor.BAROGRAPH_FORWARD_SENT_REQUESTS, 0)
        telemetry.add(processor.BAROGRAPH_FORWARD_FAILED_SENDS, 0)
        self._thread = threading.Thread(target=self._run, name="barograph forward", daemon=True)
        self._thread.start()

    @property
    def pressed(self) -> bool:
        """Whether it is more than half full, so that intake should pause."""
        return 2 * self.size_bytes > self._most_bytes

    def put(self, parcels: Iterable[Parcel]) -> None:
        """Queue requests; returns at once."""
        with self._changed:
            for parcel in parcels:
                self._waiting.append(parcel)
                self.size_bytes += len(parcel.data)
            self._changed.notify_all()

    def unsent(self) -> list[Parcel]:
        """What is not sent yet, in order."""
        with self._changed:
            return list(self._waiting)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is sent or refused; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Send what is queued for at most `timeout_s`, then stop; the rest is in `unsent`."""
        with self._changed:
            self._stopping_at = self._clock.monotonic_s() + timeout_s
            self._changed.notify_all()
        self._thread.join(timeout_s + 1.0)
        self._closed = True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._stopping_at is not None)
                if not self._waiting or self._late(0.0):
                    return
                parcel = self._waiting[0]
            if not self._delivered(parcel):
                return
            with self._changed:
                self._waiting.popleft()
                self.size_bytes -= len(parcel.data)
                last = not self._waiting or self._waiting[0].entry != parcel.entry
                self._changed.notify_all()
            if last:
                self._sent(parcel.entry)

    def _delivered(self, parcel: Parcel) -> bool:
        """Send a request until it is taken or refused for good; False where there is no time left."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                answer = self._senders[parcel.signal].send(parcel.data)
            except Retryable as error:  # noqa: PERF203  # an attempt is a network call
                self._failed(error)
                after_s = wait_s * random.uniform(0.8, 1.2)  # noqa: S311  # jitter
                if isinstance(error, RetryLater):
                    after_s = error.after_s
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                if not self._pause(after_s):
                    return False
            except Exception as error:  # noqa: BLE001  # whatever it is, sending the same again is pointless
                if self._closed:  # the connection was taken away
                    return False
                self._failed(error)
                self._drop(parcel, Reason.EXPORT_FAILED, parcel.items)
                return True
            else:
                self._telemetry.add(processor.BAROGRAPH_FORWARD_SENT_REQUESTS)
                self._drop(parcel, Reason.REJECTED, _REJECTED[parcel.signal](answer))
                if self.trouble:
                    _log.warning("forward: sending works again")
                self.trouble = ""
                return True

    def _pause(self, after_s: float) -> bool:
        with self._changed:
            if self._late(after_s):
                return False
            before = self._stopping_at
            self._changed.wait_for(lambda: self._stopping_at is not before, after_s)
        return True

    def _late(self, after_s: float) -> bool:
        """Whether it is to have stopped by then."""
        return self._stopping_at is not None and self._clock.monotonic_s() + after_s > self._stopping_at

    def _failed(self, error: Exception) -> None:
        self._telemetry.add(processor.BAROGRAPH_FORWARD_FAILED_SENDS)
        if not self.trouble:
            _log.warning("forward: %s", error)
        self.trouble = str(error)

    def _drop(self, parcel: Parcel, reason: str, items: int) -> None:
        if items:
            labels = {
                attributes.ML_TELEMETRY_LANE: _LANES[parcel.signal],
                attributes.ML_TELEMETRY_REASON: reason,
            }
            self._telemetry.add(metrics.ML_TELEMETRY_DROPPED, items, **labels)

    def give_up(self) -> int:
        """Count what is not sent as dropped; how many requests that are. To be called when closed."""
        left = self.unsent()
        for parcel in left:
            self._drop(parcel, Reason.SHUTDOWN, parcel.items)
        return len(left)
