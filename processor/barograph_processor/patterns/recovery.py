"""Brings a service back to where it was: the newest checkpoint, and what the journal holds since."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.errors import Retryable, StateError
from barograph_processor.engine.engine import Engine
from barograph_processor.patterns.checkpoints import Checkpoints
from barograph_processor.patterns.entries import ADVANCE, FEED, read_feed, read_step
from barograph_processor.patterns.kept import pending_name
from barograph_processor.stores.copying import copied
from barograph_processor.stores.journal import read_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from barograph.baseline import Baseline
    from barograph_processor.engine.settings import PendingStore
    from barograph_processor.patterns.engines import Group
    from barograph_processor.patterns.entries import Step
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.patterns.machine import Machine
    from barograph_processor.patterns.publishing import Publisher
    from barograph_processor.patterns.saved import Saved
    from barograph_processor.signals.api import Signal
    from barograph_processor.stores.files import Files

JOURNAL: Final = "journal"
CHECKPOINTS: Final = "checkpoints"

_log = logging.getLogger(__name__)


class Past(NamedTuple):
    """What an earlier run left.

    Attributes:
        saved: Its state, None where it left none.
        acknowledged: Whether it was promised to outlive a crash, so that it is used whole or not at all;
            a journal goes with it.
    """

    saved: Saved | None
    acknowledged: bool


NOTHING: Final = Past(None, acknowledged=False)


def read_past(kept: Kept, files: Files) -> Past:
    """What is in a storage directory.

    Raises:
        StateError: What was acknowledged can't be restored.
    """
    try:
        found = Checkpoints(kept.directory / CHECKPOINTS, files).newest()
    except StateError as error:
        raise unusable(kept, error) from error
    if found is not None:
        return Past(found.saved, acknowledged=True)
    if files.names(kept.directory / JOURNAL):
        raise unusable(kept, StateError("there is a journal, but no checkpoint that it continues"))
    try:
        return Past(kept.left(), acknowledged=False)
    except StateError as error:
        _log.warning("starting without the unfinished windows of the last run: %s", error)
        return NOTHING


def restore_stores(kept: Kept, files: Files, groups: Sequence[Group]) -> None:
    """Put the stores back to where the newest checkpoint has them, before they are opened.

    Raises:
        StateError: The disk failed, or is full.
    """
    found = Checkpoints(kept.directory / CHECKPOINTS, files).newest()
    if found is None:
        return
    try:
        for group in groups:
            target = kept.pending_directory(group.name)
            source = found.pending / pending_name(group.name)
            if source.is_dir():
                copied(source, target)
            else:
                files.remove(target)
    except OSError as error:
        raise StateError(
            f"pending labels can't be restored in {kept.directory}: {error.strerror or error}"
        ) from error


def restore_engine(
    past: Past, group: Group, store: PendingStore, *, baselines: Sequence[Baseline], signals: Sequence[Signal]
) -> Engine:
    """The engine of a group, as the past left it; a new one where it knows nothing of the group.

    Raises:
        StateError: What was acknowledged can't be restored with these settings.
    """
    state = past.saved.engines.get(group.name) if past.saved is not None else None
    if state is not None:
        try:
            return Engine.restore(state, group.settings, store=store, baselines=baselines, signals=signals)
        except StateError as error:
            if past.acknowledged:
                raise
            _log.warning("starting without the unfinished windows of the last run: %s", error)
    return Engine(group.settings, store=store, baselines=baselines, signals=signals)


def check_groups(past: Past, groups: Sequence[Group]) -> None:
    """See that every group of the past has an engine.

    Raises:
        StateError: What was acknowledged would be left out.
    """
    held = past.saved.engines if past.saved is not None else {}
    lost = sorted(held.keys() - {group.name for group in groups})
    if not lost:
        return
    message = f"it holds windows of an engine for {', '.join(lost)}, which the configuration no longer has"
    if past.acknowledged:
        raise StateError(message)
    _log.warning("starting without some of the unfinished windows of the last run: %s", message)


def replay(machine: Machine, publisher: Publisher, folder: Path, files: Files, *, after: int) -> int:
    """Take the steps of a journal again; returns the number of the last.

    Windows that closed in them are published again, with the same identity and revision: whether they
    were sent before is not known.

    Args:
        machine: In the state after an entry.
        publisher: Where closed windows go.
        folder: Where the journal lies.
        files: The file system.
        after: That entry.

    Raises:
        StateError: The journal is damaged, or of another version.
    """
    for number, payload in read_journal(folder, files, after=after):
        take = _taking(read_step(payload), machine, publisher)
        try:
            with machine.lock:
                take()
        except Retryable as error:
            raise StateError(f"entry {number} of the journal can't be taken again: {error}") from error
        except Exception:  # noqa: BLE001  # what a receiver was told of then
            _log.exception("entry %d of the journal failed again, as it did when it came", number)
        after = number
    return after


def _taking(step: Step, machine: Machine, publisher: Publisher) -> Callable[[], object]:
    if step.kind == FEED:
        batches, position = read_feed(step.body)
        return lambda: machine.feed(batches, position, step.now_ns)
    close = machine.advance if step.kind == ADVANCE else machine.drain
    return lambda: publisher.windows(close(step.now_ns))


def unusable(kept: Kept, error: Exception) -> StateError:
    """Why nothing is started, and what to do."""
    return StateError(
        f"what was acknowledged before can't be restored from {kept.directory}: {error}\n"
        f"put back a copy of the directory or the settings that it was made with; or, to start without it, "
        f"move {CHECKPOINTS} and {JOURNAL} out of it"
    )
