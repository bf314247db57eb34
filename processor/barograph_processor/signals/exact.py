"""Sums of doubles without rounding, so that no order of merging changes a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from barograph.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_UNIT_BITS = 1074  # the least subnormal double is 2**-1074
_UNIT = 1 << _UNIT_BITS
_FRACTION_MASK = np.int64((1 << 52) - 1)
_HIDDEN_BIT = np.int64(1 << 52)
_EXPONENT_MASK = np.int64(0x7FF)
_LOW_BITS = 26
_LOW_MASK = np.int64((1 << _LOW_BITS) - 1)
_BLOCK = 1 << 25  # partial sums of 27-bit halves stay under 2**53, where doubles are whole
_MANTISSA_BITS = 53
_GREATEST_EXPONENT = 1_023
_PASSES = 3
_CELLS_AT_ONCE = 16_384
_SPLITTER = float((1 << 27) + 1)
MAX_UNITS_BITS = 4_096
_PREFIX_BYTES = 4


@dataclass(frozen=True, slots=True)
class ExactSum:
    """A sum of finite doubles, exact.

    Attributes:
        units: The sum in units of 2**-1074, the least double.

    Source:
        R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015, with
        Python's integers as the accumulator.

    >>> float(ExactSum.of(np.array([1e16, 1.0, -1e16])))
    1.0
    """

    units: int = 0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> ExactSum:
        """The sum of `values` (float64 [n], all finite: the caller removes the others)."""
        units = 0
        for begin in range(0, len(values), _BLOCK):
            units += _units_by_exponent(
                np.ascontiguousarray(values[begin : begin + _BLOCK], dtype=np.float64)
            )
        return cls(units)

    @classmethod
    def of_float(cls, value: float) -> ExactSum:
        """One double as a sum.

        Raises:
            StateError: The value is NaN or infinite.
        """
        if not math.isfinite(value):
            raise StateError(f"a sum must be finite, got {value}; drop the point")
        numerator, denominator = value.as_integer_ratio()
        return cls(numerator * (_UNIT // denominator))

    @property
    def fraction(self) -> Fraction:
        """The sum as an exact fraction."""
        return Fraction(self.units, _UNIT)

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units)

    def __float__(self) -> float:
        """The nearest double, ties to even; infinite where the sum is beyond the greatest double."""
        try:
            return self.units / _UNIT
        except OverflowError:
            return math.inf if self.units > 0 else -math.inf

    def to_bytes(self) -> bytes:
        """Trailing zero bits (uint16), length (uint16), then the rest as a signed integer; little-endian."""
        zeros = (self.units & -self.units).bit_length() - 1 if self.units else 0
        odd = self.units >> zeros
        body = odd.to_bytes(odd.bit_length() // 8 + 1, "little", signed=True)
        return zeros.to_bytes(2, "little") + len(body).to_bytes(2, "little") + body

    @classmethod
    def from_bytes(cls, data: bytes) -> ExactSum:
        """Read what `to_bytes` made.

        Raises:
            StateError: The bytes are cut short, too long or not in the shortest form.
        """
        zeros = int.from_bytes(data[:2], "little")
        if len(data) < _PREFIX_BYTES or len(data) - _PREFIX_BYTES != int.from_bytes(data[2:4], "little"):
            raise StateError(f"an exact sum of {len(data)} bytes is cut short; fetch the state again")
        if zeros + 8 * (len(data) - _PREFIX_BYTES) > MAX_UNITS_BITS:
            raise StateError("an exact sum is larger than any sum of doubles; fetch the state again")
        found = cls(int.from_bytes(data[4:], "little", signed=True) << zeros)
        if found.to_bytes() != data:
            raise StateError("an exact sum is not in its shortest form; fetch the state again")
        return found


def units_of_parts(values: NDArray[np.float64], starts: NDArray[np.intp]) -> list[list[int]]:
    """Exact sums of consecutive parts of columns, in units of 2**-1074.

    Adding and subtracting a power of two well above all values splits off their leading bits, whose
    sum is exact; a few such passes leave nothing of most columns. For many columns at once it takes a
    third of the time of `ExactSum.of`.

    Args:
        values: float64 [columns, n], all finite, n at most 2**25.
        starts: int [parts], where each part begins, increasing; the first is 0.

    Returns:
        Units by column and part.

    Source:
        S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I", 2008, algorithm 3.1.

    >>> units_of_parts(np.array([[0.1, 0.2, 0.3]]), np.array([0, 2]))[0][1] == ExactSum.of_float(0.3).units
    True
    """
    units = [[0] * len(starts) for _ in range(len(values))]
    parts = column_blocks(*values.shape)
    spare = np.empty((2, parts[0].stop if parts else 0, values.shape[1]))
    for part in parts:
        rest, leading = spare[:, : part.stop - part.start]
        _add_units(values[part], starts, units[part], rest, leading)
    return units


def column_blocks(columns: int, rows: int) -> list[slice]:
    """Some of many columns at a time, so few that they stay in the processor's cache; the first are the most.

    Arrays of their shape are best asked for once: new memory costs more than most that is done with it.

    >>> column_blocks(5, 8_000)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    most = max(_CELLS_AT_ONCE // max(rows, 1), 1)
    return [slice(begin, min(begin + most, columns)) for begin in range(0, columns, most)]


def _add_units(
    values: NDArray[np.float64],
    starts: NDArray[np.intp],
    units: list[list[int]],
    rest: NDArray[np.float64],
    leading: NDArray[np.float64],
) -> None:
    """Add the sums of some columns to `units`; uses up `rest` and `leading`."""
    spare_bits = (values.shape[1] + 2).bit_length()
    source = values
    for _ in range(_PASSES):
        greatest = np.maximum(source.max(axis=1, initial=0.0), -source.min(axis=1, initial=0.0))
        if not greatest.any():
            return
        exponents = np.frexp(greatest)[1] + spare_bits
        if exponents.max() > _GREATEST_EXPONENT:
            break
        power = np.where(greatest > 0, np.ldexp(1.0, exponents), 0.0)[:, None]
        np.add(source, power, out=leading)
        leading -= power
        np.subtract(source, leading, out=rest)
        source = rest
        for held, sums in zip(units, np.add.reduceat(leading, starts, axis=1).tolist(), strict=True):
            for part, one in enumerate(sums):
                held[part] += _units_of_one(one)
    for column in np.flatnonzero(source.any(axis=1)).tolist():
        for part, some in enumerate(np.split(source[column], starts[1:])):
            units[column][part] += _units_by_exponent(some)


def _units_of_one(value: float) -> int:
    fraction, exponent = math.frexp(value)
    shift = exponent - _MANTISSA_BITS + _UNIT_BITS
    whole = int(fraction * (1 << _MANTISSA_BITS))
    return whole << shift if shift >= 0 else whole >> -shift


def _units_by_exponent(values: NDArray[np.float64]) -> int:
    """Sum of at most `_BLOCK` doubles in units, by exponent and 27-bit halves of the mantissas."""
    bits = values.view(np.int64)
    exponents = (bits >> 52) & _EXPONENT_MASK
    mantissas = bits & _FRACTION_MASK
    normal = exponents != 0
    mantissas |= np.where(normal, _HIDDEN_BIT, 0)
    shifts = exponents - normal  # a double is mantissa << shift, in units
    least = int(shifts.min(initial=2_047))
    groups = shifts - least if least else shifts
    signs = np.where(bits < 0, -1.0, 1.0)
    low = np.bincount(groups, weights=(mantissas & _LOW_MASK) * signs)
    high = np.bincount(groups, weights=(mantissas >> _LOW_BITS) * signs)
    units = 0
    for group in np.flatnonzero((low != 0) | (high != 0)).tolist():
        units += ((int(high[group]) << _LOW_BITS) + int(low[group])) << (group + least)
    return units


Terms = tuple["NDArray[np.float64]", ...]


def multiply(left: Terms, right: Terms) -> Terms:
    """Products of two columns, each given as terms that sum to it, again as terms; nothing is rounded.

    Exact while magnitudes stay between 1e-145 and 1e150; smaller ones lose digits under the least
    double, the same ones in every order.

    Args:
        left: Arrays float64 [n] whose sum is the column.
        right: As `left`.

    Source:
        T. J. Dekker, "A floating-point technique for extending the available precision", 1971.

    >>> terms = multiply((np.array([1e8 + 1]),), (np.array([1e8 + 1]),))
    >>> int(sum_of(terms).fraction)
    10000000200000001
    """
    products: list[NDArray[np.float64]] = []
    for a in left:
        a_high, a_low = _split(a)
        for b in right:
            b_high, b_low = (a_high, a_low) if b is a else _split(b)
            product = a * b
            products += (
                product,
                a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low),
            )
    return tuple(products)


def sum_of(terms: Sequence[NDArray[np.float64]]) -> ExactSum:
    """The exact sum over all terms, as `multiply` gives them."""
    return ExactSum.of(np.concatenate(terms))


def _split(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    return high, values - high
