"""Scores of rows that are of a class and of rows that aren't, for the ROC."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.histogram import MAX_COUNT, added, checked_counts, freeze, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.signals.frame import Reader, Writer

_FIXED_BYTES = 600


def _lattice() -> NDArray[np.float64]:
    """Multiples of 1/1024, and 32 steps an octave towards 0 and 1 from 1/32 on down to 2**-24."""
    middle = np.arange(32, 993) / 1024
    octaves = np.ldexp(1.0, np.arange(-24, -5))[:, None] * (1 + np.arange(32) / 32)[None, :]
    low = octaves.reshape(-1)
    edges = np.concatenate(([0.0, np.nextafter(0.0, 1.0)], low, middle, 1 - low[::-1], [1.0]))
    edges.setflags(write=False)
    return edges


EDGES = _lattice()
"""float64; cell i is [EDGES[i], EDGES[i + 1]), the first is exactly 0, the last exactly 1.

All edges are dyadic; a threshold that is a multiple of 1/1024 never cuts a cell (score >= threshold).
"""
CELLS = len(EDGES)
_LATTICE = hashlib.blake2b(EDGES.astype("<f8").tobytes(), digest_size=8).digest()


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts(Framed):
    """Rows of one class and of the rest, by cell of their score; only cells that have rows are held.

    Make one with `zero`; the constructor itself trusts its input.

    Attributes:
        cells: int64 [m], indices into `EDGES`, increasing, read-only.
        positive: int64 [m], rows that truly are of the class, read-only.
        negative: int64 [m], rows that are not, read-only.
        outside: Rows whose score is under 0 or over 1; not counted elsewhere.

    >>> truth = np.array([True, False, False, True])
    >>> scores = ScoreCounts.zero().observe(np.array([0.5, 0.25, 0.5, 7.0]), truth)
    >>> EDGES[scores.cells].tolist(), scores.positive.tolist(), scores.negative.tolist(), scores.outside
    ([0.25, 0.5], [0, 1], [1, 1], 1)
    """

    KIND: ClassVar[int] = 5

    cells: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    outside: int

    @classmethod
    def zero(cls) -> ScoreCounts:
        """Nothing counted yet."""
        none = freeze(np.zeros(0, np.int64))
        return cls(none, none, none, 0)

    def observe(self, score: NDArray[np.float64], truth: NDArray[np.bool_]) -> ScoreCounts:
        """Count more rows.

        Args:
            score: float64 [n], predicted probability of the class; NaN rows are left out.
            truth: bool [n], whether the row truly is of the class.

        Returns:
            New counts; these stay as they are.
        """
        known = ~np.isnan(score)
        inside = known & (score >= 0) & (score <= 1)
        cells = np.searchsorted(EDGES, score[inside], side="right") - 1
        right = truth[inside]
        positive = np.bincount(cells[right], minlength=CELLS)
        negative = np.bincount(cells[~right], minlength=CELLS)
        outside = int(np.count_nonzero(known)) - int(np.count_nonzero(inside))
        return self.merge(_sparse(positive.astype(np.int64), negative.astype(np.int64), outside))

    @property
    def rows(self) -> int:
        """All rows, also those outside of [0, 1]."""
        return int(self.positive.sum()) + int(self.negative.sum()) + self.outside

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""
        return _FIXED_BYTES + self.cells.nbytes + self.positive.nbytes + self.negative.nbytes

    def merge(self, other: ScoreCounts) -> ScoreCounts:
        """The counts of both inputs' rows.

        Raises:
            StateError: The other state is no such counts.
        """
        if type(other) is not ScoreCounts:
            raise StateError(f"score counts merge with score counts, got {type(other).__name__}")
        if not len(self.cells) and not self.outside:
            return other
        wide = np.zeros((2, 2, CELLS), np.int64)
        for layer, part in zip(wide, (self, other), strict=True):
            layer[0, part.cells] = part.positive
            layer[1, part.cells] = part.negative
        counts = added(wide[0], wide[1])
        return _sparse(counts[0], counts[1], summed(self.outside, other.outside))

    def _write(self, parameters: Writer, content: Writer) -> None:
        parameters.blob(_LATTICE)
        for column in (self.cells, self.positive, self.negative):
            content.integers(column)
        content.integer(self.outside)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> ScoreCounts:
        """Read what was written (`signals.codec`).

        Raises:
            StateError: The bytes are no score counts.
        """
        if parameters.blob() != _LATTICE:
            raise StateError("score counts of other cells can't be read; make them again with this version")
        cells = content.integers()
        positive, negative = checked_counts(content.integers()), checked_counts(content.integers())
        outside = content.integer(0, MAX_COUNT)
        if not len(cells) == len(positive) == len(negative):
            raise StateError("score counts of unequal columns; fetch the state again")
        in_order = not len(cells) or (
            cells[0] >= 0 and cells[-1] < CELLS and bool((np.diff(cells) > 0).all())
        )
        if not in_order or not bool(((positive > 0) | (negative > 0)).all()):
            raise StateError("the cells of score counts are not possible; fetch the state again")
        return cls(cells, positive, negative, outside)


def _sparse(positive: NDArray[np.int64], negative: NDArray[np.int64], outside: int) -> ScoreCounts:
    cells = np.flatnonzero(positive | negative).astype(np.int64, copy=False)
    return ScoreCounts(freeze(cells), freeze(positive[cells]), freeze(negative[cells]), outside)
