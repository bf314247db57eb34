"""How many times more windows vary than independent rows would, from slices of a reference.

Two figures, one for each statistic that they scale: for the population stability index, and
for shares. Measuring φ by the index itself matters where windows vary much: the index grows faster than
Pearson's statistic when groups empty, and with a φ measured by the latter 20 to 50 % of the ordinary
days of a month of real weather exceeded the floor that 5 % should.

With row counts n and independent slices, φ - 1 = τ² n, where τ² is what the slices themselves
vary by; it is τ² that stays the same when traffic grows, so φ is always stated for a number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph_processor.signals.distances import psi

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SLICES = 8
LEAST_SLICE_ROWS = 30


class Overdispersion(NamedTuple):
    """How slices vary.

    Attributes:
        phi: Mean of the statistic over its expectation for independent rows; at least 1.
        rows: The number of rows of a slice that it holds for.
    """

    phi: float
    rows: float

    def at(self, rows: float) -> float:
        """φ of windows of another number of rows and the same length.

        >>> Overdispersion(5.0, 100.0).at(200.0)
        9.0
        """
        return 1.0 + (self.phi - 1.0) * rows / self.rows


def of_index(slices: NDArray[np.int64]) -> Overdispersion | None:
    """φ for the population stability index.

    Each slice is compared with the rest; the index over (1/n + 1/(N - n)) (B - 1) is 1 on average if
    rows are independent (`significance.variance`).

    Args:
        slices: int64 [k, B], rows by slice and group.

    Returns:
        None where fewer than 8 slices have 30 rows, or there is only one group.

    >>> rng = np.random.default_rng(7)
    >>> shares = rng.dirichlet(np.full(10, 25.0), size=200)  # α = 250: φ = (n + α) / (1 + α)
    >>> found = of_index(np.array([rng.multinomial(1_000, each) for each in shares]))
    >>> 4.5 < found.phi < 5.5, round(found.rows)
    (True, 995)
    """
    return _mean_ratio(slices, by_index=True)


def of_shares(slices: NDArray[np.int64]) -> Overdispersion | None:
    """φ for shares: Pearson's statistic of homogeneity over its degrees of freedom.

    Args:
        slices: int64 [k, B], rows by slice and group.

    Returns:
        None where fewer than 8 slices have 30 rows, or there is only one group.

    Source: McCullagh and Nelder, "Generalized Linear Models", 2nd edition, 1989, equation (4.23); the
        factor (N - 1) / N makes the mean exact (Haldane, Biometrika 31, 1940).
    """
    return _mean_ratio(slices, by_index=False)


def whole_slices(slices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Slices without those that stand for no window of that length.

    The first and the last are left out if they have less than half the median's rows: the reference
    began or ended within them.

    Args:
        slices: int64 [k, B], in order of time, without empty ones.

    Returns:
        int64 [<= k, B].
    """
    rows = slices.sum(axis=1)
    if not len(rows):
        return slices
    half = float(np.median(rows)) / 2
    begin = int(rows[0] < half)
    end = len(rows) - int(len(rows) > 1 and rows[-1] < half)
    return slices[begin:end]


def _mean_ratio(slices: NDArray[np.int64], *, by_index: bool) -> Overdispersion | None:
    kept = slices[slices.sum(axis=1) >= LEAST_SLICE_ROWS]
    kept = kept[:, kept.any(axis=0)]
    degrees = kept.shape[1] - 1
    if len(kept) < LEAST_SLICES or degrees < 1:
        return None
    whole = kept.sum(axis=0)
    total = int(whole.sum())
    rows = kept.sum(axis=1)
    variances = 1.0 / rows + 1.0 / (total - rows)
    if by_index:
        found = np.array([psi(whole - each, each) for each in kept])
        ratios = found / (variances * degrees)
    else:
        expected = rows[:, None] * (whole / total)[None, :]
        squares = ((kept - expected) ** 2 / expected).sum(axis=1) * total / (total - rows)
        ratios = squares * (total - 1) / (total * degrees)
    return Overdispersion(max(1.0, float(ratios.mean())), float((1.0 / variances).mean()))
