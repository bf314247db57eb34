"""Puts the state of a service together from what an earlier run left, and decides how it is kept."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from barograph.errors import Retryable, StateError
from barograph_processor.patterns.checkpointing import Checkpointing, Policy
from barograph_processor.patterns.checkpoints import Checkpoints
from barograph_processor.patterns.engines import Engines, groups_of
from barograph_processor.patterns.journaled import Journaled
from barograph_processor.patterns.kept import pending_name
from barograph_processor.patterns.leaving import Leaving
from barograph_processor.patterns.machine import Machine
from barograph_processor.patterns.publishing import Publisher
from barograph_processor.patterns.recovery import (
    CHECKPOINTS,
    JOURNAL,
    check_groups,
    replay,
    restore_engine,
    unusable,
)
from barograph_processor.patterns.service import Parts
from barograph_processor.patterns.steps import Direct
from barograph_processor.stores.journal import SEGMENT_BYTES, Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.clock import Clock
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.config.model import Config
    from barograph_processor.engine.settings import PendingStore
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.patterns.recovery import Past
    from barograph_processor.signals.api import Signal
    from barograph_processor.stores.files import Files

_SEGMENTS_LEAST: Final = 4


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a service begins with.

    Attributes:
        config: What it is told.
        kept: Its storage directory, None where it has none.
        past: What an earlier run left there.
        stores: The pending store of each group of models.
        baselines: Those that were given, and those that earlier runs learned.
        signals: What readings are made of windows.
        clock: Tells the time.
        files: The file system.
    """

    config: Config
    kept: Kept | None
    past: Past
    stores: Mapping[str, PendingStore]
    baselines: Sequence[Baseline]
    signals: Sequence[Signal]
    clock: Clock
    files: Files

    @contextmanager
    def parts(self, deliveries: Sequence[Delivery]) -> Iterator[Parts]:
        """The parts of a service, as the last run left them, for as long as the context lasts.

        Args:
            deliveries: The queue of each exporter; gets again what may not have been sent.

        Raises:
            StateError: What was acknowledged before can't be restored.
            Retryable: The storage directory can't be written.
        """
        kept, clock = self.kept, self.clock
        machine, publisher, entry = self._restored(deliveries)
        if kept is None:
            yield Parts(machine, Direct(machine, clock), publisher)
        elif self.config.storage.durability == "memory":
            self._forget(kept)
            leaving = Leaving(kept, machine, clock, waiting=publisher.waiting)
            yield Parts(machine, Direct(machine, clock), publisher, kept, leaving)
        else:
            with self._on_disk(kept, machine, publisher, entry=entry) as parts:
                yield parts

    def _restored(self, deliveries: Sequence[Delivery]) -> tuple[Machine, Publisher, int]:
        """The machine, its publisher, and the last entry of the journal that is in it."""
        saved = self.past.saved
        try:
            machine = self._machine()
            publisher = Publisher(
                machine, deliveries, self.clock, interval_s=self.config.export.interval.seconds
            )
            entry = 0
            if saved is not None:
                machine.load(saved)
                publisher.again(saved.waiting)
                entry = saved.entry
            if self.kept is not None and self.past.acknowledged:
                folder = self.kept.directory / JOURNAL
                entry = replay(machine, publisher, folder, self.files, after=entry)
                machine.know(self.baselines)
        except StateError as error:
            if self.kept is not None and self.past.acknowledged:
                raise unusable(self.kept, error) from error
            raise
        if saved is not None:
            machine.engines.wake(self.clock.now_ns())
        return machine, publisher, entry

    def _machine(self) -> Machine:
        """With the baselines that its state was made with: others would change what is replayed."""
        groups = groups_of(self.config)
        check_groups(self.past, groups)
        baselines = self.baselines
        if self.past.acknowledged and self.past.saved is not None:
            known = set(self.past.saved.learned)
            baselines = [each for each in baselines if not each.header.learned or each.id in known]
        engines = Engines(
            (
                group,
                restore_engine(
                    self.past, group, self.stores[group.name], baselines=baselines, signals=self.signals
                ),
            )
            for group in groups
        )
        return Machine(engines, self.config.export.grace.ns, baselines)

    def _forget(self, kept: Kept) -> None:
        """What was kept counts no more: after a crash it would be older than what was published."""
        try:
            self.files.remove(kept.directory / CHECKPOINTS)
            self.files.remove(kept.directory / JOURNAL)
            kept.set_aside()
        except OSError as error:
            raise Retryable(f"{kept.directory} can't be written: {error.strerror or error}") from error

    @contextmanager
    def _on_disk(self, kept: Kept, machine: Machine, publisher: Publisher, *, entry: int) -> Iterator[Parts]:
        storage = self.config.storage
        journal = Journal(
            kept.directory / JOURNAL,
            self.files,
            first=entry + 1,
            always=storage.sync == "always",
            segment_bytes=min(SEGMENT_BYTES, storage.journal_bytes // _SEGMENTS_LEAST),
        )
        steps = Journaled(machine, journal, self.clock, most_bytes=2 * storage.journal_bytes)
        checkpointing = Checkpointing(
            steps,
            Checkpoints(kept.directory / CHECKPOINTS, self.files),
            self.clock,
            stores={pending_name(name): store for name, store in self.stores.items()},
            waiting=publisher.waiting,
            policy=Policy(
                every_s=storage.checkpoint_every.seconds,
                journal_bytes=storage.journal_bytes,
                sync_every_s=storage.sync_every.seconds if storage.sync == "interval" else None,
            ),
        )
        try:
            checkpointing.keep()  # begins the journal
            kept.set_aside()
            yield Parts(machine, steps, publisher, kept, checkpointing)
        finally:
            journal.close()
