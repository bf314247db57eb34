"""OTLP AnyValues as columns: kinds, texts, numbers and maps by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph_processor.engine.batch import Texts
from barograph_processor.wire.text import encode_texts, texts_of_doubles

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMPTY: Final = 0
TEXT: Final = 1
BOOL: Final = 2
INT: Final = 3
DOUBLE: Final = 4
BYTES: Final = 5
MAP: Final = 6
ARRAY: Final = 7
_CHILDREN: Final = (
    (TEXT, "string_value"),
    (BOOL, "bool_value"),
    (INT, "int_value"),
    (DOUBLE, "double_value"),
    (BYTES, "bytes_value"),
    (MAP, "kvlist_value"),
    (ARRAY, "array_value"),
)
ANY_VALUE: Final = pa.struct([(name, pa.binary()) for _, name in _CHILDREN])
"""Type of a column of values that holds none."""


class GivenTwice(Exception):  # no error: protobuf rewrites the request
    """Two kinds of value are given where one may be; the last counts, but columns don't tell which it is."""


class Column(Protocol):
    """Values of n rows that are held together.

    Attributes:
        found: Their kinds, `EMPTY` among them where a row has none.
    """

    found: frozenset[int]

    def coded(self) -> Texts:
        """The texts, told apart; code -1 where a row has none."""

    def quantities(self) -> NDArray[np.float64]:
        """float64 [n], as `Values.quantities`."""


class Values:
    """A column of AnyValues. Positions are rows of it; -1 stands for an absent value.

    Attributes:
        kinds: uint8 [n], one of the constants above; `EMPTY` where no value is set.
    """

    __slots__ = ("_columns", "kinds")

    def __init__(self, column: pa.StructArray) -> None:
        """Look at values.

        Raises:
            GivenTwice: One has two.
        """
        children = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
        self.kinds: NDArray[np.uint8] = np.zeros(len(column), np.uint8)
        self._columns: dict[int, pa.Array] = {}
        given = 0
        for kind, name in _CHILDREN:
            child = children[name]
            if child.null_count == len(column):
                continue
            given += len(column) - child.null_count
            self._columns[kind] = child
            self.kinds[child.is_valid().to_numpy(zero_copy_only=False)] = kind
        if given > np.count_nonzero(self.kinds):
            raise GivenTwice

    def at(self, kind: int, positions: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
        """Values of one kind as an array of their type; maps as structs with the list ``values``.

        Args:
            kind: What all of them are.
            positions: int64 [m].
            mask: bool [m], where values of the kind are; the others become null. None: everywhere.
        """
        return self._columns[kind].take(pa.array(positions) if mask is None else _indices(positions, mask))

    def kinds_at(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 [m], `EMPTY` for -1."""
        if not len(self.kinds):
            return np.zeros(len(positions), np.uint8)
        kinds = self.kinds[positions]  # of -1 the last one's, for now
        if positions.min(initial=0) < 0:
            kinds[positions < 0] = EMPTY
        return kinds

    def texts(self, positions: NDArray[np.int64]) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        """Canonical text of scalars.

        Returns:
            The texts, null where there is no value, and the mask of values that have no such
            text: NaN, infinities, bytes, maps and arrays.
        """
        kinds = self.kinds_at(positions)
        if not kinds.any():
            return pa.nulls(len(positions), pa.string()), np.zeros(len(positions), bool)
        present: list[int] = (np.flatnonzero(np.bincount(kinds, minlength=8)[1:]) + 1).tolist()
        bad: NDArray[np.bool_] = kinds >= BYTES
        result = pa.nulls(len(positions), pa.string())
        for kind in present:
            if kind >= BYTES:
                continue
            taken = self.at(kind, positions, kinds == kind)
            if kind == DOUBLE:
                taken = texts_of_doubles(taken)
                bad |= (kinds == kind) & taken.is_null().to_numpy(zero_copy_only=False)
            elif kind != TEXT:
                taken = taken.cast(pa.string())
            result = taken if len(present) == 1 else pc.coalesce(result, taken)
        return result, bad

    def coded(self, table: NDArray[np.int64]) -> list[Texts]:
        """Columns of text, each told apart.

        Args:
            table: int64 [columns, m], where texts are; -1 where there is none.
        """
        together = encode_texts(self.texts(table.reshape(-1))[0])
        codes = together.codes.reshape(table.shape)
        if len(table) == 1:
            return [Texts(codes[0], together.values)]
        return [_only_used(line, together.values) for line in codes]

    def numbers(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Numbers as float64.

        Returns:
            The numbers, NaN where there is no value, and the mask of values that are none.
        """
        kinds = self.kinds_at(positions)
        return self._numbers(positions, kinds), (kinds != EMPTY) & (kinds != INT) & (kinds != DOUBLE)

    def _numbers(self, positions: NDArray[np.int64], kinds: NDArray[np.uint8]) -> NDArray[np.float64]:
        for kind in (INT, DOUBLE):
            if len(kinds) and kinds.min() == kinds.max() == kind:
                whole = self.at(kind, positions).to_numpy(zero_copy_only=False)
                return np.array(whole, np.float64)
        result = np.full(len(positions), np.nan)
        for kind in (INT, DOUBLE):
            mask = kinds == kind
            if mask.any():
                result[mask] = self.at(kind, positions[mask]).to_numpy(zero_copy_only=False)
        return result

    def integers(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 [m], the integers that stand at all of the positions."""
        taken: NDArray[np.int64] = self.at(INT, positions).to_numpy()
        return taken

    def quantities(self, positions: NDArray[np.int64], kinds: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Numbers and booleans as float64; NaN where there is no value or a text, else infinite.

        Args:
            positions: int64 [m].
            kinds: uint8 [m], as `kinds_at` gives them.
        """
        result = self._numbers(positions, kinds)
        mask = kinds == BOOL
        if mask.any():
            result[mask] = self.at(BOOL, positions[mask]).to_numpy(zero_copy_only=False)
        if kinds.max(initial=EMPTY) >= BYTES:
            result[kinds >= BYTES] = np.inf
        return result

    def opaque(self, kind: int, positions: NDArray[np.int64]) -> list[bytes]:
        """What stands undecoded at all of the positions: lists, and maps that are nested too deeply.

        Args:
            kind: `ARRAY` or `MAP`, what all of them are.
            positions: int64 [m].
        """
        if not len(positions):
            return []
        undecoded: list[bytes] = self.at(kind, positions).to_pylist()
        return undecoded

    def blob(self, position: int) -> pa.Buffer | None:
        """The bytes of one value, not copied; None where it isn't bytes."""
        if position < 0 or self.kinds[position] != BYTES:
            return None
        return self.at(BYTES, np.array([position]))[0].as_buffer()

    def maps(self, positions: NDArray[np.int64]) -> tuple[MapEntries, NDArray[np.bool_]]:
        """The entries of maps.

        Returns:
            The entries of all rows, and the mask of values that aren't maps.
        """
        kinds = self.kinds_at(positions)
        bad: NDArray[np.bool_] = (kinds != EMPTY) & (kinds != MAP)
        rows = np.flatnonzero(kinds == MAP)
        if not rows.size:
            return MapEntries(rows, pa.array([], pa.string()), None, rows), bad
        lists = self._maps(positions[rows])
        entries = lists.values
        where = np.arange(len(entries))
        of = np.repeat(rows, np.diff(lists.offsets.to_numpy()))
        return MapEntries(of, entries.field("key"), Values(entries.field("value")), where), bad

    def _maps(self, positions: NDArray[np.int64]) -> pa.ListArray:
        """The entries of maps, a list for each, without gaps."""
        return self._columns[MAP].field("values").take(pa.array(positions))


class MapEntries(NamedTuple):
    """Entries of maps, flat.

    Attributes:
        rows: int64 [e], the row that an entry belongs to.
        keys: The entries' keys.
        values: What `positions` index; None where there is no entry.
        positions: int64 [e].
    """

    rows: NDArray[np.int64]
    keys: pa.StringArray
    values: Values | None
    positions: NDArray[np.int64]


def _only_used(codes: NDArray[np.int32], values: tuple[str, ...]) -> Texts:
    """The column with those values only that are in it."""
    used = np.zeros(len(values) + 1, bool)
    used[codes] = True
    used[-1] = False  # code -1 is none
    new = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    return Texts(new[codes], tuple(values[code] for code in np.flatnonzero(used).tolist()))


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of all ranges, one after the other.

    >>> ranges(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    result: NDArray[np.int64] = np.arange(total, dtype=np.int64) + np.repeat(
        starts - (ends - lengths), lengths
    )
    return result


def _indices(positions: NDArray[np.int64], mask: NDArray[np.bool_]) -> pa.Array:
    return pa.array(positions) if mask.all() else pa.array(positions, mask=~mask)
