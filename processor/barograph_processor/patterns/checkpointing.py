"""Makes checkpoints of a running service, so that the journal stays short."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import BarographError, Retryable
from barograph.semconv import processor
from barograph_processor.patterns.checkpoints import PENDING, Copied
from barograph_processor.telemetry import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from barograph_processor.clock import Clock
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import PendingStore
    from barograph_processor.patterns.checkpoints import Checkpoints
    from barograph_processor.patterns.journaled import Journaled

LOOK_S = 1.0
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """When checkpoints are made, and the journal is synced.

    Attributes:
        every_s: Seconds between checkpoints, as long as anything comes.
        journal_bytes: A checkpoint is made earlier when the journal is larger than this.
        sync_every_s: Seconds between syncs where requests don't wait for them; None where they do.
    """

    every_s: float
    journal_bytes: int
    sync_every_s: float | None = None


class Made(NamedTuple):
    """A checkpoint that was made.

    Attributes:
        entry: Number of the last entry of the journal that is in it.
        at_s: When, on the clock that never goes back.
        pause_s: How long nothing was taken for it.
        took_s: How long all of it took.
    """

    entry: int
    at_s: float
    pause_s: float
    took_s: float


class Checkpointing:
    """Makes checkpoints now and then, from a thread of its own.

    Attributes:
        made: The newest checkpoint of this run, None before there is one.
    """

    def __init__(  # noqa: PLR0913  # what is kept, where, and when
        self,
        steps: Journaled,
        checkpoints: Checkpoints,
        clock: Clock,
        *,
        stores: Mapping[str, PendingStore],
        waiting: Callable[[], Mapping[str, Sequence[ClosedWindow]]],
        policy: Policy,
    ) -> None:
        """Begin; nothing is made before `make` or `running`.

        Args:
            steps: What checkpoints are made of.
            checkpoints: Where they go.
            clock: Tells the time.
            stores: The engines' stores, by the name of their copies' folders.
            waiting: By exporter, windows that are closed and not sent yet.
            policy: When.
        """
        self.made: Made | None = None
        self._steps = steps
        self._checkpoints = checkpoints
        self._clock = clock
        self._stores = {name: store for name, store in stores.items() if isinstance(store, Copied)}
        self._waiting = waiting
        self._policy = policy
        self._one = threading.Lock()
        self._stop = threading.Event()
        self._failure = ""
        self._count = self._failures = 0
        self._wait_s = _FIRST_WAIT_S
        self._retry_s = 0.0
        self._next_s = clock.monotonic_s() + policy.every_s

    @property
    def trouble(self) -> str:
        """What is wrong with the storage; ``""`` where nothing is."""
        return self._steps.trouble or self._failure

    def samples(self) -> Iterator[Sample]:
        """Figures about the journal and its checkpoints."""
        journal = self._steps.journal
        counted: dict[str, float] = {
            processor.BAROGRAPH_STORAGE_JOURNAL_ENTRIES: journal.written - journal.began,
            processor.BAROGRAPH_STORAGE_JOURNAL_SYNCS: journal.syncs,
            processor.BAROGRAPH_STORAGE_CHECKPOINTS: self._count,
            processor.BAROGRAPH_STORAGE_CHECKPOINT_FAILURES: self._failures,
        }
        held: dict[str, float] = {
            processor.BAROGRAPH_STORAGE_JOURNAL_SIZE: journal.size_bytes,
            processor.BAROGRAPH_STORAGE_JOURNAL_CAPACITY: self._policy.journal_bytes,
        }
        if self.made is not None:
            held[processor.BAROGRAPH_STORAGE_CHECKPOINT_AGE] = self._clock.monotonic_s() - self.made.at_s
            held[processor.BAROGRAPH_STORAGE_CHECKPOINT_PAUSE] = self.made.pause_s
            held[processor.BAROGRAPH_STORAGE_CHECKPOINT_DURATION] = self.made.took_s
        for name, value in counted.items():
            yield Sample(name, (), value, monotonic=True)
        for name, value in held.items():
            yield Sample(name, (), value, monotonic=False)

    @property
    def journal_bytes(self) -> int:
        """Size of the journal."""
        return self._steps.journal.size_bytes

    def keep(self) -> None:
        """Make a checkpoint.

        Raises:
            Retryable: The disk failed, or is full.
        """
        with self._one:
            began_s = self._clock.monotonic_s()
            try:
                part = self._checkpoints.begin()
                try:
                    entry, broken, pause_s = self._make(part)
                except BaseException:
                    self._checkpoints.abandon(part)
                    raise
            except OSError as error:
                raise Retryable(f"no checkpoint can be made: {error.strerror or error}") from error
            if broken:
                self._steps.journal.restart()
            else:
                self._steps.journal.drop_through(entry)
            self._steps.forgive()
            now_s = self._clock.monotonic_s()
            self.made = Made(entry, now_s, pause_s, now_s - began_s)
            self._count += 1
            self._next_s = now_s + self._policy.every_s

    def look(self) -> None:
        """Make a checkpoint if one is due; what goes wrong is told by `trouble` until it works."""
        if not self._due():
            return
        try:
            self.keep()
        except BarographError as error:
            self._failures += 1
            if not self._failure:
                _log.warning("%s; it is tried again until it works", error)
            self._failure = str(error)
            self._retry_s = self._clock.monotonic_s() + self._wait_s
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
        else:
            if self._failure:
                _log.warning("checkpoints work again")
            self._failure = ""
            self._wait_s = _FIRST_WAIT_S

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look every second for as long as the context lasts, and sync where nobody waits for it."""
        acts = [(LOOK_S, self.look)]
        if self._policy.sync_every_s is not None:
            acts.append((self._policy.sync_every_s, self._sync))
        threads = [
            threading.Thread(target=self._repeat, args=act, name="barograph storage", daemon=True)
            for act in acts
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _repeat(self, every_s: float, act: Callable[[], None]) -> None:
        while not self._stop.wait(every_s):
            try:
                act()
            except Exception:  # noqa: BLE001, PERF203  # the thread must live, whatever it is
                _log.exception("keeping state failed; it is tried again")

    def _sync(self) -> None:
        with suppress(Retryable):  # the journal says why, and takes nothing more
            self._steps.journal.sync()

    def _due(self) -> bool:
        now_s = self._clock.monotonic_s()
        journal = self._steps.journal
        if now_s < self._retry_s:
            return False
        if self.trouble or journal.size_bytes > self._policy.journal_bytes:
            return True
        return now_s >= self._next_s and (self.made is None or journal.written != self.made.entry)

    def _make(self, part: Path) -> tuple[int, bool, float]:
        """Fill a checkpoint's folder and finish it; what it holds, of which journal, and the pause."""
        for store in self._stores.values():
            store.flush()
        if not self._steps.journal.broken:
            self._steps.journal.roll()
        with self._steps.publishing:
            self._steps.settle()
            with self._steps.at_rest() as rest:
                began_s = self._clock.monotonic_s()
                moment = self._steps.machine.moment(self._clock.now_ns(), self._waiting(), rest.entry)
                for name, store in self._stores.items():
                    store.copy_to(part / PENDING / name)
                pause_s = self._clock.monotonic_s() - began_s
        self._checkpoints.finish(part, moment())
        return rest.entry, rest.broken, pause_s
