"""Finds whole files in folders that they are dropped into, and knows which were read."""

from __future__ import annotations

import glob
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_END_BYTES: Final = 4_096  # of a file, in which Parquet says what the rest holds
_WHOLE: Final = b"PAR1"
_REMEMBERED: Final = 10_000
_DIGEST_BYTES: Final = 16


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file was read.

    Attributes:
        path: Where it was.
        rows: Rows that were taken.
        done: Whether there is nothing more to take.
    """

    path: str
    rows: int = 0
    done: bool = False


class Dropped(NamedTuple):
    """A file that is to be read.

    Attributes:
        name: Names it among those of a machine: where it lies, its size and how it ends.
        path: Where it is.
        written_ns: When it was last written, in Unix nanoseconds.
        whole: Whether it ends as a Parquet file does.
    """

    name: str
    path: Path
    written_ns: int
    whole: bool


class _Seen(NamedTuple):
    device: int
    inode: int
    size_bytes: int
    written_ns: int


class Folders:
    """Files that patterns mean, oldest first, each of them once.

    Not safe for several threads.
    """

    def __init__(
        self,
        include: Sequence[str],
        *,
        exclude: Sequence[str] = (),
        settle_s: float,
        known: Mapping[str, Place] | None = None,
    ) -> None:
        """Begin.

        Args:
            include: Paths and patterns.
            exclude: Those of them that are not meant.
            settle_s: A file without an end that didn't change for so long will not get one.
            known: How far files were read in an earlier run, by their names.
        """
        self._include = tuple(include)
        self._exclude = tuple(exclude)
        self._settle_s = settle_s
        self._places = dict(known or {})
        self._files: dict[_Seen, tuple[Dropped, float]] = {}

    def place(self, file: Dropped) -> Place:
        """How far a file was read."""
        return self._places.get(file.name, Place(path=str(file.path)))

    def next(self, now_s: float) -> Dropped | None:
        """The file to read next; one without an end only when it has settled.

        Args:
            now_s: A clock that never goes back.
        """
        before, self._files = self._files, {}
        for seen, path in sorted(self._meant(), key=lambda each: (each[0].written_ns, each[1])):
            known = before.get(seen) or _looked_at(seen, path, now_s)
            if known is not None:
                self._files[seen] = known
        for file, since_s in self._files.values():
            if not self.place(file).done and (file.whole or now_s - since_s >= self._settle_s):
                return file
        return None

    def change(self, file: Dropped, place: Place) -> dict[str, Place | None]:
        """What is to be remembered when a file was read so far, by names; None: it is to be forgotten."""
        there = {each.name for each, _ in self._files.values()}
        gone = [name for name in self._places if name not in there and name != file.name]
        return {**dict.fromkeys(gone[: max(0, len(gone) - _REMEMBERED)]), file.name: place}

    def taken(self, change: Mapping[str, Place | None]) -> None:
        """Remember it."""
        for name, place in change.items():
            self._places.pop(name, None)
            if place is not None:
                self._places[name] = place

    def _meant(self) -> Iterator[tuple[_Seen, str]]:
        left_out = {path for pattern in self._exclude for path in glob.glob(pattern, recursive=True)}  # noqa: PTH207
        for pattern in self._include:
            for path in glob.glob(pattern, recursive=True):  # noqa: PTH207  # patterns may begin at the root
                if path in left_out or os.path.basename(path).startswith(("_", ".")):  # noqa: PTH119
                    continue
                with suppress(OSError):
                    about = os.stat(path)  # noqa: PTH116  # patterns give text
                    if os.path.isfile(path):  # noqa: PTH113
                        yield _Seen(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns), path


def _looked_at(seen: _Seen, path: str, now_s: float) -> tuple[Dropped, float] | None:
    """A file with how it ends; None where it can't be opened."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, seen.size_bytes - _END_BYTES))
            end = file.read(_END_BYTES)
    except OSError:
        return None
    digest = hashlib.blake2b(end, digest_size=_DIGEST_BYTES).hexdigest()
    name = f"{seen.device:x}:{seen.inode:x}:{seen.size_bytes:x}:{digest}"
    return Dropped(name, Path(path), seen.written_ns, end.endswith(_WHOLE)), now_s
