"""Whether telemetry is taken now, and who is told when that changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_STARTED = "the engine hasn't started yet"
STOPPING = "stopping"


def named(part: str, trouble: str) -> str:
    """A trouble with the part that has it; ``""`` where there is none."""
    return f"{part}: {trouble}" if trouble else ""


class Readiness:
    """Ready is a program that has started, whom nothing keeps from taking more, and that isn't stopping."""

    def __init__(self) -> None:
        self._state = NOT_STARTED
        self._trouble: Callable[[], str] = str
        self._watching: list[Callable[[bool], None]] = []
        self._told = False
        self._telling = threading.Lock()

    def started(self, trouble: Callable[[], str]) -> None:
        """The engine runs.

        Args:
            trouble: Says what keeps telemetry from being taken; ``""`` where nothing does.
        """
        self._trouble = trouble
        self._state = ""
        self.tell()

    def stopping(self) -> None:
        """No more telemetry will be taken."""
        self._state = STOPPING
        self.tell()

    def why_not(self) -> str:
        """Why telemetry isn't taken now; ``""`` where it is."""
        return self._state or self._trouble()

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Tell now, and whenever `tell` finds it changed, whether telemetry is taken."""
        with self._telling:
            self._watching.append(changed)
            changed(not self.why_not())

    def tell(self) -> None:
        """Tell those who watch, if it changed."""
        with self._telling:
            ready = not self.why_not()
            if ready != self._told:
                self._told = ready
                for changed in self._watching:
                    changed(ready)
