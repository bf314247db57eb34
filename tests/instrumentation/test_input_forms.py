"""Every form of the same rows gives the same points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from barograph.guard import HISTOGRAMS, guard
from barograph.semconv import attributes, metrics

from .forms import FORMS, OUTPUT, PREDICTION, ROW_FORMS, ROWS, SCORES
from .listening import NOON, ListeningSink, baseline, monitor


def recorded(batches: list[tuple[Any, Any, Any]], **settings: Any) -> list[tuple[Any, ...]]:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline(outputs=[OUTPUT]), **settings)
    for features, prediction, scores in batches:
        watch.record(features, prediction, scores=scores)
    assert watch.flush()
    return sink.essence()


EXPECTED_STATES = {
    ("a", "valid"): 4, ("a", "sentinel"): 1, ("a", "below"): 1,
    ("b", "valid"): 4, ("b", "missing"): 1, ("b", "above"): 1,
    ("c", "valid"): 3, ("c", "missing"): 1, ("c", "unseen"): 1,
}  # fmt: skip


def test_rows_of_dicts_are_counted_as_written_by_hand() -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline(outputs=[OUTPUT]))
    watch.record(ROWS, PREDICTION, scores=SCORES)
    assert watch.flush()
    assert EXPECTED_STATES == dict(sink.states())
    assert {"yes": 3, "no": 2} == dict(sink.sums(metrics.ML_PREDICTION_CLASSES, attributes.ML_CLASS_NAME))
    (score,) = sink.of(metrics.ML_PREDICTION_SCORE)
    assert [2, 0, 1, 2] == list(score.data.counts)  # type: ignore[union-attr]
    (a,) = (p for p in sink.of(metrics.ML_FEATURE_VALUE) if p.attributes[attributes.ML_FEATURE_NAME] == "a")
    assert ([2, 1, 1, 0], 5.75) == (list(a.data.counts), a.data.total)  # type: ignore[union-attr]
    categories = sink.sums(metrics.ML_FEATURE_CATEGORIES, attributes.ML_FEATURE_CATEGORY)
    hashed = [name for name in categories if name.startswith("#")]
    assert [17] == [len(name) for name in hashed]
    assert {"x": 1, "y": 1, "3": 1, hashed[0]: 1} == dict(categories)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_in_any_form_is_counted_alike(form: str) -> None:
    assert recorded([(ROWS, PREDICTION, SCORES)]) == recorded([(FORMS[form], PREDICTION, SCORES)])


@pytest.mark.parametrize("form", ROW_FORMS)
def test_single_rows_in_any_form_are_counted_as_one_batch(form: str) -> None:
    rows = [(ROW_FORMS[form](place), PREDICTION[place], SCORES[place]) for place in range(len(ROWS))]
    assert recorded([(ROWS, PREDICTION, SCORES)]) == recorded(rows)


@pytest.mark.parametrize(
    "scores",
    [
        SCORES,
        np.array(SCORES),
        np.column_stack([1 - np.array(SCORES), SCORES]),
        [[1 - one, one] for one in SCORES],
        {"no": [1 - one for one in SCORES], "yes": SCORES},
        pd.Series(SCORES),
        pl.Series(SCORES),
        pa.array(SCORES),
        pd.DataFrame({"no": [1 - one for one in SCORES], "yes": SCORES}),
        [{"no": 1 - one, "yes": one} for one in SCORES],
    ],
)
def test_scores_in_any_form_are_counted_alike(scores: Any) -> None:
    assert recorded([(ROWS, PREDICTION, SCORES)]) == recorded([(ROWS, None, scores)])


@pytest.mark.parametrize(
    "prediction", [np.array(PREDICTION), pd.Series(PREDICTION), pl.Series(PREDICTION), pa.array(PREDICTION)]
)
def test_predictions_in_any_form_are_counted_alike(prediction: Any) -> None:
    assert recorded([(ROWS, PREDICTION, SCORES)]) == recorded([(ROWS, prediction, SCORES)])


def numeric(batches: list[Any]) -> list[tuple[Any, ...]]:
    sink = ListeningSink()
    watch = monitor(sink, feature_names=("p", "q"))
    for batch in batches:
        watch.record(batch, scores=[0.5] * (1 if np.ndim(batch) == 1 else len(batch)))
    assert watch.flush()
    return sink.essence()


PLAIN = np.array([[1.0, -2.0], [0.0, 4.0], [2.0, 8.0]])


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray(PLAIN),
        PLAIN.astype(np.float32),
        PLAIN.astype(np.int16),
        PLAIN[:, ::-1][:, ::-1],
        np.ma.masked_array(PLAIN),
        pd.DataFrame(PLAIN),
        pd.DataFrame(PLAIN, columns=["p", "q"]),
        PLAIN.tolist(),
        [tuple(row) for row in PLAIN.tolist()],
        list(PLAIN),
    ],
)
def test_numeric_batches_in_any_form_are_counted_alike(form: Any) -> None:
    expected = numeric([PLAIN])
    if isinstance(form, pd.DataFrame) and str(form.columns[0]) == "0":
        form = form.rename(columns={0: "p", 1: "q"})
    assert expected == numeric([form])


def test_numpy_rows_are_counted_as_one_batch() -> None:
    assert numeric([PLAIN]) == numeric(list(PLAIN))
    assert numeric([PLAIN]) == numeric([row.tolist() for row in PLAIN])


def test_a_sparse_matrix_is_counted_as_a_dense_one() -> None:
    sink, other = ListeningSink(), ListeningSink()
    for one, form in ((sink, sparse.csr_array(PLAIN)), (other, PLAIN)):
        watch = monitor(one)
        watch.record(form)
        assert watch.flush()
    assert other.essence() == sink.essence()


@pytest.mark.parametrize(
    "features",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        pd.DataFrame({"x0": [1.0, 3.0], "x1": [2.0, 4.0]}),
        pd.DataFrame({"x0": [1.0, 3.0], "x1": [2, 4]}),
        {"x0": np.array([1.0, 3.0]), "x1": np.array([2.0, 4.0])},
        [[1.0, 2.0], [3.0, 4.0]],
        [{"x0": 1.0, "x1": 2.0}, {"x0": 3.0, "x1": 4.0}],
    ],
)
def test_what_the_caller_changes_afterwards_is_not_seen(features: Any) -> None:
    sink, other = ListeningSink(), ListeningSink()
    watch = monitor(other)
    watch.record(np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 0])
    assert watch.flush()
    watch = monitor(sink)
    answers = np.array([1, 0])
    call = watch.start(features)
    call.outputs(answers)
    if isinstance(features, pd.DataFrame):
        features.iloc[:, :] = -1
        features.loc[0, "x0"] = 7
    elif isinstance(features, dict):
        features["x0"][:] = -1
    elif isinstance(features, list) and isinstance(features[0], dict):
        features[0]["x0"] = -1
    elif isinstance(features, list):
        features[0][0] = -1
    else:
        features[:] = -1
    answers[:] = 5
    call.stop()
    assert watch.flush()
    timing = {metrics.ML_INFERENCE_DURATION, metrics.ML_INFERENCE_BATCH_SIZE}
    assert other.essence() == [one for one in sink.essence() if one[0] not in timing]


def test_absent_columns_are_missing_and_foreign_ones_are_not_features() -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline())
    watch.record({"a": 1.0, "extra": 5.0})
    assert watch.flush()
    assert {("a", "valid"): 1, ("b", "missing"): 1, ("c", "missing"): 1} == dict(sink.states())


def test_a_column_that_appears_was_missing_before() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record({"a": 1.0})
    watch.record({"a": 1.0, "b": "x", "d": None})
    assert watch.flush()
    expected = {("a", "valid"): 2, ("b", "valid"): 1, ("b", "missing"): 1, ("d", "missing"): 2}
    assert expected == dict(sink.states())


def test_a_column_that_changes_its_type_is_invalid() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record({"a": 1.0, "t": "x"})
    watch.record({"a": "one", "t": [1, 2]})
    watch.record({"a": ["x"], "t": float("inf")})
    watch.record({"a": True, "t": float("nan")})
    assert watch.flush()
    expected = {
        ("a", "valid"): 2,
        ("a", "invalid"): 2,
        ("t", "valid"): 1,
        ("t", "invalid"): 2,
        ("t", "missing"): 1,
    }
    assert expected == dict(sink.states())


def test_features_beyond_two_thousand_are_counted_as_dropped(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(np.zeros((3, 2_100)))
    assert watch.flush()
    assert 2_000 == len(sink.states())
    reasons = sink.sums(
        metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON
    )
    assert {(HISTOGRAMS, "too_many_features"): 300} == dict(reasons)


def test_an_array_of_another_width_than_the_baselines_counts_only_predictions(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline())
    watch.record(np.zeros((4, 7)), [1, 1, 0, 0])
    assert watch.flush()
    assert (4, {}) == (sink.rows(), dict(sink.states()))
    assert {} == guard.counts()
    assert 4 == sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_REASON)["unknown_columns"]


def test_one_text_a_row_is_one_column() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(["good", "bad", "good"], [1, 0, 1])
    assert watch.flush()
    assert (3, {("x0", "valid"): 3}) == (sink.rows(), dict(sink.states()))


def test_no_rows_leave_no_points() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    nothings: list[Any] = [np.empty((0, 3)), [], {}, pd.DataFrame({"a": []}), None]
    for nothing in nothings:
        watch.record(nothing)
    assert watch.flush()
    assert [] == sink.heard


def test_points_carry_identity_and_the_slice_of_their_pane() -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline())
    for _ in range(2):
        watch.record({"a": 1.0}, 1)
        assert watch.flush()
    times = sorted({(point.start_ns, point.end_ns) for point in sink.heard})
    assert [(NOON, NOON + 10**6), (NOON + 10**6, NOON + 2 * 10**6)] == times
    for point in sink.heard:
        assert ("m", "1", 60) == tuple(
            point.attributes[name]
            for name in (attributes.ML_MODEL_NAME, attributes.ML_MODEL_VERSION, attributes.ML_PANE_LENGTH)
        )
        assert point.attributes[attributes.ML_SOURCE_ID]
        assert baseline().id == point.attributes[attributes.ML_BASELINE_ID]
        assert attributes.ML_OUTPUT_NAME not in point.attributes
