"""Numbers that stand for all of their bucket, so that no value leaves and every value is counted rightly."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from barograph.baseline import Baseline, Feature
    from barograph.redaction import Redaction

    Floats = npt.NDArray[np.float64]

_LARGEST = float(np.finfo(np.float64).max)
_LEAST = 1e-300
_NEAR = 2.0**-20


class BaselineBuckets:
    """A feature's buckets in the baseline, cut once more where its range begins and ends.

    A stand-in lies in the bucket of what it stands for, on the same side of the reference range, and
    is a sentinel only where that is one; so whoever counts stand-ins on the baseline's edges finds
    what counting the values would have found.

    Args:
        feature: As the baseline describes it.
    """

    def __init__(self, feature: Feature) -> None:
        cuts = set(feature.edges)
        if feature.low is not None:
            # Below is `value < low`; every other cut belongs to the cell on its left.
            cuts.add(math.nextafter(feature.low, -math.inf))
        if feature.high is not None:
            cuts.add(feature.high)
        self._cuts = np.array(sorted(cut for cut in cuts if np.isfinite(cut)), dtype=np.float64)
        self._sentinels = np.array(feature.sentinels, dtype=np.float64)
        self._stand_ins = _stand_ins(self._cuts, frozenset(feature.sentinels))

    def stand_ins(self, values: Floats) -> Floats:
        """What leaves in place of the values; NaN stays missing, an infinity invalid."""
        found = np.asarray(self._stand_ins[np.searchsorted(self._cuts, values, side="left")])
        kept = ~np.isfinite(values)
        if len(self._sentinels):
            kept |= np.isin(values, self._sentinels)
        result: Floats = np.where(kept, values, found)
        return result


class WidthBuckets:
    """Buckets of one width, from 0 on both ways.

    Args:
        width: Above 0.

    >>> WidthBuckets(10.0).stand_ins(np.array([41.0, -3.0, 50.0])).tolist()
    [45.0, -5.0, 55.0]
    """

    def __init__(self, width: float) -> None:
        self._width = width

    def stand_ins(self, values: Floats) -> Floats:
        """As for `BaselineBuckets`."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.floor(values / self._width) * self._width + self._width / 2
        # The outermost buckets reach beyond what a double can hold; an infinity would be invalid.
        result: Floats = np.where(np.isfinite(values), np.clip(found, -_LARGEST, _LARGEST), values)
        return result


class BucketBook:
    """The buckets of redacted numbers.

    Args:
        baseline: Knows buckets of its features.
        redaction: Says which columns are redacted, and the width where the baseline doesn't know.

    Attributes:
        redaction: The same.
    """

    def __init__(self, baseline: Baseline | None, redaction: Redaction) -> None:
        features = baseline.header.features if baseline is not None else ()
        self._known = {one.name: one for one in features if one.kind == "number"}
        self.redaction = redaction
        self._found: dict[str, BaselineBuckets | WidthBuckets | None] = {}

    def of(self, column: str) -> BaselineBuckets | WidthBuckets | None:
        """The buckets of a column: of the width that its rule states, else the baseline's; else None."""
        if column not in self._found:
            rule = self.redaction.of(column) or self.redaction.stated(column)
            known = self._known.get(column)
            if rule is not None and rule.width is not None:
                self._found[column] = WidthBuckets(rule.width)
            else:
                self._found[column] = None if known is None else BaselineBuckets(known)
        return self._found[column]

    def hidden(self, names: Sequence[str], values: Floats) -> Floats:
        """Numbers for histograms: in redacted columns what stands for them, or nothing but their states.

        Sum, least and greatest value of a pane with one row would be the row's own values.

        Args:
            names: The columns.
            values: Rows by columns.
        """
        hidden = [place for place, name in enumerate(names) if self.hides(name)]
        if not hidden:
            return values
        values = values.copy()
        for place in hidden:
            buckets = self.of(names[place])
            if buckets is not None:
                values[:, place] = buckets.stand_ins(values[:, place])
        return values

    def hides(self, column: str) -> bool:
        """Whether single values of a column may not leave."""
        rule = self.redaction.of(column)
        return rule is not None and rule.kind != "clear"

    def is_silent(self, column: str) -> bool:
        """Whether not even a histogram may be sent: nothing says buckets that would hide values."""
        return self.hides(column) and self.of(column) is None


def _stand_ins(cuts: Floats, sentinels: frozenset[float]) -> Floats:
    """One number of each cell (cuts[i-1], cuts[i]], the outer ones open."""
    if not len(cuts):
        return np.array([_inside(-1.0, 1.0, sentinels)])
    low, high = float(cuts[0]), float(cuts[-1])
    # About a cell's width; far more than the distance to the next double, where the cuts are one.
    step = max(high / len(cuts) - low / len(cuts), abs(high) * _NEAR, abs(low) * _NEAR, _LEAST)
    bounds = [max(low - 2 * step, -_LARGEST), *cuts.tolist(), min(high + 2 * step, _LARGEST)]
    return np.array([_inside(below, upto, sentinels) for below, upto in pairwise(bounds)])


def _inside(below: float, upto: float, sentinels: frozenset[float]) -> float:
    """The middle of (below, upto], or the nearest number to its right that is none of the sentinels."""
    middle = below / 2 + upto / 2
    if not below < middle <= upto:
        middle = upto
    while middle in sentinels and middle < upto:
        middle = math.nextafter(middle, math.inf)
    return middle
