"""How an edge begins: with what an earlier run left, in a journal of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import ConfigError, Retryable, StateError
from barograph_processor.patterns.forward_journal import Flushed, JournalLog, NoLog, read_left
from barograph_processor.patterns.forwarder import note
from barograph_processor.patterns.outbox import Parcel
from barograph_processor.patterns.parcels import requests_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from barograph_processor.clock import Clock
    from barograph_processor.engine.relay import Relay
    from barograph_processor.patterns.forward_journal import Left, Log, Positions
    from barograph_processor.stores.files import Files


class Beginning(NamedTuple):
    """What an edge begins with.

    Attributes:
        log: Where it notes what it takes.
        parcels: What is to be sent first.
        positions: By receiver, how far it had come.
        left: Requests and batches that an earlier run left; None where there was none.
    """

    log: Log
    parcels: list[Parcel]
    positions: Positions
    left: tuple[int, int] | None


@contextmanager
def beginning(
    relay: Relay, folder: Path | None, files: Files, clock: Clock, *, always: bool
) -> Iterator[Beginning]:
    """Take up what an earlier run left, and hold a journal for as long as the context lasts.

    Args:
        relay: Gets what was taken and not counted, and the ids that were remembered.
        folder: Where journals lie; None: nothing outlives the process.
        files: The file system.
        clock: Tells the time.
        always: Whether what is taken is on the disk itself before it is acknowledged.

    Raises:
        ConfigError: What was left can't be read, or the folder can't be written.
    """
    if folder is None:
        yield Beginning(NoLog(), [], {}, None)
        return
    left = _left(folder, files)
    flushed = _taken_up(relay, left, clock)
    log = JournalLog(folder, files, always=always)
    try:
        number = log.begin(flushed)
    except Retryable as error:
        raise ConfigError(f"$.storage.directory: {error}") from error
    found = None if left is None else (len(left.requests), len(left.uncounted))
    try:
        yield Beginning(log, [Parcel(*each, number) for each in flushed.requests], flushed.positions, found)
    finally:
        log.close()


def _left(folder: Path, files: Files) -> Left | None:
    """What the newest journal that was begun holds."""
    try:
        for name in reversed(files.names(folder)):
            left = read_left(folder / name, files)
            if left is not None:
                return left
    except StateError as error:
        raise ConfigError(
            f"$.storage.directory: what was acknowledged before can't be read: {error}; put back a copy of "
            f"{folder}, or move it away to start without it"
        ) from error
    return None


def _taken_up(relay: Relay, left: Left | None, clock: Clock) -> Flushed:
    """What is to be sent first: what an earlier run did not send, and what it had not counted."""
    if left is None:
        return Flushed.all_of([], {}, relay.remembered())
    if left.remembered.seed:
        relay.remember(left.remembered)
    positions: Positions = {owner: dict(names) for owner, names in left.positions.items()}
    for batches, position in left.uncounted:
        relay.feed(batches, clock.now_ns())
        if position is not None:
            note(positions, position)
    requests = [*left.requests, *requests_of(relay.take_out())]
    return Flushed.all_of(requests, positions, relay.remembered())
