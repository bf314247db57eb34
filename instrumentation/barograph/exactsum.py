"""Sums that are the same in any order and any split: every term is rounded to a power of two.

A sum of multiples of g is exact in float64 while it stays below 2^53 g, and integers take over
beyond that.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# Scores are probabilities: sums on this grid stay exact for 8 million rows and are true to 1e-9.
SCORE_GRID = 2.0**-30
_EXACT = 2.0**53


class GridSums:
    """One sum per column, in units of the column's grid; a grid of 0 means plain float sums."""

    __slots__ = ("_bound", "_grid", "_large", "_units")

    def __init__(self, grid: Floats) -> None:
        self._grid = grid
        self._units = np.zeros(len(grid))
        self._bound = np.zeros(len(grid))
        self._large: dict[int, int] = {}

    def add(self, values: Floats, units: Floats, largest: Floats) -> None:
        """Add rows.

        Args:
            values: The terms, 0 where there is none (rows by columns).
            units: `units_of(values, grid)`.
            largest: Per column a bound of |units| over the rows.
        """
        with np.errstate(over="ignore"):
            bound = largest * len(units)
        risky = (self._bound + bound >= _EXACT) & (self._grid > 0)
        with np.errstate(invalid="ignore", over="ignore"):
            sums = units.sum(axis=0)
        for column in np.flatnonzero(risky).tolist():
            exact = int(self._units[column])
            self._units[column] = self._bound[column] = 0.0
            if bound[column] >= _EXACT:  # these rows alone are too many or too large
                grid = Fraction(float(self._grid[column]))
                exact += sum(round(Fraction(value) / grid) for value in values[:, column].tolist())
                sums[column] = bound[column] = 0.0
            self._large[column] = self._large.get(column, 0) + exact
        self._units += sums
        self._bound += bound

    def total(self, column: int) -> float:
        """The sum of one column."""
        grid = float(self._grid[column])
        if grid == 0:
            return float(self._units[column])
        if column not in self._large:
            return float(self._units[column]) * grid
        try:
            return float((self._large[column] + int(self._units[column])) * Fraction(grid))
        except OverflowError:
            return float("inf") if self._large[column] > 0 else float("-inf")


def units_of(values: Floats, grid: Floats) -> Floats:
    """Values as whole multiples of the grid, half to even; unchanged where the grid is 0."""
    with np.errstate(over="ignore"):
        scale = np.where(grid > 0, 1.0 / np.where(grid > 0, grid, 1.0), 1.0)
        if not (grid > 0).any():
            return values
        scaled = values * scale
        return np.where(grid > 0, np.rint(scaled), scaled)
