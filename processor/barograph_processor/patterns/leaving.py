"""Durability ``memory`` with a storage directory: state is kept when a service stops in order."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from barograph.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.patterns.machine import Machine
    from barograph_processor.telemetry import Sample


class Leaving:
    """Keeps a machine in a storage directory, once."""

    def __init__(
        self,
        kept: Kept,
        machine: Machine,
        clock: Clock,
        *,
        waiting: Callable[[], Mapping[str, Sequence[ClosedWindow]]],
    ) -> None:
        self._kept = kept
        self._machine = machine
        self._clock = clock
        self._waiting = waiting

    @property
    def trouble(self) -> str:
        """Nothing: while the service runs, nothing is kept."""
        return ""

    def samples(self) -> Iterable[Sample]:
        """None: there is nothing to tell until the end."""
        return ()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Nothing has to be done meanwhile."""
        yield

    def keep(self) -> None:
        """Keep everything for the next start.

        Raises:
            Retryable: The disk failed, or is full.
        """
        with self._machine.lock:
            moment = self._machine.moment(self._clock.now_ns(), self._waiting())
        try:
            self._kept.leave(moment())
        except OSError as error:
            raise Retryable(
                f"unfinished windows can't be kept in {self._kept.directory}, they are lost: "
                f"{error.strerror or error}"
            ) from error
