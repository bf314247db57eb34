"""The law of this project: one data set through every pattern gives equal readings.

After the last label, with data that came late, twice and out of order. Equal means equal: the same figures
to the last bit, since every lane counts on the baseline's edges and sums are exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sklearn import metrics as oracle

from barograph.semconv import metrics
from equivalence import collectors, sidecars
from equivalence import data as sets
from equivalence.patterns import PATTERNS as OWN
from equivalence.patterns import service_histograms

if TYPE_CHECKING:
    from equivalence.data import Data
    from equivalence.patterns import Figures

PATTERNS = OWN | sidecars.PATTERNS
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data() -> Data:
    return sets.make()


@pytest.fixture(scope="module")
def expected(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    with pytest.MonkeyPatch.context() as environment:
        return service_histograms(data, tmp_path_factory.mktemp("expected"), environment)


def test_the_readings_that_all_others_are_compared_with_are_right(data: Data, expected: Figures) -> None:
    """Counted here from the rows, and by scikit-learn."""
    day_ns = sets.START_S * 10**9
    inside = {row for row, at in enumerate(data.time_s) if at < sets.START_S + 86_400}
    known = {row: positive for row, positive, _ in data.truth if row in inside}
    whole = {
        name: value
        for (window, start, name, told), value in expected.items()
        if (window, start) == ("1d", day_ns)
        and "ml.segment.name" not in dict(told)
        and dict(told).get("ml.label.horizon", "all") == "all"
        and "ml.feature.name" not in dict(told)
    }
    assert len(inside) == whole[metrics.ML_WINDOW_OBSERVATIONS]
    assert len(known) / len(inside) == whole[metrics.ML_LABEL_MATURITY]
    truth = list(known.values())
    predicted = [data.score[row] >= sets.THRESHOLD for row in known]
    assert oracle.accuracy_score(truth, predicted) == whole[metrics.ML_PERFORMANCE_ACCURACY]
    rules = {
        tuple(dict(told)[key] for key in ("ml.feature.name", "ml.feature.rule")): value
        for (window, start, name, told), value in expected.items()
        if (window, start, name) == ("1d", day_ns, metrics.ML_FEATURE_VIOLATION_RATIO)
    }
    east = sum(data.features["region"][row] == "east" for row in inside)
    assert east / len(inside) == rules["region", "values"] > 0.2
    assert 0 < rules["age", "max"] <= sum(data.features["age"][row] > 75 for row in inside) / len(inside)
    assert len(expected) > 500  # windows, horizons, segments, features


@pytest.mark.parametrize(
    "pattern",
    [
        *(name for name in PATTERNS if name != service_histograms.__name__),
        *(pytest.param(name, marks=pytest.mark.real("otelcol")) for name in collectors.PATTERNS),
    ],
)
def test_every_pattern_gives_equal_readings(
    data: Data, expected: Figures, pattern: str, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = (PATTERNS | collectors.PATTERNS)[pattern](data, tmp_path_factory.mktemp(pattern), monkeypatch)
    assert_equal(expected, found)


@pytest.mark.parametrize(
    "pattern",
    ["service_scores", "service_packed_scores", "embedded", "batch_parquet", "batch_csv", "sidecar_edge"],
)
def test_scores_of_both_classes_are_read_as_the_score_of_the_positive_one(
    data: Data, expected: Figures, pattern: str, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """No class is given: the baseline's threshold decides, and it isn't where the likelier class changes."""
    both = replace(data, two_scores=True)
    assert_equal(expected, PATTERNS[pattern](both, tmp_path_factory.mktemp(pattern), monkeypatch))


@pytest.fixture(scope="module")
def alone(data: Data) -> Data:
    return replace(data, baseline=None, score=[0.5, *data.score[1:]])


@pytest.fixture(scope="module")
def expected_alone(alone: Data, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    with pytest.MonkeyPatch.context() as environment:
        return service_histograms(alone, tmp_path_factory.mktemp("alone"), environment)


def test_one_score_and_no_baseline_tell_what_scikit_learn_would_predict(
    alone: Data, expected_alone: Figures
) -> None:
    """More than a half is positive, as where `predict` takes the likelier class; the truth comes late."""
    told = {name: value for (window, start, name, told), value in expected_alone.items()
            if (window, start) == ("1d", sets.START_S * 10**9) and dict(told).get("ml.label.horizon") == "all"
            and "ml.segment.name" not in dict(told)}  # fmt: skip
    known = {row: positive for row, positive, _ in alone.truth if alone.time_s[row] < sets.START_S + 86_400}
    predicted = [alone.score[row] > 0.5 for row in known]
    assert oracle.accuracy_score(list(known.values()), predicted) == told[metrics.ML_PERFORMANCE_ACCURACY]


@pytest.mark.parametrize(
    "pattern",
    [
        "service_rows", "service_scores", "service_packed_scores", "embedded_rows", "batch_csv",
        "sidecar_stdout", "sidecar_edge",
    ],
)  # fmt: skip
def test_one_score_and_no_baseline_give_equal_readings_in_every_pattern(
    alone: Data, expected_alone: Figures, pattern: str, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert_equal(expected_alone, PATTERNS[pattern](alone, tmp_path_factory.mktemp(pattern), monkeypatch))


def assert_equal(expected: Figures, found: Figures) -> None:
    """Show the first of the readings that are missing, too many, or of other values."""
    missing = sorted(map(str, expected.keys() - found.keys()))
    surplus = sorted(map(str, found.keys() - expected.keys()))
    unequal = {str(name): (expected[name], found[name]) for name in expected.keys() & found.keys()
               if expected[name] != found[name]}  # fmt: skip
    assert ([], [], {}) == (missing[:20], surplus[:20], dict(list(unequal.items())[:20]))
