"""The attributes of scanned spans, looked up in the request's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.descriptors import parse_maps
from barograph_processor.wire.span_contents import Contents, integers_at, texts_at
from barograph_processor.wire.span_layout import START, Place
from barograph_processor.wire.values import BOOL, DOUBLE, INT, MAP, TEXT, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.span_layout import Value
    from barograph_processor.wire.span_scan import Scan

_NOWHERE = Place(0, 0)


class ScannedValues(Values):
    """Values where they stand in a request; as `Values` in everything else.

    Positions number them group by group, in a group key by key, and of a key span by span. So the values of
    a key have positions in a row, and are looked up as such where all of them are wanted, as is usual.
    """

    __slots__ = ("_bounds", "_firsts", "_scan")

    def __init__(self, scan: Scan, firsts: Sequence[int]) -> None:
        """Say where values are.

        Args:
            scan: The request.
            firsts: Position of the first value of each group.
        """
        kinds = [
            np.repeat(np.array([value.kind for value in layout.values], np.uint8), len(group.rows))
            for group, layout in ((group, group.form.layout) for group in scan.groups)
        ]
        self.kinds = np.concatenate(kinds)
        self._columns = {}
        self._scan = scan
        self._firsts = np.array(firsts)
        self._bounds: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def at(self, kind: int, positions: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
        """As `Values.at`."""
        if mask is None or mask.all():
            return self._found(kind, positions)
        places = np.cumsum(mask) - 1
        return self._found(kind, positions[mask]).take(pa.array(places, mask=~mask))

    def coded(self, table: NDArray[np.int64]) -> list[Texts]:
        """As `Values.coded`."""
        keys = self._keys_at(table.reshape(-1))
        return super().coded(table) if keys is None else [key.coded() for key in keys]

    def _found(self, kind: int, positions: NDArray[np.int64]) -> pa.Array:
        """What stands at positions, all of one kind."""
        keys, data = self._keys_at(positions), self._scan.data
        if keys is not None and kind == DOUBLE:
            return pa.array(np.concatenate([key.doubles() for key in keys]))
        if keys is not None and kind == TEXT and len(keys) == 1:
            return keys[0].texts()
        if keys is None:
            begins, ends = (bounds[positions] for bounds in self._all_bounds())
        else:
            begins, ends = _joined([key.begins for key in keys]), _joined([key.ends for key in keys])
        if kind == DOUBLE:
            return pa.array(np.ndarray((len(data) - 7,), "<f8", data, strides=(1,))[begins])
        if kind == INT:
            return pa.array(integers_at(data, begins, ends))
        if kind == BOOL:
            return pa.array(np.frombuffer(data, np.uint8)[begins] != 0)
        return texts_at(data, begins, ends, kind)

    def _keys_at(self, positions: NDArray[np.int64]) -> list[Contents] | None:
        """The keys whose values are at the positions, of all spans of a group in order; else None."""
        if not len(positions) or positions[0] < 0:
            return None
        number = int(np.searchsorted(self._firsts, positions[0], "right")) - 1
        group, first = self._scan.groups[number], self._firsts[number]
        rows, values = len(group.rows), group.form.layout.values
        begins = positions[::rows] - first
        keys = begins // rows
        if (
            len(positions) % rows
            or (keys * rows != begins).any()
            or keys.min() < 0
            or keys.max() >= len(values)
            or (positions.reshape(-1, rows) != (begins + first)[:, None] + np.arange(rows)).any()
        ):
            return None
        return [Contents(self._scan.data, group, values[key].begin, values[key].end) for key in keys.tolist()]

    def _all_bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where all values begin and end."""
        if self._bounds is None:
            places = [(group, value) for group in self._scan.groups for value in group.form.layout.values]
            self._bounds = (
                _joined([group.at(value.begin) for group, value in places]),
                _joined([group.at(value.end) for group, value in places]),
            )
        return self._bounds

    def _maps(self, positions: NDArray[np.int64]) -> pa.ListArray:
        undecoded = self.at(MAP, positions).to_pylist()
        return parse_maps(undecoded)


class ScannedPairs:
    """Attributes of scanned spans; as `attributes.Pairs`.

    Attributes:
        keys: As `Pairs.keys`.
        values: As `Pairs.values`.
    """

    __slots__ = ("_firsts", "_groups", "_size", "keys", "values")

    def __init__(self, scan: Scan) -> None:
        self._groups = scan.groups
        self._size = len(scan.scope_of)
        self._firsts: list[int] = []
        first = 0
        for group in scan.groups:
            self._firsts.append(first)
            first += len(group.form.layout.values) * len(group.rows)
        self.values: Values = ScannedValues(scan, self._firsts)
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


def names_of(scan: Scan) -> pa.StringArray:
    """Names of the spans, empty where one has none."""
    names = [group.form.layout.name or (_NOWHERE, _NOWHERE) for group in scan.groups]
    if len(names) == 1:
        return Contents(scan.data, scan.groups[0], *names[0]).texts()
    begins, ends = (_of_each(scan, [name[side] for name in names]) for side in (0, 1))
    return texts_at(scan.data, begins, ends)


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


def _joined(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
