"""The attributes of scanned spans, looked up in the request's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from barograph_processor.wire.descriptors import parse_maps
from barograph_processor.wire.span_attributes import Part, ScannedAttributes
from barograph_processor.wire.span_contents import Contents, Stitched, integers_at, texts_at
from barograph_processor.wire.span_layout import START, Place
from barograph_processor.wire.values import BOOL, DOUBLE, INT, MAP, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.attributes import Attributes
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


class ScannedPairs:
    """Attributes of scanned spans; as `attributes.Pairs`.

    Attributes:
        keys: As `Pairs.keys`.
        values: As `Pairs.values`.
    """

    __slots__ = ("_data", "_parts", "_size", "keys", "values")

    def __init__(self, scan: Scan) -> None:
        self._data = scan.data
        self._size = len(scan.scope_of)
        self._parts: list[Part] = []
        first = 0
        for group in scan.groups:
            count, values = len(group.rows), group.form.layout.values
            places = {value.key: place for place, value in enumerate(values)}  # of one that repeats the last
            self._parts.append(Part(group, group.rows, np.arange(first, first + count), count, places))
            first += count * len(values)
        self.keys: tuple[str, ...] = tuple(
            dict.fromkeys(key for part in self._parts for key in part.place_of)
        )
        self.values: Values = ScannedValues(scan)

    def __len__(self) -> int:
        return self._size

    def beginning(self, prefix: str) -> list[str]:
        """As `Pairs.beginning`."""
        return [key for key in self.keys if key.startswith(prefix) and len(key) > len(prefix)]

    def naming(self, names: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """As `Pairs.naming`."""
        return self.select(names, rows).given(names)

    def select(self, names: Sequence[str], rows: NDArray[np.int64] | None = None) -> Attributes:
        """As `Pairs.select`."""
        selected = ScannedAttributes(self._data, names, self._parts, self._size, self.values)
        return selected if rows is None else selected.take(rows)


def names_of(scan: Scan) -> Texts:
    """Names of the spans, empty where one has none."""
    pieces = [
        (group.rows, Contents(scan.data, group, *(group.form.layout.name or (_NOWHERE, _NOWHERE))))
        for group in scan.groups
    ]
    return pieces[0][1].coded() if len(pieces) == 1 else Stitched(len(scan.scope_of), pieces).coded()


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
