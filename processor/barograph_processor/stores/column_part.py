"""Some thousand entries of a pending store, next to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from barograph_processor.engine.byte_strings import WORD_BYTES, ByteStrings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    ScalarT = TypeVar("ScalarT", bound=np.generic)

ROWS_MOST: Final = 1 << 16
ROW_BYTES: Final = 96  # what a row costs beyond its strings: places, hash, expiry, slots of the index
PART_BYTES: Final = 4_096
STRINGS_BYTES: Final = 2**31  # of a part's keys, or values, with those that are gone; places have 32 bits
_FIRST_ROWS: Final = 16
_GROWTH: Final = 4
_MORE_MOST: Final = 4 * 2**20
_FOREVER_NS: Final = 2**63 - 1


class Strings:
    """Byte strings that others are added to.

    Attributes:
        rows: How many there are.
    """

    __slots__ = ("_begins", "_data", "_lengths", "_used", "rows")

    def __init__(self) -> None:
        self._data = np.zeros(0, np.uint8)
        self._begins = np.zeros(0, np.uint32)
        self._lengths = np.zeros(0, np.uint32)
        self._used = 0
        self.rows = 0

    def add(self, strings: ByteStrings) -> None:
        """Add strings after those that are there."""
        data, begins = strings.region()
        rows = self.rows + len(strings)
        used = self._used + len(data)
        self._data = _with_room(self._data, self._used, used + WORD_BYTES)
        self._begins = _with_room(self._begins, self.rows, rows, ROWS_MOST)
        self._lengths = _with_room(self._lengths, self.rows, rows, ROWS_MOST)
        self._data[self._used : used] = data
        self._begins[self.rows : rows] = self._used + begins
        self._lengths[self.rows : rows] = strings.lengths
        self._used, self.rows = used, rows
        if rows == ROWS_MOST:
            self._data = self._data[: used + WORD_BYTES].copy()

    def has_room(self, size_bytes: int) -> bool:
        """Whether strings of so many bytes still fit; into none, all do."""
        return not self._used or self._used + size_bytes <= STRINGS_BYTES

    def take(self, rows: NDArray[np.intp]) -> ByteStrings:
        """Some of them."""
        return ByteStrings(
            self._data, self._begins[rows].astype(np.int64), self._lengths[rows].astype(np.int64)
        )

    def lengths(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """int64 [n], bytes of some of them."""
        return self._lengths[rows].astype(np.int64)


class Part:
    """Rows that expire in one hour.

    Attributes:
        number: Its own, unlike all others'.
        hour: Since 1970.
        keys: Of each row.
        values: Of each row.
        hashes: uint64, of each key; room for more after `rows`, as in the next two.
        expiry_ns: int64, Unix nanoseconds.
        live: bool, which rows are held.
        held: How many are.
        size_bytes: Estimate of the memory of those.
    """

    __slots__ = (
        "_least_ns",
        "expiry_ns",
        "hashes",
        "held",
        "hour",
        "keys",
        "live",
        "number",
        "size_bytes",
        "values",
    )

    def __init__(self, number: int, hour: int) -> None:
        self.number = number
        self.hour = hour
        self.keys = Strings()
        self.values = Strings()
        self.hashes = np.zeros(0, np.uint64)
        self.expiry_ns = np.zeros(0, np.int64)
        self.live = np.zeros(0, np.bool_)
        self.held = 0
        self.size_bytes = 0
        self._least_ns = _FOREVER_NS

    @property
    def rows(self) -> int:
        """Rows that were added."""
        return self.keys.rows

    def has_room(self, size_bytes: int) -> bool:
        """Whether rows whose keys, or values, have so many bytes still fit."""
        return self.keys.has_room(size_bytes) and self.values.has_room(size_bytes)

    def add(
        self, keys: ByteStrings, hashes: NDArray[np.uint64], expiry_ns: NDArray[np.int64], values: ByteStrings
    ) -> int:
        """Add rows, one at least; the number of the first."""
        first, end = self.rows, self.rows + len(keys)
        self.keys.add(keys)
        self.values.add(values)
        self.hashes = _with_room(self.hashes, first, end, ROWS_MOST)
        self.expiry_ns = _with_room(self.expiry_ns, first, end, ROWS_MOST)
        self.live = _with_room(self.live, first, end, ROWS_MOST)
        self.hashes[first:end], self.expiry_ns[first:end], self.live[first:end] = hashes, expiry_ns, True
        self.held += len(keys)
        self.size_bytes += ROW_BYTES * len(keys) + int(keys.lengths.sum() + values.lengths.sum())
        self._least_ns = min(self._least_ns, int(expiry_ns.min()))
        return first

    def drop(self, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Hold some rows no longer; their hashes."""
        self.size_bytes -= int(self._sizes(rows).sum())
        self.live[rows] = False
        self.held -= len(rows)
        return self.hashes[rows]

    def live_rows(self) -> NDArray[np.intp]:
        """Numbers of the rows that are held."""
        return np.flatnonzero(self.live[: self.rows])

    def due(self, before_ns: int) -> NDArray[np.intp]:
        """Numbers of the rows that expire before a time."""
        if self._least_ns >= before_ns:
            return np.zeros(0, np.intp)
        return np.flatnonzero(self.live[: self.rows] & (self.expiry_ns[: self.rows] < before_ns))

    def first(self, size_bytes: int) -> NDArray[np.intp]:
        """Numbers of the first rows that take so many bytes, one at least."""
        rows = self.live_rows()[: max(size_bytes // ROW_BYTES, 0) + 1]
        enough = int(np.searchsorted(np.cumsum(self._sizes(rows)), size_bytes))
        return rows[: enough + 1]

    def _sizes(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        return ROW_BYTES + self.keys.lengths(rows) + self.values.lengths(rows)


def _with_room(array: NDArray[ScalarT], used: int, wanted: int, most: int | None = None) -> NDArray[ScalarT]:
    """The array, or a larger copy of what is used of it, as long as it is ever wanted at most."""
    if wanted <= len(array):
        return array
    size = max(wanted, min(_GROWTH * len(array), len(array) + _MORE_MOST), _FIRST_ROWS)
    larger = np.zeros(size if most is None else min(size, most), array.dtype)
    larger[:used] = array[:used]
    return larger
