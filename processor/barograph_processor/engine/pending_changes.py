"""What a batch reads of the pending store, and what it changes there: all of it at once or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph_processor.engine.settings import ColumnStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.byte_strings import ByteStrings
    from barograph_processor.engine.settings import PendingStore

Entry = tuple[bytes, int, bytes]  # join key, expiry in Unix nanoseconds, record


class Held(NamedTuple):
    """What is held under some keys.

    Attributes:
        new: bool [n], keys that nothing is held under and that differ from the others that are new.
        rest: Places of the others.
        names: Their keys.
        records: What is held under each, as far as something is.
    """

    new: NDArray[np.bool_]
    rest: NDArray[np.intp]
    names: Sequence[bytes]
    records: Sequence[bytes | None]


class _Columns(NamedTuple):
    keys: ByteStrings
    expiry_ns: NDArray[np.int64]
    records: ByteStrings


class PendingChanges:
    """Entries of one store, and those that wait to be put there."""

    def __init__(self, store: PendingStore) -> None:
        self._store = store
        self._in_columns = store if isinstance(store, ColumnStore) else None
        self._entries: dict[bytes, Entry] = {}
        self._columns: list[_Columns] = []

    def forget(self) -> None:
        """Change nothing: a batch begins."""
        self._entries = {}
        self._columns = []

    def look(self, keys: ByteStrings) -> Held:
        """What is held under the keys of a batch.

        Raises:
            Retryable: The store failed.
        """
        if self._in_columns is not None:
            new = self._in_columns.new(keys)
            rest = np.flatnonzero(~new)
            names = keys.take(rest).tolist() if len(rest) else []
            return Held(new, rest, names, self._store.get_many(names) if names else [])
        names = keys.tolist()
        records = self._store.get_many(names)
        new = _first_of(names, records)
        rest = np.flatnonzero(~new)
        places = rest.tolist()
        return Held(new, rest, [names[place] for place in places], [records[place] for place in places])

    def records(self, names: Sequence[bytes]) -> list[bytes | None]:
        """What the store holds under keys.

        Raises:
            Retryable: The store failed.
        """
        return self._store.get_many(names)

    def changed(self, name: bytes) -> bytes | None:
        """The record that waits under a key that isn't new, None where none does."""
        entry = self._entries.get(name)
        return None if entry is None else entry[2]

    def put(self, name: bytes, expiry_ns: int, record: bytes) -> None:
        """Put a record in place of what is held under its key."""
        self._entries[name] = (name, expiry_ns, record)

    def put_columns(self, keys: ByteStrings, expiry_ns: NDArray[np.int64], records: ByteStrings) -> None:
        """Put many; their keys differ from each other, and nothing else is put under them."""
        if self._in_columns is not None:
            self._columns.append(_Columns(keys, expiry_ns, records))
            return
        names = keys.tolist()
        entries = zip(names, expiry_ns.tolist(), records.tolist(), strict=True)
        self._entries.update(zip(names, entries, strict=True))

    def commit(self) -> int:
        """Put what waits; returns how many entries were evicted.

        Raises:
            Retryable: The store failed, and nothing was put.
        """
        evicted = 0
        if self._in_columns is not None:
            for keys, expiry_ns, records in self._columns:
                evicted += self._in_columns.put_columns(keys, expiry_ns, records)
        if self._entries:
            evicted += self._store.put_many([*self._entries.values()])
        self.forget()
        return evicted


def _first_of(keys: Sequence[bytes], stored: Sequence[bytes | None]) -> NDArray[np.bool_]:
    """Which keys nothing is held under, neither in the store nor before in the batch."""
    count = len(keys)
    if len(set(keys)) == count and stored.count(None) == count:
        return np.ones(count, np.bool_)
    seen: set[bytes] = set()
    first = np.zeros(count, np.bool_)
    for place, (key, held) in enumerate(zip(keys, stored, strict=True)):
        first[place] = held is None and key not in seen
        seen.add(key)
    return first
