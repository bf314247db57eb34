"""How late the truth came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from barograph.semconv import metrics
from barograph_processor.signals.api import Reading, StreamKind
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.performance_readings import REALIZED, SCOPE, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import View

_QUANTILES = (  # metric, share, rows under which it is not told: fewer than two beyond the quantile
    (metrics.ML_LABEL_DELAY, 0.5, 4),
    (metrics.ML_LABEL_DELAY_P95, 0.95, 40),
)


@dataclass(frozen=True, slots=True)
class LabelDelay:
    """Median and 95th percentile of the time from prediction to truth, in seconds.

    Off by at most the width of a bucket: 0.6 % where the greatest delay is twice the least, 4.5 % where
    it is 1,000 times the least. The median is absent under 4 rows, the other under 40.
    """

    name: str = "label_delay"
    scope: str = SCOPE

    def readings(self, view: View) -> Iterator[Reading]:
        """Both quantiles."""
        delays = state_of(view, StreamKind.DELAY, ExponentialHistogram)
        if delays is None:
            return
        for metric, share, least_rows in _QUANTILES:
            if delays.rows >= least_rows:
                yield Reading(metric, quantile(delays, share), REALIZED)


def quantile(histogram: ExponentialHistogram, share: float) -> float:
    """The value that `share` (0 to 1) of the rows do not exceed, interpolated within its bucket.

    >>> histogram = ExponentialHistogram.zero().observe(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(quantile(histogram, 0.5), 2)
    2.0
    """
    lower, upper, counts = histogram.buckets()
    reached = np.cumsum(counts)
    wanted = max(share * float(reached[-1]), 1.0)
    place = int(np.searchsorted(reached, wanted))
    within = (wanted - float(reached[place] - counts[place])) / float(counts[place])
    found = float(lower[place]) + within * float(upper[place] - lower[place])
    return min(max(found, histogram.low), histogram.high)
