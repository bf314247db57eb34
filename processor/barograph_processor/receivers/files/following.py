"""Reads files that grow, each byte once, whatever is done to their names.

Rotation by renaming: the file is read to its end under its new name, the new one from its beginning.
Rotation by copying and truncating: what had not been read is read from the copy. Both also happen while
nobody follows: files are found again by their inode and by how they begin.
"""

from __future__ import annotations

import glob
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from barograph_processor.receivers.files.positions import FilePosition, begins_as, head_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

READ_BYTES: Final = 512 * 1024
_REMEMBERED: Final = 1_000
_SIBLINGS: Final = 1_000
_ENOUGH_BYTES: Final = 64  # of a file's beginning, to take another one for its copy


class Read:
    """Lines of one file that were read and not yet taken.

    Attributes:
        file: Which file.
        lines: Whole lines, without their ends.
        offset: Where the file goes on after them.
    """

    __slots__ = ("file", "lines", "offset")

    def __init__(self, file: FollowedFile, lines: Sequence[bytes], offset: int) -> None:
        self.file = file
        self.lines = lines
        self.offset = offset

    def after(self, **changes: object) -> FilePosition:
        """The file's position behind these lines."""
        return msgspec.structs.replace(self.file.position, offset=self.offset, **changes)

    def taken(self, position: FilePosition | None = None) -> None:
        """Go on behind these lines; until then they are read again."""
        self.file.position = self.after() if position is None else position


class FollowedFile:
    """An open file and how far it was read."""

    def __init__(self, descriptor: int, position: FilePosition) -> None:
        self.descriptor = descriptor
        self.position = position
        self.gone_since_s: float | None = None

    def read(self, longest: int, *, to_end: bool) -> Read | None:
        """The next lines; None where there is no whole one.

        Args:
            longest: A line of more bytes is given in pieces of this length, for its reader to leave out.
            to_end: Whether nothing will be added, so that what has no line's end is a line too.
        """
        offset = self.position.offset
        data = os.pread(self.descriptor, max(READ_BYTES, longest + 1), offset)
        if not data:
            return None
        end = data.rfind(b"\n") + 1
        is_last = to_end and offset + len(data) >= os.fstat(self.descriptor).st_size
        if is_last or (not end and len(data) > longest):
            end = len(data)
        if not end:
            return None
        lines = data[:end].split(b"\n")
        if not lines[-1]:
            lines.pop()
        return Read(self, [line.removesuffix(b"\r") for line in lines], offset + end)

    def is_truncated(self) -> bool:
        """Whether the file has lost what was read of it; learns how it begins, as far as that isn't known."""
        position = self.position
        size = os.fstat(self.descriptor).st_size
        if size < position.offset or not begins_as(self.descriptor, position.head):
            return True
        if not position.head.tells_apart and size > position.head.size_bytes:
            self.position = msgspec.structs.replace(position, head=head_of(self.descriptor))
        return False

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self.descriptor)


class Follower:
    """Follows the files that some patterns mean.

    Not safe for several threads.
    """

    def __init__(  # noqa: PLR0913  # each is a setting of the receiver's
        self,
        include: Sequence[str],
        *,
        exclude: Sequence[str] = (),
        known: Iterable[FilePosition] = (),
        from_end: bool = False,
        linger_s: float = 5.0,
        longest_line: int = 2**20,
    ) -> None:
        """Begin.

        Args:
            include: Paths and patterns.
            exclude: Those of them that are not meant.
            known: Positions of an earlier run.
            from_end: Whether of files that are there at the first look, and not known, only what is added
                is read.
            linger_s: A file that has lost its name is read for so long after its last line.
            longest_line: Longest line, in bytes.
        """
        self._include = tuple(include)
        self._exclude = tuple(exclude)
        self._files: dict[tuple[int, int], FollowedFile] = {}
        self._known = {(each.device, each.inode): each for each in known}
        self._from_end = from_end
        self._linger_s = linger_s
        self._longest_line = longest_line
        self._has_looked = False

    @property
    def positions(self) -> list[FilePosition]:
        """How far every file was read, for the next run."""
        return [*self._known.values(), *(file.position for file in self._files.values())]

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were written and not yet read."""
        return sum(
            max(0, os.fstat(file.descriptor).st_size - file.position.offset) for file in self._files.values()
        )

    def poll(self, now_s: float) -> Iterator[Read]:
        """What was added to each file since the last call; at most one piece of each file.

        Args:
            now_s: A clock that never goes back.
        """
        named = self._look()
        for identity, file in list(self._files.items()):
            if file.is_truncated():
                yield from self._rest_of_copy(file)
                self._begin_again(file)
            is_gone = named.get(identity) is None
            read = file.read(self._longest_line, to_end=is_gone and self._has_lingered(file, now_s))
            if read is not None:
                file.gone_since_s = now_s if is_gone else None
                yield read
            elif not is_gone:
                file.gone_since_s = None
            elif file.gone_since_s is None:
                file.gone_since_s = now_s
            elif self._has_lingered(file, now_s):
                self._let_go(identity)
        self._has_looked = True

    def close(self) -> None:
        """Close every file."""
        for file in self._files.values():
            file.close()

    def _has_lingered(self, file: FollowedFile, now_s: float) -> bool:
        return file.gone_since_s is not None and now_s - file.gone_since_s >= self._linger_s

    def _look(self) -> dict[tuple[int, int], str]:
        """Find the files that are meant, and open new ones."""
        named: dict[tuple[int, int], str] = {}
        for path in self._meant():
            with suppress(OSError):
                about = os.stat(path)  # noqa: PTH116  # patterns give text
                named.setdefault((about.st_dev, about.st_ino), path)
        for identity, path in named.items():
            file = self._files.get(identity)
            if file is None:
                self._open(path)
            elif file.position.path != path:
                file.position = msgspec.structs.replace(file.position, path=path)
        if not self._has_looked:
            self._find_renamed(named)
        return named

    def _meant(self) -> Iterator[str]:
        left_out = {path for pattern in self._exclude for path in glob.glob(pattern, recursive=True)}  # noqa: PTH207
        for pattern in self._include:
            for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  # patterns may begin at the root
                if path not in left_out and os.path.isfile(path):  # noqa: PTH113
                    yield path

    def _open(self, path: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # gone again, or not ours to read; it is tried at every look
        about = os.fstat(descriptor)
        identity = (about.st_dev, about.st_ino)
        known = self._known.pop(identity, None)
        if known is not None and about.st_size >= known.offset and begins_as(descriptor, known.head):
            position = msgspec.structs.replace(known, path=path)
        else:
            position = FilePosition(
                path=path, device=about.st_dev, inode=about.st_ino, head=head_of(descriptor)
            )
            original = self._original(position)
            if original is not None:
                position = msgspec.structs.replace(
                    position, offset=min(original.offset, about.st_size), pending=original.pending
                )
            elif self._from_end and not self._has_looked:
                position = msgspec.structs.replace(position, offset=_last_line(descriptor, about.st_size))
            if known is not None and known.offset > about.st_size:
                self._known[identity] = known  # truncated while nobody looked: its copy is looked for
        self._files[identity] = FollowedFile(descriptor, position)

    def _original(self, copy: FilePosition) -> FilePosition | None:
        """The position of the file that a new one is a copy of."""
        if not copy.head.tells_apart:
            return None
        every = [*self._known.values(), *(file.position for file in self._files.values())]
        alike = [each for each in every if each.head == copy.head]
        return max(alike, key=lambda each: each.offset, default=None)

    def _find_renamed(self, named: dict[tuple[int, int], str]) -> None:
        """Take up files of an earlier run that have left the patterns' reach since."""
        for identity, known in list(self._known.items()):
            for path in _siblings(known.path):
                descriptor = _open_as(path, known)
                if descriptor is None:
                    continue
                about = os.fstat(descriptor)
                found = (about.st_dev, about.st_ino)
                if found in named or found in self._files:
                    os.close(descriptor)
                    break
                del self._known[identity]
                position = msgspec.structs.replace(
                    known, path=path, device=about.st_dev, inode=about.st_ino, columns=known.columns
                )
                self._files[found] = FollowedFile(descriptor, position)
                break
        while len(self._known) > _REMEMBERED:
            self._known.pop(next(iter(self._known)))

    def _rest_of_copy(self, file: FollowedFile) -> Iterator[Read]:
        """What was not read of a file before it was truncated, from the copy that was made of it."""
        known = file.position
        for path in _siblings(known.path):
            descriptor = _open_as(path, known)
            if descriptor is None:
                continue
            about = os.fstat(descriptor)
            if (about.st_dev, about.st_ino) in self._files or (about.st_dev, about.st_ino) == (
                known.device,
                known.inode,
            ):
                os.close(descriptor)
                continue
            position = msgspec.structs.replace(known, path=path, device=about.st_dev, inode=about.st_ino)
            copy = FollowedFile(descriptor, position)
            self._files[about.st_dev, about.st_ino] = copy
            read = copy.read(self._longest_line, to_end=False)
            if read is not None:
                yield read
            return

    def _begin_again(self, file: FollowedFile) -> None:
        file.position = msgspec.structs.replace(
            file.position, offset=0, pending={}, head=head_of(file.descriptor)
        )

    def _let_go(self, identity: tuple[int, int]) -> None:
        """Close a file that has ended; it is remembered, in case its name is meant again."""
        file = self._files.pop(identity)
        file.close()
        self._known[identity] = file.position
        while len(self._known) > _REMEMBERED:
            self._known.pop(next(iter(self._known)))


def _siblings(path: str) -> list[str]:
    """Files beside a path whose names begin as its does, the newest first."""
    folder, name = os.path.split(path)
    stem = name.split(".", 1)[0]
    try:
        with os.scandir(folder or ".") as entries:
            found = [
                (entry.stat().st_mtime_ns, entry.path)
                for entry in entries
                if entry.name.startswith(stem) and entry.is_file()
            ]
    except OSError:
        return []
    return [each for _, each in sorted(found, reverse=True)[:_SIBLINGS]]


def _open_as(path: str, known: FilePosition) -> int | None:
    """Open a file if it is one that was read before, or a copy of it, at least as long as it was read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    about = os.fstat(descriptor)
    is_same = (about.st_dev, about.st_ino) == (known.device, known.inode)
    alike = known.head.size_bytes > 0 and begins_as(descriptor, known.head)
    if alike and about.st_size >= known.offset and (is_same or known.head.size_bytes >= _ENOUGH_BYTES):
        return descriptor
    os.close(descriptor)
    return None


def _last_line(descriptor: int, size: int) -> int:
    """Where the last line begins that has no end yet."""
    begin = max(0, size - READ_BYTES)
    found = os.pread(descriptor, size - begin, begin).rfind(b"\n")
    return begin + found + 1 if found >= 0 else size
