"""Entries of a pending store as columns: a third of the memory of objects, and many handled at once."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.engine.hash_index import ABSENT, HashIndex
from barograph_processor.engine.settings import HOUR_NS
from barograph_processor.stores.column_part import PART_BYTES, ROWS_MOST, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from barograph_processor.engine.byte_strings import ByteStrings

_ROW_BITS: Final = ROWS_MOST.bit_length() - 1
_PLACE: Final = ROWS_MOST - 1
_LIVE_LEAST: Final = 0.75  # of a part; where fewer are left they move, so that the memory is free
_SMALL_ROWS: Final = 1_024
_SEEDS_MOST: Final = 16  # after which keys that share all their hashes are the same
_NEXT_SEED: Final = 0x9E3779B97F4A7C15
_SEED_MASK: Final = 2**64 - 1


class _Asked(NamedTuple):
    """Keys without a row, as nothing was put since, and their hashes, unlike each other."""

    keys: ByteStrings | None
    hashes: NDArray[np.uint64]


_NOTHING: Final = _Asked(None, np.zeros(0, np.uint64))


class Columns:
    """Rows by key; those that expire in one hour lie together, in the order that they came.

    Rows are found by a hash of their key. Keys that differ and have one hash are as good as impossible,
    except to somebody who knows the seed: then another seed is taken.

    Attributes:
        size_bytes: Estimate of the memory held.
    """

    def __init__(self, seed: int) -> None:
        """Begin empty.

        Args:
            seed: Of the hashes; what no sender can know.
        """
        self._seed = seed
        self._index = HashIndex()
        self._parts: dict[int, Part] = {}
        self._hours: dict[int, list[Part]] = {}
        self._order: list[int] = []
        self._numbers = 0
        self._asked = _NOTHING
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._index)

    def new(self, keys: ByteStrings) -> NDArray[np.bool_]:
        """Bool [n], which keys certainly have no row, and certainly differ from the others."""
        hashes = self._hashes(keys)
        found: NDArray[np.bool_] = self._index.find(hashes) == ABSENT
        if len(hashes) > 1:
            in_order = np.sort(hashes)
            again = in_order[1:] == in_order[:-1]
            if again.any():
                found &= ~np.isin(hashes, in_order[1:][again])
        if found.all():
            self._asked = _Asked(keys, hashes)
        return found

    def find(self, keys: ByteStrings) -> NDArray[np.int64]:
        """int64 [n], the row of each key, `ABSENT` where there is none."""
        return self._exactly(keys, self._index.find(self._hashes(keys)))

    def values(self, rows: NDArray[np.int64]) -> list[bytes | None]:
        """The value of each row, None of `ABSENT`."""
        found: list[bytes | None] = [None] * len(rows)
        for part, places, local in self._by_part(rows):
            for place, value in zip(places.tolist(), part.values.take(local).tolist(), strict=True):
                found[place] = value
        return found

    def put(self, keys: ByteStrings, expiry_ns: NDArray[np.int64], values: ByteStrings) -> None:
        """Add rows, in place of those that have these keys.

        Args:
            keys: Unlike each other.
            expiry_ns: Unix nanoseconds, of each.
            values: Of each.
        """
        asked, self._asked = self._asked, _NOTHING
        hashes = asked.hashes if keys is asked.keys else self._vacated(keys)
        hours = expiry_ns // HOUR_NS
        if (hours == hours[0]).all():
            self._add(int(hours[0]), keys, hashes, expiry_ns, values)
            return
        order = np.argsort(hours, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(hours[order])) + 1):
            hour = int(hours[some[0]])
            self._add(hour, keys.take(some), hashes[some], expiry_ns[some], values.take(some))

    def _add(
        self,
        hour: int,
        keys: ByteStrings,
        hashes: NDArray[np.uint64],
        expiry_ns: NDArray[np.int64],
        values: ByteStrings,
    ) -> None:
        """Add rows that expire in one hour, as many to a part as it has room for."""
        part = self._open(hour, int(max(keys.lengths.sum(), values.lengths.sum())))
        fitting = ROWS_MOST - part.rows
        if fitting < len(hashes):
            for rows in np.split(np.arange(len(hashes)), range(fitting, len(hashes), ROWS_MOST)):
                self._add(hour, keys.take(rows), hashes[rows], expiry_ns[rows], values.take(rows))
            return
        before = part.size_bytes
        first = part.add(keys, hashes, expiry_ns, values)
        self.size_bytes += part.size_bytes - before
        self._index.put(hashes, np.arange(first, first + len(hashes)) | part.number << _ROW_BITS)

    def _vacated(self, keys: ByteStrings) -> NDArray[np.uint64]:
        """The hashes of keys, unlike each other; their rows are gone."""
        for _ in range(_SEEDS_MOST):
            hashes = self._hashes(keys)
            held = self._index.find(hashes)
            rows = self._exactly(keys, held)
            self._remove(rows)
            if not _equal(hashes) and (self._index.find(hashes) == ABSENT).all():
                return hashes
            self._reseed()
        raise ValueError("a key comes twice among those that are put together")

    def expire(self, before_ns: int, most: int) -> list[bytes]:
        """Remove rows that expire before a time, so many at most; their values."""
        gone: list[bytes] = []
        last = before_ns // HOUR_NS
        while len(gone) < most and (hour := self._oldest_hour()) is not None and hour <= last:
            for part in list(self._hours[hour]):
                rows = part.due(before_ns)[: most - len(gone)]
                gone += part.values.take(rows).tolist()
                self._drop(part, rows)
            if hour == last:
                break
        return gone

    def evict(self, enough_bytes: int) -> int:
        """Remove the rows that would expire first, those that came first first, until enough is free.

        Returns:
            How many rows.
        """
        evicted, wanted = 0, self.size_bytes - enough_bytes
        while self.size_bytes > wanted and (hour := self._oldest_hour()) is not None:
            part = self._hours[hour][0]
            rows = part.first(self.size_bytes - wanted)
            evicted += len(rows)
            self._drop(part, rows)
        return evicted

    def __iter__(self) -> Iterator[tuple[ByteStrings, NDArray[np.int64], ByteStrings]]:
        """All rows: keys, when they expire, values."""
        for part in self._parts.values():
            rows = part.live_rows()
            yield part.keys.take(rows), part.expiry_ns[rows], part.values.take(rows)

    def _hashes(self, keys: ByteStrings) -> NDArray[np.uint64]:
        """uint64 [n], hash of each key, never 0."""
        found = keys.hashes(self._seed)
        found[found == 0] = 1
        return found

    def _exactly(self, keys: ByteStrings, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows whose hashes are those of keys; `ABSENT` where the keys aren't the same."""
        for part, places, local in self._by_part(rows):
            same = part.keys.take(local).equals(keys.take(places))
            rows[places[~same]] = ABSENT
        return rows

    def _reseed(self) -> None:
        """Another seed, by which no two rows have one hash."""
        self._seed = (self._seed * _NEXT_SEED + 1) & _SEED_MASK
        for part in self._parts.values():
            rows = part.live_rows()
            part.hashes[rows] = self._hashes(part.keys.take(rows))
        held = [part.hashes[part.live_rows()] for part in self._parts.values()]
        if held and _equal(np.concatenate(held)):
            self._reseed()
            return
        self._index = HashIndex()
        for part in self._parts.values():
            rows = part.live_rows()
            self._index.put(part.hashes[rows], rows | part.number << _ROW_BITS)

    def _open(self, hour: int, size_bytes: int) -> Part:
        """The part that takes further rows of an hour, whose keys or values have so many bytes."""
        parts = self._hours.get(hour)
        if parts is None:
            parts = self._hours[hour] = []
            heapq.heappush(self._order, hour)
        if not parts or parts[-1].rows == ROWS_MOST or not parts[-1].has_room(size_bytes):
            parts.append(self._begun(hour))
        return parts[-1]

    def _begun(self, hour: int) -> Part:
        self._numbers += 1
        self.size_bytes += PART_BYTES
        part = self._parts[self._numbers] = Part(self._numbers, hour)
        return part

    def _oldest_hour(self) -> int | None:
        """The first hour that has rows."""
        while self._order and not self._hours.get(self._order[0]):
            self._hours.pop(heapq.heappop(self._order), None)
        return self._order[0] if self._order else None

    def _by_part(self, rows: NDArray[np.int64]) -> Iterable[tuple[Part, NDArray[np.intp], NDArray[np.intp]]]:
        """Parts, the places of `rows` that are in each, and the rows' numbers there."""
        places = np.flatnonzero(rows != ABSENT)
        numbers = rows[places] >> _ROW_BITS
        if (numbers[1:] != numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            groups = np.split(places[order], np.flatnonzero(np.diff(numbers[order])) + 1)
        else:
            groups = [places] if len(places) else []
        return [(self._parts[int(rows[some[0]]) >> _ROW_BITS], some, rows[some] & _PLACE) for some in groups]

    def _remove(self, rows: NDArray[np.int64]) -> None:
        for part, _, local in self._by_part(rows):
            self._drop(part, local)

    def _drop(self, part: Part, rows: NDArray[np.intp]) -> None:
        """Remove rows; give memory back where a part has none left, or few."""
        if not len(rows):
            return
        before = part.size_bytes
        self._index.remove(part.drop(rows))
        self.size_bytes += part.size_bytes - before
        if part.held and (part.rows < _SMALL_ROWS or part.held >= _LIVE_LEAST * part.rows):
            return
        del self._parts[part.number]
        self.size_bytes -= part.size_bytes + PART_BYTES
        others = self._hours[part.hour]
        place = others.index(part)
        del others[place]
        if part.held:  # in the same place, for the first to come are the first to leave
            smaller = self._begun(part.hour)
            others.insert(place, smaller)
            left = part.live_rows()
            hashes = part.hashes[left]
            smaller.add(part.keys.take(left), hashes, part.expiry_ns[left], part.values.take(left))
            self.size_bytes += smaller.size_bytes
            self._index.put(hashes, np.arange(len(left)) | smaller.number << _ROW_BITS)


def _equal(hashes: NDArray[np.uint64]) -> bool:
    """Whether two of them are the same."""
    in_order = np.sort(hashes)
    return bool((in_order[1:] == in_order[:-1]).any())
