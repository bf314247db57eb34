"""Snapshots of the caller's inputs as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from barograph.columns import values
from barograph.guard import HISTOGRAMS, guard
from barograph.libraries import Foreign, is_frame, library_of
from barograph.snapshots import (
    ArraySnapshot,
    BlockSnapshot,
    Frozen,
    MappingSnapshot,
    NestedSnapshot,
    ObjectSnapshot,
    RowSnapshot,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph.columns import RawColumn

MAX_WIDTH = 2_000
_INVALID = float("inf")


class Frame:
    """Rows of features: either a matrix, or columns by name.

    Attributes:
        rows: Number of rows.
        width: Number of columns before any bound.
        names: Names of the columns; None where the form has none.
        matrix: All columns in one two-dimensional array, or None.
    """

    __slots__ = ("_columns", "matrix", "names", "rows", "width")

    def __init__(
        self,
        rows: int,
        *,
        names: tuple[str, ...] | None,
        matrix: np.ndarray[Any, Any] | None = None,
        columns: Sequence[RawColumn] = (),
        width: int | None = None,
    ) -> None:
        self.rows = rows
        self.names = names
        self.matrix = matrix
        self._columns = columns
        found = matrix.shape[1] if matrix is not None else len(columns)
        self.width = found if width is None else width

    def column(self, position: int) -> RawColumn:
        """One column as it came."""
        return self.matrix[:, position] if self.matrix is not None else self._columns[position]


def join(frozens: Sequence[Frozen], rows: int, *, single_column: bool) -> Frame:  # noqa: PLR0911 - one return per form
    """One table of snapshots with equal keys.

    Args:
        frozens: Snapshots, one an item.
        rows: Rows of all of them.
        single_column: A one-dimensional input is a column, not a row.
    """
    first = frozens[0]
    if isinstance(first, ArraySnapshot):
        return _join_arrays(frozens, rows, single_column=single_column)
    if isinstance(first, BlockSnapshot):
        names = tuple(str(name) for name in first.columns)
        matrix = first.array() if len(frozens) == 1 else _joined(frozens, first.dtype, (rows, len(names)))
        return Frame(rows, names=names, matrix=matrix)
    if isinstance(first, RowSnapshot):
        if single_column:
            return Frame(rows, names=None, columns=[list(first.values)])
        if any(one.names != first.names for one in frozens):
            return _nested([dict(zip(one.names or (), one.values, strict=True)) for one in frozens])
        columns = [list(column) for column in zip(*(one.values for one in frozens), strict=True)]
        return Frame(rows, names=_texts(first.names), columns=columns)
    if isinstance(first, NestedSnapshot):
        return _nested(first.items)
    if isinstance(first, MappingSnapshot):
        raw = [_fitting(column_of(column), rows) for column in first.columns.values()]
        return Frame(rows, names=tuple(first.columns), columns=raw)
    if isinstance(first, ObjectSnapshot):
        return _foreign(first.value, rows, single_column=single_column)
    return Frame(rows, names=None, columns=[list(frozens)])


def column_of(frozen: Frozen) -> RawColumn:
    """A snapshot as one column (two-dimensional where it holds scores per class)."""
    if isinstance(frozen, ArraySnapshot):
        array = frozen.array()
        return array.reshape(-1) if array.ndim == 0 else array
    if isinstance(frozen, RowSnapshot):
        return list(frozen.values)
    if isinstance(frozen, ObjectSnapshot):
        return frozen.value
    if isinstance(frozen, BlockSnapshot):
        return frozen.array()
    if isinstance(frozen, NestedSnapshot):
        return list(frozen.items)
    return [frozen]


def _texts(names: tuple[Any, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(map(str, names))


def _joined(frozens: Sequence[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    if all(isinstance(one.data, bytes) for one in frozens):
        return np.frombuffer(b"".join([one.data for one in frozens]), dtype=dtype).reshape(shape)
    return np.concatenate([one.array().reshape(-1, *shape[1:]) for one in frozens])


def _join_arrays(frozens: Sequence[ArraySnapshot], rows: int, *, single_column: bool) -> Frame:
    first = frozens[0]
    if first.dtype.names:
        joined = _joined(frozens, first.dtype, (rows,))
        return Frame(rows, names=first.dtype.names, columns=[joined[name] for name in first.dtype.names])
    if single_column:
        return Frame(rows, names=None, matrix=first.array().reshape(-1, 1))
    width = 1
    for length in first.shape[1:] if len(first.shape) > 1 else first.shape:
        width *= length
    return Frame(rows, names=None, matrix=_joined(frozens, first.dtype, (rows, width)))


def _nested(items: list[Any]) -> Frame:
    rows = len(items)
    form = dict if isinstance(items[0], dict) else tuple
    unfit = sum(not isinstance(row, form) for row in items)
    if unfit:
        guard.drop(
            HISTOGRAMS, "unfit_rows", "an input has rows of unlike forms; their features are missing", unfit
        )
        items = [row if isinstance(row, form) else form() for row in items]
    if form is dict:
        names = tuple({name: None for row in items for name in row})
        columns: list[RawColumn] = [[row.get(name) for row in items] for name in names]
        return Frame(rows, names=_texts(names), columns=columns)
    width = max(map(len, items))
    if any(len(row) != width for row in items):
        items = [row + (None,) * (width - len(row)) for row in items]
    return Frame(rows, names=None, columns=[list(column) for column in zip(*items, strict=True)])


def _foreign(value: Foreign, rows: int, *, single_column: bool) -> Frame:  # noqa: PLR0911 - one return per form
    library = library_of(type(value))
    if isinstance(value, np.ndarray):
        if value.dtype.names:
            return Frame(rows, names=value.dtype.names, columns=[value[name] for name in value.dtype.names])
        if value.ndim == 1 and single_column:
            return Frame(rows, names=None, columns=[value])
        return Frame(rows, names=None, matrix=value.reshape(rows, -1))
    if is_frame(type(value)):
        if library == "pandas":
            names = tuple(str(name) for name in value.columns)
            return Frame(rows, names=names, columns=[value.iloc[:, place] for place in range(len(names))])
        if library == "polars":
            return Frame(rows, names=tuple(value.columns), columns=value.get_columns())
        return Frame(rows, names=tuple(value.column_names), columns=value.columns)
    if library == "scipy":
        width = value.shape[1]
        return Frame(rows, names=None, matrix=value.tocsc()[:, :MAX_WIDTH].toarray(), width=width)
    name = str(getattr(value, "name", None) or "x0")
    return Frame(rows, names=(name,), columns=[value])


def _fitting(column: RawColumn, rows: int) -> RawColumn:
    length = len(column)
    if length == rows:
        return column
    if length == 1 and isinstance(column, list):
        return column * rows
    return np.full(rows, _INVALID)


def segment_columns(frozens: Sequence[Frozen], rows: Sequence[int]) -> Mapping[str, list[object]]:
    """Segment values by name of items whose segments have equal names; a scalar holds for its whole item."""
    columns: dict[str, list[object]] = {}
    for frozen, count in zip(frozens, rows, strict=True):
        if isinstance(frozen, RowSnapshot):
            pairs = zip(frozen.names or (), ([one] for one in frozen.values), strict=True)
        elif isinstance(frozen, MappingSnapshot):
            pairs = zip(
                frozen.columns, (values(column_of(one)) for one in frozen.columns.values()), strict=True
            )
        else:
            continue
        for name, column in pairs:
            found = column * count if len(column) == 1 and count != 1 else column
            columns.setdefault(str(name), []).extend(found if len(found) == count else [None] * count)
    return columns
