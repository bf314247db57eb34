"""How far chance alone moves the population stability index, and when a move is more than that.

For a window of n rows and a reference of N rows in B groups, a true index of d makes
PSI / V a non-central chi-squared variable of B - 1 degrees of freedom and non-centrality d / V, with
V = 1/n + 1/N for independent rows. Rows of one window are not independent: they share the window's
weather, its customers, its hour. V is then φ/n + φ/N, where the overdispersion φ says how many times
more windows vary than independent rows would (`signals.overdispersion`).

Source: Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of
    Risk Model Validation 14(4), 2020: the central case. McCullagh and Nelder, "Generalized Linear
    Models", 2nd edition, 1989, section 4.5: overdispersion as a factor on the variance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.signals.noncentral import upper_tail
from barograph_processor.signals.special_functions import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PRACTICAL_PSI = 0.05
LEVEL = 0.05
POWER = 0.8
_LARGE = (
    1e7  # non-centrality from which scipy's series get slow and the root is normal to 1e-6 of probability
)


def variance(rows: int, reference_rows: int, phi: float = 1.0, reference_phi: float = 1.0) -> float:
    """V: the expected index per degree of freedom if nothing has drifted.

    Args:
        rows: Rows of the window, above 0.
        reference_rows: Rows of the reference, above 0.
        phi: Overdispersion of the window.
        reference_phi: Overdispersion of the reference.

    >>> variance(1_000, 9_000)
    0.0011111111111111111
    """
    return phi / rows + reference_phi / reference_rows


def noise_floor(v: float, degrees: int, level: float = LEVEL) -> float:
    """The index that no more than `level` of windows without any drift exceed.

    Args:
        v: `variance` of the comparison.
        degrees: Groups less one; at least 1.
        level: Share of windows.

    Source: Yurdakul and Naranjo (2020).

    >>> round(noise_floor(variance(1_000, 9_000), 9), 5)
    0.0188
    """
    return v * float(special().chdtri(degrees, level))


def p_value(psi: float, v: float, degrees: int, practical: float = PRACTICAL_PSI) -> float:
    """Probability of an index this large if the true one were `practical`, the largest that is no matter.

    Args:
        psi: The index found, at least 0.
        v: `variance` of the comparison.
        degrees: Groups less one; at least 1.
        practical: True index that is still not worth a word.

    Returns:
        In [0, 1].

    >>> p = p_value(0.1, variance(1_000, 9_000), 9)
    >>> 0.01 < p < 0.05
    True
    """
    return _exceeding(psi / v, degrees, practical / v)


def critical_value(v: float, degrees: int, level: float = LEVEL, practical: float = PRACTICAL_PSI) -> float:
    """The index above which `p_value` is less than `level`."""
    return v * _quantile(1.0 - level, degrees, practical / v)


def detectable(
    v: float,
    degrees: int,
    level: float = LEVEL,
    practical: float = PRACTICAL_PSI,
    power: float = POWER,
) -> float:
    """The least true index that passes `critical_value` with probability `power`.

    Args:
        v: `variance` of the comparison.
        degrees: Groups less one; at least 1.
        level: Level of the test; `LEVEL` over the number of streams is what
            `benjamini_hochberg` asks of a stream that drifts alone.
        practical: As for `p_value`.
        power: Wanted probability.

    Returns:
        The index; above `practical` always.

    >>> few, many = (detectable(variance(rows, 30_000), 9) for rows in (300, 30_000))
    >>> round(few, 2), round(many, 3)
    (0.14, 0.06)
    """
    critical = _quantile(1.0 - level, degrees, practical / v)
    return v * _noncentrality(critical, degrees, 1.0 - power)


def benjamini_hochberg(p_values: Sequence[float], level: float = LEVEL) -> NDArray[np.bool_]:
    """Which hypotheses are rejected when at most `level` of the rejected may be true, on average.

    Args:
        p_values: [m], each in [0, 1].
        level: False discovery rate.

    Returns:
        bool [m].

    Source: Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
        Statistical Society B 57(1), 1995, procedure (1); the example is their section 4.1.

    >>> p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    >>> int(benjamini_hochberg([*p, 0.6528, 0.7590, 1.0]).sum())
    4
    """
    found = np.asarray(p_values, dtype=np.float64)
    count = len(found)
    order = np.argsort(found, kind="stable")
    passing = np.flatnonzero(found[order] <= level * np.arange(1, count + 1) / max(count, 1))
    rejected = np.zeros(count, dtype=np.bool_)
    if len(passing):
        rejected[order[: passing[-1] + 1]] = True
    return rejected


def _exceeding(x: float, degrees: int, noncentrality: float) -> float:
    if noncentrality > _LARGE:
        centre, spread = _root(degrees, noncentrality)
        return float(special().ndtr((centre - math.sqrt(x)) / spread))
    return upper_tail(x, degrees, noncentrality)


def _quantile(probability: float, degrees: int, noncentrality: float) -> float:
    if noncentrality > _LARGE:
        centre, spread = _root(degrees, noncentrality)
        return (centre + spread * float(special().ndtri(probability))) ** 2
    return float(special().chndtrix(probability, degrees, noncentrality))


def _noncentrality(x: float, degrees: int, probability: float) -> float:
    """The non-centrality at which x has the lower tail `probability`."""
    if x > _LARGE:
        root = math.sqrt(x) - float(special().ndtri(probability))
        return (root - (degrees - 1) / (2 * root)) ** 2
    return float(special().chndtrinc(x, degrees, probability))


def _root(degrees: int, noncentrality: float) -> tuple[float, float]:
    """Mean and deviation of the square root, which is normal but for terms of 1 / noncentrality.

    The variable is (Z + √λ)² plus a central one of degrees - 1, so its root is
    √λ + Z + χ²(degrees - 1) / (2√λ) + O(1/λ).
    """
    root = math.sqrt(noncentrality)
    return root + (degrees - 1) / (2 * root), math.sqrt(1 + (degrees - 1) / (2 * noncentrality))
