"""95 % confidence intervals of shares, means and errors.

All take the rows as independent. Where rows of a window share more than the model (one storm, one
campaign) the true uncertainty is larger.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from barograph_processor.signals.special_functions import special

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

CONFIDENCE = 0.95
MIN_TRIALS = 10
"""Rows under which a share is not told: its interval would cover most of [0, 1]."""
MIN_MEAN_ROWS = 30
"""Rows under which a mean is not told: the interval of a skewed loss would be too short."""
_TAIL = 0.5 + CONFIDENCE / 2
Z = 1.959963984540054  # `special.ndtri(_TAIL)`, without loading scipy where nothing is computed


class Interval(NamedTuple):
    """A confidence interval.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval:
    """Interval of a share.

    Args:
        successes: 0 … `trials`.
        trials: Above 0.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
        The example is of R. G. Newcombe, "Two-sided confidence intervals for the single proportion",
        1998, table I: 15 of 148 give 0.0624 to 0.1605.

    >>> [round(end, 4) for end in wilson(15, 148)]
    [0.0624, 0.1605]
    """
    share = successes / trials
    spread = Z * Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    return Interval(
        0.0 if successes == 0 else max(centre - half, 0.0),
        1.0 if successes == trials else min(centre + half, 1.0),
    )


def mean_of_shares(parts: Sequence[tuple[int, int]]) -> Interval:
    """Interval of the unweighted mean of independent shares, from the Wilson interval of each.

    Args:
        parts: Successes and trials (above 0) of each share; at least one.

    Source:
        G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures", 2008 (the
        method of variance estimates recovery).

    >>> [round(end, 3) for end in mean_of_shares([(90, 100), (40, 50)])]
    [0.775, 0.899]
    """
    share = sum(successes / trials for successes, trials in parts) / len(parts)
    below = above = 0.0
    for successes, trials in parts:
        low, high = wilson(successes, trials)
        below += (successes / trials - low) ** 2
        above += (high - successes / trials) ** 2
    return Interval(
        max(share - math.sqrt(below) / len(parts), 0.0), min(share + math.sqrt(above) / len(parts), 1.0)
    )


def f1_interval(right: int, involved: int) -> Interval:
    """Interval of F1.

    With J the share of rows predicted rightly among those that are truly or by prediction of the
    class, F1 = 2J / (1 + J); this grows with J, so the Wilson interval of J carries over.

    Args:
        right: Rows predicted rightly to be of the class.
        involved: Rows truly or by prediction of the class, above 0.

    >>> [round(end, 3) for end in f1_interval(50, 100)]
    [0.575, 0.747]
    """
    low, high = wilson(right, involved)
    return Interval(2 * low / (1 + low), 2 * high / (1 + high))


def sample_variance(rows: int, total: Fraction, total2: Fraction) -> Fraction:
    """Variance of rows (divisor n - 1) from their exact sum and sum of squares; at least two rows."""
    return (total2 - total * total / rows) / (rows - 1)


def mean_interval(rows: int, total: Fraction, total2: Fraction) -> Interval | None:
    """Student's interval of a mean; None where all rows are equal.

    Args:
        rows: At least two.
        total: Exact sum.
        total2: Exact sum of squares.
    """
    error = _standard_error(rows, total, total2)
    if error == 0:
        return None
    mean, half = float(total / rows), student(rows) * error
    return Interval(mean - half, mean + half)


def loss_interval(rows: int, total: Fraction, total2: Fraction) -> Interval | None:
    """Interval of the mean of a loss, which is at least 0; None where all rows are equal.

    Student's interval of the logarithm of the mean, by the delta method: losses are skewed to the
    right, and so is this interval. It covers more than the symmetric one in every case tried.

    Args:
        rows: At least two.
        total: Exact sum of the losses.
        total2: Exact sum of their squares.
    """
    error = _standard_error(rows, total, total2)
    if error == 0:
        return None
    mean = float(total / rows)
    factor = math.exp(min(student(rows) * error / mean, 700.0))
    return Interval(mean / factor, mean * factor)


def student(rows: int) -> float:
    """Factor on the standard error of a mean of `rows` rows, at least two."""
    return float(special().stdtrit(rows - 1, _TAIL))


def _standard_error(rows: int, total: Fraction, total2: Fraction) -> float:
    return math.sqrt(max(float(sample_variance(rows, total, total2)), 0.0) / rows)
