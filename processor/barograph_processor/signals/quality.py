"""Shares of values that are missing, invalid, unseen, out of range or stuck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.semconv import attributes, metrics
from barograph_processor.signals import observed
from barograph_processor.signals.api import Reading, StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.signals.api import State, View

RATIOS = {
    observed.MISSING: metrics.ML_FEATURE_MISSING_RATIO,
    observed.INVALID: metrics.ML_FEATURE_INVALID_RATIO,
    observed.SENTINEL: metrics.ML_FEATURE_SENTINEL_RATIO,
    observed.UNSEEN: metrics.ML_FEATURE_UNSEEN_RATIO,
}
"""Shares of all rows, by what was observed."""


@dataclass(frozen=True, slots=True)
class QualitySignal:
    """Shares of a feature's values by what was observed of them.

    Missing, invalid, sentinel and unseen are shares of all rows; out of range is a share of the valid
    numbers; the top value is the share of the most frequent category, or bucket, of the values counted.
    States of all bases are taken together: what is missing does not depend on edges. Unseen and
    out of range are told only where a source knew the reference: only it can tell.

    Attributes:
        name: Name in the catalog.
        scope: Always ``window``.
    """

    name: str = "quality"
    scope: str = "window"

    def readings(self, view: View) -> Iterator[Reading]:
        """The readings of a view, absent ones left out."""
        for name, states in observations(view.states).items():
            yield from _ratios(name, states)
        for name, based in observations(view.states, based=True).items():
            yield from _based_ratios(name, based, view)
        for name, share in sorted(_top_shares(view.states).items()):
            yield Reading(metrics.ML_FEATURE_TOP_VALUE_RATIO, share, _where(name))


@dataclass(frozen=True, slots=True)
class VolumeSignal:
    """Number of predictions of the window.

    Attributes:
        name: Name in the catalog.
        scope: Always ``window``.
    """

    name: str = "volume"
    scope: str = "window"

    def readings(self, view: View) -> Iterator[Reading]:
        """The number of predictions, always."""
        yield Reading(metrics.ML_WINDOW_OBSERVATIONS, float(view.predictions))


def observations(states: Mapping[StreamId, State], *, based: bool = False) -> dict[str, CategoryCounts]:
    """Counts of `ml.feature.state` by feature, over all bases, in order of name.

    Args:
        states: A window's states.
        based: Only those of sources that knew a reference.
    """
    found: dict[str, CategoryCounts] = {}
    for stream, state in sorted(states.items(), key=lambda item: item[0]):
        if stream.kind != StreamKind.FEATURE_STATES or not isinstance(state, CategoryCounts):
            continue
        if stream.basis or not based:
            found[stream.name] = found[stream.name].merge(state) if stream.name in found else state
    return found


def _ratios(name: str, states: CategoryCounts) -> Iterator[Reading]:
    rows = observed.rows(states)
    if not rows:
        return
    for state in (observed.MISSING, observed.INVALID, observed.SENTINEL):
        yield Reading(RATIOS[state], states.counts.get(state, 0) / rows, _where(name))


def _based_ratios(name: str, states: CategoryCounts, view: View) -> Iterator[Reading]:
    rows = observed.rows(states)
    valid = states.counts.get(observed.VALID, 0)
    feature = view.reference.feature(name) if view.reference is not None else None
    unseen = states.counts.get(observed.UNSEEN, 0)
    out = states.counts.get(observed.BELOW, 0) + states.counts.get(observed.ABOVE, 0)
    if rows and (unseen or (feature is not None and feature.kind == "category")):
        yield Reading(metrics.ML_FEATURE_UNSEEN_RATIO, unseen / rows, _where(name))
    if valid and (out or (feature is not None and feature.kind == "number")):
        yield Reading(metrics.ML_FEATURE_OUT_OF_RANGE_RATIO, min(1.0, out / valid), _where(name))


def _top_shares(states: Mapping[StreamId, State]) -> dict[str, float]:
    """Share of the most frequent category or bucket by feature; of several bases, that of the most rows."""
    found: dict[str, tuple[int, float]] = {}
    for stream, state in states.items():
        rows, top = _top(stream, state)
        if rows:
            found[stream.name] = max(found.get(stream.name, (0, 0.0)), (rows, top / rows))
    return {name: share for name, (_, share) in found.items()}


def _top(stream: StreamId, state: State) -> tuple[int, int]:
    if stream.kind == StreamKind.FEATURE_CATEGORIES and isinstance(state, CategoryCounts):
        return state.total, max(state.counts.values(), default=0)
    if stream.kind != StreamKind.FEATURE_VALUE:
        return 0, 0
    if isinstance(state, ExplicitHistogram):
        return state.rows, int(state.counts.max())
    if isinstance(state, ExponentialHistogram):
        return state.rows, int(state.buckets()[2].max())
    return 0, 0


def _where(name: str) -> tuple[tuple[str, str], ...]:
    return ((attributes.ML_FEATURE_NAME, name),)
