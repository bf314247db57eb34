"""Columns of byte strings: compared and hashed by the eight bytes at a time, for all rows at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

WORD_BYTES: Final = 8
_KEPT = ~(~np.uint64(0) << (np.arange(WORD_BYTES + 1, dtype=np.uint64) * np.uint64(8) % np.uint64(64)))
_KEPT[WORD_BYTES] = ~np.uint64(0)  # of a word that ends after so many bytes
_LOOSE: Final = 1.25
_FEW: Final = 16  # strings that are quicker looked at one by one
_FEWER: Final = 6  # strings that are quicker hashed one by one
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)
_NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class ByteStrings:
    """n byte strings, anywhere in common memory.

    >>> column = ByteStrings.of([b"a-17", b"", b"b"])
    >>> column.tolist(), column.take(np.array([2, 0])).tolist()
    ([b'a-17', b'', b'b'], [b'b', b'a-17'])

    Attributes:
        data: uint8, what they lie in; at least seven more bytes than the last one's end.
        begins: int64 [n], where each begins.
        lengths: int64 [n], bytes of each.
    """

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, strings: Sequence[bytes]) -> ByteStrings:
        """The same strings as a column."""
        lengths = np.fromiter(map(len, strings), np.int64, len(strings))
        return cls.joined(np.frombuffer(b"".join(strings), np.uint8), lengths)

    @classmethod
    def joined(cls, data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> ByteStrings:
        """Strings that lie one after the other.

        Args:
            data: uint8, all of them; copied.
            lengths: int64 [n], bytes of each.
        """
        ends = np.cumsum(lengths)
        return cls(np.concatenate([data, np.zeros(WORD_BYTES, np.uint8)]), ends - lengths, lengths)

    @classmethod
    def of_table(cls, table: NDArray[np.uint8]) -> ByteStrings:
        """The rows of a table, uint8 [n, width]."""
        count, width = table.shape
        return cls.joined(table.reshape(-1), np.full(count, width))

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, row: int) -> bytes:
        begin = int(self.begins[row])
        return self.data[begin : begin + int(self.lengths[row])].tobytes()

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> ByteStrings:
        """Some of them, in the same memory."""
        return ByteStrings(self.data, self.begins[rows], self.lengths[rows])

    @property
    def width(self) -> int | None:
        """Bytes of every string, None where they differ or there is none."""
        lengths = self.lengths
        return int(lengths[0]) if len(lengths) and bool((lengths == lengths[0]).all()) else None

    def together(self) -> NDArray[np.uint8]:
        """uint8, the strings one after the other and nothing between them."""
        begins, lengths = self.begins, self.lengths
        total = int(lengths.sum())
        if not total:
            return np.zeros(0, np.uint8)
        if (begins[1:] == begins[:-1] + lengths[:-1]).all():
            return self.data[int(begins[0]) : int(begins[0]) + total]
        width = self.width
        if width is not None:
            items = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data, strides=(1,))
            return items[begins].view(np.uint8)
        shift = begins - (np.cumsum(lengths) - lengths)
        together: NDArray[np.uint8] = self.data[np.arange(total) + np.repeat(shift, lengths)]
        return together

    def region(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """uint8 that holds the strings, in whichever order and little else; and where each begins there.

        What lies apart is copied.
        """
        if len(self) == 1:
            begin = int(self.begins[0])
            return self.data[begin : begin + int(self.lengths[0])], np.zeros(1, np.int64)
        total = int(self.lengths.sum())
        if not total:
            return np.zeros(0, np.uint8), np.zeros(len(self), np.int64)
        least = int(self.begins.min())
        end = int((self.begins + self.lengths).max())
        if end - least <= _LOOSE * total:
            return self.data[least:end], self.begins - least
        return self.together(), np.cumsum(self.lengths) - self.lengths

    def prefixed(self, prefix: bytes) -> ByteStrings:
        """The strings, each behind the same eight bytes."""
        if len(self) < _FEW:
            return ByteStrings.of([prefix + one for one in self.tolist()])
        longest = int(self.lengths.max(initial=0))
        table = np.zeros((len(self), 1 + -(-longest // WORD_BYTES)), np.uint64)
        table[:, 0] = int.from_bytes(prefix, "little")
        for column, (rows, words) in enumerate(self.words(), start=1):
            table[rows, column] = words
        data = np.append(table.reshape(-1), np.uint64(0)).view(np.uint8)
        begins = np.arange(len(self)) * (table.shape[1] * WORD_BYTES)
        return ByteStrings(data, begins, self.lengths + WORD_BYTES)

    def tolist(self) -> list[bytes]:
        """Each as an object."""
        if len(self) < _FEW:
            return [self[row] for row in range(len(self))]
        width = self.width
        if width:
            strings: list[bytes] = self.together().view(f"V{width}").tolist()
            return strings
        data, ends = self.together().tobytes(), np.cumsum(self.lengths)
        begins = (ends - self.lengths).tolist()
        return [data[begin:end] for begin, end in zip(begins, ends.tolist(), strict=True)]

    def words(self) -> Iterator[tuple[NDArray[np.intp] | slice, NDArray[np.uint64]]]:
        """The strings' bytes, eight at a time, from the first on.

        Yields:
            Which rows have bytes there, and those as numbers, uint64, zeros after the end.
        """
        words = np.ndarray((len(self.data) - WORD_BYTES + 1,), "<u8", self.data, strides=(1,))
        longest = int(self.lengths.max(initial=0))
        shortest = int(self.lengths.min(initial=longest))
        rows: NDArray[np.intp] | slice = slice(None)
        for at in range(0, longest, WORD_BYTES):
            if at >= shortest:
                rows = np.flatnonzero(self.lengths > at)
            found = words[self.begins[rows] + at]
            if at + WORD_BYTES > shortest:
                found &= _KEPT[np.minimum(self.lengths[rows] - at, WORD_BYTES)]
            yield rows, found

    def hashes(self, seed: int) -> NDArray[np.uint64]:
        """uint64 [n], equal of equal strings.

        Two strings that somebody chose who doesn't know the seed have one hash with a probability of 2**-64,
        and share its upper or lower half with one of 2**-32.

        Args:
            seed: 0 to 2**64 - 1; another one gives other hashes.

        Source: Lemire and Kaser, "Strongly universal string hashing is fast", 2014: MULTILINEAR-HM, twice.
        """
        if len(self) <= _FEWER:
            return np.array([_hash(string, seed) for string in self.tolist()], np.uint64)
        factors = _factors(seed, 2 + 2 * -(-int(self.lengths.max(initial=0)) // WORD_BYTES))
        halves: NDArray[np.uint64] = factors[0] + factors[1] * self.lengths.astype(np.uint64)
        for at, (rows, words) in enumerate(self.words(), start=1):
            more = (factors[2 * at] + (words & _LOW)) * (factors[2 * at + 1] + (words >> _HALF))
            for half, each in zip(halves, more, strict=True):
                half[rows] += each
        halves[0] &= ~_LOW
        halves[1] >>= _HALF
        found: NDArray[np.uint64] = halves[0] | halves[1]
        return found

    def equals(self, other: ByteStrings) -> NDArray[np.bool_]:
        """Bool [n], which strings are equal to those of another column, row by row."""
        if len(self) < _FEW:
            return np.array(
                [mine == its for mine, its in zip(self.tolist(), other.tolist(), strict=True)], np.bool_
            )
        equal: NDArray[np.bool_] = self.lengths == other.lengths
        alike = np.flatnonzero(equal)
        mine, others = self.take(alike), other.take(alike)
        for (rows, one), (_, two) in zip(mine.words(), others.words(), strict=True):
            equal[alike[rows]] &= one == two
        return equal


def _hash(string: bytes, seed: int) -> int:
    """`ByteStrings.hashes` of one string."""
    words = [int.from_bytes(string[at : at + 8], "little") for at in range(0, len(string), WORD_BYTES)]
    halves = []
    for factors in _factors_of_halves(seed, len(words)):
        found = factors[0] + factors[1] * len(string)
        for at, word in enumerate(words, start=1):
            found += (factors[2 * at] + (word & 0xFFFFFFFF)) * (factors[2 * at + 1] + (word >> 32))
        halves.append(found)
    return halves[0] & 0xFFFFFFFF00000000 | halves[1] >> 32 & 0xFFFFFFFF


def of_tables(tables: Sequence[NDArray[np.uint8]], places: Sequence[NDArray[np.intp]]) -> ByteStrings:
    """The rows of several tables as one column.

    Args:
        tables: uint8 [n, width] each, one at least.
        places: int [n] each, the places of a table's rows in the column.
    """
    widths = [table.shape[1] for table in tables]
    lengths = np.repeat(widths, [len(table) for table in tables])
    together = ByteStrings.joined(np.concatenate([table.reshape(-1) for table in tables]), lengths)
    order = np.empty(len(lengths), np.intp)
    order[np.concatenate(places)] = np.arange(len(lengths))
    return together.take(order)


@lru_cache(maxsize=64)
def _factors(seed: int, count: int) -> NDArray[np.uint64]:
    """uint64 [count, 2, 1], random numbers that a seed gives; of a larger count the first are the same."""
    drawn = hashlib.shake_256(seed.to_bytes(_NUMBER_BYTES, "little")).digest(2 * _NUMBER_BYTES * count)
    return np.frombuffer(drawn, "<u8").astype(np.uint64).reshape(count, 2, 1)


@lru_cache(maxsize=64)
def _factors_of_halves(seed: int, words: int) -> list[list[int]]:
    """As `_factors`, for strings of so many words, by half."""
    found: list[list[int]] = _factors(seed, 2 + 2 * words)[:, :, 0].T.tolist()
    return found
