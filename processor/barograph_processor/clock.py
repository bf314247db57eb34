"""Where the program reads the time, so that tests can advance it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_ns(self) -> int:
        """Wall time, Unix nanoseconds."""

    def monotonic_s(self) -> float:
        """Seconds since some start, never going back."""


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_ns(self) -> int:
        """Wall time, Unix nanoseconds."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Seconds since some start, never going back."""
        return time.monotonic()
