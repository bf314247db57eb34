"""Rows of numbers in numbered parts: in memory while they are few, beyond that in files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph.errors import Permanent

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Budget:
    """Memory that several spills share.

    Attributes:
        size_bytes: What they hold in memory.
        most_bytes: From where on they write to files.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.size_bytes = 0


class Spill:
    """Appends rows to parts, and gives a part back in the order in which its rows came.

    A row is some words of 64 bits; what they mean, integers or floats, is the caller's business.
    """

    def __init__(self, folder: Path, name: str, words: int, budget: Budget) -> None:
        """Begin empty.

        Args:
            folder: For files, which are made when memory runs out.
            name: Begins their names.
            words: Width of a row.
            budget: Memory, shared with other spills.
        """
        self._folder = folder
        self._name = name
        self._words = words
        self._budget = budget
        self._held: defaultdict[int, list[NDArray[np.uint64]]] = defaultdict(list)
        self._held_bytes = 0
        self._written: set[int] = set()

    def add(self, parts: NDArray[np.integer[Any]], rows: NDArray[np.uint64]) -> None:
        """Append rows.

        Args:
            parts: [n], number of the part that each row belongs to.
            rows: uint64 [n, words].

        Raises:
            Permanent: The disk failed, or is full.
        """
        if not len(rows):
            return
        order = np.argsort(parts, kind="stable")
        numbers, rows = parts[order], rows[order]
        bounds = [0, *(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist(), len(numbers)]
        for number, start, end in zip(numbers[bounds[:-1]].tolist(), bounds, bounds[1:], strict=False):
            self._held[number].append(rows[start:end])
        self._held_bytes += rows.nbytes
        self._budget.size_bytes += rows.nbytes
        if self._budget.size_bytes > self._budget.most_bytes:
            self._write()

    def take(self, part: int) -> NDArray[np.uint64]:
        """The rows of a part, uint64 [n, words], which are forgotten by it.

        Raises:
            Permanent: The disk failed.
        """
        pieces = self._held.pop(part, [])
        freed = sum(piece.nbytes for piece in pieces)
        self._held_bytes -= freed
        self._budget.size_bytes -= freed
        if part in self._written:
            self._written.remove(part)
            path = self._path(part)
            try:
                pieces.insert(0, np.fromfile(path, np.uint64).reshape(-1, self._words))
                path.unlink()
            except OSError as error:
                raise _failed(path, error) from error
        return np.concatenate(pieces) if pieces else np.empty((0, self._words), np.uint64)

    def _write(self) -> None:
        for part, pieces in self._held.items():
            path = self._path(part)
            try:
                with path.open("ab") as file:
                    for piece in pieces:
                        file.write(piece.data)
            except OSError as error:
                raise _failed(path, error) from error
            self._written.add(part)
        self._budget.size_bytes -= self._held_bytes
        self._held_bytes = 0
        self._held.clear()

    def _path(self, part: int) -> Path:
        return self._folder / f"{self._name}-{part}"


def _failed(path: Path, error: OSError) -> Permanent:
    return Permanent(
        f"{path} can't be used: {error.strerror}; rows that wait for their labels lie there; TMPDIR names "
        "another folder"
    )
