"""Durability ``disk``: every step is in the journal before anything comes of it.

A request is written, waits until that is safe, is then applied in the order of the journal, and only then
acknowledged. So the machine never knows more than the journal, and what it knows at an entry is what
a restart makes of the entries up to it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from barograph.errors import Retryable
from barograph_processor.engine.batch import Fed
from barograph_processor.patterns.entries import ADVANCE, DRAIN, FEED, Step, feed_body, step_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.machine import Machine
    from barograph_processor.patterns.steps import Publish
    from barograph_processor.stores.journal import Journal

ResultT = TypeVar("ResultT")


class Rest(NamedTuple):
    """A machine that is held still.

    Attributes:
        entry: Number of the last entry that is in it.
        broken: Whether the journal takes nothing more until it is restarted, and nothing in it is needed.
    """

    entry: int
    broken: bool


class _Unfinished(NamedTuple):
    """What is left of a `FEED`."""

    batches: Sequence[Batch]
    position: Position | None
    now_ns: int


class Journaled:
    """Takes steps by way of a journal.

    Attributes:
        machine: What the steps are taken of.
        journal: Where they are written.
        applied: Number of the last entry that was applied; changed under the machine's lock.
        publishing: Held from an advance until what it closed is published.
    """

    def __init__(self, machine: Machine, journal: Journal, clock: Clock, *, most_bytes: int) -> None:
        """Begin behind what the journal has written.

        Args:
            machine: What steps are taken of, in the state that the journal begins at.
            journal: Where they are written.
            clock: Tells the time.
            most_bytes: The journal takes nothing more when it is larger than this.
        """
        self.machine = machine
        self.journal = journal
        self.applied = journal.written
        self.publishing = threading.Lock()
        self._clock = clock
        self._most_bytes = most_bytes
        self._appending = threading.Lock()
        self._moved = threading.Condition()
        self._silent_ns: int | None = None
        self._unfinished: deque[_Unfinished] = deque()
        self._failure = ""

    @property
    def trouble(self) -> str:
        """Why nothing is taken; ``""`` where it is."""
        return self._failure or self.journal.broken

    def feed(self, batches: Sequence[Batch], position: Position | None) -> Fed:
        """Take batches; returns once they are in the journal, as safe as it makes them, and applied.

        Raises:
            Retryable: The disk failed, or is full; nothing of the batches was taken.
        """
        if self._unfinished:
            raise Retryable(self._failure)
        body = feed_body(batches, position)
        with self._appending:
            step = Step(FEED, self._clock.now_ns(), body)
            number = self._append(step)
        try:
            self.journal.wait(number)
        except BaseException:
            self._apply(number, _nothing)
            raise
        return self._apply(number, lambda: self._take(_Unfinished(batches, position, step.now_ns)))

    def advance(self, publish: Publish) -> None:
        """Close what is due; what closes is published when the journal holds what made it.

        Raises:
            Retryable: The store failed.
        """
        with self.publishing:
            self.settle()
            closed, now_ns = self._advance()
            publish(closed, now_ns)

    def drain(self, publish: Publish) -> None:
        """Close everything, as `advance` does.

        Raises:
            Retryable: The disk failed, or is full.
        """
        with self.publishing:
            self.settle()
            with self._appending:
                now_ns = self._clock.now_ns()
                number = self._append(Step(DRAIN, now_ns, b""))
            closed = self._apply(number, lambda: self.machine.drain(now_ns))
            self._secure(number, closed)
            publish(closed, now_ns)

    def settle(self) -> None:
        """Apply what the store could not take before.

        Raises:
            Retryable: It still can't.
        """
        with self.machine.lock:
            while self._unfinished:
                _, rest = self._finish(self._unfinished.popleft())
                if rest is not None:
                    self._unfinished.appendleft(rest)
                    raise Retryable(self._failure)
                self._failure = ""

    @contextmanager
    def at_rest(self) -> Iterator[Rest]:
        """Hold the machine still.

        What a broken journal has written and not made safe was applied by nobody: it counts as done with.
        """
        broken = bool(self.journal.broken)
        if broken:
            with self._moved:
                self._moved.wait_for(lambda: self.applied == self.journal.written)
        with self.machine.lock:
            self._silent_ns = None
            yield Rest(self.applied, broken)

    def forgive(self) -> None:
        """The storage works again, as a checkpoint has shown."""
        if not self._unfinished:
            self._failure = ""

    def _advance(self) -> tuple[list[ClosedWindow], int]:
        with self._appending:
            now_ns = self._clock.now_ns()
            idle = self.applied == self.journal.written  # nothing is on its way that could come between
            number = None if idle else self._try(Step(ADVANCE, now_ns, b""))
            if number is None:
                with self.machine.lock:
                    closed = self.machine.advance(now_ns)
                number = self._try(Step(ADVANCE, now_ns, b"")) if closed else None
                if number is None:  # so that an idle service writes nothing
                    self._silent_ns = now_ns
                    return closed, now_ns
                self._apply(number, _nothing)
                self._secure(number, closed)
                return closed, now_ns
        closed = self._apply(number, lambda: self.machine.advance(now_ns))
        self._secure(number, closed)
        return closed, now_ns

    def _secure(self, number: int, closed: Sequence[ClosedWindow]) -> None:
        """Wait until what closed windows is safe; where that fails they are published all the same."""
        if closed:
            with suppress(Retryable):
                self.journal.wait(number)

    def _try(self, step: Step) -> int | None:
        try:
            return self._append(step)
        except Retryable:
            return None

    def _append(self, step: Step) -> int:
        """Write a step, and before it the last advance that isn't written; `_appending` is held."""
        try:
            self._check_size()
            if self._silent_ns is not None:
                silent = self.journal.append(step_bytes(Step(ADVANCE, self._silent_ns, b"")))
                self._silent_ns = None
                self._apply(silent, _nothing)
            number = self.journal.append(step_bytes(step))
        except Retryable as error:
            self._failure = str(error)
            raise
        if not self._unfinished:
            self._failure = ""
        return number

    def _check_size(self) -> None:
        size_bytes = self.journal.size_bytes
        if size_bytes > self._most_bytes:
            raise Retryable(f"the journal holds {size_bytes:,} bytes, because no checkpoint can be made")

    def _apply(self, number: int, run: Callable[[], ResultT]) -> ResultT:
        """Do something in the turn of an entry, and give the turn to the next."""
        with self._moved:
            self._moved.wait_for(lambda: self.applied == number - 1)
        try:
            with self.machine.lock:
                try:
                    return run()
                finally:
                    self.applied = number
        finally:
            with self._moved:
                self._moved.notify_all()

    def _take(self, step: _Unfinished) -> Fed:
        """Feed the machine. What its store can't take now waits: it is in the journal, so it counts."""
        if self._unfinished:
            self._unfinished.append(step)
            return Fed(0, {})
        fed, rest = self._finish(step)
        if rest is not None:
            self._unfinished.append(rest)
        return fed

    def _finish(self, step: _Unfinished) -> tuple[Fed, _Unfinished | None]:
        """Feed the machine batch by batch, for one that failed can be fed again; what is left, and why."""
        accepted = 0
        dropped: Counter[str] = Counter()
        for place, batch in enumerate(step.batches):
            try:
                fed = self.machine.feed([batch], None, step.now_ns)
            except Retryable as error:
                self._failure = str(error)
                return Fed(accepted, dropped), step._replace(batches=step.batches[place:])
            accepted += fed.accepted
            dropped.update(fed.dropped)
        if step.position is not None:
            self.machine.note(step.position)
        return Fed(accepted, dropped), None


def _nothing() -> None:
    """The turn of an entry that was applied already, or never will be."""
