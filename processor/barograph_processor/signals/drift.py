"""Drift of features and predictions against the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from barograph.semconv import attributes, metrics
from barograph_processor.signals import distances, significance
from barograph_processor.signals.api import Reading, StreamKind
from barograph_processor.signals.drift_streams import FEATURE_KINDS, PREDICTION_KINDS, compared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.signals.api import StreamId, View
    from barograph_processor.signals.distances import Interval
    from barograph_processor.signals.drift_pairs import Pair
    from barograph_processor.signals.drift_streams import Compared
    from barograph_processor.signals.reference import Reference


class DriftMetrics(NamedTuple):
    """The registry's names of one family of drift figures."""

    psi: str
    js: str
    ks: str
    ks_lower: str
    ks_upper: str
    wasserstein: str
    wasserstein_lower: str
    wasserstein_upper: str
    chi2: str
    p_value: str
    significant: str
    noise_floor: str
    detectable: str
    overdispersion: str


FEATURE_METRICS = DriftMetrics(
    psi=metrics.ML_FEATURE_DRIFT_PSI,
    js=metrics.ML_FEATURE_DRIFT_JS,
    ks=metrics.ML_FEATURE_DRIFT_KS,
    ks_lower=metrics.ML_FEATURE_DRIFT_KS_LOWER,
    ks_upper=metrics.ML_FEATURE_DRIFT_KS_UPPER,
    wasserstein=metrics.ML_FEATURE_DRIFT_WASSERSTEIN,
    wasserstein_lower=metrics.ML_FEATURE_DRIFT_WASSERSTEIN_LOWER,
    wasserstein_upper=metrics.ML_FEATURE_DRIFT_WASSERSTEIN_UPPER,
    chi2=metrics.ML_FEATURE_DRIFT_CHI2,
    p_value=metrics.ML_FEATURE_DRIFT_P_VALUE,
    significant=metrics.ML_FEATURE_DRIFT_SIGNIFICANT,
    noise_floor=metrics.ML_FEATURE_DRIFT_NOISE_FLOOR,
    detectable=metrics.ML_FEATURE_DRIFT_DETECTABLE,
    overdispersion=metrics.ML_FEATURE_DRIFT_OVERDISPERSION,
)
PREDICTION_METRICS = DriftMetrics(
    psi=metrics.ML_PREDICTION_DRIFT_PSI,
    js=metrics.ML_PREDICTION_DRIFT_JS,
    ks=metrics.ML_PREDICTION_DRIFT_KS,
    ks_lower=metrics.ML_PREDICTION_DRIFT_KS_LOWER,
    ks_upper=metrics.ML_PREDICTION_DRIFT_KS_UPPER,
    wasserstein=metrics.ML_PREDICTION_DRIFT_WASSERSTEIN,
    wasserstein_lower=metrics.ML_PREDICTION_DRIFT_WASSERSTEIN_LOWER,
    wasserstein_upper=metrics.ML_PREDICTION_DRIFT_WASSERSTEIN_UPPER,
    chi2=metrics.ML_PREDICTION_DRIFT_CHI2,
    p_value=metrics.ML_PREDICTION_DRIFT_P_VALUE,
    significant=metrics.ML_PREDICTION_DRIFT_SIGNIFICANT,
    noise_floor=metrics.ML_PREDICTION_DRIFT_NOISE_FLOOR,
    detectable=metrics.ML_PREDICTION_DRIFT_DETECTABLE,
    overdispersion=metrics.ML_PREDICTION_DRIFT_OVERDISPERSION,
)


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance alone does to the population stability index of one stream in one window.

    Attributes:
        degrees: Groups less one; 0 where there is nothing to compare.
        variance: `significance.variance`.
        phi: Overdispersion of the window.
        p_value: `significance.p_value` of the index found; 1 where there is nothing to compare.
    """

    degrees: int
    variance: float
    phi: float
    p_value: float


@dataclass(frozen=True, slots=True)
class DriftSignal:
    """How far the window's streams are from the reference's.

    All of psi, js and chi2 are taken on groups that the reference fixes (`drift_groups`), so they
    agree on what is compared; chi2 of categories pools by expected rows instead. Numbers
    also have ks and wasserstein, with bounds from their buckets. Missing values are not part
    of a distribution (`quality` counts them); unseen categories are.

    Drift is significant where the index exceeds the practical size beyond what windows of that length do
    on their own, after Benjamini-Hochberg across the family: all features of the model, or
    all streams of its output. `detectable` is for a stream that drifts alone.

    Figures of scores carry the class; those of predicted classes and numbers carry none.
    Absent without a reference, and for streams that it can't be compared with (`drift_streams`).

    Attributes:
        name: Name in the catalog.
        kinds: Stream kinds of the family.
        metrics: Names of its figures.
        scope: Always ``window``.
    """

    name: str
    kinds: tuple[str, ...]
    metrics: DriftMetrics
    scope: str = "window"

    def readings(self, view: View) -> Iterator[Reading]:
        """The readings of a view, absent ones left out."""
        if view.reference is None:
            return
        family = list(compared(view, self.kinds))
        chances = [chance(one, view.reference, view.length_s) for one in family]
        significant = significance.benjamini_hochberg([one.p_value for one in chances])
        level = significance.LEVEL / max(1, sum(one.degrees > 0 for one in chances))
        for (stream, pair), found, far in zip(family, chances, significant.tolist(), strict=True):
            where = _attributes(stream)
            for metric, value in self._distances(pair):
                yield Reading(metric, value, where)
            yield Reading(self.metrics.significant, float(far), where)
            yield Reading(self.metrics.overdispersion, found.phi, where)
            if found.degrees:
                yield Reading(self.metrics.p_value, found.p_value, where)
                floor = significance.noise_floor(found.variance, found.degrees)
                yield Reading(self.metrics.noise_floor, floor, where)
                least = significance.detectable(found.variance, found.degrees, level)
                yield Reading(self.metrics.detectable, least, where)

    def _distances(self, pair: Pair) -> Iterator[tuple[str, float]]:
        names = self.metrics
        yield names.psi, distances.psi(pair.reference, pair.window)
        yield names.js, distances.jensen_shannon(pair.reference, pair.window)
        if pair.bins is None:
            homogeneity = distances.chi_squared(pair.fine_reference, pair.fine_window)
        else:
            homogeneity = distances.chi_squared(pair.reference, pair.window)
        if homogeneity is not None:
            yield names.chi2, homogeneity.statistic
        if pair.bins is not None:
            ks = distances.kolmogorov_smirnov(*pair.bins)
            yield from _interval(ks, 1.0, (names.ks, names.ks_lower, names.ks_upper))
            moved = distances.wasserstein(*pair.bins)
            if moved is not None:
                spread = distances.spread(pair.bins[0])
                ends = (names.wasserstein, names.wasserstein_lower, names.wasserstein_upper)
                yield from _interval(moved, spread, ends)


def chance(one: Compared, reference: Reference, length_s: float) -> Chance:
    """What chance alone does to a stream's index.

    Args:
        one: The stream and both distributions.
        reference: The reference that it is compared with.
        length_s: Length of the window in seconds.
    """
    pair = one.pair
    rows = int(pair.window.sum())
    phi = reference.phi(one.stream, length_s, rows)
    v = significance.variance(rows, int(pair.reference.sum()), phi, reference.phi(one.stream, length_s))
    degrees = len(pair.reference) - 1
    if not degrees:
        return Chance(0, v, phi, 1.0)
    index = distances.psi(pair.reference, pair.window)
    return Chance(degrees, v, phi, significance.p_value(index, v, degrees))


def _interval(found: Interval, unit: float, names: tuple[str, str, str]) -> Iterator[tuple[str, float]]:
    yield names[0], found.value / unit
    yield names[1], found.lower / unit
    if found.upper is not None:
        yield names[2], found.upper / unit


def _attributes(stream: StreamId) -> tuple[tuple[str, str], ...]:
    if stream.kind in FEATURE_KINDS:
        return ((attributes.ML_FEATURE_NAME, stream.name),)
    if stream.kind == StreamKind.PREDICTION_SCORE:
        return ((attributes.ML_CLASS_NAME, stream.part),)
    return ()


FEATURE_DRIFT = DriftSignal("feature.drift", FEATURE_KINDS, FEATURE_METRICS)
PREDICTION_DRIFT = DriftSignal("prediction.drift", PREDICTION_KINDS, PREDICTION_METRICS)
