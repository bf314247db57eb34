"""Numbers of many columns counted in exponential buckets, by column and pane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph.exponential import MAX_BUCKETS, MAX_SCALE, indexes
from barograph_processor.engine.open_cells import SLOTS, Ends, countable, counted, least_magnitudes
from barograph_processor.signals.exact import units_of_parts
from barograph_processor.signals.exponential_buckets import Buckets, Side
from barograph_processor.signals.histogram import freeze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.feature_rows import PaneRows

_NOWHERE: Final = np.iinfo(np.int64).max // 4


class NumberCounts(NamedTuple):
    """Numbers of a column in a pane.

    Attributes:
        buckets: How many are how large.
        units: Their sum, in units of 2**-1074.
        low: The least of them, +inf where there is none.
        high: The greatest, -inf where there is none.
        invalid: Values that are infinite.
    """

    buckets: Buckets
    units: int
    low: float
    high: float
    invalid: int


class _Signed(NamedTuple):
    """Buckets of one sign of some columns.

    Attributes:
        first: int64 [columns, panes], the least bucket at the finest scale.
        last: The greatest, less than the least where there is none.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]


def number_counts(values: NDArray[np.float64], rows: PaneRows) -> list[list[NumberCounts]]:
    """Counts by column and pane.

    Args:
        values: float64 [columns, n], NaN where there is none; what isn't finite becomes 0 in them.
        rows: The n rows.
    """
    low, high = rows.least(values), rows.greatest(values)
    invalid: NDArray[np.int64] = np.zeros(low.shape, np.int64)
    others = invalid
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        finite = np.isfinite(values)
        invalid, others = rows.count(np.isinf(values)), rows.count(~finite)
        low = rows.least(np.where(finite, values, np.inf))
        high = rows.greatest(np.where(finite, values, -np.inf))
        values[~finite] = 0.0
    units = units_of_parts(values, rows.starts)
    buckets = _buckets(values, others, rows, (low, high))
    return [
        [
            NumberCounts(
                buckets[column][pane],
                units[column][pane],
                float(low[column, pane]),
                float(high[column, pane]),
                int(invalid[column, pane]),
            )
            for pane in range(len(rows.starts))
        ]
        for column in range(len(values))
    ]


def _buckets(
    values: NDArray[np.float64],
    others: NDArray[np.int64],
    rows: PaneRows,
    extremes: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[list[Buckets]]:
    """Buckets by column and pane; of the values that are 0, `others` aren't counted."""
    ends = _ends(values, rows, extremes)
    sides = [_signed(*ends[:2]), _signed(*ends[2:])]
    shift = _least_shift(sides)
    while (wide := _too_wide(sides, shift)).any():
        shift += wide
    begins = [side.first >> shift for side in sides]
    counts = _counted(values, rows, ends, shift, begins)
    zeros = (counts[:, :, 2 * MAX_BUCKETS] - others).tolist()
    parts = [
        (begin.tolist(), ((side.last >> shift) - begin + 1).tolist(), offset)
        for side, begin, offset in zip(sides, begins, (0, MAX_BUCKETS), strict=True)
    ]
    return [
        [
            Buckets(
                MAX_SCALE - int(shift[column, pane]),
                zeros[column][pane],
                *(
                    Side(
                        begin[column][pane],
                        freeze(counts[column, pane, offset : offset + length[column][pane]].copy()),
                    )
                    if length[column][pane] > 0
                    else Side()
                    for begin, length, offset in parts
                ),
            )
            for pane in range(len(rows.starts))
        ]
        for column in range(len(values))
    ]


def _ends(
    values: NDArray[np.float64], rows: PaneRows, extremes: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> Ends:
    """float64 [columns, panes] each."""
    low, high = extremes
    if len(rows.starts) == 1:
        positive, negative = (one[:, None] for one in least_magnitudes(values))
    else:
        magnitudes = np.where(values == 0, np.inf, np.abs(values))
        positive = rows.least(np.where(values < 0, np.inf, magnitudes))
        negative = rows.least(np.where(values < 0, magnitudes, np.inf))
    return Ends(
        np.where(high > 0, positive, np.inf),
        np.where(high > 0, high, 0.0),
        np.where(low < 0, negative, np.inf),
        np.where(low < 0, -low, 0.0),
    )


def _counted(
    values: NDArray[np.float64],
    rows: PaneRows,
    ends: Ends,
    shift: NDArray[np.int64],
    begins: list[NDArray[np.int64]],
) -> NDArray[np.int64]:
    """int64 [columns, panes, SLOTS], as `counted` of each pane."""
    panes = len(rows.starts)
    counts = np.empty((len(values), panes, SLOTS), np.int64)
    rest = np.ones(len(values), np.bool_)
    if panes == 1:
        usual = countable(Ends(*(one[:, 0] for one in ends)), shift[:, 0])
        if usual.any():
            of_some = Ends(*(one[usual, 0] for one in ends))
            begin = (begins[0][usual, 0], begins[1][usual, 0])
            every = values if usual.all() else values[usual]
            counts[usual, 0] = counted(every, of_some, shift[usual, 0], begin)
        rest = ~usual
    if rest.any():
        some = values[rest]
        cell = np.arange(0, some.shape[0] * panes * SLOTS, SLOTS).reshape(-1, panes)
        cells = indexes(np.abs(some)) >> _by_row(shift[rest], rows)
        offsets = [_by_row(cell - begin[rest], rows) for begin in begins]
        cells += np.where(some < 0, offsets[1] + MAX_BUCKETS, offsets[0])
        cells = np.where(some == 0, _by_row(cell + 2 * MAX_BUCKETS, rows), cells)
        found = np.bincount(cells.reshape(-1), minlength=some.shape[0] * panes * SLOTS)
        counts[rest] = found.reshape(-1, panes, SLOTS)
    return counts


def _signed(least: NDArray[np.float64], greatest: NDArray[np.float64]) -> _Signed:
    """The buckets of a sign, by the magnitudes at its ends; none where the greatest isn't above 0."""
    there = greatest > 0
    first, last = (indexes(np.where(there, ends, 1.0)) for ends in (least, greatest))
    return _Signed(np.where(there, first, _NOWHERE), np.where(there, last, -_NOWHERE))


def _least_shift(sides: list[_Signed]) -> NDArray[np.int64]:
    """What the scale has to give way by at least, so that either sign has few enough buckets."""
    width = np.maximum(*(side.last - side.first for side in sides))
    shift: NDArray[np.int64] = np.frexp(np.maximum(width, 0) / MAX_BUCKETS)[1].astype(np.int64)
    return np.maximum(shift, 0)


def _by_row(of_pane: NDArray[np.int64], rows: PaneRows) -> NDArray[np.int64]:
    """A number of each pane as one of each row."""
    return of_pane if len(rows.starts) == 1 else of_pane[:, rows.pane_of]


def _too_wide(sides: list[_Signed], shift: NDArray[np.int64]) -> NDArray[np.bool_]:
    wide = np.zeros(shift.shape, np.bool_)
    for side in sides:
        wide |= (side.last >> shift) - (side.first >> shift) >= MAX_BUCKETS
    return wide
