"""Rows of a batch by pane, and the values of its feature columns in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import FeatureColumn, Texts

CELLS_AT_ONCE = 32_768  # values that are looked at together: as float64 they stay in the processor's cache
_CELLS_SPARE = 65_536


@dataclass(frozen=True, slots=True)
class PaneRows:
    """Some rows of a batch, those of one pane next to each other.

    Attributes:
        rows: int [n], numbers of the rows, at least one.
        starts: int [p], where each pane begins.
        pane_of: int [n], the pane of each row, counted from 0.
        counts: int [p], rows of each pane.
        panes: The panes themselves.
        every: Whether the rows are all rows of the batch, in order.
    """

    rows: NDArray[np.intp]
    starts: NDArray[np.intp]
    pane_of: NDArray[np.intp]
    counts: NDArray[np.intp]
    panes: list[int]
    every: bool

    @classmethod
    def of(cls, rows: NDArray[np.intp], panes: NDArray[np.int64], size: int) -> PaneRows:
        """Bring rows of one pane together.

        Args:
            rows: int [n], numbers of rows, increasing, at least one.
            panes: int64 [n], the pane of each.
            size: Rows of the batch.
        """
        every = len(rows) == size
        if len(rows) == 1:
            first = np.zeros(1, np.intp)
            return cls(rows, first, first, np.ones(1, np.intp), panes.tolist(), every)
        if (panes[1:] < panes[:-1]).any():
            order = np.argsort(panes, kind="stable")
            rows, panes, every = rows[order], panes[order], False
        starts = np.flatnonzero(np.append(True, panes[1:] != panes[:-1]))
        counts = np.diff(starts, append=len(rows))
        pane_of = np.repeat(np.arange(len(starts)), counts)
        return cls(rows, starts, pane_of, counts, panes[starts].tolist(), every)

    def parts(self, panes: int) -> Iterator[PaneRows]:
        """The rows of at most so many panes at a time."""
        if len(self.starts) <= panes:
            yield self
            return
        for first in range(0, len(self.starts), panes):
            counts = self.counts[first : first + panes]
            begin = int(self.starts[first])
            yield PaneRows(
                self.rows[begin : begin + int(counts.sum())],
                self.starts[first : first + panes] - begin,
                np.repeat(np.arange(len(counts)), counts),
                counts,
                self.panes[first : first + panes],
                every=False,
            )

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """int64 [columns, p], how often the mask [columns, n] is set in each pane."""
        if len(self.starts) == 1:
            return np.asarray(np.count_nonzero(mask, axis=1)[:, None], np.int64)
        counted: NDArray[np.int64] = np.add.reduceat(mask, self.starts, axis=1, dtype=np.int64)
        return counted

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [columns, p], sums of values [columns, n] in each pane."""
        if len(self.starts) == 1:
            return np.asarray(values.sum(axis=1, keepdims=True))
        return np.asarray(np.add.reduceat(values, self.starts, axis=1))

    def least(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [columns, p], the least of values [columns, n] in each pane."""
        if len(self.starts) == 1:
            return np.asarray(values.min(axis=1, keepdims=True))
        return np.asarray(np.minimum.reduceat(values, self.starts, axis=1))

    def greatest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [columns, p], the greatest of values [columns, n] in each pane."""
        if len(self.starts) == 1:
            return np.asarray(values.max(axis=1, keepdims=True))
        return np.asarray(np.maximum.reduceat(values, self.starts, axis=1))

    def numbers(self, column: FeatureColumn) -> NDArray[np.float64]:
        """float64 [n], the column's numbers in these rows."""
        return column.numbers if self.every else column.numbers[self.rows]

    def codes(self, texts: Texts) -> NDArray[np.int32]:
        """int32 [n], the codes of texts in these rows."""
        return texts.codes if self.every else texts.codes[self.rows]

    def texts_by_pane(self, texts: Texts | None) -> Iterator[tuple[int, str, int]]:
        """Place of the pane, text and number of rows."""
        if texts is None:
            return
        codes = self.codes(texts)
        for pane, code, rows in self._pairs(codes, len(texts.values)):
            yield pane, texts.values[code], rows

    def numbers_by_pane(self, numbers: NDArray[np.float64]) -> Iterator[tuple[int, float, int]]:
        """Place of the pane, number and number of rows, of the numbers [n] that are finite."""
        finite = np.isfinite(numbers)
        if not finite.any():
            return
        distinct, inverse = np.unique(numbers[finite], return_inverse=True)
        codes = np.full(len(numbers), -1, np.int64)
        codes[finite] = inverse
        values = distinct.tolist()
        for pane, code, rows in self._pairs(codes, len(values)):
            yield pane, values[code], rows

    def _pairs(
        self, codes: NDArray[np.int32] | NDArray[np.int64], size: int
    ) -> Iterator[tuple[int, int, int]]:
        """Place of the pane, code and number of rows, of the codes that aren't negative."""
        held = codes >= 0
        pairs = (self.pane_of * size + codes)[held]
        if not len(pairs):
            return
        if len(self.starts) * size <= _CELLS_SPARE:
            counted = np.bincount(pairs)
            distinct = np.flatnonzero(counted)
            counted = counted[distinct]
        else:
            distinct, counted = np.unique(pairs, return_counts=True)
        places, found = np.divmod(distinct, size)
        yield from zip(places.tolist(), found.tolist(), counted.tolist(), strict=True)
