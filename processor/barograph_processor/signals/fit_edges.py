"""Bucket edges, ranges and grids of a reference's numbers.

Serving code often holds in float32 what the reference held in float64: 0.1 becomes 0.10000000149. An edge at
the value itself would send it to the next bucket, and every value of the column would
seem to have moved. So edges stand a relative 2**-20 (16 steps of float32) beside the values, never
beyond half the way to the next value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_EDGES = 64
_TOLERANCE = 2.0**-20
_GREATEST = float(np.finfo(np.float64).max)
_GRID_BITS = 34
_EXPONENTS = (-1_022, 900)


class Range(NamedTuple):
    """Least and greatest value, a float32's rounding wider than those found; None where there are none."""

    low: float | None
    high: float | None


def value_edges(values: NDArray[np.float64], most: int = MOST_EDGES) -> tuple[float, ...]:
    """Edges at the quantiles of a reference.

    Up to `most` / 2 distinct values have a bucket each, closed on both sides, and what lies between
    them is seen as such; up to `most` have a bucket each that begins after the value
    before. Otherwise edges are quantiles, and a value that holds two of them or more has a bucket of
    its own.

    Args:
        values: float64 [n], finite; n may be 0.
        most: Greatest number of edges.

    Returns:
        Increasing; empty where there are no values.

    >>> [round(edge, 3) for edge in value_edges(np.array([0.0, 4.0, 4.0]))]
    [-0.0, 0.0, 4.0, 4.0]
    >>> len(value_edges(np.arange(100_000.0)))
    63
    """
    if not len(values):
        return ()
    distinct, counts = np.unique(values, return_counts=True)
    with np.errstate(over="ignore"):  # clipped to the greatest double
        above = _after(distinct)
        below = _before(distinct)
    if len(distinct) <= most // 2:
        return _increasing(np.concatenate((below, above)))
    if len(distinct) <= most:
        return _increasing(above)
    ranks = np.arange(1, most) / most * len(values)
    places, hits = np.unique(np.searchsorted(np.cumsum(counts), ranks, side="left"), return_counts=True)
    return _increasing(np.concatenate((above[places], below[places[hits > 1]])))


def score_edges(
    scores: NDArray[np.float64], threshold: float | None, *, binary: bool, most: int = MOST_EDGES
) -> tuple[float, ...]:
    """Edges of score histograms: the quantiles, and the decision threshold.

    Buckets include their upper edge and the class is positive from the threshold on, so the edge is
    the greatest number below the threshold. Without a threshold the argmax of two classes turns above 1/2.

    Args:
        scores: float64 [n], finite; of all classes together.
        threshold: The positive class is predicted where score >= threshold; None: argmax.
        binary: Whether there are two classes.
        most: Greatest number of edges.

    >>> 0.3 in score_edges(np.array([0.1, 0.5]), 0.3, binary=True)
    False
    >>> float(np.nextafter(0.3, 0)) in score_edges(np.array([0.1, 0.5]), 0.3, binary=True)
    True
    """
    decision: list[float] = []
    if threshold is not None:
        decision = [float(np.nextafter(threshold, -math.inf))]
    elif binary:
        decision = [0.5]
    return _increasing(np.array([*value_edges(scores, most - len(decision)), *decision]))


def value_range(values: NDArray[np.float64]) -> Range:
    """The range beyond which a value is counted as out of range."""
    if not len(values):
        return Range(None, None)
    ends = np.array([values.min(), values.max()])
    wide = np.clip(ends + np.array([-1.0, 1.0]) * np.abs(ends) * _TOLERANCE, -_GREATEST, _GREATEST)
    return Range(float(wide[0]), float(wide[1]))


def value_grid(values: NDArray[np.float64]) -> float | None:
    """The power of two that sums are rounded to: 2**-34 of the greatest magnitude's power of two.

    A term is then off by at most 3e-11 of the greatest, and half a million terms of that size stay
    exact in a double.

    Returns:
        None where there are no values.

    >>> value_grid(np.array([3.0, -5.0])) == 2.0 ** (3 - 34)
    True
    """
    if not len(values):
        return None
    greatest = float(np.abs(values).max())
    exponent = math.frexp(greatest)[1] if greatest else 0
    return math.ldexp(1.0, min(max(exponent - _GRID_BITS, _EXPONENTS[0]), _EXPONENTS[1]))


def finite(values: Iterable[float]) -> tuple[float, ...]:
    """Sentinels as sorted finite doubles without repeats.

    >>> finite([9999, -1, -1])
    (-1.0, 9999.0)
    """
    return tuple(sorted({float(value) for value in values if math.isfinite(value)}))


def _after(distinct: NDArray[np.float64]) -> NDArray[np.float64]:
    """An edge just above each value."""
    edges = np.minimum(distinct + np.abs(distinct) * _TOLERANCE, _GREATEST)
    middle = _middles(distinct)
    edges[:-1] = np.where(middle < distinct[1:], np.minimum(edges[:-1], middle), distinct[:-1])
    return edges


def _before(distinct: NDArray[np.float64]) -> NDArray[np.float64]:
    """An edge just below each value."""
    nearest = np.maximum(np.nextafter(distinct, -math.inf), -_GREATEST)
    edges = np.minimum(np.maximum(distinct - np.abs(distinct) * _TOLERANCE, -_GREATEST), nearest)
    middle = np.minimum(_middles(distinct), nearest[1:])
    edges[1:] = np.maximum(edges[1:], middle)
    return edges


def _middles(distinct: NDArray[np.float64]) -> NDArray[np.float64]:
    middles: NDArray[np.float64] = distinct[:-1] / 2 + distinct[1:] / 2
    return middles


def _increasing(edges: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.unique(edges + 0.0).tolist())
