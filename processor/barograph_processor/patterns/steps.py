"""How the machine is taken from step to step: what comes between a step and its acknowledgement."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.machine import Machine

    Publish = Callable[[Sequence[ClosedWindow], int], None]


class Steps(Protocol):
    """Takes steps; safe to use from any thread."""

    @property
    def trouble(self) -> str:
        """What is wrong with the storage; ``""`` where nothing is."""

    def feed(self, batches: Sequence[Batch], position: Position | None) -> Fed:
        """Take batches; returns once they are as safe as it is asked for.

        Raises:
            Retryable: Not now; nothing of the batches was taken.
        """

    def advance(self, publish: Publish) -> None:
        """Close what is due.

        Args:
            publish: Gets what closed and the time, in the order of the steps, once it is as safe as
                it is asked for.
        """

    def drain(self, publish: Publish) -> None:
        """Close everything, as `advance` does."""


class Direct:
    """Durability ``memory``: a step is taken, and that is all."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock
        self._publishing = threading.Lock()

    @property
    def trouble(self) -> str:
        """Nothing: there is no storage that a step waits for."""
        return ""

    def feed(self, batches: Sequence[Batch], position: Position | None) -> Fed:
        """Take batches."""
        with self._machine.lock:
            return self._machine.feed(batches, position, self._clock.now_ns())

    def advance(self, publish: Publish) -> None:
        """Close what is due."""
        self._close(self._machine.advance, publish)

    def drain(self, publish: Publish) -> None:
        """Close everything."""
        self._close(self._machine.drain, publish)

    def _close(self, step: Callable[[int], list[ClosedWindow]], publish: Publish) -> None:
        with self._publishing:
            with self._machine.lock:
                now_ns = self._clock.now_ns()
                closed = step(now_ns)
            publish(closed, now_ns)
