"""The upper tail of the non-central chi-squared distribution.

`scipy.stats` has it too, but loading that package takes 30 MB, and the difference of 1 and the lower tail is
no more than rounding where the index of a window is large.
"""

from __future__ import annotations

import math

import numpy as np

from barograph_processor.signals.special_functions import special

_DEVIATIONS = 10.0
_AROUND = 40.0


def upper_tail(x: float, degrees: int, noncentrality: float) -> float:
    """The probability of more than x.

    The variable is a central one whose degrees of freedom are raised by twice a Poisson variable of
    mean λ/2. The terms of the sum are positive, and those that matter lie around λ/2 and √(λx)/2, where
    the Poisson probability and its product with the density have their modes.

    Args:
        x: At least 0.
        degrees: At least 1.
        noncentrality: λ, at least 0.

    Returns:
        In [0, 1]; exact to 1e-9 of itself, also where it is tiny, for λ up to 1e6.

    Source: Johnson, Kotz and Balakrishnan, "Continuous Univariate Distributions", volume 2, 2nd edition,
        1995, equation (29.2).

    >>> round(upper_tail(17.0, 9, 0.0), 6) == round(float(special().chdtrc(9, 17.0)), 6)
    True
    """
    beyond = math.sqrt(x) - math.sqrt(noncentrality)
    # The root of the variable is at most √λ and the root of a central one, by the triangle inequality.
    if beyond > 0.0 and special().chdtrc(degrees, beyond * beyond) == 0.0:
        return 0.0
    mean = noncentrality / 2
    modes = mean, math.sqrt(noncentrality * x) / 2
    first = max(0, int(min(modes) - _DEVIATIONS * math.sqrt(min(modes)) - _AROUND))
    last = int(max(modes) + _DEVIATIONS * math.sqrt(max(modes)) + _AROUND)
    counts = np.arange(first, last + 1, dtype=np.float64)
    poisson = np.exp(special().xlogy(counts, mean) - mean - special().gammaln(counts + 1))
    # All of the probability lies in the range, and dividing by it takes away what the logarithms rounded.
    return min(1.0, float(poisson @ special().gammaincc(degrees / 2 + counts, x / 2) / poisson.sum()))
