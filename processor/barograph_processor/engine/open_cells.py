"""Exponential buckets of many numbers by what their bits say, without a logarithm.

The leading bits of a double are its exponent and the first of its fraction: they tell cells, 2**(s + 1) to an
octave. The narrowest bucket at scale s is wider than a cell, so that one comparison finds a value's bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph.exponential import MAX_BUCKETS, MAX_SCALE, OCTAVE
from barograph_processor.signals.exact import column_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_FRACTION_BITS: Final = 52
_BIAS: Final = 1_023
_SIGN_BIT: Final = 63
_ALL_BUT_SIGN: Final = np.int64(2**63 - 1)
_LEAST_NORMAL: Final = 2.0**-1_022
_CELLS_MOST: Final = 4_096
SLOTS: Final = 2 * MAX_BUCKETS + 1


class Ends(NamedTuple):
    """Magnitudes of the values of each sign nearest to 0 and farthest from it; +inf and 0 where none is.

    Attributes:
        least: Of positive values.
        greatest: Likewise.
        least_negative: Of negative ones.
        greatest_negative: Likewise.
    """

    least: Floats
    greatest: Floats
    least_negative: Floats
    greatest_negative: Floats

    @property
    def nearest(self) -> Floats:
        """The least of both signs."""
        return np.minimum(self.least, self.least_negative)

    @property
    def farthest(self) -> Floats:
        """The greatest of both signs."""
        return np.maximum(self.greatest, self.greatest_negative)


def least_magnitudes(values: Floats) -> tuple[Floats, Floats]:
    """The magnitudes nearest to 0 of each sign, by column; what a sign has that isn't there means nothing.

    Args:
        values: float64 [columns, n], all finite.
    """
    positive, negative = np.empty(len(values), np.uint64), np.empty(len(values), np.int64)
    parts = column_blocks(*values.shape)
    spare = np.empty((parts[0].stop, values.shape[1]), np.int64)
    for part in parts:
        before = spare[: part.stop - part.start]
        np.subtract(values[part].view(np.int64), 1, out=before)  # greatest of either zero
        before.view(np.uint64).min(axis=1, out=positive[part])
        before.min(axis=1, out=negative[part])
    positive += np.uint64(1)
    negative += 1
    return positive.view(np.float64), (negative & _ALL_BUT_SIGN).view(np.float64)


def countable(ends: Ends, shift: Integers) -> NDArray[np.bool_]:
    """Bool [columns], which columns `counted` can count.

    Args:
        ends: [columns] each.
        shift: int64 [columns], by how much each scale is under the finest one.
    """
    nearest, farthest = ends.nearest, ends.farthest
    nothing = farthest == 0
    usual = (nearest >= _LEAST_NORMAL) & (shift <= MAX_SCALE)
    low = np.frexp(np.where(usual & ~nothing, nearest, 1.0))[1]
    octaves = np.frexp(farthest)[1].astype(np.int64) - low + 1
    few = octaves << np.maximum(MAX_SCALE + 1 - shift, 0) <= _CELLS_MOST
    found: NDArray[np.bool_] = nothing | (usual & few)
    return found


def counted(values: Floats, ends: Ends, shift: Integers, begins: tuple[Integers, Integers]) -> Integers:
    """int64 [columns, SLOTS], rows by bucket: positive ones, negative ones, and those that are 0.

    Args:
        values: float64 [columns, n], all finite.
        ends: As of `countable`, which must be so of every column.
        shift: Likewise.
        begins: int64 [columns], index of the first positive and negative bucket.
    """
    spare = _FRACTION_BITS - 1 - MAX_SCALE + shift  # bits that tell no cell
    held = ends.farthest > 0
    first, last = (np.where(held, one, 1.0).view(np.int64) >> spare for one in (ends.nearest, ends.farthest))
    zero = np.where(held, first - 1, last)  # the cell of what is less than all others
    lengths = last - zero + 1
    starts = np.cumsum(2 * lengths) - 2 * lengths
    slots, edges = _table(shift, zero, lengths, begins)
    rows = np.empty((len(values), SLOTS), np.int64)
    parts = column_blocks(*values.shape)
    spares = np.empty((4, parts[0].stop, values.shape[1]), np.int64)
    for part in parts:
        magnitudes, cells, found, bounds = spares[:, : part.stop - part.start]
        bits = values[part].view(np.int64)
        np.bitwise_and(bits, _ALL_BUT_SIGN, out=magnitudes)
        np.right_shift(magnitudes, spare[part, None], out=cells)
        np.maximum(cells, zero[part, None], out=cells)
        cells += (starts - zero)[part, None]
        if ends.greatest_negative[part].any():
            np.right_shift(bits, _SIGN_BIT, out=found)
            found &= lengths[part, None]
            cells += found
        slots.take(cells, out=found, mode="clip")
        edges.take(cells, out=bounds, mode="clip")
        found += magnitudes > bounds
        found -= part.start * SLOTS
        size = len(found) * SLOTS
        rows[part] = np.bincount(found.reshape(-1), minlength=size + 1)[1:].reshape(-1, SLOTS)
    return rows


def _table(
    shift: Integers, zero: Integers, lengths: Integers, begins: tuple[Integers, Integers]
) -> tuple[Integers, Integers]:
    """Slot of each cell, and above which bits the next: of each column the positive, then the negative."""
    twice = 2 * lengths
    column = np.repeat(np.arange(len(shift)), twice)
    within = np.arange(len(column)) - np.repeat(np.cumsum(twice) - twice, twice)
    negative = within >= lengths[column]
    within -= lengths[column] * negative
    scale = MAX_SCALE - shift[column]
    cell = zero[column] + within
    octave = cell >> (scale + 1)
    place = (cell & ((2 << scale) - 1)) + (2 << scale) - 2
    begin = np.where(negative, begins[1][column], begins[0][column])
    bucket = ((octave - _BIAS) << scale) + _FIRST[place] - begin
    slots = np.where(within == 0, 2 * MAX_BUCKETS, bucket + MAX_BUCKETS * negative) + column * SLOTS + 1
    edges = np.where(within == 0, _ALL_BUT_SIGN, _EDGES[place] + (octave << _FRACTION_BITS))
    # Cells that only the other sign reaches hold nothing; their slots need only exist.
    return np.clip(slots, 0, len(shift) * SLOTS), edges


def _octaves() -> tuple[Integers, Integers]:
    """Of each cell of an octave, at scale 0, 1 and so on: bucket of its lower end, and upper bound of that.

    Buckets are counted from the octave's first; of bounds there are the bits, less an exponent's.
    """
    first, edges = [], []
    for scale in range(MAX_SCALE + 1):
        bounds = np.append(2.0 * OCTAVE[:: 1 << (MAX_SCALE - scale)], 2.0)
        lower = 1.0 + np.arange(2 << scale) / (2 << scale)
        below = np.searchsorted(bounds, lower, side="left")
        first.append(below - 1)
        edges.append(bounds[below].view(np.int64) - (_BIAS << _FRACTION_BITS))
    return np.concatenate(first).astype(np.int64, copy=False), np.concatenate(edges)


_FIRST, _EDGES = _octaves()
