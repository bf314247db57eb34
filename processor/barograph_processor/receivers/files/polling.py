"""What looks after files: a thread that looks again and again, and counts of what they held in vain."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from barograph.errors import Retryable
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.telemetry import Telemetry

_LANE: Final = "files"
_PAUSE_S: Final = 1.0

_log = logging.getLogger(__name__)


class Polling:
    """Calls a function in a thread of its own, at once where there is more, else at intervals."""

    def __init__(
        self, take: Callable[[bool], bool], *, name: str, interval_s: float, finishes: bool = False
    ) -> None:
        """Begin; `start` sets it going.

        Args:
            take: Takes a piece of what is there; told whether it is stopping, says whether there is more to
                take at once. What it raises is said, and it is tried again.
            name: Of the thread, and in what is said.
            interval_s: From one call to the next where there isn't more.
            finishes: Whether stopping takes everything that is there.
        """
        self._take = take
        self._name = name
        self._interval_s = interval_s
        self._finishes = finishes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def close(self) -> None:
        """Stop, after the call at hand or after the last that has something."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while True:
            more, pause_s = False, self._interval_s
            try:
                more = self._take(stopping)
            except Retryable:
                pause_s = _PAUSE_S
            except Exception:  # noqa: BLE001  # the thread must live: the next piece may be readable
                _log.exception("%s: reading failed; it is tried again", self._name)
                pause_s = _PAUSE_S
            if stopping and not more:
                return
            stopping = stopping or self._stop.wait(0.0 if more else pause_s)
            if stopping and not self._finishes:
                return


def drop(telemetry: Telemetry, reason: str, count: int) -> None:
    """Count rows or lines that can't be taken."""
    if count:
        labels = {attributes.ML_TELEMETRY_LANE: _LANE, attributes.ML_TELEMETRY_REASON: reason}
        telemetry.add(metrics.ML_TELEMETRY_DROPPED, count, **labels)
