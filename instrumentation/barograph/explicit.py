"""Histograms on fixed edges, many columns at once.

Bucket i is (edges[i-1], edges[i]]; the outer ones are open. The bucket of a value is the number
of edges below it. A table of 1,024 equal cells finds it without a search: the cell of a value
is a monotone function of it, so edges of lower cells are below the value, edges of higher cells
are not, and only edges of the same cell are compared. Columns with more than three edges in a
cell are searched instead; both ways give the same bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.exactsum import GridSums, units_of
from barograph.points import ExplicitBuckets

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.intp]
    Mask = npt.NDArray[np.bool_]

CELLS = 1_024
MAX_COMPARES = 3


class ExplicitPlan:
    """The edges and grids of some columns, and the tables that find buckets."""

    def __init__(self, edges: Sequence[Sequence[float]], grids: Sequence[float | None]) -> None:
        self.edges = [tuple(float(edge) for edge in one) for one in edges]
        self.columns = len(self.edges)
        self.width = 1 + max((len(one) for one in self.edges), default=0)
        self.grid = np.array([grid or 0.0 for grid in grids], dtype=np.float64)
        self._flat_edges = np.full((self.columns, self.width + MAX_COMPARES), np.inf)
        self._low = np.zeros(self.columns)
        self._scale = np.zeros(self.columns)
        self._first = np.zeros((self.columns, CELLS), dtype=np.intp)
        self._compares = 0
        self._searched: list[int] = []
        for column, one in enumerate(self.edges):
            self._flat_edges[column, : len(one)] = one
            self._prepare(column, np.array(one))
        self._cell_base = np.arange(self.columns, dtype=np.intp) * CELLS
        self._edge_base = np.arange(self.columns, dtype=np.intp) * self._flat_edges.shape[1]
        self._bucket_base = np.arange(self.columns, dtype=np.intp) * self.width

    def _prepare(self, column: int, edges: Floats) -> None:
        if not len(edges):
            return
        self._low[column] = edges[0]
        with np.errstate(over="ignore"):
            span = edges[-1] - edges[0]
        if np.isfinite(span) and span > 0 and np.isfinite((CELLS - 1) / span):
            self._scale[column] = (CELLS - 1) / span
        cells = _cells(edges, self._low[column], self._scale[column])
        per_cell = np.bincount(cells, minlength=CELLS)
        if per_cell.max() > MAX_COMPARES or not np.isfinite(span):
            self._searched.append(column)
            return
        self._compares = max(self._compares, int(per_cell.max()))
        self._first[column, 1:] = np.cumsum(per_cell)[:-1]

    def buckets(self, values: Floats) -> Integers:
        """The bucket of every value (rows by columns); values must be finite."""
        cells = _cells(values, self._low, self._scale)
        cells += self._cell_base
        found: Integers = self._first.ravel()[cells]
        if self._compares:
            place = found + self._edge_base
            edges = self._flat_edges.ravel()
            for step in range(self._compares):
                found += edges[place + step] < values
        for column in self._searched:
            found[:, column] = np.searchsorted(self.edges[column], values[:, column], side="left")
        return found

    def buckets_of(self, first: int, values: Floats) -> Integers:
        """As `buckets`, of consecutive columns from `first` on, given as columns by rows.

        Some 30,000 values at once stay in the processor's cache: that takes half the time a value.
        """
        last = first + len(values)
        cells = _cells(values, self._low[first:last, None], self._scale[first:last, None])
        cells += self._cell_base[: len(values), None]
        found: Integers = self._first[first:last].ravel()[cells]
        if self._compares:
            place = found + self._edge_base[: len(values), None]
            edges = self._flat_edges[first:last].ravel()
            for step in range(self._compares):
                found += edges[place + step if step else place] < values
        for column in self._searched:
            if first <= column < last:
                one = values[column - first]
                found[column - first] = np.searchsorted(self.edges[column], one, side="left")
        return found

    def counts(self) -> ExplicitCounts:
        """Empty counts."""
        return ExplicitCounts(self)

    def prepare(self, values: Floats, valid: Mask | None) -> PreparedExplicit:
        """What `ExplicitCounts.add` needs of some rows; `valid` None means every value."""
        filled = values if valid is None else np.where(valid, values, 0.0)
        return PreparedExplicit(
            filled, valid, self.buckets(filled) + self._bucket_base, units_of(filled, self.grid)
        )


def _cells(values: Floats, low: Floats | float, scale: Floats | float) -> Integers:
    with np.errstate(over="ignore", invalid="ignore"):
        position = (values - low) * scale
    # fmin and fmax also take care of inf * 0.
    return np.fmin(np.fmax(position, 0.0), CELLS - 1.0).astype(np.intp)


class PreparedExplicit:
    """Rows with their buckets found, ready to be counted into one pane or several."""

    __slots__ = ("buckets", "units", "valid", "values")

    def __init__(self, values: Floats, valid: Mask | None, buckets: Integers, units: Floats) -> None:
        self.values = values
        self.valid = valid
        self.buckets = buckets
        self.units = units


class ExplicitCounts:
    """Bucket counts, sums and ranges of every column in one pane."""

    __slots__ = ("_plan", "counts", "high", "low", "sums")

    def __init__(self, plan: ExplicitPlan) -> None:
        self._plan = plan
        self.counts = np.zeros(plan.columns * plan.width, dtype=np.int64)
        self.low = np.full(plan.columns, np.inf)
        self.high = np.full(plan.columns, -np.inf)
        self.sums = GridSums(plan.grid)

    def add(self, rows: PreparedExplicit, part: slice) -> None:
        """Count a slice of prepared rows."""
        values, buckets, units = rows.values[part], rows.buckets[part], rows.units[part]
        if not len(values):
            return
        if rows.valid is None:
            self.counts += np.bincount(buckets.ravel(), minlength=len(self.counts))
            low, high = values.min(axis=0), values.max(axis=0)
        else:
            valid = rows.valid[part]
            self.counts += np.bincount(buckets[valid], minlength=len(self.counts))
            low = values.min(axis=0, where=valid, initial=np.inf)
            high = values.max(axis=0, where=valid, initial=-np.inf)
        np.minimum(self.low, low, out=self.low)
        np.maximum(self.high, high, out=self.high)
        largest = np.fmax(np.abs(units.max(axis=0)), np.abs(units.min(axis=0)))
        self.sums.add(values, units, largest)

    def data(self, column: int) -> ExplicitBuckets | None:
        """The point of one column; None where nothing was counted."""
        edges = self._plan.edges[column]
        begin = column * self._plan.width
        counts = self.counts[begin : begin + len(edges) + 1].tolist()
        if not any(counts):
            return None
        return ExplicitBuckets(
            edges=edges,
            counts=counts,
            total=self.sums.total(column),
            low=float(self.low[column]),
            high=float(self.high[column]),
        )
