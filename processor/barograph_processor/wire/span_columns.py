"""The attributes of scanned spans, looked up in the request's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.descriptors import parse_maps
from barograph_processor.wire.span_contents import Contents, integers_at, texts_at
from barograph_processor.wire.span_layout import START, Place
from barograph_processor.wire.text import encode_texts
from barograph_processor.wire.values import BOOL, DOUBLE, EMPTY, INT, MAP, TEXT, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.span_layout import Value
    from barograph_processor.wire.span_scan import Scan

_NOWHERE = Place(0, 0)


class ScannedValues(Values):
    """Values where they stand in a request; as `Values` in everything else.

    Positions number them group by group, in a group key by key, and of a key span by span.
    """

    __slots__ = ("_bounds", "_scan")

    def __init__(self, scan: Scan) -> None:
        kinds = [
            np.repeat(np.array([value.kind for value in layout.values], np.uint8), len(group.rows))
            for group, layout in ((group, group.form.layout) for group in scan.groups)
        ]
        self.kinds = np.concatenate(kinds)
        self._columns = {}
        self._scan = scan
        self._bounds: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def at(self, kind: int, positions: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
        """As `Values.at`."""
        if mask is None or mask.all():
            return self._found(kind, positions)
        places = np.cumsum(mask) - 1
        return self._found(kind, positions[mask]).take(pa.array(places, mask=~mask))

    def _found(self, kind: int, positions: NDArray[np.int64]) -> pa.Array:
        """What stands at positions, all of one kind."""
        data = self._scan.data
        begins, ends = (bounds[positions] for bounds in self._all_bounds())
        if kind == DOUBLE:
            return pa.array(np.ndarray((len(data) - 7,), "<f8", data, strides=(1,))[begins])
        if kind == INT:
            return pa.array(integers_at(data, begins, ends))
        if kind == BOOL:
            return pa.array(np.frombuffer(data, np.uint8)[begins] != 0)
        return texts_at(data, begins, ends, kind)

    def _all_bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where all values begin and end."""
        if self._bounds is None:
            places = [(group, value) for group in self._scan.groups for value in group.form.layout.values]
            nowhere = np.zeros(0, np.int64)
            self._bounds = (
                np.concatenate([nowhere, *(group.at(value.begin) for group, value in places)]),
                np.concatenate([nowhere, *(group.at(value.end) for group, value in places)]),
            )
        return self._bounds

    def _maps(self, positions: NDArray[np.int64]) -> pa.ListArray:
        undecoded = self.at(MAP, positions).to_pylist()
        return parse_maps(undecoded)


class ScannedAttributes(Attributes):
    """Attributes of spans that all have one layout, so each of them is a column."""

    __slots__ = ("_group", "_place_of", "_scan")

    def __init__(self, scan: Scan, names: Sequence[str], values: Values) -> None:
        """Look at all spans of a request.

        Args:
            scan: The request, of one group.
            names: The attributes that are wanted.
            values: Its values.
        """
        self._names = {name: line for line, name in enumerate(names)}
        self.values = values
        self._scan = scan
        self._group = scan.groups[0]
        self._place_of = _places_of(self._group.form.layout.values)

    def __len__(self) -> int:
        return len(self._group.rows)

    @property
    def table(self) -> NDArray[np.int64]:
        """As `Attributes.table`."""
        return self.lines(list(self._names))

    def positions(self, name: str) -> NDArray[np.int64]:
        """As `Attributes.positions`."""
        rows, place = len(self), self._place_of.get(name)
        return np.full(rows, -1) if place is None else np.arange(place * rows, (place + 1) * rows)

    def lines(self, names: Sequence[str]) -> NDArray[np.int64]:
        """As `Attributes.lines`."""
        return np.array([self.positions(name) for name in names], np.int64).reshape(-1, len(self))

    def take(self, rows: NDArray[np.int64]) -> Attributes:
        """As `Attributes.take`."""
        return Attributes(self._names, self.table[:, rows], self.values)

    def given(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """As `Attributes.given`."""
        return np.full(len(self), any(name in self._place_of for name in names))

    def columns(self, names: Sequence[str]) -> list[Contents] | None:
        """As `Attributes.columns`."""
        columns = [self._column(name) for name in names]
        return None if None in columns else cast("list[Contents]", columns)

    def kinds(self, name: str) -> NDArray[np.uint8]:
        """As `Attributes.kinds`."""
        column = self._column(name)
        return np.full(len(self), EMPTY if column is None else column.kind, np.uint8)

    def texts(self, name: str) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        """As `Attributes.texts`."""
        column = self._column(name)
        if column is None or column.kind != TEXT:
            return super().texts(name)
        return column.texts(), np.zeros(len(self), bool)

    def coded(self, name: str) -> tuple[Texts, NDArray[np.bool_]]:
        """As `Attributes.coded`."""
        column = self._column(name)
        if column is not None and column.kind == TEXT:
            coded = column.coded()
            if "" not in coded.values:
                return coded, np.zeros(len(self), bool)
        return super().coded(name)

    def numbers(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `Attributes.numbers`."""
        column = self._column(name)
        if column is None or column.kind not in {INT, DOUBLE}:
            return super().numbers(name)
        return column.quantities(), np.zeros(len(self), bool)

    def _column(self, name: str) -> Contents | None:
        place = self._place_of.get(name)
        if place is None:
            return None
        value = self._group.form.layout.values[place]
        return Contents(self._scan.data, self._group, value.begin, value.end, value.kind)


class ScannedPairs:
    """Attributes of scanned spans; as `attributes.Pairs`.

    Attributes:
        keys: As `Pairs.keys`.
        values: As `Pairs.values`.
    """

    __slots__ = ("_firsts", "_groups", "_scan", "_size", "keys", "values")

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._groups = scan.groups
        self._size = len(scan.scope_of)
        self._firsts: list[int] = []
        first = 0
        for group in scan.groups:
            self._firsts.append(first)
            first += len(group.form.layout.values) * len(group.rows)
        self.values: Values = ScannedValues(scan)
        named = (value.key for group in scan.groups for value in group.form.layout.values)
        self.keys: tuple[str, ...] = tuple(dict.fromkeys(named))

    def __len__(self) -> int:
        return self._size

    def beginning(self, prefix: str) -> list[str]:
        """As `Pairs.beginning`."""
        return [key for key in self.keys if key.startswith(prefix) and len(key) > len(prefix)]

    def naming(self, names: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """As `Pairs.naming`."""
        wanted = set(names)
        named = np.zeros(self._size, bool)
        for group in self._groups:
            if any(value.key in wanted for value in group.form.layout.values):
                named[group.rows] = True
        mask: NDArray[np.bool_] = named[rows]
        return mask

    def select(self, names: Sequence[str], rows: NDArray[np.int64] | None = None) -> Attributes:
        """As `Pairs.select`."""
        if len(self._groups) == 1 and (rows is None or len(rows) == self._size):
            return ScannedAttributes(self._scan, names, self.values)
        line_of = dict(zip(names, range(len(names)), strict=True))
        table = np.full((len(names), self._size), -1, np.int64)
        for first, group in zip(self._firsts, self._groups, strict=True):
            count = len(group.rows)
            place_of = _places_of(group.form.layout.values)
            wanted = [(line_of[key], place) for key, place in place_of.items() if key in line_of]
            if wanted:
                lines, places = np.array(wanted).T
                found = first + places[:, None] * count + np.arange(count)
                if count == self._size:
                    table[lines] = found
                else:
                    table[lines[:, None], group.rows] = found
        if rows is not None and len(rows) < self._size:
            table = table[:, rows]
        return Attributes(line_of, table, self.values)


def names_of(scan: Scan) -> Texts:
    """Names of the spans, empty where one has none."""
    names = [group.form.layout.name or (_NOWHERE, _NOWHERE) for group in scan.groups]
    if len(names) == 1:
        return Contents(scan.data, scan.groups[0], *names[0]).coded()
    begins, ends = (_of_each(scan, [name[side] for name in names]) for side in (0, 1))
    return encode_texts(texts_at(scan.data, begins, ends))


def times_of(scan: Scan, field: int) -> NDArray[np.uint64]:
    """uint64 [n], the spans' times, 0 where one isn't stated.

    Args:
        scan: The request.
        field: `START` or `END`.
    """
    times = np.zeros(len(scan.scope_of), np.uint64)
    for group in scan.groups:
        place = group.form.layout.start if field == START else group.form.layout.end
        if place is not None:
            end = Place(place.part, place.offset + 8)
            times[group.rows] = Contents(scan.data, group, place, end).times()
    return times


def _places_of(values: Sequence[Value]) -> dict[str, int]:
    """The place of each key; of one that repeats, the last."""
    return {value.key: place for place, value in enumerate(values)}


def _of_each(scan: Scan, places: Sequence[Place]) -> NDArray[np.int64]:
    """int64 [n], where something is in each span.

    Args:
        scan: The request.
        places: One for each layout.
    """
    found = np.empty(len(scan.scope_of), np.int64)
    for group, place in zip(scan.groups, places, strict=True):
        found[group.rows] = group.at(place)
    return found
