"""Several columns of n rows that records name themselves: where the value of each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from barograph_processor.wire import reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.values import ANY_VALUE, DOUBLE, EMPTY, INT, MAP, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals
    from barograph_processor.wire.values import Column

_ABSENT: Final = -1
_NUMBERS: Final = {INT, DOUBLE, EMPTY}
_NO_VALUES: Final = Values(pa.nulls(0, ANY_VALUE))


class Room(NamedTuple):
    """How many columns there may be.

    Attributes:
        columns: Their number; rows that name more are refused.
        too_many: The reason of that.
        limits: Lengths of names.
    """

    columns: int
    too_many: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns of n rows.

    Attributes:
        names: Of the columns.
        attributes: What the columns are.
        places: The attribute that each is.
        given: bool [n], which rows have any such columns, be it an empty map.
    """

    names: tuple[str, ...]
    attributes: Attributes
    places: Sequence[str]
    given: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> Grid:
        """The columns of some rows, in that order."""
        return Grid(self.names, self.attributes.take(rows), self.places, self.given[rows])

    def columns(self) -> Sequence[Column | None] | None:
        """As `Attributes.columns`."""
        return self.attributes.columns(self.places)

    def table(self) -> NDArray[np.int64]:
        """int64 [columns, n], position in the attributes' values, -1 where a row does not name the column."""
        return self.attributes.lines(self.places)

    def numbers(self, verdicts: Refusals) -> NDArray[np.float64]:
        """float64 [n, columns], NaN where absent; rows with values that are no numbers are refused."""
        columns, rows = len(self.names), len(self.given)
        if not columns:
            return np.full((rows, columns), np.nan)
        whole = self.columns()
        if whole is not None and all(column and column.found <= _NUMBERS for column in whole):
            return np.stack([column.quantities() for column in whole if column], axis=1)
        numbers, bad = self.attributes.values.numbers(self.table().reshape(-1))
        if bad.any():
            verdicts.refuse(np.logical_or.reduce(bad.reshape(columns, rows)), reasons.BAD_TYPE)
        return np.ascontiguousarray(numbers.reshape(columns, rows).T)

    def texts(self, verdicts: Refusals) -> dict[str, pa.StringArray]:
        """The columns as text, null where absent; rows with values that have no text are refused."""
        columns: dict[str, pa.StringArray] = {}
        for name, place in zip(self.names, self.places, strict=True):
            columns[name], bad = self.attributes.texts(place)
            verdicts.refuse(bad, reasons.BAD_TYPE)
        return columns


def room_for_features(rows: int, limits: Limits) -> Room:
    """How many features so many rows of one request may name."""
    allowed = min(limits.max_features, limits.max_feature_cells // max(rows, 1))
    return Room(allowed, reasons.TOO_MANY_FEATURES, limits)


def room_for_scores(rows: int, limits: Limits) -> Room:
    """How many classes so many rows of one request may have probabilities of."""
    allowed = min(limits.max_classes, limits.max_score_cells // max(rows, 1))
    return Room(allowed, reasons.TOO_MANY_CLASSES, limits)


def room_for_segments(limits: Limits) -> Room:
    """How many segments the rows of one request may name."""
    return Room(limits.max_segments, reasons.TOO_MANY_SEGMENTS, limits)


def of_maps(attributes: Attributes, name: str, room: Room, verdicts: Refusals) -> Grid:
    """The entries of an attribute that holds maps, in the order of their first appearance.

    Args:
        attributes: With `name`.
        name: The attribute.
        room: For columns.
        verdicts: Takes rows that name too many, and those whose attribute isn't a map.
    """
    entries, bad = attributes.maps(name)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    encoded = entries.keys.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    verdicts.refuse_at(entries.rows[codes >= room.columns], room.too_many)
    columns = tuple(encoded.dictionary[: room.columns].to_pylist())
    long = np.array([len(column) > room.limits.max_name_length for column in columns], bool)
    keep = np.flatnonzero(codes < room.columns)
    if long.any():
        verdicts.refuse_at(entries.rows[keep[long[codes[keep]]]], reasons.NAME_TOO_LONG)
    table = np.full((len(columns), len(attributes)), _ABSENT, np.int64)
    table[codes[keep], entries.rows[keep]] = entries.positions[keep]  # of a name that repeats, the last
    found = Attributes(
        {column: line for line, column in enumerate(columns)},
        table,
        _NO_VALUES if entries.values is None else entries.values,
    )
    return Grid(columns, found, columns, attributes.kinds(name) == MAP)


def of_places(
    attributes: Attributes, columns: Sequence[str], places: Sequence[str], room: Room, verdicts: Refusals
) -> Grid:
    """Attributes that are columns, no more of them than there is room for.

    Args:
        attributes: With `places`.
        columns: Names of the columns.
        places: The attribute that each is in.
        room: For columns.
        verdicts: Takes rows that name one by a name that is too long.
    """
    for column, place in zip(columns, places, strict=True):
        if len(column) > room.limits.max_name_length:
            verdicts.refuse(attributes.positions(place) >= 0, reasons.NAME_TOO_LONG)
    return Grid(tuple(columns), attributes, places, attributes.given(places))
