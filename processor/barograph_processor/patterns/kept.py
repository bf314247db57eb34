"""What a service keeps in its storage directory: unfinished windows and learned baselines.

One process owns a directory at a time. Files appear whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from barograph.baseline import read_baseline
from barograph.errors import ConfigError, StateError
from barograph_processor.patterns.saved import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from barograph.baseline import Baseline
    from barograph_processor.patterns.saved import Saved

SNAPSHOT = "unfinished.snapshot"
CONSUMED = "unfinished.snapshot.restored"
BASELINES = "baselines"
PENDING = "pending"


# Of this process: a forked child must not hold what its parent let go of.
_locks: set[int] = set()


def _let_go() -> None:
    while _locks:
        os.close(_locks.pop())


os.register_at_fork(after_in_child=_let_go)


class DirectoryInUse(ConfigError):
    """Another process owns a storage directory."""


class Kept:
    """Reads and writes a storage directory.

    Attributes:
        directory: The directory, which exists.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def left(self) -> Saved | None:
        """What an orderly stop left; None where it left nothing.

        Raises:
            StateError: The file is damaged, or was written by another version.
        """
        path = self.directory / SNAPSHOT
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except StateError as error:
            raise StateError(f"{path}: {error}") from error

    def set_aside(self) -> None:
        """Let the next start know nothing of what an orderly stop left.

        After a crash, states of an earlier stop would close windows again that were closed more
        completely since.
        """
        path = self.directory / SNAPSHOT
        if path.exists():
            path.replace(self.directory / CONSUMED)

    def leave(self, saved: Saved) -> None:
        """Keep everything for the next start.

        Raises:
            OSError: The disk failed, or is full.
        """
        _write(self.directory / SNAPSHOT, pack(saved))

    def baselines(self) -> list[Baseline]:
        """The baselines that were learned before.

        Raises:
            StateError: One of the files is damaged.
        """
        return [read_baseline(path) for path in sorted((self.directory / BASELINES).glob("*.baseline"))]

    def save_baseline(self, baseline: Baseline) -> Path:
        """Keep a learned baseline; returns where."""
        folder = self.directory / BASELINES
        folder.mkdir(exist_ok=True)
        header = baseline.header
        output = header.outputs[0].name if len(header.outputs) == 1 else ""
        parts = [header.model, header.version, *([output] if output else []), baseline.id[:12]]
        path = folder / ("~".join(quote(part, safe="")[:80] for part in parts) + ".baseline")
        _write(path, baseline.content)
        return path

    def pending_directory(self, group: str) -> Path:
        """Where the pending labels of a group of models are kept."""
        return self.directory / PENDING / pending_name(group)


def pending_name(group: str) -> str:
    """Name of the folder with the pending labels of a group of models."""
    return quote(group, safe="")[:80] or "all"


@contextmanager
def open_kept(directory: Path) -> Iterator[Kept]:
    """Own a storage directory for as long as the context lasts; it is made if it isn't there.

    Raises:
        ConfigError: It can't be made or written to.
        DirectoryInUse: Another process owns it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"$.storage.directory: {directory}: {error.strerror}; give a folder that this user may write"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise DirectoryInUse(
            f"$.storage.directory: {directory} is in use by another process; stop it, or choose another "
            f"directory"
        ) from error
    _locks.add(lock)
    try:
        yield Kept(directory)
    finally:
        if lock in _locks:
            _locks.remove(lock)
            os.close(lock)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
