"""What an edge has taken and not passed on yet, on disk: so that what it acknowledged is passed on once.

Entries are what receivers brought (`FEED`), what was made of everything before (`FLUSH`: requests, byte by
byte as they are sent), and up to which flush everything was sent (`SENT`). A start reads them, counts anew
what came since the last flush, and begins a new journal with everything that is left: one flush, with the
ids that are remembered.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec
import numpy as np

from barograph.errors import Retryable, StateError
from barograph_processor.engine.batch import Predictions
from barograph_processor.engine.recent_ids import Remembered, featured_ids
from barograph_processor.patterns.entries import feed_body, read_feed
from barograph_processor.patterns.parcels import Request  # noqa: TC001  # msgspec reads annotations
from barograph_processor.stores.journal import Journal, read_journal
from barograph_processor.stores.segments import SUFFIX, first_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch
    from barograph_processor.patterns.entries import Feed
    from barograph_processor.stores.files import Files

Positions = dict[str, dict[str, bytes]]
FEED: Final = 1
FLUSH: Final = 2
SENT: Final = 3
KEEP_BYTES: Final = 64 * 2**20  # of what was taken, so that a restart knows the ids in it
SEGMENT_BYTES: Final = 8 * 2**20
_KIND: Final = struct.Struct("<B")
_NUMBER: Final = struct.Struct("<Q")


class Flushed(msgspec.Struct, frozen=True, array_like=True):
    """What was made of everything before.

    Attributes:
        requests: What is to be sent.
        positions: By receiver, how far it had come.
        uncounted: Entries before it that it doesn't hold: they were waiting for the disk.
        seed: What ids are hashed with; 0 where an earlier version hashed them otherwise.
        remembered: Hashed ids that were remembered, uint64 little-endian; empty but at a start.
    """

    requests: list[Request]
    positions: Positions
    uncounted: list[int] = []
    remembered: bytes = b""
    seed: int = 0

    @classmethod
    def all_of(cls, requests: list[Request], positions: Positions, remembered: Remembered) -> Flushed:
        """What a journal begins with."""
        ids = remembered.ids.astype("<u8").tobytes()
        return cls(requests, positions, remembered=ids, seed=remembered.seed)


class Log(Protocol):
    """Where an edge writes down what it does. Every method but `sent` raises Retryable where it can't."""

    @property
    def broken(self) -> str:
        """Why nothing can be noted until `begin`; ``""`` where it can."""

    def begin(self, flushed: Flushed) -> int:
        """Begin anew with everything that is left, safely; returns its number."""

    def feed(self, batches: Sequence[Batch], position: Position | None) -> int:
        """Note what came; returns the number to wait for."""

    def wait(self, number: int) -> None:
        """Return once what was noted is as safe as it is asked for."""

    def flush(self, flushed: Flushed) -> int:
        """Note what is to be sent, safely; returns its number."""

    def sent(self, number: int) -> None:
        """Note that everything up to a flush was sent."""


class NoLog:
    """Nothing outlives the process."""

    broken = ""

    def __init__(self) -> None:
        self._number = 0

    def begin(self, flushed: Flushed) -> int:
        """As `Log.begin`."""
        return self.flush(flushed)

    def feed(self, batches: Sequence[Batch], position: Position | None) -> int:
        """As `Log.feed`."""
        del batches, position
        return 0

    def wait(self, number: int) -> None:
        """As `Log.wait`."""

    def flush(self, flushed: Flushed) -> int:
        """As `Log.flush`."""
        del flushed
        self._number += 1
        return self._number

    def sent(self, number: int) -> None:
        """As `Log.sent`."""


class JournalLog:
    """In journals, of which there is one at a time, in a folder of its own.

    A new one begins at a start, and where the disk failed the last one. That goes when the new one holds,
    in one entry, everything that is left; a start takes the newest that holds such an entry.

    Segments are kept until they are needed no more and there are enough behind them: what they hold is
    also how ids are remembered over a restart.
    """

    def __init__(self, folder: Path, files: Files, *, always: bool, keep_bytes: int = KEEP_BYTES) -> None:
        """Nothing is touched before `begin`.

        Args:
            folder: Where journals lie.
            files: The file system.
            always: Whether `wait` waits for the disk.
            keep_bytes: Size beyond which segments that aren't needed are removed.
        """
        self._folder = folder
        self._files = files
        self._always = always
        self._keep_bytes = keep_bytes
        self._journal: Journal | None = None
        self._last = 0
        self._needed = 0
        self._sent: deque[int] = deque()

    @property
    def broken(self) -> str:
        """As `Log.broken`."""
        return "no journal has begun" if self._journal is None else self._journal.broken

    def begin(self, flushed: Flushed) -> int:
        """As `Log.begin`."""
        if self._journal is None:
            self._last = max((int(name) for name in self._names() if name.isdecimal()), default=0)
        first = 1 if self._journal is None else self._journal.written + 1
        name = f"{self._last + 1:010}"
        journal = Journal(
            self._folder / name, self._files, first=first, always=self._always, segment_bytes=SEGMENT_BYTES
        )
        try:
            self._files.make_folder(self._folder)
            self._files.sync_folder(self._folder.parent)
            journal.restart()
            number = journal.append(_KIND.pack(FLUSH) + msgspec.msgpack.encode(flushed))
            journal.sync(number)
            for older in self._names():
                if older != name:
                    self._files.remove(self._folder / older)
        except (Retryable, OSError) as error:
            journal.close()
            raise Retryable(f"{self._folder} can't be written: {error}") from error
        self.close()
        self._journal, self._needed, self._last = journal, number, self._last + 1
        self._sent.clear()
        return number

    def feed(self, batches: Sequence[Batch], position: Position | None) -> int:
        """As `Log.feed`."""
        return self._begun().append(_KIND.pack(FEED) + feed_body(batches, position))

    def wait(self, number: int) -> None:
        """As `Log.wait`."""
        self._begun().wait(number)

    def flush(self, flushed: Flushed) -> int:
        """As `Log.flush`."""
        journal = self._begun()
        number = journal.append(_KIND.pack(FLUSH) + msgspec.msgpack.encode(flushed))
        journal.sync(number)
        self._needed = min([number, *flushed.uncounted])
        return number

    def sent(self, number: int) -> None:
        """As `Log.sent`. What can't be noted is sent again after a restart, where it is known."""
        self._sent.append(number)
        try:
            journal = self._begun()
            journal.append(_KIND.pack(SENT) + _NUMBER.pack(number))
            while self._sent and journal.size_bytes > self._keep_bytes:
                journal.drop_through(min(self._sent.popleft(), self._needed - 1))
        except Retryable:
            return

    def close(self) -> None:
        """Let go of the file."""
        if self._journal is not None:
            self._journal.close()

    def _begun(self) -> Journal:
        if self._journal is None:
            raise Retryable(self.broken)
        return self._journal

    def _names(self) -> list[str]:
        return self._files.names(self._folder)


class Left(NamedTuple):
    """What an earlier run left.

    Attributes:
        requests: What was not sent, in order, for all that is known.
        positions: By receiver, how far it had come.
        remembered: Ids that were remembered; of an earlier version none, and the seed is 0.
        uncounted: What came since the last flush.
    """

    requests: list[Request]
    positions: Positions
    remembered: Remembered
    uncounted: list[Feed]


def read_left(folder: Path, files: Files) -> Left | None:
    """What a journal holds; None where there is none, or none that was begun.

    Raises:
        StateError: Something that was safe is damaged or missing, or of another version.
    """
    begun = [first_number(name) for name in files.names(folder) if name.endswith(SUFFIX)]
    firsts = [first for first in begun if first is not None]
    if not firsts:
        return None
    flushes: dict[int, Flushed] = {}
    remembered: list[NDArray[np.uint64]] = [np.zeros(0, np.uint64)]
    uncounted: dict[int, Feed] = {}
    sent = 0
    for number, kind, body in _entries(folder, files, min(firsts) - 1):
        if kind == FLUSH:
            flushes[number] = flushed = _flushed(body)
            waiting = {one: uncounted.pop(one) for one in flushed.uncounted if one in uncounted}
            if flushed.seed:
                remembered.append(np.frombuffer(flushed.remembered, "<u8").astype(np.uint64))
                remembered += [_ids_of(each, flushed.seed) for each in uncounted.values()]
            uncounted = waiting
        elif kind == FEED:
            uncounted[number] = read_feed(body)
        else:
            sent = max(sent, _NUMBER.unpack(body)[0])
    if not flushes:
        return None
    return Left(
        [request for number, one in flushes.items() if number > sent for request in one.requests],
        flushes[max(flushes)].positions,
        Remembered(flushes[max(flushes)].seed, np.concatenate(remembered)),
        list(uncounted.values()),
    )


def _ids_of(feed: Feed, seed: int) -> NDArray[np.uint64]:
    batches = [batch for batch in feed.batches if isinstance(batch, Predictions)]
    return np.concatenate([np.zeros(0, np.uint64), *(featured_ids(batch, seed) for batch in batches)])


def _entries(folder: Path, files: Files, after: int) -> Iterator[tuple[int, int, bytes]]:
    for number, payload in read_journal(folder, files, after=after):
        if not payload or payload[0] not in {FEED, FLUSH, SENT}:
            raise StateError(f"entry {number} of the journal in {folder} is of another version")
        yield number, payload[0], payload[1:]


def _flushed(body: bytes) -> Flushed:
    try:
        return msgspec.msgpack.decode(body, type=Flushed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"the journal is damaged: {error}") from error
