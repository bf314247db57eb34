"""Copies of the caller's inputs, by form.

A snapshot knows its size in bytes (for the queue's bound), its number of rows where the form
tells it, and a key: snapshots with equal keys can be joined into one table by `frames`.
Immutable scalars are their own snapshots. Made by `freezing`.
"""
# ruff: noqa: D102 - documented once, in Snapshot

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable

    from barograph.libraries import Foreign

SMALL_BYTES = 65_536
SCALAR_BYTES = 64


class Snapshot:
    """What the queue and the background thread know of every form."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """Bytes that it keeps alive, roughly."""
        raise NotImplementedError

    @property
    def rows(self) -> int:
        """Rows, as far as the form alone tells."""
        raise NotImplementedError

    def key(self) -> Hashable:
        """Equal for snapshots that `frames.join` can join; by default none."""
        return id(self)


class ArraySnapshot(Snapshot):
    """A copied numpy array without Python objects in it; small ones as bytes, which join fastest."""

    __slots__ = ("data", "dtype", "shape")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.dtype = array.dtype
        self.shape = array.shape
        self.data: bytes | np.ndarray[Any, Any] = (
            array.tobytes() if array.nbytes <= SMALL_BYTES else array.copy("K")
        )

    @property
    def size(self) -> int:
        return len(self.data) if isinstance(self.data, bytes) else self.data.nbytes

    @property
    def rows(self) -> int:
        return self.shape[0] if len(self.shape) > 1 or self.dtype.names else 1

    def key(self) -> Hashable:
        return self.dtype, self.shape[1:] if len(self.shape) > 1 else self.shape, len(self.shape)

    def array(self) -> np.ndarray[Any, Any]:
        if isinstance(self.data, bytes):
            joined: np.ndarray[Any, Any] = np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)
            return joined
        return self.data


class ObjectSnapshot(Snapshot):
    """An array, table or column that needs no bytes: copied, immutable, or copied on write."""

    __slots__ = ("_rows", "_size", "value")

    def __init__(self, value: Foreign, rows: int, size: int) -> None:
        self.value = value
        self._rows = rows
        self._size = size

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def size(self) -> int:
        return self._size


class BlockSnapshot(Snapshot):
    """A pandas frame whose columns are one numpy array: its values as bytes, and its columns."""

    __slots__ = ("columns", "data", "dtype", "shape")

    def __init__(self, columns: Foreign, block: np.ndarray[Any, Any]) -> None:
        self.columns = columns
        self.dtype = block.dtype
        self.shape = block.shape  # columns by rows
        self.data: bytes | np.ndarray[Any, Any] = (
            block.tobytes() if block.nbytes <= SMALL_BYTES else block.copy("K")
        )

    @property
    def size(self) -> int:
        return len(self.data) if isinstance(self.data, bytes) else self.data.nbytes

    @property
    def rows(self) -> int:
        return int(self.shape[1])

    def key(self) -> Hashable:
        if self.shape[1] != 1:
            return id(self)
        return self.dtype, tuple(self.columns)

    def array(self) -> np.ndarray[Any, Any]:
        """Rows by columns."""
        data = np.frombuffer(self.data, dtype=self.dtype) if isinstance(self.data, bytes) else self.data
        matrix: np.ndarray[Any, Any] = data.reshape(self.shape).T
        return matrix


class RowSnapshot(Snapshot):
    """One row of scalars, or a plain list of scalars; with names where it was a dict."""

    __slots__ = ("names", "values")

    def __init__(self, names: tuple[str, ...] | None, values: tuple[object, ...]) -> None:
        self.names = names
        self.values = values

    @property
    def rows(self) -> int:
        return 1 if self.values else 0

    @property
    def size(self) -> int:
        return SCALAR_BYTES * len(self.values)

    def key(self) -> Hashable:
        return self.names, len(self.values)


class NestedSnapshot(Snapshot):
    """A list of rows: dicts, or tuples of scalars; and whatever else stood among them."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    @property
    def rows(self) -> int:
        return len(self.items)

    @property
    def size(self) -> int:
        return SCALAR_BYTES * sum(len(row) if isinstance(row, (dict, tuple)) else 1 for row in self.items)


class MappingSnapshot(Snapshot):
    """A dict of columns, or of one thing per output, class or segment."""

    __slots__ = ("columns",)

    def __init__(self, columns: dict[str, Frozen]) -> None:
        self.columns = columns

    @property
    def rows(self) -> int:
        first = next(iter(self.columns.values()), None)
        return length_of(first) if first is not None else 1

    @property
    def size(self) -> int:
        return sum(size_of(column) for column in self.columns.values())


# A snapshot, or an immutable scalar.
Frozen: TypeAlias = Any


def size_of(frozen: Frozen) -> int:
    """Bytes that a snapshot keeps alive, roughly."""
    return frozen.size if isinstance(frozen, Snapshot) else SCALAR_BYTES


def length_of(frozen: Frozen) -> int:
    """Length of a snapshot as a column."""
    if isinstance(frozen, ArraySnapshot):
        return frozen.shape[0] if frozen.shape else 1
    if isinstance(frozen, RowSnapshot):
        return len(frozen.values)
    return frozen.rows if isinstance(frozen, Snapshot) else 1
