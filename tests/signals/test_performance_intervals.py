"""Intervals cover what they say they do: seeded simulations, 1,500 samples each.

With 1,500 samples a true coverage of 95 % shows as 93.7 to 96.3 % (95 % of the time), hence 93 to 97 %.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics as oracle

from barograph.semconv import metrics
from barograph_processor.signals.api import StreamId, StreamKind, View
from barograph_processor.signals.performance import SIGNALS
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_intervals import (
    CONFIDENCE,
    Interval,
    Z,
    f1_interval,
    loss_interval,
    mean_interval,
    sample_variance,
    wilson,
)
from barograph_processor.signals.performance_roc import RocArea, roc_area, roc_interval
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from barograph_processor.signals.api import State

SAMPLES = 1_500


def test_the_normal_quantile_is_that_of_the_confidence() -> None:
    assert float(special.ndtri(0.5 + CONFIDENCE / 2)) == Z


def coverage(
    sample: Callable[[], Mapping[StreamId, State]], truth: Mapping[str, float], samples: int = SAMPLES
) -> dict[str, float]:
    """Share of samples whose interval holds the truth, by metric."""
    held = dict.fromkeys(truth, 0)
    signals = [
        signal for signal in SIGNALS if signal.name not in {"observations", "label_maturity", "label_delay"}
    ]
    for _ in range(samples):
        view = View(states=sample(), reference=None, length_s=60.0, predictions=0)
        found = {reading.metric: reading.value for signal in signals for reading in signal.readings(view)}
        for metric, value in truth.items():
            held[metric] += (
                found[f"{metric}.confidence.lower"] <= value <= found[f"{metric}.confidence.upper"]
            )
    return {metric: count / samples for metric, count in held.items()}


def assert_covers(found: Mapping[str, float], low: float = 0.93, high: float = 0.97) -> None:
    assert not {metric: share for metric, share in found.items() if not low <= share <= high}


def test_wilson_is_scipys() -> None:
    for successes, trials in ((0, 10), (3, 17), (99, 100), (250, 250)):
        expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
        assert (expected.low, expected.high) == pytest.approx(tuple(wilson(successes, trials)), abs=1e-12)


def test_a_mean_is_students() -> None:
    values = np.random.default_rng(4).normal(3, 2, 40)
    errors = RegressionErrors.zero().observe(np.zeros(40), values)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    found = mean_interval(40, errors.error.fraction, errors.error2.fraction)
    assert found is not None
    assert expected == pytest.approx(tuple(found), rel=1e-12)
    assert values.var(ddof=1) == pytest.approx(
        float(sample_variance(40, errors.error.fraction, errors.error2.fraction)), rel=1e-12
    )
    assert loss_interval(2, errors.error.fraction * 0 + 2, errors.error.fraction * 0 + 2) is None


def test_the_interval_of_f1_holds_f1() -> None:
    assert (0.0, 1.0) == (f1_interval(0, 12).low, f1_interval(12, 12).high)
    low, high = f1_interval(30, 45)
    assert low < 2 * 30 / (45 + 30) < high


@pytest.mark.parametrize("right", [0.6, 0.9, 0.97])
def test_figures_by_class_cover(right: float) -> None:
    rng = np.random.default_rng(11)
    recall = {"yes": right, "no": 0.9}
    rate = 0.3
    joint = {
        ("yes", "yes"): rate * recall["yes"],
        ("yes", "no"): rate * (1 - recall["yes"]),
        ("no", "no"): (1 - rate) * recall["no"],
        ("no", "yes"): (1 - rate) * (1 - recall["no"]),
    }
    both, missed, false = joint["yes", "yes"], joint["yes", "no"], joint["no", "yes"]
    places = np.array([(("no", "yes").index(t), ("no", "yes").index(p)) for t, p in joint], np.int32)

    def sample() -> dict[StreamId, State]:
        drawn = places[rng.choice(4, 300, p=list(joint.values()))]
        state = ConfusionCounts.zero().observe(drawn[:, 0], drawn[:, 1], ("no", "yes"))
        return {StreamId(StreamKind.CONFUSION): state}

    assert_covers(
        coverage(
            sample,
            {
                metrics.ML_PERFORMANCE_ACCURACY: both + joint["no", "no"],
                metrics.ML_PERFORMANCE_BALANCED_ACCURACY: (recall["yes"] + recall["no"]) / 2,
                metrics.ML_PERFORMANCE_RECALL: recall["yes"],
                metrics.ML_PERFORMANCE_PRECISION: both / (both + false),
                metrics.ML_PERFORMANCE_F1: 2 * both / (2 * both + missed + false),
            },
        )
    )


@pytest.mark.parametrize(("a", "b", "n"), [(1.0, 3.0, 300), (2.0, 2.0, 100), (0.3, 3.0, 500)])
def test_losses_of_probabilities_cover(a: float, b: float, n: int) -> None:
    rng = np.random.default_rng(12)
    drawn = np.random.default_rng(99).beta(a, b, 2_000_000)
    truth = {
        metrics.ML_PERFORMANCE_LOG_LOSS: float((special.entr(drawn) + special.entr(1 - drawn)).mean()),
        metrics.ML_PERFORMANCE_BRIER: a * b / (a + b) / (a + b + 1),
    }

    def sample() -> dict[StreamId, State]:
        score = rng.beta(a, b, n)
        true = rng.random(n) < score
        state = ProbabilityErrors.zero().observe(np.where(true, score, 1 - score), (score - true) ** 2)
        return {StreamId(StreamKind.PROBABILITY): state}

    assert_covers(coverage(sample, truth))


@pytest.mark.parametrize("n", [200, 1_000])
def test_errors_of_numbers_cover(n: int) -> None:
    rng = np.random.default_rng(13)
    bias, sigma = 0.5, 2.0
    mae = sigma * math.sqrt(2 / math.pi) * math.exp(-((bias / sigma) ** 2) / 2) + bias * math.erf(
        bias / sigma / math.sqrt(2)
    )
    mse = bias**2 + sigma**2
    signal = 3.0  # the prediction varies on its own, the truth is prediction - bias - noise
    truth = {
        metrics.ML_PERFORMANCE_BIAS: bias,
        metrics.ML_PERFORMANCE_MAE: mae,
        metrics.ML_PERFORMANCE_MSE: mse,
        metrics.ML_PERFORMANCE_RMSE: math.sqrt(mse),
        metrics.ML_PERFORMANCE_R2: 1 - mse / (signal**2 + sigma**2),
    }

    def sample() -> dict[StreamId, State]:
        predicted = rng.normal(0, signal, n)
        error = rng.normal(bias, sigma, n)
        return {StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(predicted - error, predicted)}

    assert_covers(coverage(sample, truth))


def test_heavy_tails_are_covered_less_and_by_how_much_is_known() -> None:
    """Squared errors of a t distribution of 5 degrees of freedom: about 92 % at 1,000 rows, not 95 %."""
    rng = np.random.default_rng(14)

    def sample() -> dict[StreamId, State]:
        errors = RegressionErrors.zero().observe(np.zeros(1_000), rng.standard_t(5, 1_000))
        return {StreamId(StreamKind.ERRORS): errors}

    assert_covers(coverage(sample, {metrics.ML_PERFORMANCE_MSE: 5 / 3}, 600), 0.88, 0.95)


def binormal(
    rng: np.random.Generator, area: float, positives: int, negatives: int, spread: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores in (0, 1) whose true area is `area`."""
    shift = special.ndtri(area) * math.hypot(1, spread)
    raw = np.concatenate((rng.normal(shift, spread, positives), rng.normal(0, 1, negatives)))
    return special.expit(2 * raw - 2), np.arange(positives + negatives) < positives


@pytest.mark.parametrize("spread", [1.0, 2.0])
@pytest.mark.parametrize(
    ("area", "positives", "negatives"), [(0.6, 50, 50), (0.7, 100, 900), (0.8, 60, 300), (0.95, 200, 800)]
)
def test_the_area_covers(area: float, positives: int, negatives: int, spread: float) -> None:
    rng = np.random.default_rng(15)
    held = 0
    for _ in range(SAMPLES):
        found = roc_area(ScoreCounts.zero().observe(*binormal(rng, area, positives, negatives, spread)))
        assert found is not None
        low, high = roc_interval(found)
        held += low <= area <= high
    assert_covers({"roc_auc": held / SAMPLES})


@pytest.mark.parametrize("spread", [1.0, 2.0])
@pytest.mark.parametrize("area", [0.95, 0.99])
def test_an_extreme_area_of_few_rows_is_told_too_widely_rather_than_too_narrowly(
    area: float, spread: float
) -> None:
    """10 rows of the class and 100 of the rest: DeLong's interval alone covers 55 to 91 % here."""
    rng = np.random.default_rng(16)
    held = 0
    for _ in range(SAMPLES):
        found = roc_area(ScoreCounts.zero().observe(*binormal(rng, area, 10, 100, spread)))
        assert found is not None
        low, high = roc_interval(found)
        held += low <= area <= high
    assert_covers({"roc_auc": held / SAMPLES}, 0.95, 1.0)


def test_delongs_variance_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(17)
    score, true = binormal(rng, 0.8, 40, 60, 1.5)
    score = np.round(score * 1024) / 1024  # on the lattice, so that cells hide nothing but true ties
    found = roc_area(ScoreCounts.zero().observe(score, true))
    assert found is not None
    wins = (score[true][:, None] > score[~true]) + 0.5 * (score[true][:, None] == score[~true])
    expected = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 60
    assert wins.mean() == pytest.approx(found.value, rel=1e-12)
    assert wins.mean() == pytest.approx(oracle.roc_auc_score(true, score), rel=1e-12)
    assert expected == pytest.approx(found.variance, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.02, 0.5, 0.98, 1.0 - 1e-9, 1.0])
@pytest.mark.parametrize("rows", [2, 10, 1_000])
def test_the_interval_of_any_area_is_sound(value: float, rows: int) -> None:
    for variance in (0.0, 1e-12, value * (1 - value) / rows):
        found = roc_interval(RocArea(value, value, value, variance, rows, rows))
        assert isinstance(found, Interval)
        assert 0 <= found.low <= value <= found.high <= 1
        assert found.low < found.high
