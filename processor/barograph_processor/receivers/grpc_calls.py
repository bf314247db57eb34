"""How calls are waited for: many may be arriving, a few are worked on, and none takes for ever to arrive.

gRPC for Python gives each call a thread as soon as its head is there, so a sender that stalls in the
middle of a message holds a thread. There are more threads than workers for that reason, and a call whose
message doesn't come in time is cancelled.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from barograph.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc

_LOOKS: Final = 8  # so often while a message may take
_LONGEST_S: Final = 1.0


class Calls:
    """What calls of one server share."""

    def __init__(self, *, arrive_within_s: float, workers: int, buffered_bytes: int) -> None:
        """Begin to watch.

        Args:
            arrive_within_s: A message takes no longer to arrive.
            workers: Calls worked on at the same time.
            buffered_bytes: Messages that wait to be worked on, together.
        """
        self._arrive_within_s = arrive_within_s
        self._turn = threading.Semaphore(workers)
        self._room = buffered_bytes
        self._lock = threading.Lock()
        self._arriving: dict[object, tuple[float, grpc.ServicerContext]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="barograph otlp patience", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join()

    @contextmanager
    def arriving(self, context: grpc.ServicerContext) -> Iterator[None]:
        """While the message of a call arrives; the call is cancelled where that takes too long."""
        call = object()
        with self._lock:
            self._arriving[call] = (time.monotonic() + self._arrive_within_s, context)
        try:
            yield
        finally:
            with self._lock:
                self._arriving.pop(call, None)

    @contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """A turn to be worked on, when it comes.

        Args:
            size: Bytes of the message, which are held meanwhile.

        Raises:
            Retryable: Too many bytes wait already.
        """
        if self._turn.acquire(blocking=False):
            try:
                yield
            finally:
                self._turn.release()
            return
        with self._lock:
            if size > self._room:
                raise Retryable("too many bytes of requests are waiting here; send this one again later")
            self._room -= size
        try:
            self._turn.acquire()
        finally:
            with self._lock:
                self._room += size
        try:
            yield
        finally:
            self._turn.release()

    def _watch(self) -> None:
        while not self._stop.wait(min(self._arrive_within_s / _LOOKS, _LONGEST_S)):
            now_s = time.monotonic()
            with self._lock:
                late = [call for call, (until_s, _) in self._arriving.items() if now_s > until_s]
                contexts = [self._arriving.pop(call)[1] for call in late]
            for context in contexts:
                context.cancel()
