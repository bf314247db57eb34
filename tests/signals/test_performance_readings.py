"""Performance readings against scikit-learn, on the same rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn import metrics as oracle

from barograph.baseline import Baseline, Header, Output, encode_baseline
from barograph.semconv import attributes, metrics
from barograph_processor.signals.api import Joined, Reading, State, StreamId, StreamKind, View
from barograph_processor.signals.delay import quantile
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.performance import SIGNALS, measure
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import RegressionErrors
from barograph_processor.signals.performance_roc import roc_area
from barograph_processor.signals.performance_scores import ScoreCounts
from barograph_processor.signals.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

N = 2_000


@pytest.fixture
def rng() -> np.random.Generator:
    """The same rows for a test, alone or among others."""
    return np.random.default_rng(20131)


def read(
    states: Mapping[StreamId, State], predictions: int = 0, reference: Reference | None = None
) -> dict[tuple[str, str], float]:
    """All readings by metric and class."""
    view = View(states=states, reference=reference, length_s=3600.0, predictions=predictions)
    found: dict[tuple[str, str], float] = {}
    for signal in SIGNALS:
        assert "labels" == signal.scope
        for reading in signal.readings(view):
            assert isinstance(reading, Reading)
            assert math.isfinite(reading.value)
            about = dict(reading.attributes)
            assert "realized" == about.pop(attributes.ML_PERFORMANCE_SOURCE)
            place = reading.metric, about.pop(attributes.ML_CLASS_NAME, "")
            assert not about
            assert place not in found
            found[place] = reading.value
    return found


def check_intervals(found: dict[tuple[str, str], float], *, wanted: set[str]) -> None:
    """Every figure of `wanted` lies within its interval, which is neither empty nor endless."""
    for metric in wanted:
        ends = [
            found[f"{metric}.confidence.{end}", part]
            for end in ("lower", "upper")
            for m, part in found
            if m == metric
        ]
        values = [value for (m, _), value in found.items() if m == metric]
        for low, value, high in zip(ends[: len(values)], values, ends[len(values) :], strict=True):
            assert low < value < high, metric


def rows(n: int, **columns: object) -> Joined:
    fixed: dict[str, object] = {
        "classes": (),
        "truth_class": np.full(n, -1, np.int32),
        "predicted_class": np.full(n, -1, np.int32),
        "score": np.full(n, np.nan),
        "scores": np.empty((n, 0)),
        "score_classes": (),
        "truth_value": np.full(n, np.nan),
        "predicted_value": np.full(n, np.nan),
        "delay_s": np.full(n, 60.0),
    }
    return Joined(**{**fixed, **columns})  # type: ignore[arg-type]


def binary(rng: np.random.Generator, n: int = N) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    score = rng.beta(1, 3, n)
    return (rng.random(n) < score).astype(np.int64), score


def test_two_classes_are_scikit_learns(rng: np.random.Generator) -> None:
    truth, score = binary(rng)
    predicted = (score >= 0.4).astype(np.int32)
    states, unusable = measure(
        rows(
            N,
            classes=("false", "true"),
            truth_class=truth.astype(np.int32),
            predicted_class=predicted,
            score=score,
        ),
        task="binary",
        positive="true",
    )
    found = read(states, predictions=4 * N)
    assert 0 == unusable
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(truth, predicted, average="binary")
    expected = {
        (metrics.ML_PERFORMANCE_ACCURACY, ""): oracle.accuracy_score(truth, predicted),
        (metrics.ML_PERFORMANCE_BALANCED_ACCURACY, ""): oracle.balanced_accuracy_score(truth, predicted),
        (metrics.ML_PERFORMANCE_PRECISION, "true"): precision,
        (metrics.ML_PERFORMANCE_RECALL, "true"): recall,
        (metrics.ML_PERFORMANCE_F1, "true"): f1,
        (metrics.ML_PERFORMANCE_LOG_LOSS, ""): oracle.log_loss(truth, score),
        (metrics.ML_PERFORMANCE_BRIER, ""): oracle.brier_score_loss(truth, score),
        (metrics.ML_PERFORMANCE_OBSERVATIONS, ""): N,
        (metrics.ML_LABEL_MATURITY, ""): 0.25,
        (metrics.ML_LABEL_DELAY, ""): 60.0,
        (metrics.ML_LABEL_DELAY_P95, ""): 60.0,
    }
    for place, value in expected.items():
        assert float(value) == pytest.approx(found[place], rel=1e-13), place
    area = oracle.roc_auc_score(truth, score)
    assert (
        found[metrics.ML_PERFORMANCE_ROC_AUC_LOWER, ""]
        <= area
        <= found[metrics.ML_PERFORMANCE_ROC_AUC_UPPER, ""]
    )
    width = found[metrics.ML_PERFORMANCE_ROC_AUC_UPPER, ""] - found[metrics.ML_PERFORMANCE_ROC_AUC_LOWER, ""]
    assert width < 0.002
    assert area == pytest.approx(found[metrics.ML_PERFORMANCE_ROC_AUC, ""], abs=width / 2)
    check_intervals(found, wanted={place[0] for place in expected if ".label" not in place[0]} - {
        metrics.ML_PERFORMANCE_OBSERVATIONS,
    } | {metrics.ML_PERFORMANCE_ROC_AUC})  # fmt: skip


def test_scores_on_the_lattice_give_scikit_learns_area_to_the_last_digits(rng: np.random.Generator) -> None:
    score = rng.integers(0, 1025, N) / 1024
    truth = rng.random(N) < score
    found = roc_area(ScoreCounts.zero().observe(score, truth))
    assert found is not None
    assert oracle.roc_auc_score(truth, score) == pytest.approx(found.value, abs=1e-13)


def test_scores_of_nothing_but_0_and_1_leave_no_doubt_about_ties(rng: np.random.Generator) -> None:
    score = (rng.random(N) < 0.4).astype(np.float64)
    truth = rng.random(N) < 0.2 + 0.5 * score
    found = roc_area(ScoreCounts.zero().observe(score, truth))
    assert found is not None
    assert found.lower == found.value == found.upper
    assert oracle.roc_auc_score(truth, score) == pytest.approx(found.value, abs=1e-13)


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4])
def test_rare_events_with_tiny_scores_keep_a_narrow_area(rng: np.random.Generator, scale: float) -> None:
    score = rng.beta(1, 3, 20_000) * scale
    truth = rng.random(20_000) < score / scale
    found = roc_area(ScoreCounts.zero().observe(score, truth))
    assert found is not None
    assert found.lower <= oracle.roc_auc_score(truth, score) <= found.upper
    assert found.upper - found.lower < 0.02


def test_several_classes_are_scikit_learns(rng: np.random.Generator) -> None:
    names = ("a", "b", "c", "d")
    scores = rng.dirichlet(np.ones(4), N)
    truth = (scores.cumsum(axis=1) > rng.random((N, 1))).argmax(axis=1)
    predicted = scores.argmax(axis=1)
    states, _ = measure(
        rows(
            N,
            classes=names,
            truth_class=truth.astype(np.int32),
            predicted_class=predicted.astype(np.int32),
            scores=scores,
            score_classes=names,
        ),
        task="multiclass",
        positive=None,
    )
    found = read(states)
    assert oracle.accuracy_score(truth, predicted) == pytest.approx(
        found[metrics.ML_PERFORMANCE_ACCURACY, ""]
    )
    assert oracle.balanced_accuracy_score(truth, predicted) == pytest.approx(
        found[metrics.ML_PERFORMANCE_BALANCED_ACCURACY, ""]
    )
    by_class = oracle.precision_recall_fscore_support(truth, predicted)
    for metric, values in zip(
        (metrics.ML_PERFORMANCE_PRECISION, metrics.ML_PERFORMANCE_RECALL, metrics.ML_PERFORMANCE_F1),
        by_class,
        strict=False,
    ):
        for name, value in zip(names, values.tolist(), strict=True):
            assert value == pytest.approx(found[metric, name])
    assert oracle.log_loss(truth, scores) == pytest.approx(found[metrics.ML_PERFORMANCE_LOG_LOSS, ""])
    brier = float(((scores - np.eye(4)[truth]) ** 2).sum(axis=1).mean())
    assert brier == pytest.approx(found[metrics.ML_PERFORMANCE_BRIER, ""])
    area = oracle.roc_auc_score(truth, scores, multi_class="ovr", average="macro")
    assert (
        found[metrics.ML_PERFORMANCE_ROC_AUC_LOWER, ""]
        <= area
        <= found[metrics.ML_PERFORMANCE_ROC_AUC_UPPER, ""]
    )
    assert area == pytest.approx(found[metrics.ML_PERFORMANCE_ROC_AUC, ""], abs=0.001)


def test_numbers_are_scikit_learns(rng: np.random.Generator) -> None:
    truth = rng.normal(50, 20, N)
    predicted = truth * 0.9 + rng.normal(3, 8, N)
    states, _ = measure(
        rows(N, truth_value=truth, predicted_value=predicted), task="regression", positive=None
    )
    found = read(states)
    expected = {
        metrics.ML_PERFORMANCE_MAE: oracle.mean_absolute_error(truth, predicted),
        metrics.ML_PERFORMANCE_MSE: oracle.mean_squared_error(truth, predicted),
        metrics.ML_PERFORMANCE_RMSE: math.sqrt(oracle.mean_squared_error(truth, predicted)),
        metrics.ML_PERFORMANCE_BIAS: float((predicted - truth).mean()),
        metrics.ML_PERFORMANCE_R2: oracle.r2_score(truth, predicted),
    }
    for metric, value in expected.items():
        assert float(value) == pytest.approx(found[metric, ""], rel=1e-12)
    check_intervals(found, wanted=set(expected))


def test_r2_keeps_its_digits_far_from_zero(rng: np.random.Generator) -> None:
    truth = rng.normal(0, 1, N)
    predicted = truth + rng.normal(0, 0.5, N)
    near = read({StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(truth, predicted)})
    shift = 2.0**33  # shifted values keep 19 bits behind the point, and so do the figures
    truth, predicted = np.round(truth * 2**18) / 2**18, np.round(predicted * 2**18) / 2**18
    near = read({StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(truth, predicted)})
    far = read(
        {StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(truth + shift, predicted + shift)}
    )
    assert {
        place: value for place, value in near.items() if place[0].startswith("ml.performance")
    } == pytest.approx(far, rel=1e-14)


def test_too_few_rows_tell_nothing_but_their_number() -> None:
    truth, score = np.array([0, 1, 1] * 3), np.array([0.1, 0.8, 0.7] * 3)
    states, _ = measure(
        rows(
            9,
            classes=("no", "yes"),
            truth_class=truth.astype(np.int32),
            predicted_class=truth.astype(np.int32),
            score=score,
        ),
        task="binary",
        positive="yes",
    )
    assert {metrics.ML_PERFORMANCE_OBSERVATIONS, metrics.ML_LABEL_DELAY, metrics.ML_LABEL_MATURITY} == {
        metric for metric, _ in read(states, predictions=10)
    }
    numbers, _ = measure(
        rows(29, truth_value=np.arange(29.0), predicted_value=np.zeros(29)), task="regression", positive=None
    )
    assert {metrics.ML_PERFORMANCE_OBSERVATIONS, metrics.ML_LABEL_DELAY} == {
        metric for metric, _ in read(numbers)
    }


def test_a_view_without_labels_tells_that_none_have_come() -> None:
    assert {} == read({})
    assert {(metrics.ML_LABEL_MATURITY, ""): 0.0} == read({}, predictions=50)


def test_more_labels_than_predictions_are_a_maturity_of_1() -> None:
    state = ConfusionCounts.zero().observe(np.zeros(60, np.int32), np.zeros(60, np.int32), ("a",))
    assert 1.0 == read({StreamId(StreamKind.CONFUSION): state}, predictions=50)[metrics.ML_LABEL_MATURITY, ""]


def test_a_perfect_model_has_no_interval_where_all_rows_are_equal() -> None:
    truth = np.arange(40.0)
    found = read({StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(truth, truth)})
    assert 1.0 == found[metrics.ML_PERFORMANCE_R2, ""]
    assert 0.0 == found[metrics.ML_PERFORMANCE_RMSE, ""]
    assert not [metric for metric, _ in found if "confidence" in metric]


def test_a_truth_that_does_not_vary_has_no_r2(rng: np.random.Generator) -> None:
    found = read(
        {StreamId(StreamKind.ERRORS): RegressionErrors.zero().observe(np.full(40, 0.1), rng.normal(size=40))}
    )
    assert (metrics.ML_PERFORMANCE_MAE, "") in found
    assert (metrics.ML_PERFORMANCE_R2, "") not in found


def test_a_perfect_ranking_still_has_an_uncertain_area() -> None:
    score = np.linspace(0.001, 0.999, 60)
    found = read({StreamId(StreamKind.SCORES, part="yes"): ScoreCounts.zero().observe(score, score > 0.5)})
    assert 1.0 == found[metrics.ML_PERFORMANCE_ROC_AUC, ""]
    assert 0.8 < found["ml.performance.roc_auc.confidence.lower", ""] < 0.99
    assert 1.0 == found["ml.performance.roc_auc.confidence.upper", ""]


def test_figures_by_class_are_bounded_in_number() -> None:
    names = tuple(f"{i:02}" for i in range(40))
    truth = np.repeat(np.arange(40), np.arange(10, 50)).astype(np.int32)
    found = read({StreamId(StreamKind.CONFUSION): ConfusionCounts.zero().observe(truth, truth, names)})
    assert set(names[20:]) == {part for _, part in found if part}


def test_the_positive_class_is_the_baselines() -> None:
    header = Header(model="m", version="1", rows=1, outputs=(Output(task="binary", positive="cat"),))
    confusion = ConfusionCounts.zero().observe(np.arange(40) % 2, np.arange(40) % 2, ("cat", "dog"))
    states = {StreamId(StreamKind.CONFUSION): confusion}
    reference = Reference(Baseline(encode_baseline(header, [])))
    assert {"cat", "dog"} == {part for _, part in read(states) if part}
    assert {"cat"} == {part for _, part in read(states, reference=reference) if part}


def test_the_area_of_several_classes_leaves_out_those_with_too_few_rows(rng: np.random.Generator) -> None:
    score, truth = rng.random(500), rng.random(500) < 0.5
    many = ScoreCounts.zero().observe(score, truth)
    few = ScoreCounts.zero().observe(score, np.arange(500) < 5)
    with_few = read({StreamId(StreamKind.SCORES, part="a"): many, StreamId(StreamKind.SCORES, part="b"): few})
    alone = read({StreamId(StreamKind.SCORES, part="a"): many})
    assert alone == with_few


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_a_quantile_is_off_by_less_than_its_bucket(rng: np.random.Generator, share: float) -> None:
    values = rng.lognormal(8, 1.5, 5_000)
    histogram = ExponentialHistogram.zero().observe(values)
    width = 2.0 ** (2.0**-histogram.scale) - 1
    assert np.quantile(values, share) == pytest.approx(quantile(histogram, share), rel=width)


def test_a_truth_before_its_prediction_is_a_negative_delay() -> None:
    histogram = ExponentialHistogram.zero().observe(np.array([-10.0, -10.0, -10.0, 0.0, 5.0]))
    assert -10.0 == quantile(histogram, 0.5)
    assert 0.0 == quantile(histogram, 0.8)
