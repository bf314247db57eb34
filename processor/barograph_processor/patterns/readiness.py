"""Whether telemetry is taken now, and who is told when that changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_STARTED = "the engine hasn't started yet"
STOPPING = "stopping"


class Readiness:
    """Ready is a service whose engine runs, whose storage can be written, and that isn't stopping."""

    def __init__(self) -> None:
        self._state = NOT_STARTED
        self._storage: Callable[[], str] = str
        self._watching: list[Callable[[bool], None]] = []
        self._told = False
        self._telling = threading.Lock()

    def started(self, storage: Callable[[], str]) -> None:
        """The engine runs.

        Args:
            storage: Says what is wrong with the storage; ``""`` where nothing is.
        """
        self._storage = storage
        self._state = ""
        self.tell()

    def stopping(self) -> None:
        """No more telemetry will be taken."""
        self._state = STOPPING
        self.tell()

    def why_not(self) -> str:
        """Why telemetry isn't taken now; ``""`` where it is."""
        storage = self._storage()
        return self._state or (f"storage: {storage}" if storage else "")

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
