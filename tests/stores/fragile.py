"""A file system in memory that dies, fills up or fails where a test says so."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from barograph_processor.stores.files import AppendFile


class Crashed(BaseException):
    """The process was killed, or the machine lost its power."""


class Node:
    """Content of a file, and how much of it is safe."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.safe = bytes(content)
        self.links = 1


class FragileFiles:
    """Files by path; what was written is safe once it was synced, a name once its folder was.

    Attributes:
        steps: Operations so far that change something.
        dies_at: The step that kills the process half-way.
        full: Whether there is no room for anything more.
        broken: Whether syncs fail.
        on_sync: Called within each sync of a file.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.nodes: dict[Path, Node] = {}
        self.safe_names: dict[Path, Node] = {}
        self.folders: set[Path] = set()
        self.steps = 0
        self.dies_at = dies_at
        self.full = False
        self.broken = False
        self.dead = False
        self.syncs = 0
        self.on_sync: Callable[[], None] | None = None

    def create(self, path: Path) -> AppendFile:
        self.step()
        self.room()
        assert path.parent in self.folders, path
        assert path not in self.nodes, path
        self.nodes[path] = Node()
        return FragileFile(self, self.nodes[path])

    def read(self, path: Path) -> bytes:
        return bytes(self.nodes[path].content)

    def names(self, folder: Path) -> list[str]:
        found = [path.name for path in (*self.nodes, *self.folders) if path.parent == folder]
        return sorted(found)

    def make_folder(self, folder: Path) -> None:
        if folder not in self.folders:
            self.step()
            self.room()
            self.folders |= {folder, *folder.parents}

    def rename(self, old: Path, new: Path) -> None:
        self.step()
        for names in (self.nodes, self.safe_names):
            moved = {path: names.pop(path) for path in list(names) if path == old or old in path.parents}
            names.update({new / path.relative_to(old): node for path, node in moved.items()})
        self.folders = {new / one.relative_to(old) if _in(old, one) else one for one in self.folders}
        self.sync_folder(new.parent)

    def remove(self, path: Path) -> None:
        for one in [one for one in self.nodes if _in(path, one)]:
            self.step()
            self.nodes.pop(one).links = 0
            self.safe_names.pop(one, None)  # at once: a name that comes back is the easier case
        self.folders = {one for one in self.folders if not _in(path, one)}

    def sync_folder(self, folder: Path) -> None:
        self.step()
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.safe_names.update({path: node for path, node in self.nodes.items() if path.parent == folder})

    def step(self) -> None:
        if self.dead:
            raise Crashed
        self.steps += 1
        if self.steps == self.dies_at:
            self.dead = True
            raise Crashed

    def room(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def after_kill(self) -> FragileFiles:
        """What the next process finds: everything that was written."""
        return self._copy({path: bytes(node.content) for path, node in self.nodes.items()})

    def after_power_loss(self, chance: Random) -> FragileFiles:
        """What the machine finds when it comes back: what was safe, and any part of the rest."""
        found = {}
        for path, node in self.safe_names.items():
            rest = bytearray(node.content[len(node.safe) :])
            if rest:
                del rest[chance.randrange(len(rest) + 1) :]
                for place in range(0, len(rest), 16):
                    if chance.random() < 0.2:
                        rest[place : place + 16] = bytes(len(rest[place : place + 16]))
            found[path] = node.safe + bytes(rest)
        return self._copy(found)

    def _copy(self, contents: dict[Path, bytes]) -> FragileFiles:
        again = FragileFiles()
        again.nodes = {path: Node(content) for path, content in contents.items()}
        again.safe_names = dict(again.nodes)
        again.folders = {folder for path in again.nodes for folder in path.parents} | self.folders
        return again


class FragileFile:
    """An open file."""

    def __init__(self, files: FragileFiles, node: Node) -> None:
        self._files = files
        self._node = node

    def write(self, data: bytes) -> None:
        half = data[: len(data) // 2]
        try:
            self._files.step()
            self._files.room()
        except (Crashed, OSError):
            self._node.content += half
            raise
        self._node.content += data

    def sync(self) -> None:
        self._files.step()
        if self._files.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        content = bytes(self._node.content)
        if self._files.on_sync is not None:
            self._files.on_sync()
        self._files.syncs += 1
        self._node.safe = content

    def truncate(self, size_bytes: int) -> None:
        self._files.step()
        del self._node.content[size_bytes:]
        self._node.safe = self._node.safe[:size_bytes]

    def removed(self) -> bool:
        return not self._node.links

    def close(self) -> None:
        pass


def _in(folder: Path, path: Path) -> bool:
    return path == folder or folder in path.parents
