"""The rows lane: features of predictions as columns, from maps and from structs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph_processor.engine.batch import FeatureColumn, Features, Texts
from barograph_processor.wire import grids
from barograph_processor.wire.text import as_text, encode_texts
from barograph_processor.wire.values import TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.grids import Grid
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals
    from barograph_processor.wire.values import Column, Values

_ABSENT: Final = -1


class FeatureRows(Protocol):
    """Features of n rows, not yet split by owner."""

    def take(self, rows: NDArray[np.int64]) -> FeatureRows:
        """Those of some rows, in that order."""

    def features(self) -> Features | None:
        """Columns for the engine; None where no row has features."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of n rows as they were named.

    Owners share a request but not their features, so columns are made when the rows are split.

    Attributes:
        grid: Where the value of each feature is; a map of features may be an empty one.
    """

    grid: Grid

    def take(self, rows: NDArray[np.int64]) -> FeatureTable:
        """As `FeatureRows.take`."""
        return FeatureTable(self.grid.take(rows))

    def features(self) -> Features | None:
        """As `FeatureRows.features`."""
        names, values = self.grid.names, self.grid.attributes.values
        if not self.grid.given.any():
            return None
        given = None if self.grid.given.all() else self.grid.given
        whole = self.grid.columns()
        if whole is not None:
            columns = {name: _feature_of(one) for name, one in zip(names, whole, strict=True) if one}
            return Features(columns, given)
        table = self.grid.table()
        named = np.flatnonzero((table >= 0).any(axis=1))
        if not named.size:
            return Features({}, given)
        positions = table[named]
        kinds = values.kinds_at(positions.reshape(-1)).reshape(positions.shape)
        is_text = kinds == TEXT
        texts = _texts(values, positions, is_text)
        numbers = _numbers_of(values, positions, kinds, np.flatnonzero(~is_text.all(axis=1)))
        columns = {
            names[code]: FeatureColumn(numbers[place], texts.get(place))
            for place, code in enumerate(named.tolist())
        }
        return Features(columns, given)


def _feature_of(column: Column) -> FeatureColumn:
    return FeatureColumn(column.quantities(), column.coded() if TEXT in column.found else None)


def _texts(values: Values, positions: NDArray[np.int64], is_text: NDArray[np.bool_]) -> dict[int, Texts]:
    """The texts of those columns that have any."""
    lines = np.flatnonzero(is_text.any(axis=1))
    if not lines.size:
        return {}
    chosen = positions[lines]
    if not is_text[lines].all():
        chosen = np.where(is_text[lines], chosen, _ABSENT)
    return dict(zip(lines.tolist(), values.coded(chosen), strict=True))


def _numbers_of(
    values: Values, positions: NDArray[np.int64], kinds: NDArray[np.uint8], lines: NDArray[np.intp]
) -> NDArray[np.float64]:
    """float64 as positions: quantities of some lines, NaN in the others, which are all text."""
    if len(lines) == len(positions):
        return values.quantities(positions.reshape(-1), kinds.reshape(-1)).reshape(positions.shape)
    numbers = np.full(positions.shape, np.nan)
    if lines.size:
        chosen = positions[lines]
        numbers[lines] = values.quantities(chosen.reshape(-1), kinds[lines].reshape(-1)).reshape(chosen.shape)
    return numbers


@dataclass(frozen=True, slots=True)
class FeatureArrays:
    """The struct of a packed event.

    Attributes:
        columns: Feature name to column.
        given: bool [n], where the struct itself is not null.
    """

    columns: Mapping[str, FeatureColumn]
    given: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> FeatureArrays:
        """As `FeatureRows.take`."""
        columns = {
            name: FeatureColumn(
                column.numbers[rows],
                None if column.texts is None else Texts(column.texts.codes[rows], column.texts.values),
            )
            for name, column in self.columns.items()
        }
        return FeatureArrays(columns, self.given[rows])

    def features(self) -> Features | None:
        """As `FeatureRows.features`."""
        if not self.given.any():
            return None
        return Features(self.columns, None if self.given.all() else self.given)


def from_maps(attributes: Attributes, limits: Limits, verdicts: Refusals) -> FeatureTable:
    """The features that readable records tell of.

    A value that no feature has (bytes, a map, an array) is invalid, and no reason to refuse its row.

    Args:
        attributes: With ``ml.features``.
        limits: Number of features, and of features times rows.
        verdicts: Takes the rows that name too many, or whose features aren't a map.
    """
    room = grids.room_for_features(len(attributes), limits)
    return FeatureTable(grids.of_maps(attributes, names.ML_FEATURES, room, verdicts))


def from_struct(column: pa.StructArray) -> FeatureArrays:
    """The features of a packed event, whose types were looked at before.

    Args:
        column: Children of float, integer, boolean or text.
    """
    absent = np.full(len(column), np.nan)
    absent.setflags(write=False)
    columns: dict[str, FeatureColumn] = {}
    for field, child in zip(column.type, column.flatten(), strict=True):
        if child.null_count == len(child):
            columns[field.name] = FeatureColumn(absent)
        elif pa.types.is_string(child.type) or pa.types.is_large_string(child.type):
            columns[field.name] = FeatureColumn(absent, encode_texts(as_text(child)))
        else:
            columns[field.name] = FeatureColumn(doubles(child))
    given = np.ones(len(column), bool)
    if column.null_count:
        given = pc.is_valid(column).to_numpy(zero_copy_only=False)
    return FeatureArrays(columns, given)


def doubles(column: pa.Array) -> NDArray[np.float64]:
    """A column of numbers as float64, NaN where null."""
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    result: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return result
