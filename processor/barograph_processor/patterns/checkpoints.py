"""Checkpoints: everything that a restart needs, at one entry of the journal.

A checkpoint is a folder that gets its name once all of it is safe on disk, so that a folder with a
name is whole. The newest is the only one that is kept.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from barograph.errors import StateError
from barograph_processor.patterns.saved import pack, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from barograph_processor.patterns.saved import Saved
    from barograph_processor.stores.files import Files

STATE: Final = "state"
PENDING: Final = "pending"
_PART: Final = ".part"


@runtime_checkable
class Copied(Protocol):
    """A store that a checkpoint takes a copy of."""

    def flush(self) -> None:
        """Write down what can be, so that the copy is quick."""

    def copy_to(self, folder: Path) -> None:
        """A consistent copy of the store, as a folder that isn't there yet.

        Raises:
            Retryable: The disk failed, or is full.
        """


class Found(NamedTuple):
    """A checkpoint.

    Attributes:
        saved: What it holds.
        pending: Folder with the stores' copies; not there where it has none.
    """

    saved: Saved
    pending: Path


class Checkpoints:
    """The checkpoints of a storage directory. Every method raises OSError where the disk fails."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    def newest(self) -> Found | None:
        """The newest checkpoint, None where there is none.

        Raises:
            StateError: It is damaged, or of another version.
        """
        names = self._complete()
        if not names:
            return None
        folder = self._folder / names[-1]
        try:
            saved = unpack(self._files.read(folder / STATE))
        except StateError as error:
            raise StateError(f"{folder / STATE}: {error}") from error
        return Found(saved, folder / PENDING)

    def begin(self) -> Path:
        """A folder for a new checkpoint; stores are copied to `PENDING` in it, each to its own folder."""
        for name in self._files.names(self._folder):
            if name.endswith(_PART):
                self._files.remove(self._folder / name)
        complete = self._complete()
        part = self._folder / f"{int(complete[-1]) + 1 if complete else 1:020}{_PART}"
        self._files.make_folder(part / PENDING)
        return part

    def finish(self, part: Path, saved: Saved) -> None:
        """Make a begun checkpoint the newest, and remove those before it."""
        file = self._files.create(part / STATE)
        try:
            file.write(pack(saved))
            file.sync()
        finally:
            file.close()
        self._files.sync_folder(part / PENDING)
        self._files.sync_folder(part)
        self._files.sync_folder(self._folder.parent)
        self._files.rename(part, part.with_suffix(""))
        for name in self._complete()[:-1]:
            self._files.remove(self._folder / name)

    def abandon(self, part: Path) -> None:
        """Remove what was begun."""
        with suppress(OSError):
            self._files.remove(part)

    def _complete(self) -> list[str]:
        return [name for name in self._files.names(self._folder) if name.isdecimal()]
