"""A bounded queue with a thread of its own, between the monitor and one exporter."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from barograph.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ItemT = TypeVar("ItemT")

MAX_TRIES = 5
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LAST_PAUSE_S = 0.25
# At the end: the part of its time after which nobody believes any more that something will be taken,
# since nothing has been; the second one where the exporter had failed before.
_HOPE = 0.5
_HOPE_AFTER_FAILURE = 0.2


class Lane(Generic[ItemT]):
    """Queues items and sends them in chunks; what fails is tried again, what doesn't fit is counted.

    An exporter may block for as long as it likes: only this thread waits for it.

    Args:
        lane: Lane that drops are counted under, a constant of `barograph.guard`.
        send: Exports a chunk; False where that failed.
        prepare: Called once by the thread, before it sends anything; may take its time.
        size_bytes: Size of an item on the wire, about.
        rows: How many rows, points or labels an item stands for.
        chunk_items: Most items of a chunk.
        chunk_bytes: Most bytes of a chunk, unless one item alone is larger.
        queue_bytes: Most bytes that wait; beyond, new items are dropped and counted.
    """

    def __init__(  # noqa: PLR0913 - the limits of a queue
        self,
        lane: str,
        send: Callable[[Sequence[ItemT]], bool],
        *,
        size_bytes: Callable[[ItemT], int],
        rows: Callable[[ItemT], int],
        chunk_items: int,
        prepare: Callable[[], object] = int,
        chunk_bytes: int = 2 * 2**20,
        queue_bytes: int = 32 * 2**20,
    ) -> None:
        self._lane = lane
        self._send = send
        self._prepare = prepare
        self._size_bytes = size_bytes
        self._rows = rows
        self._chunk_items = chunk_items
        self._chunk_bytes = chunk_bytes
        self._queue_bytes = queue_bytes
        self.begin()

    def begin(self) -> None:
        """Start empty, without a thread: at first, and in a forked child."""
        self._changed = threading.Condition()
        self._queue: deque[tuple[ItemT, int]] = deque()
        self._waiting_bytes = 0
        self._in_flight = 0
        self._tries = 0
        self._closed = False
        self._is_ending = False
        self._is_cut_short = False
        self._has_failed = False
        self._is_ready = False
        self._hopeful_since = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, which the first item would start otherwise."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._start()

    def put(self, items: Sequence[ItemT]) -> None:
        """Queue items; never blocks on the network."""
        if not items:
            return
        sized = [(item, self._size_bytes(item)) for item in items]
        refused = 0
        with self._changed:
            reason = "shutdown" if self._closed else "queue_full"
            for item, size in sized:
                if self._closed or self._waiting_bytes + size > self._queue_bytes:
                    refused += self._rows(item)
                    continue
                self._queue.append((item, size))
                self._waiting_bytes += size
            if self._thread is None and not self._closed:
                self._start()
            self._changed.notify_all()
        if refused:
            guard.drop(self._lane, reason, "telemetry can't be sent as fast as it is made", refused)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"barograph-{self._lane}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending
            self._thread = None

    def _run(self) -> None:
        with suppress(Exception):  # sending meets it again, and says it
            self._prepare()
        with self._changed:
            self._is_ready = True
            self._hopeful_since = time.monotonic()
            self._changed.notify_all()
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return
                chunk = self._next_chunk()
                self._in_flight = len(chunk)
            sent = self._try(chunk)
            with self._changed:
                self._in_flight = 0
                pause_s = self._settle(chunk, sent=sent)
                self._changed.notify_all()
                if pause_s and not self._closed:
                    self._pause(pause_s)

    def _next_chunk(self) -> list[tuple[ItemT, int]]:
        chunk: list[tuple[ItemT, int]] = []
        total = 0
        while self._queue and len(chunk) < self._chunk_items:
            size = self._queue[0][1]
            if chunk and total + size > self._chunk_bytes:
                break
            chunk.append(self._queue.popleft())
            total += size
        return chunk

    def _try(self, chunk: Sequence[tuple[ItemT, int]]) -> bool:
        try:
            return self._send([item for item, _ in chunk])
        except Exception as error:  # noqa: BLE001 - an exporter may raise anything
            guard.warn(self._lane, "export_failed", f"the exporter raised {type(error).__name__}: {error}")
            return False

    def _settle(self, chunk: list[tuple[ItemT, int]], *, sent: bool) -> float:
        """After a try: done, again after the returned pause, or given up. Holds the lock."""
        self._has_failed = not sent
        if sent:
            self._hopeful_since = time.monotonic()
        if not sent and self._tries + 1 < MAX_TRIES and not self._closed:
            self._tries += 1
            self._queue.extendleft(reversed(chunk))
            return float(min(_FIRST_PAUSE_S * 2 ** (self._tries - 1), _LONGEST_PAUSE_S))
        self._tries = 0
        self._waiting_bytes -= sum(size for _, size in chunk)
        if not sent:
            lost = sum(self._rows(item) for item, _ in chunk)
            guard.drop(self._lane, "export_failed", "the exporter did not take telemetry", lost)
        return 0.0

    def _pause(self, pause_s: float) -> None:
        """Wait, but only shortly once the end is asked for. Holds the lock."""
        until = time.monotonic() + pause_s
        while not self._closed:
            now = time.monotonic()
            if self._is_ending:
                until = min(until, now + _LAST_PAUSE_S)
            if until <= now:
                return
            self._changed.wait(until - now)

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits or is in flight; False where that took longer, or something was cut."""
        with self._changed:
            sent = self._changed.wait_for(
                lambda: not self._queue and not self._in_flight, max(timeout_s, 0.0)
            )
            return sent and not self._is_cut_short

    def close(self, timeout_s: float, *, begun: float | None = None) -> None:
        """Send what waits, for as long as there is time and hope; count the rest.

        Half of the time without a success is the end of hope: a dead Collector must not hold up the
        end of a process for as long as a slow one may, or a slow machine.

        Args:
            timeout_s: The longest that it may take.
            begun: When the end began, on the monotonic clock, where this is not the first queue to end.
        """
        now = time.monotonic()
        begun = now if begun is None else begun
        deadline = now + max(timeout_s, 0.0)
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
            while self._queue or self._in_flight:
                until = deadline
                if self._is_ready:
                    hope = _HOPE_AFTER_FAILURE if self._has_failed else _HOPE
                    until = min(deadline, max(begun, self._hopeful_since) + hope * (deadline - begun))
                left_s = until - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            self._closed = True
            left = sum(self._rows(item) for item, _ in self._queue)
            self._is_cut_short = bool(left or self._in_flight)
            self._queue.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
        if left:
            guard.drop(self._lane, "shutdown", "telemetry was still waiting at the end", left)
