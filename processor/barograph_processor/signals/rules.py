"""Shares of rows that break a rule of the model's schema.

Rules are judged by the states that every lane counts, so sources need to know nothing of them. What
states can't tell exactly has bounds: a bucket that the least or greatest value allowed cuts in two, and
categories that were pooled or hashed with an unknown key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.redact import is_hashed
from barograph.semconv import attributes, metrics
from barograph.semconv.attributes import MlFeatureRule
from barograph_processor.signals import observed
from barograph_processor.signals.api import Reading, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.quality import observations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.api import StreamId, View
    from barograph_processor.signals.schema_rule import Rule

    Histogram = ExplicitHistogram | ExponentialHistogram


class Broken(NamedTuple):
    """Rows that break a rule: certainly, and at most."""

    rule: str
    certain: int
    possible: int


@dataclass(frozen=True, slots=True)
class RulesSignal:
    """Shares of rows whose values break a rule of the schema.

    A feature that no row has breaks `required` in all of them, as long as rows have features at all.
    Absent for features without a rule, and in windows without features.

    Attributes:
        name: Name in the catalog.
        scope: Always ``window``.
    """

    name: str = "rules"
    scope: str = "window"

    def readings(self, view: View) -> Iterator[Reading]:
        """The readings of a view, absent ones left out."""
        if not view.rules:
            return
        found = observations(view.states)
        most = max(map(observed.rows, found.values()), default=0)
        for name, rule in sorted(view.rules.items()):
            states = found.get(name)
            rows = most if states is None else observed.rows(states)
            if rows:
                for broken in _broken(rule, _Seen(view, name, states, rows)):
                    where = (
                        (attributes.ML_FEATURE_NAME, name),
                        (attributes.ML_FEATURE_RULE, broken.rule),
                    )
                    certain, possible = broken.certain / rows, min(broken.possible / rows, 1.0)
                    yield Reading(metrics.ML_FEATURE_VIOLATION_RATIO, certain, where)
                    yield Reading(metrics.ML_FEATURE_VIOLATION_RATIO_UPPER, possible, where)


RULES = RulesSignal()


def broken_beyond_tolerance(view: View, readings: Sequence[Reading]) -> bool:
    """Whether a rule is certainly broken by more rows than its feature tolerates."""
    for reading in readings:
        if reading.metric == metrics.ML_FEATURE_VIOLATION_RATIO:
            rule = view.rules.get(dict(reading.attributes)[attributes.ML_FEATURE_NAME])
            if rule is not None and reading.value > rule.tolerance:
                return True
    return False


class _Seen:
    """What a window holds of one feature, of all bases together."""

    def __init__(self, view: View, name: str, states: CategoryCounts | None, rows: int) -> None:
        self.rows = rows
        self.counts = {observed.MISSING: rows} if states is None else dict(states.counts)
        self.numbers: list[Histogram] = []
        self.categories: list[CategoryCounts] = []
        self.vocabularies: list[frozenset[str]] = []
        for stream, state in view.states.items():
            if stream.name != name:
                continue
            if isinstance(state, (ExplicitHistogram, ExponentialHistogram)):
                if stream.kind == StreamKind.FEATURE_VALUE:
                    self.numbers.append(state)
            elif isinstance(state, CategoryCounts) and stream.kind == StreamKind.FEATURE_CATEGORIES:
                self.categories.append(state)
                self.vocabularies.append(_vocabulary(view, stream))

    def of(self, *states: str) -> int:
        """Rows in some states."""
        return sum(self.counts.get(state, 0) for state in states)


def _broken(rule: Rule, seen: _Seen) -> Iterator[Broken]:
    if rule.required:
        yield _exactly(MlFeatureRule.REQUIRED, seen.of(observed.MISSING, observed.SENTINEL))
    if rule.kind is not None:
        others: Sequence[Histogram | CategoryCounts] = (
            seen.categories if rule.kind == "number" else seen.numbers
        )
        wrong = sum(state.total if isinstance(state, CategoryCounts) else state.rows for state in others)
        yield _exactly(MlFeatureRule.TYPE, seen.of(observed.INVALID) + wrong)
    if rule.low is not None:
        yield _summed(MlFeatureRule.MIN, [below(state, rule.low) for state in seen.numbers])
    if rule.high is not None:
        yield _summed(MlFeatureRule.MAX, [above(state, rule.high) for state in seen.numbers])
    if rule.values is not None:
        held = zip(seen.categories, seen.vocabularies, strict=True)
        yield _summed(MlFeatureRule.VALUES, [outside(state, rule.values, known) for state, known in held])


def _exactly(rule: str, rows: int) -> Broken:
    return Broken(rule, rows, rows)


def _summed(rule: str, bounds: Sequence[tuple[int, int]]) -> Broken:
    return Broken(rule, sum(least for least, _ in bounds), sum(most for _, most in bounds))


def above(state: Histogram, limit: float) -> tuple[int, int]:
    """Bounds of the number of values above a limit.

    >>> above(ExplicitHistogram.zero([10.0, 20.0]).observe(np.array([5.0, 15.0, 18.0, 30.0])), 16.0)
    (1, 3)
    """
    lower, upper, counts = _buckets(state)
    # Positive buckets leave out their lower bound, negative and zero ones don't.
    excluded = lower > 0 if isinstance(state, ExponentialHistogram) else np.ones(len(lower), np.bool_)
    certain = (lower > limit) | ((lower == limit) & excluded)
    possible = np.minimum(upper, state.high) > limit
    return _bounds(counts, certain, possible, touched=math.isfinite(state.high) and state.high > limit)


def below(state: Histogram, limit: float) -> tuple[int, int]:
    """Bounds of the number of values below a limit.

    >>> below(ExplicitHistogram.zero([10.0, 20.0]).observe(np.array([5.0, 15.0, 18.0, 30.0])), 16.0)
    (1, 3)
    """
    lower, upper, counts = _buckets(state)
    excluded = upper < 0 if isinstance(state, ExponentialHistogram) else np.zeros(len(upper), np.bool_)
    certain = (upper < limit) | ((upper == limit) & excluded)
    possible = np.maximum(lower, state.low) < limit
    return _bounds(counts, certain, possible, touched=math.isfinite(state.low) and state.low < limit)


def outside(
    state: CategoryCounts, allowed: frozenset[str], vocabulary: frozenset[str] = frozenset()
) -> tuple[int, int]:
    """Bounds of the number of values that are none of those allowed.

    A hash that is none of the allowed ones' is a value outside, if any other is: then the key is
    known. So it is where all that is allowed would have come by name. Else nothing is known of hashes.

    Args:
        state: Rows by category.
        allowed: The categories allowed, by name and by hash.
        vocabulary: What comes by name.

    >>> outside(CategoryCounts.of({"north": 5, "west": 2, "__other__": 1}), frozenset({"north"}))
    (2, 3)
    """
    told = any(is_hashed(label) for label in state.counts.keys() & allowed)
    told = told or all(is_hashed(label) or label in vocabulary for label in allowed)
    certain = unknown = 0
    for label, rows in state.counts.items():
        if label in allowed:
            continue
        if is_hashed(label) and not told:
            unknown += rows
        else:
            certain += rows
    return certain, certain + unknown + state.other


def _vocabulary(view: View, stream: StreamId) -> frozenset[str]:
    """What a source that knows the reference names as it is."""
    if view.reference is None or stream.basis != view.reference.id:
        return frozenset()
    feature = view.reference.feature(stream.name)
    return frozenset() if feature is None else frozenset(feature.categories)


def _buckets(
    state: Histogram,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    if isinstance(state, ExponentialHistogram):
        return state.buckets()
    bounds = np.concatenate(([-np.inf], state.edges, [np.inf]))
    return bounds[:-1], bounds[1:], state.counts


def _bounds(
    counts: NDArray[np.int64], certain: NDArray[np.bool_], possible: NDArray[np.bool_], *, touched: bool
) -> tuple[int, int]:
    """Rows of the buckets; one at least where the extreme value itself is known to be beyond."""
    least, most = int(counts[certain & possible].sum()), int(counts[possible].sum())
    return max(least, int(touched and most > 0)), most
