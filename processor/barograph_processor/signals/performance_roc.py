"""The area under the ROC curve from scores in cells: estimate, what the cells hide, what chance adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph_processor.signals.performance_intervals import Interval, Z
from barograph_processor.signals.performance_scores import CELLS
from barograph_processor.signals.special_functions import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.signals.performance_scores import ScoreCounts

_FEW_MISRANKED = 8.0
_NEAR = 1e-9
_TINY = 1e-12


class RocArea(NamedTuple):
    """Area under the ROC curve.

    Attributes:
        value: Rows of one cell count as tied: half of their pairs are ranked rightly.
        lower: The least area that scores in these cells can have.
        upper: The greatest.
        variance: Of `value` over samples.
        positives: Rows of the class.
        negatives: Rows of the rest.
    """

    value: float
    lower: float
    upper: float
    variance: float
    positives: int
    negatives: int


def roc_area(scores: ScoreCounts) -> RocArea | None:
    """The area; None where fewer than two rows are of the class, or of the rest.

    Rows whose score is exactly 0 or exactly 1 are truly tied, so their cells hide nothing.

    Source:
        E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
        correlated receiver operating characteristic curves", 1988, on cells instead of rows.
    """
    positive, negative = scores.positive.astype(np.float64), scores.negative.astype(np.float64)
    positives, negatives = int(scores.positive.sum()), int(scores.negative.sum())
    if min(positives, negatives) < 2:  # noqa: PLR2004 a variance needs two
        return None
    below = (
        np.cumsum(negative) - negative / 2
    ) / negatives  # share of the rest that a row of the class beats
    above = 1 - (np.cumsum(positive) - positive / 2) / positives
    value = float(positive @ below) / positives
    hidden = positive * negative
    hidden[(scores.cells == 0) | (scores.cells == CELLS - 1)] = 0
    half = float(hidden.sum()) / 2 / positives / negatives
    variance = (
        float(positive @ (below - value) ** 2) / (positives - 1) / positives
        + float(negative @ (above - value) ** 2) / (negatives - 1) / negatives
    )
    return RocArea(value, max(value - half, 0.0), min(value + half, 1.0), variance, positives, negatives)


def roc_interval(area: RocArea) -> Interval:
    """95 % interval of the area: from chance around `lower` to chance around `upper`.

    The interval is DeLong's on the logit scale. Where the sample has few wrongly ranked rows
    (the area times the rows of the smaller group tells), DeLong's variance is too small by
    chance, so the hull with Newcombe's interval is taken, which assumes a shape instead.

    In simulations it covers 93 to 97 % from 50 rows of either kind on, and 93 to 99.5 % at areas of 0.95
    and 0.99 with 10 to 30 rows of the class; 92 % where the class's scores are twice as spread as the
    rest's at an area of 0.95 with 100 rows of the class.

    Source:
        R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
        statistic. Part 2", 2006, method 5.
    """
    return Interval(_interval(area.lower, area).low, _interval(area.upper, area).high)


def _interval(value: float, area: RocArea) -> Interval:
    misranked = min(value, 1 - value) * min(area.positives, area.negatives)
    if misranked >= _FEW_MISRANKED and area.variance > 0:
        return _delong(value, area.variance)
    newcombe = _newcombe(value, area.positives, area.negatives)
    if not 0 < value < 1 or area.variance == 0:
        return newcombe
    delong = _delong(value, area.variance)
    return Interval(min(delong.low, newcombe.low), max(delong.high, newcombe.high))


def _delong(value: float, variance: float) -> Interval:
    middle = float(special().logit(value))
    half = Z * math.sqrt(variance) / (value * (1 - value))
    return Interval(float(special().expit(middle - half)), float(special().expit(middle + half)))


def _newcombe(value: float, positives: int, negatives: int) -> Interval:
    smaller = (positives + negatives) / 2 - 1

    def excess(area: float) -> float:
        shape = (1 - area) / (2 - area) + area / (1 + area)
        return (area - value) ** 2 - Z * Z * area * (1 - area) / positives / negatives * (1 + smaller * shape)

    # at 0 and at 1 the sample's own area is a root too, which is not the one that is wanted
    inside = min(max(value, _NEAR), 1 - _NEAR)
    low = _root(excess, _TINY, inside) if value > _NEAR and excess(_TINY) > 0 else 0.0
    high = _root(excess, inside, 1 - _TINY) if value < 1 - _NEAR and excess(1 - _TINY) > 0 else 1.0
    return Interval(low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function changes sign, by halving until two neighbouring numbers are left."""
    rises = function(low) < 0
    while low < (middle := (low + high) / 2) < high:
        if (function(middle) < 0) == rises:
            low = middle
        else:
            high = middle
    return middle
