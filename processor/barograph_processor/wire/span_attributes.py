"""Chosen attributes of scanned spans, each a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.span_contents import Contents, Stitched
from barograph_processor.wire.values import DOUBLE, EMPTY, INT, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.span_forms import Alike
    from barograph_processor.wire.values import MapEntries, Values

_TEXT: Final = frozenset((TEXT,))
_TEXTS: Final = {TEXT, EMPTY}
_NUMBERS: Final = {INT, DOUBLE, EMPTY}


class Part(NamedTuple):
    """Those of the chosen spans that have one form.

    Attributes:
        group: The spans.
        rows: int64 [m], which of all chosen spans they are.
        positions: int64 [m], position of the value of the first key of each, as `ScannedValues` numbers them.
        step: From there to that of the next key.
        place_of: Place of each key in the layout.
    """

    group: Alike
    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    step: int
    place_of: Mapping[str, int]


class ScannedAttributes(Attributes):
    """Attributes of spans, each a column; as `Attributes` in everything else."""

    __slots__ = ("_data", "_parts", "_size")

    def __init__(
        self, data: bytes, names: Sequence[str], parts: Sequence[Part], size: int, values: Values
    ) -> None:
        """Look at spans.

        Args:
            data: The request.
            names: The attributes that are wanted.
            parts: All of the spans.
            size: Their number.
            values: Of the request.
        """
        self._names = {name: line for line, name in enumerate(names)}
        self._data = data
        self._parts = parts
        self._size = size
        self.values = values

    def __len__(self) -> int:
        return self._size

    @property
    def table(self) -> NDArray[np.int64]:
        """As `Attributes.table`."""
        return self.lines(list(self._names))

    def positions(self, name: str) -> NDArray[np.int64]:
        """As `Attributes.positions`."""
        positions = np.full(self._size, -1)
        for part in self._parts:
            if name in part.place_of:
                positions[part.rows] = part.positions + part.place_of[name] * part.step
        return positions

    def lines(self, names: Sequence[str]) -> NDArray[np.int64]:
        """As `Attributes.lines`."""
        return np.array([self.positions(name) for name in names], np.int64).reshape(len(names), self._size)

    def take(self, rows: NDArray[np.int64]) -> Attributes:
        """As `Attributes.take`."""
        if (rows[1:] <= rows[:-1]).any():
            return super().take(rows)
        if len(rows) == self._size:
            return self
        place_of = np.full(self._size, -1)
        place_of[rows] = np.arange(len(rows))
        parts: list[Part] = []
        for part in self._parts:
            places = place_of[part.rows]
            chosen = places >= 0
            if chosen.all():
                parts.append(part._replace(rows=places))
            elif chosen.any():
                positions = part.positions[chosen]
                parts.append(
                    Part(part.group.only(chosen), places[chosen], positions, part.step, part.place_of)
                )
        return ScannedAttributes(self._data, list(self._names), parts, len(rows), self.values)

    def given(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """As `Attributes.given`."""
        given = np.zeros(self._size, bool)
        for part in self._parts:
            given[part.rows] = any(name in part.place_of for name in names)
        return given

    def columns(self, names: Sequence[str]) -> list[Contents | Stitched | None]:
        """As `Attributes.columns`."""
        return [self._column(name) for name in names]

    def kinds(self, name: str) -> NDArray[np.uint8]:
        """As `Attributes.kinds`."""
        column = self._column(name)
        return np.zeros(self._size, np.uint8) if column is None else column.kinds()

    def maps(self, name: str) -> tuple[MapEntries, NDArray[np.bool_]]:
        """As `Attributes.maps`."""
        self.kinds(name)  # sees that they are what they seem to be
        return super().maps(name)

    def texts(self, name: str) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        """As `Attributes.texts`."""
        column = self._column(name)
        if column is None or column.found != _TEXT:
            return super().texts(name)
        return column.texts(), np.zeros(self._size, bool)

    def coded(self, name: str) -> tuple[Texts, NDArray[np.bool_]]:
        """As `Attributes.coded`."""
        column = self._column(name)
        if column is not None and column.found <= _TEXTS and TEXT in column.found:
            coded = column.coded()
            if "" not in coded.values:
                return coded, np.zeros(self._size, bool)
        return super().coded(name)

    def numbers(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `Attributes.numbers`."""
        column = self._column(name)
        if column is None or not column.found <= _NUMBERS:
            return super().numbers(name)
        return column.quantities(), np.zeros(self._size, bool)

    def _column(self, name: str) -> Contents | Stitched | None:
        """The values of a name; None where no span has it."""
        pieces = [
            (part.rows, self._contents(part, part.place_of[name]))
            for part in self._parts
            if name in part.place_of
        ]
        if len(pieces) == 1 and len(pieces[0][0]) == self._size:
            return pieces[0][1]
        return Stitched(self._size, pieces) if pieces else None

    def _contents(self, part: Part, place: int) -> Contents:
        value = part.group.form.layout.values[place]
        return Contents(self._data, part.group, value.begin, value.end, value.kind)
