"""What storage asks of a file system, so that tests can let one fail wherever it can."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ONLY = 0o600  # the files hold ids and values
OWNER_FOLDER = 0o700


class AppendFile(Protocol):
    """A file that grows at its end. Every method raises OSError where it can't."""

    def write(self, data: bytes) -> None:
        """Append all of it; where that fails, some of it may be there."""

    def sync(self) -> None:
        """Return once everything written would outlive a loss of power."""

    def truncate(self, size_bytes: int) -> None:
        """Cut to a size."""

    def removed(self) -> bool:
        """Whether somebody removed the file, so that what is written is lost."""

    def close(self) -> None:
        """Let go of it."""


class Files(Protocol):
    """A file system. Every method raises OSError where it can't."""

    def create(self, path: Path) -> AppendFile:
        """A new file, empty."""

    def read(self, path: Path) -> bytes:
        """Everything in a file."""

    def names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted; nothing where there is no folder."""

    def make_folder(self, folder: Path) -> None:
        """A folder, with those that it lies in; nothing where it is there."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name within its folder, at once and for good."""

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with everything in it; nothing where it isn't there."""

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in it would outlive a loss of power."""


class SystemFiles:
    """The machine's file system."""

    __slots__ = ()

    def create(self, path: Path) -> AppendFile:
        """A new file, empty."""
        return _SystemFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, OWNER_ONLY))

    def read(self, path: Path) -> bytes:
        """Everything in a file."""
        return path.read_bytes()

    def names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted; nothing where there is no folder."""
        try:
            return sorted(path.name for path in folder.iterdir())
        except FileNotFoundError:
            return []

    def make_folder(self, folder: Path) -> None:
        """A folder, with those that it lies in; nothing where it is there."""
        folder.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name within its folder, at once and for good."""
        old.rename(new)
        self.sync_folder(new.parent)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with everything in it; nothing where it isn't there."""
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in it would outlive a loss of power."""
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


class _SystemFile:
    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def sync(self) -> None:
        os.fdatasync(self._file)

    def truncate(self, size_bytes: int) -> None:
        os.ftruncate(self._file, size_bytes)

    def removed(self) -> bool:
        return not os.fstat(self._file).st_nlink

    def close(self) -> None:
        os.close(self._file)
