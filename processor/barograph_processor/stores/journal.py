"""The journal: what was taken, on disk before anything comes of it.

Requests that wait at the same time share one sync (group commit): the first of them syncs what all
have written by then, the others wait for it.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from barograph.errors import Retryable, StateError
from barograph_processor.stores.segments import (
    SUFFIX,
    first_number,
    frame,
    header,
    read_segment,
    segment_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from barograph_processor.stores.files import AppendFile, Files
    from barograph_processor.stores.segments import Entry

SEGMENT_BYTES: Final = 64 * 2**20


class _Written(NamedTuple):
    """A segment that is no longer written to."""

    first: int
    size_bytes: int


class Journal:
    """Appends entries; safe to use from any thread.

    A journal begins with `restart`. After a failure that leaves in doubt what is on disk it takes
    nothing more until the next `restart`: what the operating system says of a file after a failed
    sync can't be trusted.

    Attributes:
        written: Number of the last entry that was written.
        safe: Number of the last entry that is safe on disk.
        began: Number of the last entry before this journal.
        syncs: How often it was brought to the disk for an entry.
    """

    def __init__(
        self,
        folder: Path,
        files: Files,
        *,
        first: int = 1,
        always: bool = True,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Nothing is touched before `restart`.

        Args:
            folder: Where segments lie.
            files: The file system.
            first: Number of the first entry.
            always: Whether `wait` waits for the disk.
            segment_bytes: Size from which on a further segment is begun.
        """
        self._folder = folder
        self._files = files
        self._always = always
        self._segment_bytes = segment_bytes
        self._changed = threading.Condition()
        self._closed: list[_Written] = []
        self._file: AppendFile | None = None
        self._salt = 0
        self._first = first
        self._size_bytes = self._safe_bytes = 0
        self._syncing = False
        self._broken = f"the journal in {folder} has not begun"
        self.written = self.safe = self.began = first - 1
        self.syncs = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        with self._changed:
            return self._size_bytes + sum(segment.size_bytes for segment in self._closed)

    @property
    def broken(self) -> str:
        """Why nothing can be written until `restart`; ``""`` where it can."""
        return self._broken

    def append(self, payload: bytes) -> int:
        """Write an entry; returns its number.

        Raises:
            Retryable: The disk failed, or is full; the entry isn't there.
        """
        with self._changed:
            file = self._writable()
            try:
                if self._size_bytes >= self._segment_bytes:
                    file = self._roll()
                data = frame(self.written + 1, payload, safe_bytes=self._safe_bytes, salt=self._salt)
                file.write(data)
            except OSError as error:
                self._cut_back(error)
            self._size_bytes += len(data)
            self.written += 1
            return self.written

    def wait(self, number: int) -> None:
        """Return once an entry is as safe as it is asked for.

        Raises:
            Retryable: The disk failed; the entry isn't safe, and never will be.
        """
        if self._always:
            self.sync(number)

    def sync(self, number: int | None = None) -> None:
        """Return once an entry is safe on disk; None: everything written.

        Raises:
            Retryable: The disk failed; the entry isn't safe, and never will be.
        """
        with self._changed:
            number = self.written if number is None else number
            while self.safe < number:
                file = self._writable()
                if self._syncing:
                    self._changed.wait()
                else:
                    self._sync(file)

    def roll(self) -> None:
        """Begin a further segment, so that those before it can be dropped.

        Raises:
            Retryable: The disk failed, or is full.
        """
        with self._changed:
            self._writable()
            try:
                if self.written >= self._first:
                    self._roll()
            except OSError as error:
                raise Retryable(self._failed(error)) from error

    def drop_through(self, number: int) -> None:
        """Remove the segments that hold nothing beyond an entry.

        Raises:
            Retryable: The disk failed.
        """
        with self._changed:
            firsts = [segment.first for segment in self._closed] + [self._first]
            dropped = [
                segment
                for segment, behind in zip(self._closed, firsts[1:], strict=True)
                if behind <= number + 1
            ]
            try:
                for segment in dropped:
                    self._files.remove(self._folder / segment_name(segment.first))
                    self._closed.remove(segment)
            except OSError as error:
                raise Retryable(self._failed(error)) from error

    def restart(self) -> None:
        """Begin anew behind everything written; what is in the folder is needed no more, and removed.

        Raises:
            Retryable: The disk failed, or is full.
        """
        with self._changed:
            while self._syncing:
                self._changed.wait()
            self._broken = self._broken or f"the journal in {self._folder} has to begin anew"
            self._let_go()
            self._closed = []
            try:
                self._files.remove(self._folder)
                self._files.make_folder(self._folder)
                self._files.sync_folder(self._folder.parent)
                self._begin()
            except OSError as error:
                raise Retryable(self._failed(error)) from error
            self.safe = self.written
            self._broken = ""

    def close(self) -> None:
        """Let go of the file."""
        with self._changed:
            self._broken = self._broken or "the journal is closed"
            self._let_go()

    def _writable(self) -> AppendFile:
        if self._broken or self._file is None:
            raise Retryable(self._broken)
        return self._file

    def _sync(self, file: AppendFile) -> None:
        """Sync without the lock; the lock is held before and after."""
        self._syncing = True
        written, size_bytes, failure = self.written, self._size_bytes, ""
        self._changed.release()
        try:
            file.sync()
            if file.removed():
                failure = f"the journal in {self._folder} was removed while it was written"
        except OSError as error:
            failure = self._failed(error)
        finally:
            self._changed.acquire()
            self._syncing = False
            self._changed.notify_all()
        if failure:
            self._break(failure)
        self.safe, self._safe_bytes = written, size_bytes
        self.syncs += 1

    def _roll(self) -> AppendFile:
        while self._syncing:
            self._changed.wait()
        file = self._writable()
        if self.safe < self.written:
            try:
                file.sync()
            except OSError as error:
                self._break(self._failed(error))
            self.safe = self.written
        return self._begin()

    def _begin(self) -> AppendFile:
        """Begin a segment; where that fails, nothing has changed."""
        first = self.written + 1
        path = self._folder / segment_name(first)
        salt = secrets.randbits(64)
        self._files.remove(path)
        file = self._files.create(path)
        try:
            file.write(data := header(first, salt))
            file.sync()
            self._files.sync_folder(self._folder)
        except OSError:
            file.close()
            with suppress(OSError):
                self._files.remove(path)
            raise
        if self._file is not None:
            self._closed.append(_Written(self._first, self._size_bytes))
            self._let_go()
        self._file, self._first, self._salt = file, first, salt
        self._size_bytes = self._safe_bytes = len(data)
        return file

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _cut_back(self, error: OSError) -> NoReturn:
        """Take back what may have been written of an entry."""
        if self._file is not None:
            try:
                self._file.truncate(self._size_bytes)
            except OSError:
                self._break(self._failed(error))
        raise Retryable(self._failed(error)) from error

    def _break(self, failure: str) -> NoReturn:
        """Take nothing more; what isn't safe was acknowledged to nobody, and is cut off where that works."""
        self._broken = failure
        if self._file is not None and self._always:
            with suppress(OSError):
                self._file.truncate(self._safe_bytes)
                self._file.sync()
        raise Retryable(failure)

    def _failed(self, error: OSError) -> str:
        return f"the journal in {self._folder} can't be written: {error.strerror or error}"


def read_journal(folder: Path, files: Files, *, after: int) -> Iterator[Entry]:
    """The entries behind a number, in order.

    Args:
        folder: Where segments lie.
        files: The file system.
        after: Number of the last entry that isn't needed.

    Raises:
        StateError: Something that was safe is damaged or missing, or of another version.
    """
    segments = [(name, _first(name)) for name in files.names(folder) if name.endswith(SUFFIX)]
    wanted = after + 1
    for place, (name, first) in enumerate(segments):
        behind = segments[place + 1 : place + 2]
        if behind and behind[0][1] <= wanted:
            continue
        if first > wanted:
            raise StateError(f"entries {wanted} to {first - 1} of the journal in {folder} are missing")
        for entry in read_segment(files.read(folder / name), name, last=not behind).entries:
            if entry.number == wanted:
                yield entry
                wanted += 1


def _first(name: str) -> int:
    first = first_number(name)
    if first is None:
        raise StateError(f"{name} is no segment of the journal, by its name")
    return first
