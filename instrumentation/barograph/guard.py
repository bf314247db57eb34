"""Nothing that goes wrong in here may reach serving code: faults are swallowed, counted, said once.

Strict mode (``BAROGRAPH_STRICT=1``, or ``strict(True)``) raises instead, so that tests see them.
"""

from __future__ import annotations

import logging
import os
import threading

logger = logging.getLogger("barograph")

HISTOGRAMS = "histograms"
OUTCOMES = "outcomes"
FEEDBACK = "feedback"
SPANS = "spans"
EVENTS = "events"
ROWS = "rows"
CONFIGURATION = "configuration"

_TRUE = frozenset({"1", "true", "yes", "on"})


class Guard:
    """Counters of what was dropped, by lane and reason, and the memory of what was said."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._said: set[tuple[str, str]] = set()
        self._strict = os.environ.get("BAROGRAPH_STRICT", "").strip().lower() in _TRUE
        self._pending_error: BaseException | None = None

    @property
    def is_strict(self) -> bool:
        """Whether faults are raised."""
        return self._strict

    def strict(self, *, on: bool) -> None:
        """Turn strict mode on or off for the whole process."""
        self._strict = on
        self._pending_error = None

    def dropped(self, lane: str, reason: str, items: int = 1) -> None:
        """Count items that did not leave the process; becomes `ml.telemetry.dropped`.

        Args:
            lane: Kind of telemetry, one of the constants of this module.
            reason: Why, a short snake_case word of a small fixed set.
            items: How many rows, events or values.
        """
        if items <= 0:
            return
        with self._lock:
            key = (lane, reason)
            self._counts[key] = self._counts.get(key, 0) + items

    def warn(self, lane: str, reason: str, message: str) -> None:
        """Log a line, the first time for this lane and reason; never per prediction."""
        key = (lane, reason)
        if key in self._said:
            return
        self._said.add(key)
        logger.warning("%s (%s, %s; said once)", message, lane, reason)

    def drop(self, lane: str, reason: str, message: str, items: int = 1) -> None:
        """Count a drop and say it once."""
        self.dropped(lane, reason, items)
        self.warn(lane, reason, message)

    def fault(self, lane: str, error: BaseException, items: int = 1) -> None:
        """Survive an error in the caller's thread: count it and say it once; strict mode raises it."""
        if self._strict:
            raise error
        self.drop(lane, "internal_error", f"barograph: {type(error).__name__}: {error}", items)

    def background_fault(self, lane: str, error: BaseException, items: int = 1) -> None:
        """Survive an error in a background thread; in strict mode the next `flush` raises it."""
        if self._strict and self._pending_error is None:
            self._pending_error = error
        self.drop(lane, "internal_error", f"barograph: {type(error).__name__}: {error}", items)

    def raise_pending(self) -> None:
        """In strict mode, raise the first error of a background thread."""
        error, self._pending_error = self._pending_error, None
        if error is not None and self._strict:
            raise error

    def take(self) -> dict[tuple[str, str], int]:
        """The counts since the last call, by (lane, reason)."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return counts

    def counts(self) -> dict[tuple[str, str], int]:
        """The counts since the last `take`, without taking them."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Forget counts and what was said: in a forked child, and between tests."""
        self._lock = threading.Lock()
        self._counts = {}
        self._said = set()
        self._pending_error = None


guard = Guard()
os.register_at_fork(after_in_child=guard.reset)
