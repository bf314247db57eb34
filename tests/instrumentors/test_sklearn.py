"""What scikit-learn predicts is recorded once, at the outermost call, and nothing else is."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from barograph.guard import guard
from barograph.instrumentors.sklearn import SklearnInstrumentor
from barograph.semconv import attributes, metrics
from barograph.testing import CaptureSink, capture

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 60
RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(ROWS, 4))
Y = (X[:, 0] + RANDOM.normal(size=ROWS) > 0).astype(int)
BEFORE = {name: LogisticRegression.__mro__[1].__dict__.get(name) for name in ("predict", "predict_proba")}


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    guard.reset()
    instrumentor = SklearnInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()
    guard.reset()


def counted(sink: CaptureSink) -> dict[str, int]:
    """Rows by model."""
    sums = sink.sums(metrics.ML_INFERENCE_PREDICTIONS, attributes.ML_MODEL_NAME)
    return {str(name): rows for (name,), rows in sums.items()}


ESTIMATORS: dict[str, Any] = {
    "alone": LogisticRegression(),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "forest in threads": RandomForestClassifier(n_estimators=8, n_jobs=2, random_state=0),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    "search in threads": GridSearchCV(make_pipeline(StandardScaler(), GaussianNB()), {}, cv=2),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "voting": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
}


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_prediction_counts_once_and_fitting_never(name: str) -> None:
    estimator = clone(ESTIMATORS[name])
    with capture() as sink:
        estimator.fit(X, Y)
        estimator.score(X, Y)
        estimator.predict(X)
        estimator.predict_proba(X[:7].copy())
    assert {type(estimator).__name__: ROWS + 7} == counted(sink)


def test_regressions_and_several_outputs_are_recorded() -> None:
    with capture() as sink:
        LinearRegression().fit(X, X[:, 0]).predict(X)
        MultiOutputRegressor(LinearRegression()).fit(X, X[:, :2]).predict(X)
    assert ROWS == counted(sink)["LinearRegression"]
    assert counted(sink)["MultiOutputRegressor"] >= ROWS


def test_answers_with_deviations_and_sparse_inputs_count_their_rows() -> None:
    with capture() as sink:
        GaussianProcessRegressor(optimizer=None).fit(X, X[:, 0]).predict(X, return_std=True)
        RandomForestClassifier(n_estimators=3).fit(X, np.c_[Y, 1 - Y]).predict_proba(X)
        LogisticRegression().fit(X, Y).predict(X=csr_matrix(X))
    expected = dict.fromkeys(
        ("GaussianProcessRegressor", "RandomForestClassifier", "LogisticRegression"), ROWS
    )
    assert expected == counted(sink)


def test_an_estimator_without_a_hash_is_recorded() -> None:
    class Unhashable(BaseEstimator):  # type: ignore[misc]
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return False

        def predict(self, X: Any) -> Any:  # noqa: N803
            return np.zeros(len(X))

    model = Unhashable()
    with capture() as sink:
        model.predict(X)
        model.predict(X)
    assert {"Unhashable": 2 * ROWS} == counted(sink)


def test_cross_validation_records_nothing() -> None:
    with capture() as sink:
        cross_val_score(LogisticRegression(), X, Y, cv=2)
        cross_val_score(LogisticRegression(), X, Y, cv=2, scoring="roc_auc", n_jobs=1)
        cross_val_predict(LogisticRegression(), X, Y, cv=2, method="predict_proba")
    assert {} == counted(sink)


def test_two_methods_on_one_input_are_one_prediction() -> None:
    model = LogisticRegression().fit(X, Y)
    with capture() as sink:
        model.predict_proba(X)
        model.predict(X)
    assert {"LogisticRegression": ROWS} == counted(sink)
    with capture() as sink:
        model.predict(X)
        model.predict(X)
    assert {"LogisticRegression": 2 * ROWS} == counted(sink)


def test_two_methods_in_different_traces_are_two_predictions() -> None:
    model = LogisticRegression().fit(X, Y)
    tracer = TracerProvider().get_tracer("test")
    with capture() as sink:
        with tracer.start_as_current_span("one request"):
            model.predict_proba(X)
        with tracer.start_as_current_span("another"):
            model.predict(X)
        assert not trace.get_current_span().get_span_context().is_valid
    assert {"LogisticRegression": 2 * ROWS} == counted(sink)


def test_the_environment_names_the_first_model_and_says_where_ids_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BAROGRAPH_MODEL", "late:7")
    monkeypatch.setenv("BAROGRAPH_COLUMNS", "id=key")
    monkeypatch.setenv("BAROGRAPH_OUTCOMES", "readable")
    SklearnInstrumentor().uninstrument()
    SklearnInstrumentor().instrument()
    table = pd.DataFrame(
        {"number": X[:, 0], "kind": np.where(Y, "a", "b"), "key": [f"k{i}" for i in range(ROWS)]}
    )
    columns = ColumnTransformer([("n", "passthrough", ["number"]), ("c", OrdinalEncoder(), ["kind"])])
    model = Pipeline([("columns", columns), ("trees", HistGradientBoostingClassifier(max_iter=3))])
    model.fit(table, Y)
    with capture() as sink:
        model.predict_proba(table)
        GaussianNB().fit(X, Y).predict(X)
    assert {"late": ROWS, "GaussianNB": ROWS} == counted(sink)
    told = sink.captured_events
    assert [f"k{i}" for i in range(ROWS)] == [event.attributes[attributes.ML_INFERENCE_ID] for event in told]
    assert {"0", "1"} == {event.attributes[attributes.ML_PREDICTION_CLASS] for event in told}
    names = {point.attributes.get(attributes.ML_FEATURE_NAME) for point in sink.captured_points}
    assert {"number", "kind"} <= names
    assert "key" not in names


def test_later_classes_of_other_libraries_are_recorded() -> None:
    class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Majority:  # noqa: N803
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:  # noqa: N803
            return np.full(len(X), self.classes_[0])

    with capture() as sink:
        Majority().fit(X, Y).predict(X)
    assert {"Majority": ROWS} == counted(sink)


def test_threads_are_told_apart() -> None:
    model = LogisticRegression().fit(X, Y)
    with capture() as sink:
        threads = [threading.Thread(target=lambda: [model.predict(X) for _ in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {"LogisticRegression": 80 * ROWS} == counted(sink)


def test_what_the_model_raises_is_raised() -> None:
    with capture() as sink, pytest.raises(ValueError, match="features"):
        LogisticRegression().fit(X, Y).predict(X[:, :2])
    assert {} == counted(sink)


def test_absent_methods_stay_absent_and_models_can_be_copied() -> None:
    assert not hasattr(VotingClassifier([("a", GaussianNB())], voting="hard"), "predict_proba")
    model = pickle.loads(pickle.dumps(clone(LogisticRegression()).fit(X, Y)))
    assert ROWS == len(model.predict(X))


def test_uninstrumenting_removes_every_trace() -> None:
    SklearnInstrumentor().uninstrument()
    assert BEFORE == {name: LogisticRegression.__mro__[1].__dict__.get(name) for name in BEFORE}
    model = LogisticRegression().fit(X, Y)
    with capture() as sink:
        model.predict(X)
    assert {} == counted(sink)
    SklearnInstrumentor().instrument()
