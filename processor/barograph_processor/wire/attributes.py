"""Attribute lists pivoted: for every wanted name, where its value is in each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.wire.text import empty_as_null, encode_texts
from barograph_processor.wire.values import ANY_VALUE, MapEntries, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.values import Column

_NOTHING = pa.list_(pa.struct([("key", pa.string()), ("value", ANY_VALUE)]))


class Attributes:
    """The wanted attributes of n rows, by name. Where a name repeats in a row, the last one counts."""

    __slots__ = ("_names", "_table", "values")

    def __init__(self, names: dict[str, int], table: NDArray[np.int64], values: Values) -> None:
        """Take a pivot over.

        Args:
            names: Name to its line in the table.
            table: int64 [names, n], position in `values`, -1 where a row has none.
            values: The values of all rows.
        """
        self._names = names
        self._table = table
        self.values = values

    @classmethod
    def of(cls, lists: pa.ListArray, names: Sequence[str]) -> Attributes:
        """Pivot a column of lists of key and value."""
        entries = lists.values
        codes = pc.index_in(entries.field("key"), value_set=pa.array(names, pa.string()))
        codes = codes.fill_null(-1).to_numpy(zero_copy_only=False)
        hits = np.flatnonzero(codes >= 0)
        rows = np.searchsorted(lists.offsets.to_numpy(), hits, side="right") - 1
        table = np.full((len(names), len(lists)), -1, np.int64)
        table[codes[hits], rows] = hits
        return cls({name: i for i, name in enumerate(names)}, table, Values(entries.field("value")))

    def __len__(self) -> int:
        return int(self._table.shape[1])

    @property
    def table(self) -> NDArray[np.int64]:
        """int64 [names, n], `positions` of all names."""
        return self._table

    def given(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows have any of the names, bool [n]."""
        given: NDArray[np.bool_] = np.logical_or.reduce(self.lines(names) >= 0, axis=0)
        return given

    def columns(self, names: Sequence[str]) -> Sequence[Column | None] | None:  # others do
        """Columns of names, None for those that no row has; None in all where values aren't held so."""
        del names
        return None

    def take(self, rows: NDArray[np.int64]) -> Attributes:
        """The attributes of some rows, in that order."""
        return Attributes(self._names, self.table[:, rows], self.values)

    def positions(self, name: str) -> NDArray[np.int64]:
        """int64 [n], where the name's values are; -1 where a row has none."""
        row: NDArray[np.int64] = self.table[self._names[name]]
        return row

    def lines(self, names: Sequence[str]) -> NDArray[np.int64]:
        """int64 [names, n], `positions` of several names."""
        lines: NDArray[np.int64] = self.table[[self._names[name] for name in names]]
        return lines

    def present(self, name: str) -> NDArray[np.bool_]:
        """Whether a row has a value of that name that isn't empty."""
        result: NDArray[np.bool_] = self.kinds(name) != 0
        return result

    def kinds(self, name: str) -> NDArray[np.uint8]:
        """Kind of the name's value in each row."""
        return self.values.kinds_at(self.positions(name))

    def texts(self, name: str) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        """As `Values.texts`."""
        return self.values.texts(self.positions(name))

    def coded(self, name: str) -> tuple[Texts, NDArray[np.bool_]]:
        """As `texts`, told apart, and ``""`` as missing."""
        texts, bad = self.texts(name)
        return encode_texts(empty_as_null(texts)), bad

    def numbers(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `Values.numbers`."""
        return self.values.numbers(self.positions(name))

    def integers(self, name: str, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The integers of the rows of a mask, whose values must be integers; exact, unlike `numbers`."""
        return self.values.integers(self.positions(name)[rows])

    def maps(self, name: str) -> tuple[MapEntries, NDArray[np.bool_]]:
        """As `Values.maps`."""
        return self.values.maps(self.positions(name))


class Pairs:
    """Lists of key and value of n rows. Keys are told apart once, however many names are looked up.

    Attributes:
        keys: The distinct keys, in the order of their first appearance.
        values: The values of all rows.
    """

    __slots__ = ("_codes", "_rows", "_size", "keys", "values")

    def __init__(self, lists: pa.ListArray) -> None:
        entries = lists.values
        encoded = entries.field("key").dictionary_encode()
        self.keys: tuple[str, ...] = tuple(encoded.dictionary.to_pylist())
        self.values = Values(entries.field("value"))
        self._codes: NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
        self._rows = np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(lists.offsets.to_numpy()))
        self._size = len(lists)

    @classmethod
    def nothing(cls, rows: int) -> Pairs:
        """Of rows without any."""
        return cls(pa.array([[]] * rows, _NOTHING))

    def __len__(self) -> int:
        return self._size

    def beginning(self, prefix: str) -> list[str]:
        """The keys that begin with a prefix and have more to them."""
        return [key for key in self.keys if key.startswith(prefix) and len(key) > len(prefix)]

    def naming(self, names: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows have any of the names."""
        wanted = set(names)
        hits = np.array([key in wanted for key in self.keys] or [False])[self._codes]
        named = np.zeros(self._size, bool)
        named[self._rows[hits]] = True
        mask: NDArray[np.bool_] = named[rows]
        return mask

    def select(self, names: Sequence[str], rows: NDArray[np.int64] | None = None) -> Attributes:
        """Pivot some names, of all rows or of some in ascending order."""
        line_of = dict(zip(names, range(len(names)), strict=True))
        lines = np.array([line_of.get(key, -1) for key in self.keys] or [-1], np.int64)[self._codes]
        places = self._rows
        if rows is not None and len(rows) < self._size:
            place_of = np.full(self._size, -1, np.int64)
            place_of[rows] = np.arange(len(rows))
            places = place_of[places]
            lines = np.where(places >= 0, lines, -1)
        hits = np.flatnonzero(lines >= 0)
        table = np.full((len(names), self._size if rows is None else len(rows)), -1, np.int64)
        table[lines[hits], places[hits]] = hits
        return Attributes(line_of, table, self.values)
