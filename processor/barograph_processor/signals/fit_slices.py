"""Slices of a reference, and the overdispersion that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.signals.overdispersion import of_index, of_shares, whole_slices
from barograph_processor.signals.reference import ANY_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

HOUR_S, DAY_S, WEEK_S = 3_600, 86_400, 604_800
LENGTHS_S = (HOUR_S, DAY_S, WEEK_S)
BLOCKS = 20
_NS_PER_S = 1_000_000_000


class Slices:
    """Rows of a reference cut by event time, or into 20 contiguous blocks where rows have no time.

    Blocks also stand in where the rows' times make fewer than 8 slices of every length. Of a shuffled file
    blocks show nothing: φ is then 1, and windows in time will vary more than that.

    Attributes:
        start_ns: Least event time; None where rows have none.
        end_ns: Greatest event time.
    """

    __slots__ = ("_blocks", "_places", "end_ns", "start_ns")

    def __init__(self, rows: int, time_ns: NDArray[np.int64] | None, lengths_s: Iterable[int] = ()) -> None:
        """Cut.

        Args:
            rows: Number of rows.
            time_ns: int64 [rows], event times in Unix nanoseconds.
            lengths_s: Window lengths in seconds, beside hour, day and week.
        """
        self._places: dict[int, NDArray[np.int64]] = {}
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        order = np.arange(rows)
        if time_ns is not None and rows:
            self.start_ns, self.end_ns = int(time_ns.min()), int(time_ns.max())
            for length in sorted({*LENGTHS_S, *lengths_s}):
                self._places[length] = np.unique(time_ns // (length * _NS_PER_S), return_inverse=True)[
                    1
                ].reshape(-1)
            order = np.empty(rows, np.int64)
            order[np.argsort(time_ns, kind="stable")] = np.arange(rows)
        self._blocks = order * BLOCKS // max(rows, 1)

    def overdispersion(
        self, codes: NDArray[np.int64], groups: int, stream_rows: int, *, by_index: bool = True
    ) -> dict[str, float]:
        """φ by length, as a baseline stores it: for the reference's mean number of rows in that time.

        Args:
            codes: int64 [rows], group of each row, -1 for rows that are not of the stream.
            groups: Number of groups.
            stream_rows: Rows of the stream's state.
            by_index: For the population stability index, else for shares.

        Returns:
            Length in seconds as text to φ; ``"0"`` for blocks. Empty with fewer than two groups.
        """
        if groups < 2:  # noqa: PLR2004 nothing varies
            return {}
        measure = of_index if by_index else of_shares
        found: dict[str, float] = {}
        span_ns = (self.end_ns or 0) - (self.start_ns or 0)
        for length, places in self._places.items():
            shown = measure(whole_slices(_table(places, codes, groups)))
            if shown is not None and span_ns:
                found[str(length)] = shown.at(stream_rows * length * _NS_PER_S / span_ns)
        if not found:
            shown = measure(_table(self._blocks, codes, groups))
            if shown is not None:
                found[f"{ANY_LENGTH:g}"] = shown.phi
        return found


def _table(places: NDArray[np.int64], codes: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Rows by slice and group, slices without rows left out."""
    known = codes >= 0
    slices = int(places.max()) + 1 if len(places) else 0
    cells = np.bincount(places[known] * groups + codes[known], minlength=slices * groups)
    table = cells.reshape(slices, groups).astype(np.int64, copy=False)
    return table[table.any(axis=1)]
