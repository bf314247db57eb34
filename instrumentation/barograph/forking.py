"""Work of background threads that no fork may fall into.

A child has the parent's memory, but only the thread that forked: a module that another thread was
importing stays half imported there, and a lock that it held stays locked.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

# Making connections takes a second at most, unless something hangs; then the fork takes its chance.
_PATIENCE_S = 10.0


class Gate:
    """A context for such work; forks of other threads wait until it is left.

    >>> with GATE:
    ...     import json
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Open: at first, and in a forked child."""
        self._lock = threading.RLock()
        self._own = threading.local()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def shut(self) -> None:
        """Before a fork: wait for the work at hand, and let none begin."""
        self._own.has_shut = self._lock.acquire(timeout=_PATIENCE_S)

    def reopen(self) -> None:
        """After a fork, in the parent."""
        if self._own.has_shut:  # told apart by thread: several may fork, and one may have lost patience
            self._lock.release()


GATE = Gate()
os.register_at_fork(before=GATE.shut, after_in_parent=GATE.reopen, after_in_child=GATE.begin)
