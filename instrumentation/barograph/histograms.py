"""Numeric columns of one pane: histograms, and the states that are counted apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.explicit import ExplicitPlan
from barograph.exponential import ExponentialPlan
from barograph.semconv.attributes import MlFeatureState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from barograph.baseline import Feature
    from barograph.explicit import ExplicitCounts, PreparedExplicit
    from barograph.exponential import ExponentialCounts, PreparedExponential
    from barograph.points import ExplicitBuckets, ExponentialBuckets

    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]
    Prepared = PreparedExplicit | PreparedExponential

STATES = (
    MlFeatureState.VALID,
    MlFeatureState.MISSING,
    MlFeatureState.INVALID,
    MlFeatureState.SENTINEL,
    MlFeatureState.BELOW,
    MlFeatureState.ABOVE,
)


class NumberPlan:
    """What is counted of numeric columns: on the baseline's edges, else exponential."""

    def __init__(self, features: Sequence[Feature] | None) -> None:
        self._explicit: ExplicitPlan | None = None
        self._exponential = ExponentialPlan()
        self._sentinels: list[tuple[int, Floats]] = []
        self._low: Floats | None = None
        self._high: Floats | None = None
        if features is None:
            return
        self._explicit = ExplicitPlan([one.edges for one in features], [one.grid for one in features])
        self._sentinels = [
            (place, np.array(one.sentinels)) for place, one in enumerate(features) if one.sentinels
        ]
        self._low = np.array([-np.inf if one.low is None else one.low for one in features])
        self._high = np.array([np.inf if one.high is None else one.high for one in features])

    def counts(self, columns: int) -> NumberCounts:
        """Empty counts of a pane."""
        self._exponential.columns = columns
        return NumberCounts((self._explicit or self._exponential).counts(), columns)

    def prepare(self, values: Floats) -> PreparedNumbers:
        """Find states and buckets of rows (rows by columns; NaN missing, infinite invalid)."""
        finite = np.isfinite(values)
        valid: Mask | None = None
        missing = sentinel = None
        if not finite.all():
            missing = np.isnan(values)
            valid = finite
        for place, stand_ins in self._sentinels:
            hit = np.isin(values[:, place], stand_ins)
            if hit.any():
                if sentinel is None:
                    sentinel = np.zeros(values.shape, dtype=bool)
                    valid = finite.copy() if valid is None else valid
                sentinel[:, place] = hit
                if valid is not None:
                    valid[:, place] &= ~hit
        below = above = None
        if self._low is not None and self._high is not None:
            below, above = values < self._low, values > self._high
            if valid is not None:
                below &= valid
                above &= valid
        prepared = (self._explicit or self._exponential).prepare(values, valid)
        return PreparedNumbers(prepared, valid, missing, sentinel, below, above)


class PreparedNumbers:
    """Rows with states and buckets found; None stands for a mask that is the same everywhere."""

    __slots__ = ("above", "below", "histogram", "missing", "sentinel", "valid")

    def __init__(  # noqa: PLR0913, PLR0917 - one argument a fact
        self,
        histogram: Prepared,
        valid: Mask | None,
        missing: Mask | None,
        sentinel: Mask | None,
        below: Mask | None,
        above: Mask | None,
    ) -> None:
        self.histogram = histogram
        self.valid = valid
        self.missing = missing
        self.sentinel = sentinel
        self.below = below
        self.above = above


class NumberCounts:
    """States and histograms of every numeric column in one pane."""

    __slots__ = ("_histograms", "_states")

    def __init__(self, histograms: ExplicitCounts | ExponentialCounts, columns: int) -> None:
        self._histograms = histograms
        self._states = np.zeros((len(STATES), columns), dtype=np.int64)

    def add(self, rows: PreparedNumbers, part: slice, count: int) -> None:
        """Count a slice of prepared rows, `count` rows long."""
        if not count:
            return
        columns = rows.histogram.values.shape[1]
        if columns > self._states.shape[1]:
            more = np.zeros((len(STATES), columns - self._states.shape[1]), dtype=np.int64)
            self._states = np.hstack([self._states, more])
        states = self._states
        valid = np.full(columns, count) if rows.valid is None else rows.valid[part].sum(axis=0)
        missing = 0 if rows.missing is None else rows.missing[part].sum(axis=0)
        sentinel = 0 if rows.sentinel is None else rows.sentinel[part].sum(axis=0)
        states[0] += valid
        states[1] += missing
        states[2] += count - valid - missing - sentinel
        states[3] += sentinel
        if rows.below is not None and rows.above is not None:
            states[4] += rows.below[part].sum(axis=0)
            states[5] += rows.above[part].sum(axis=0)
        self._histograms.add(rows.histogram, part)  # type: ignore[arg-type]

    def states(self, column: int) -> dict[str, int]:
        """Counts above zero by state."""
        if column >= self._states.shape[1]:
            return {}
        counts = self._states[:, column].tolist()
        return {state: count for state, count in zip(STATES, counts, strict=True) if count}

    def data(self, column: int) -> ExplicitBuckets | ExponentialBuckets | None:
        """The histogram of one column; None where no value was valid."""
        return self._histograms.data(column)
