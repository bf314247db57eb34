"""Distances between two sets of counts, with bounds where buckets hide where the values lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMOOTHING = 0.5
LEAST_EXPECTED = 5.0
_NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution
_ONE_VALUE = 1e-5  # share of the range within which quartiles are one value; edges stand 1e-6 beside values
_ROUNDING = 1e-9  # share of the range by which means may be off: sums are rounded to a grid


class Interval(NamedTuple):
    """A figure that buckets do not tell exactly.

    Attributes:
        value: The figure if values lie evenly within their buckets.
        lower: The least figure that the counts allow.
        upper: The greatest; None where the counts allow any.
    """

    value: float
    lower: float
    upper: float | None


class Homogeneity(NamedTuple):
    """A chi-squared statistic.

    Attributes:
        statistic: Pearson's X².
        degrees: Pooled categories less one.
    """

    statistic: float
    degrees: int


@dataclass(frozen=True, slots=True)
class Binned:
    """Values of one stream in buckets.

    Attributes:
        edges: float64 [m], increasing; bucket i is (edges[i-1], edges[i]], the outer ones are open.
        counts: int64 [m + 1].
        low: The least value; -inf where it is not known.
        high: The greatest value; +inf where it is not known.
        mean: Mean of the values; None where it is not known.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    low: float
    high: float
    mean: float | None = None


def smoothed(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares (c + 1/2) / (n + B/2): never 0, so that an empty group costs a finite amount."""
    shares: NDArray[np.float64] = (counts + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts))
    return shares


def psi(reference: NDArray[np.int64], window: NDArray[np.int64]) -> float:
    """Population stability index: Σ (p - q) ln(p / q) over the smoothed shares of B groups.

    Args:
        reference: int64 [B], rows by group.
        window: int64 [B], rows by group.

    Returns:
        At least 0; 0 where the shares are equal. With B = 1 always 0.

    Source: Lewis, "An Introduction to Credit Scoring", 1994; it is Jeffreys' divergence (Proceedings
        of the Royal Society A 186, 1946) of the two distributions. The prior of 1/2 a group is his too.

    >>> round(psi(np.array([500, 500]), np.array([60, 40])), 3)
    0.04
    """
    q, p = smoothed(reference), smoothed(window)
    return max(0.0, float(((p - q) * np.log(p / q)).sum()))


def jensen_shannon(reference: NDArray[np.int64], window: NDArray[np.int64]) -> float:
    """Jensen-Shannon distance in base 2 of the plain shares of B groups.

    Args:
        reference: int64 [B], above 0 in sum.
        window: int64 [B], above 0 in sum.

    Returns:
        In [0, 1]; 1 where no group has rows of both.

    Source: Endres and Schindelin, "A new metric for probability distributions", IEEE Transactions on
        Information Theory 49(7), 2003: the root of the divergence of Lin (1991).

    >>> jensen_shannon(np.array([5, 0]), np.array([0, 7]))
    1.0
    """
    q, p = reference / reference.sum(), window / window.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for shares in (p, q):
        held = shares > 0
        divergence += float((shares[held] * np.log2(shares[held] / middle[held])).sum()) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def chi_squared(reference: NDArray[np.int64], window: NDArray[np.int64]) -> Homogeneity | None:
    """Pearson's chi-squared statistic of homogeneity of two rows of counts.

    Categories that either row expects less than 5 of are pooled; if the pool is still smaller, the
    least of the others joins it.

    Args:
        reference: int64 [B].
        window: int64 [B].

    Returns:
        None where fewer than two categories remain or one of the rows is empty.

    Source: Pearson (1900); the pooling rule is Cochran, "Some methods for strengthening the common
        chi-squared tests", Biometrics 10(4), 1954, in its strict form.

    >>> found = chi_squared(np.array([30, 70]), np.array([50, 50]))
    >>> round(found.statistic, 4), found.degrees
    (8.3333, 1)
    """
    table = np.stack((reference, window)).astype(np.float64)
    rows = table.sum(axis=1)
    if not rows.all():
        return None
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    least = rows.min() / rows.sum() * table.sum(axis=0)
    kept = int((least >= LEAST_EXPECTED).sum())  # they come first: columns fall in size
    if kept < table.shape[1]:
        pool = float(least[kept:].sum())
        while kept and pool and pool < LEAST_EXPECTED:
            kept -= 1
            pool += float(least[kept])
        table = np.column_stack((table[:, :kept], table[:, kept:].sum(axis=1)))
        table = table[:, table.any(axis=0)]
    degrees = table.shape[1] - 1
    if not degrees:
        return None
    expected = rows[:, None] * table.sum(axis=0) / rows.sum()
    return Homogeneity(float(((table - expected) ** 2 / expected).sum()), degrees)


def kolmogorov_smirnov(reference: Binned, window: Binned) -> Interval:
    """Greatest difference of the two cumulative shares.

    At edges both are known. Within a bucket one may rise at its lower end and the other at its
    upper end, no further. The value is the lower bound: between edges linear interpolation can't
    exceed the differences at them.

    Args:
        reference: Buckets with at least one row.
        window: The same edges, at least one row.

    Source: Kolmogorov (1933), Smirnov (1939); the bounds follow from monotony.

    >>> edges = np.array([0.0, 1.0])
    >>> one = Binned(edges, np.array([0, 10, 0]), 0.1, 1.0)
    >>> two = Binned(edges, np.array([0, 4, 6]), 0.2, 1.7)
    >>> kolmogorov_smirnov(one, two)
    Interval(value=0.6, lower=0.6, upper=1.0)
    """
    g, f = _cumulative(reference.counts), _cumulative(window.counts)
    lower = float(np.abs(f - g).max())
    upper = float(np.maximum(f[1:] - g[:-1], g[1:] - f[:-1]).max())
    return Interval(lower, lower, min(1.0, max(lower, upper)))


def wasserstein(reference: Binned, window: Binned) -> Interval | None:
    """Mean distance that rows must move to turn one distribution into the other, in the values' unit.

    It is the integral of the difference of the cumulative shares, taken bucket by bucket; outer
    buckets reach to the least and greatest value. The difference of the means is a lower bound too.

    Args:
        reference: Buckets with at least one row.
        window: The same edges, at least one row.

    Returns:
        `upper` is None where an open bucket holds rows and its end is not known; the value then
        counts them at the edge. None altogether where there is no edge and no range.

    Source: Vallender, "Calculation of the Wasserstein distance between probability distributions on
        the line", Theory of Probability and its Applications 18(4), 1974.
    """
    ends, closed = _ends(reference, window)
    if ends is None:
        return None
    g, f = _cumulative(reference.counts), _cumulative(window.counts)
    widths = np.diff(ends)
    before, after = f[:-1] - g[:-1], f[1:] - g[1:]
    value = float((widths * _mean_magnitude(before, after)).sum())
    apart = np.maximum(np.maximum(g[:-1] - f[1:], f[:-1] - g[1:]), 0.0)
    lower = float((widths * apart).sum())
    if reference.mean is not None and window.mean is not None:
        slack = _ROUNDING * float(np.abs(ends[[0, -1]]).max())
        lower = max(lower, abs(window.mean - reference.mean) - slack)
    upper = float((widths * np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])).sum()) if closed else None
    if upper is not None:
        upper = max(upper, lower)
        value = min(value, upper)
    return Interval(max(value, lower), lower, upper)


def spread(reference: Binned) -> float:
    """What distances are measured in: the interquartile range over 1.349, a robust standard deviation.

    Quartiles are interpolated within their bucket. Where they coincide, within 1e-5 of the range,
    half of the values are one: the spread is then the range over 1.349; of a constant, its
    magnitude; of a constant 0, 1. Each keeps the distance finite and free of the unit.

    Args:
        reference: Buckets with at least one row.
    """
    ends, _ = _ends(reference, reference)
    if ends is None:
        return 1.0
    ends = np.clip(ends, reference.low, reference.high)
    shares, places = _increasing(_cumulative(reference.counts), ends)
    lower, upper = np.interp((0.25, 0.75), shares, places)
    width = float(ends[-1] - ends[0])
    if upper - lower > _ONE_VALUE * width:
        return float(upper - lower) / _NORMAL_IQR
    largest = float(np.abs(ends[[0, -1]]).max())
    return width / _NORMAL_IQR if width > _ONE_VALUE * largest else (largest or 1.0)


def _cumulative(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cumulative shares [m + 2] at -inf, the edges and +inf."""
    total = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    shares: NDArray[np.float64] = total / total[-1]
    return shares


def _ends(reference: Binned, window: Binned) -> tuple[NDArray[np.float64] | None, bool]:
    """Ends [m + 2] of all buckets, the outer ones closed; and whether they are known."""
    edges = reference.edges
    low, high = min(reference.low, window.low), max(reference.high, window.high)
    closed = True
    if not math.isfinite(low):
        closed &= not (reference.counts[0] or window.counts[0])
        low = edges[0] if len(edges) else math.nan
    if not math.isfinite(high):
        closed &= not (reference.counts[-1] or window.counts[-1])
        high = edges[-1] if len(edges) else math.nan
    if math.isnan(low) or math.isnan(high):
        return None, False
    first = min(low, edges[0]) if len(edges) else low
    last = max(high, edges[-1]) if len(edges) else high
    return np.concatenate(([first], edges, [last])), closed


def _mean_magnitude(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of |line| over an interval at whose ends the line is `before` and `after`."""
    size = np.abs(before) + np.abs(after)
    crossing = (before * after < 0) & (size > 0)
    crossed = (before**2 + after**2) / (2 * np.where(size > 0, size, 1.0))
    return np.where(crossing, crossed, size / 2)


def _increasing(
    cumulative: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the quantile function; of equal shares the first, from which a bucket begins to fill."""
    filled = np.flatnonzero(np.diff(cumulative) > 0)
    shares = np.column_stack((cumulative[filled], cumulative[filled + 1])).ravel()
    places = np.column_stack((ends[filled], ends[filled + 1])).ravel()
    return shares, places
