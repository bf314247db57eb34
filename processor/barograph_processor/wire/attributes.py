"""Attribute lists pivoted: for every wanted name, where its value is in each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.wire.values import MapEntries, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Attributes:
    """The wanted attributes of n rows, by name. Where a name repeats in a row, the last one counts."""

    __slots__ = ("_names", "_table", "values")

    def __init__(self, names: dict[str, int], table: NDArray[np.int64], values: Values) -> None:
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

    def take(self, rows: NDArray[np.int64]) -> Attributes:
        """The attributes of some rows, in that order."""
        return Attributes(self._names, self._table[:, rows], self.values)

    def positions(self, name: str) -> NDArray[np.int64]:
        """int64 [n], where the name's values are; -1 where a row has none."""
        row: NDArray[np.int64] = self._table[self._names[name]]
        return row

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

    def numbers(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `Values.numbers`."""
        return self.values.numbers(self.positions(name))

    def maps(self, name: str) -> tuple[MapEntries, NDArray[np.bool_]]:
        """As `Values.maps`."""
        return self.values.maps(self.positions(name))
