"""From joined rows to states."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph.deciding import positive_class
from barograph_processor.signals.api import Joined, State, StreamId, StreamKind
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.performance import measure
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_scores import EDGES, ScoreCounts
from barograph_processor.signals.performance_task import infer_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("no", "yes", "maybe")
SCORE_CLASSES = ("yes", "no", "maybe")
CONFUSION, ERRORS = StreamId(StreamKind.CONFUSION), StreamId(StreamKind.ERRORS)
PROBABILITY, DELAY = StreamId(StreamKind.PROBABILITY), StreamId(StreamKind.DELAY)


def joined(n: int, **columns: object) -> Joined:
    """Rows in which nothing is known but what is given."""
    nothing = Joined(
        classes=(),
        truth_class=np.full(n, -1, np.int32),
        predicted_class=np.full(n, -1, np.int32),
        score=np.full(n, np.nan),
        scores=np.empty((n, 0)),
        score_classes=(),
        truth_value=np.full(n, np.nan),
        predicted_value=np.full(n, np.nan),
        delay_s=np.full(n, 60.0),
    )
    return replace(nothing, **columns)  # type: ignore[arg-type]


def rows_of(source: Joined, chosen: NDArray[np.int64]) -> Joined:
    taken = {
        field.name: getattr(source, field.name)[chosen]
        for field in fields(source)
        if isinstance(getattr(source, field.name), np.ndarray)
    }
    return replace(source, **taken)


@st.composite
def any_rows(draw: st.DrawFn) -> Joined:
    """Rows of every kind, as they may come off the wire."""
    n = draw(st.integers(0, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def holes(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        return np.where(rng.random(values.shape) < share, np.nan, values)

    share = draw(st.sampled_from([0.0, 0.3, 1.0]))
    return joined(
        n,
        classes=CLASSES,
        truth_class=rng.integers(-1, 3, n).astype(np.int32),
        predicted_class=rng.integers(-1, 3, n).astype(np.int32),
        score=holes(rng.normal(0.5, 0.4, n), share),
        scores=holes(rng.random((n, 3)) * 1.05, share / 3),
        score_classes=SCORE_CLASSES,
        truth_value=holes(rng.integers(-2, 3, n) * 10.0 ** rng.integers(-300, 300, n), share),
        predicted_value=holes(rng.normal(size=n) * 1e3, share),
        delay_s=holes(rng.exponential(3600.0, n) - 60, share),
    )


@settings(max_examples=60, deadline=None)
@given(any_rows(), st.sampled_from(["binary", "multiclass", "regression"]), st.data())
def test_the_states_of_parts_merge_to_the_states_of_all_rows_in_any_order(
    rows: Joined, task: str, data: st.DataObject
) -> None:
    n = len(rows.score)
    order = np.array(data.draw(st.permutations(range(n))), np.int64)
    cut = data.draw(st.integers(0, n))
    whole = measure(rows, task=task, positive="yes")
    merged: dict[StreamId, State] = {}
    unusable = 0
    for part in (order[cut:], order[:cut]):
        states, left_out = measure(rows_of(rows, part), task=task, positive="yes")
        unusable += left_out
        for stream, state in states.items():
            merged[stream] = merged[stream].merge(state) if stream in merged else state
    assert whole.states == merged
    assert whole.unusable == unusable


def test_classes_are_counted_by_truth_and_prediction() -> None:
    found = measure(
        joined(
            5,
            classes=CLASSES,
            truth_class=np.array([0, 1, 1, -1, 1], np.int32),
            predicted_class=np.array([0, 0, 1, 1, -1], np.int32),
        ),
        task="binary",
        positive="yes",
    )
    confusion = found.states[CONFUSION]
    assert isinstance(confusion, ConfusionCounts)
    assert (("no", "yes"), [[1, 0, 0], [1, 1, 0], [0, 0, 0]]) == (
        confusion.classes,
        confusion.counts.tolist(),
    )
    assert 2 == found.unusable


def test_a_true_number_is_the_class_of_that_name() -> None:
    found = measure(
        joined(
            3,
            classes=("0", "1"),
            truth_class=np.array([-1, 0, -1], np.int32),
            predicted_class=np.array([1, 0, 0], np.int32),
            truth_value=np.array([1.0, 0.0, 2.5]),
        ),
        task="multiclass",
        positive=None,
    )
    confusion = found.states[CONFUSION]
    assert isinstance(confusion, ConfusionCounts)
    assert (2, 3, ("0", "1", "2.5")) == (confusion.right, confusion.rows, confusion.classes)


def test_scores_of_two_classes_are_the_positive_ones() -> None:
    columns = {
        "classes": ("no", "yes"),
        "truth_class": np.array([1, 0, 1, 1], np.int32),
        "score": np.array([0.75, 0.25, np.nan, 1.5]),
    }
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.1, 0.9], [0.5, 0.5]])
    found = measure(
        joined(4, **columns, scores=scores, score_classes=("no", "yes")), task="binary", positive=None
    )
    counts = found.states[StreamId(StreamKind.SCORES, part="yes")]
    errors = found.states[PROBABILITY]
    assert isinstance(counts, ScoreCounts)
    assert isinstance(errors, ProbabilityErrors)
    assert [0.25, 0.75] == EDGES[counts.cells][[0, 1]].tolist()
    assert EDGES[counts.cells[2]] <= 0.9
    assert ([0, 1, 1], [1, 0, 0], 1) == (counts.positive.tolist(), counts.negative.tolist(), counts.outside)
    assert 3 == errors.rows
    assert float(errors.brier) == pytest.approx(0.0625 + 0.0625 + 0.01, rel=1e-15)
    assert 0 == found.unusable


def test_scores_whose_class_nobody_names_are_not_used() -> None:
    rows = joined(
        2, classes=("cat", "dog"), truth_class=np.array([0, 1], np.int32), score=np.array([0.1, 0.9])
    )
    assert {DELAY} == set(measure(rows, task="binary", positive=None).states)


def test_a_true_class_that_was_given_no_score_costs_what_it_should() -> None:
    found = measure(
        joined(
            1,
            classes=("a", "b", "c"),
            truth_class=np.array([2], np.int32),
            scores=np.array([[0.5, 0.5]]),
            score_classes=("a", "b"),
        ),
        task="multiclass",
        positive=None,
    )
    errors = found.states[PROBABILITY]
    assert isinstance(errors, ProbabilityErrors)
    assert float(errors.brier) == 1.5  # 0.5² + 0.5² + 1²
    assert float(errors.log_loss) == pytest.approx(-np.log(1e-15))


def test_numbers_are_compared_where_both_are_known() -> None:
    found = measure(
        joined(
            5,
            truth_value=np.array([1.0, np.nan, 3.0, np.inf, 1e200]),
            predicted_value=np.array([2.0, 2.0, np.nan, 1.0, 1.0]),
            delay_s=np.array([10.0, 20.0, 30.0, 40.0, 50.0]),
        ),
        task="regression",
        positive=None,
    )
    errors, delay = found.states[ERRORS], found.states[DELAY]
    assert isinstance(errors, RegressionErrors)
    assert isinstance(delay, ExponentialHistogram)
    assert (1, 1, 10.0, 4) == (errors.rows, delay.rows, delay.low, found.unusable)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_make_no_states(task: str) -> None:
    assert ({}, 0) == measure(joined(0), task=task, positive=None)
    assert ({}, 3) == measure(joined(3), task=task, positive=None)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="ranking"):
        measure(joined(1), task="ranking", positive=None)


def test_more_classes_than_are_counted_leave_the_accuracy_exact() -> None:
    rng = np.random.default_rng(7)
    classes = tuple(f"class {i}" for i in range(300))
    truth, predicted = rng.integers(0, 300, (2, 5_000)).astype(np.int32)
    predicted[::2] = truth[::2]
    rows = joined(5_000, classes=classes, truth_class=truth, predicted_class=predicted)
    merged = ConfusionCounts.zero()
    for part in np.array_split(np.arange(5_000), 7):
        state = measure(rows_of(rows, part), task="multiclass", positive=None).states[CONFUSION]
        assert isinstance(state, ConfusionCounts)
        merged = merged.merge(state)
    assert (100, 5_000, int((truth == predicted).sum())) == (len(merged.classes), merged.rows, merged.right)
    by_truth, by_prediction = (Counter(column.tolist()) for column in (truth, predicted))
    for name in merged.classes[:5]:
        code = classes.index(name)
        right = int(((truth == code) & (predicted == code)).sum())
        assert (right, by_truth[code], by_prediction[code]) == merged.of_class(name)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("0", "1"), "1"),
        (("-1", "1"), "1"),
        (("true",), "true"),
        (("True", "False"), "True"),
        (("NO", "YES"), "YES"),
        (("negative", "positive"), "positive"),
        ((), None),
        (("a", "b"), None),
        (("0", "1", "2"), None),
    ],
)
def test_the_positive_class_is_told_by_its_name(classes: tuple[str, ...], expected: str | None) -> None:
    assert expected == positive_class(classes)


@pytest.mark.parametrize(
    ("expected", "columns"),
    [
        (None, {}),
        ("regression", {"predicted_value": np.array([1.0])}),
        ("binary", {"classes": ("false",), "predicted_class": np.array([0], np.int32)}),
        ("multiclass", {"classes": ("cat", "dog"), "predicted_class": np.array([0], np.int32)}),
        (
            "binary",
            {"classes": ("cat",), "predicted_class": np.array([0], np.int32), "score": np.array([0.5])},
        ),
        ("binary", {"score": np.array([0.5])}),
        ("binary", {"scores": np.array([[0.5, 0.5]]), "score_classes": ("0", "1")}),
        ("multiclass", {"scores": np.array([[0.2, 0.3, 0.5]]), "score_classes": ("0", "1", "2")}),
    ],
)
def test_the_task_is_told_by_what_is_predicted(expected: str | None, columns: dict[str, object]) -> None:
    assert expected == infer_task(joined(1, **columns))
