"""Where recording scikit-learn is easily wrong: odd classes, odd answers, twins, threads, undoing."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
import sklearn.base
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import AdaBoostRegressor, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from barograph.guard import guard
from barograph.instrumentors.sklearn import SklearnInstrumentor
from barograph.semconv import attributes, metrics
from barograph.testing import CaptureSink, capture

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 60
RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(ROWS, 4))
Y = (X[:, 0] > 0).astype(int)
PAIRS = np.column_stack([Y, np.where(X[:, 1] > 0, 2, 0)])


def counted(sink: CaptureSink) -> dict[str, int]:
    """Rows by model, of the output without a name."""
    sums = sink.sums(metrics.ML_INFERENCE_PREDICTIONS, attributes.ML_MODEL_NAME, attributes.ML_OUTPUT_NAME)
    return {str(model): rows for (model, output), rows in sums.items() if output is None}


def classes(sink: CaptureSink) -> Counter[tuple[object, ...]]:
    return sink.sums(metrics.ML_PREDICTION_CLASSES, attributes.ML_OUTPUT_NAME, attributes.ML_CLASS_NAME)


class Renamed(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # ships no types
    def _answer(self, X: Any) -> Any:  # noqa: N803
        return np.zeros(len(X), dtype=int)

    predict = _answer


@dataclass
class Equal(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Compares by value, and so can't be hashed."""

    a: int = 1

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("make", [Renamed, Equal])
def test_a_method_of_another_name_and_an_unhashable_model_are_recorded(make: Callable[[], Any]) -> None:
    with capture() as sink:
        assert ROWS == len(make().predict(X))
    assert {make.__name__: ROWS} == counted(sink)


def test_logarithms_of_probabilities_are_the_outermost_models_scores() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    with capture() as sink:
        model.predict_log_proba(X)
        model.decision_function(X)
    assert {"Pipeline": ROWS} == counted(sink)
    assert Counter({(None, str(one)): int(n) for one, n in enumerate(np.bincount(model.predict(X)))}) == (
        classes(sink)
    )
    assert any(point.metric == metrics.ML_PREDICTION_SCORE for point in sink.captured_points)


def test_what_comes_beside_a_prediction_is_no_output() -> None:
    model = GaussianProcessRegressor().fit(X, X[:, 0])
    with capture() as sink:
        model.predict(X, return_std=True)
    assert {(None,): ROWS} == dict(sink.sums(metrics.ML_INFERENCE_PREDICTIONS, attributes.ML_OUTPUT_NAME))


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(LogisticRegression()),
        RandomForestClassifier(5, random_state=0),
        ClassifierChain(LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_several_outputs_have_classes_where_classes_are_asked_for(model: Any) -> None:
    model.fit(X, PAIRS)
    with capture() as by_class:
        model.predict(X)
    with capture() as by_score:
        model.predict_proba(X.copy())
    assert {"0": ROWS, "1": ROWS} == {
        output: sum(n for (one, _), n in classes(by_class).items() if one == output) for output in ("0", "1")
    }
    assert {} == classes(by_score)
    assert {type(model).__name__: ROWS} == counted(by_class) == counted(by_score)


def test_stages_are_not_recorded() -> None:
    model = AdaBoostRegressor(n_estimators=3).fit(X, X[:, 0])
    with capture() as sink:
        assert 1 < len(list(model.staged_predict(X)))
    assert {} == counted(sink)


def test_a_refitted_model_is_looked_at_again() -> None:
    model = LogisticRegression().fit(X, Y)
    with capture() as sink:
        model.predict_proba(X)
        model.fit(X, np.where(Y, "yes", np.where(X[:, 1] > 0, "no", "perhaps")))
        model.predict_proba(X)
    assert {"0", "1", "yes", "no", "perhaps"} >= {str(name) for _, name in classes(sink)}
    assert {"LogisticRegression": 2 * ROWS} == counted(sink)
    assert {} == guard.counts()


def test_two_models_asked_about_one_input_are_two_predictions() -> None:
    one, other = LogisticRegression().fit(X, Y), LogisticRegression().fit(X, 1 - Y)
    with capture() as sink:
        one.predict(X)
        other.predict_proba(X)
    assert {"LogisticRegression": 2 * ROWS} == counted(sink)


def test_two_methods_of_two_models_in_turn_are_two_predictions() -> None:
    one, other = LogisticRegression().fit(X, Y), GaussianNB().fit(X, Y)
    with capture() as sink:
        for method in ("predict", "predict_proba"):
            getattr(one, method)(X)
            getattr(other, method)(X)
    assert {"LogisticRegression": ROWS, "GaussianNB": ROWS} == counted(sink)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_searching_and_validating_in_parallel_records_nothing(backend: str) -> None:
    with capture() as sink, joblib.parallel_config(backend=backend, n_jobs=2):
        model = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, scoring="roc_auc").fit(X, Y)
        cross_val_score(LogisticRegression(), X, Y, cv=2)
        cross_val_predict(LogisticRegression(), X, Y, cv=2)
        model.predict(X)
    assert {"GridSearchCV": ROWS} == counted(sink)


def test_a_threshold_is_the_first_models_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROGRAPH_THRESHOLD", "0.99")
    SklearnInstrumentor().uninstrument()
    SklearnInstrumentor().instrument()
    first, second = LogisticRegression().fit(X, Y), GaussianNB().fit(X, Y)
    with capture() as sink:
        first.predict_proba(X)
        second.predict_proba(X)
    by_model = sink.sums(metrics.ML_PREDICTION_CLASSES, attributes.ML_MODEL_NAME, attributes.ML_CLASS_NAME)
    scores = first.predict_proba(X)[:, 1]
    assert int((scores >= 0.99).sum()) == by_model["LogisticRegression", "1"]
    assert int(second.predict(X).sum()) == by_model["GaussianNB", "1"]


def test_a_wrong_setting_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROGRAPH_PANE", "7m")
    guard.strict(on=False)
    SklearnInstrumentor().uninstrument()
    SklearnInstrumentor().instrument()
    with capture(strict=False) as sink:
        LinearRegression().fit(X, X[:, 0]).predict(X)
    assert {"LinearRegression": ROWS} == counted(sink)


def test_a_monitor_that_fails_does_not_reach_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no monitor today")

    model = LogisticRegression().fit(X, Y)
    guard.strict(on=False)
    monkeypatch.setattr("barograph.instrumentors.models.Monitor", broken)
    assert ROWS == len(model.predict(X))
    assert {("configuration", "internal_error"): 1} == guard.counts()


def test_one_line_at_the_first_prediction_says_what_is_recorded_and_keeps_passwords(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@collector:4317")
    model = LogisticRegression().fit(X, Y)
    with caplog.at_level(logging.INFO, "barograph"), capture():
        model.predict(X)
        model.predict(X)
    (line,) = caplog.messages
    assert line.startswith("barograph monitors a LogisticRegression as LogisticRegression, version 0; ")
    assert line.endswith("; telemetry goes to otlp, http://collector:4317")


def test_every_attribute_is_what_it_was_after_uninstrumenting() -> None:
    def attributes_now() -> dict[type, dict[str, Any]]:
        found: dict[type, dict[str, Any]] = {}
        waiting: list[type] = [BaseEstimator]
        while waiting:
            one = waiting.pop()
            if one not in found:
                waiting.extend(type.__subclasses__(one))
                found |= {owner: dict(owner.__dict__) for owner in one.__mro__[:-1]}
        return found

    instrumentor = SklearnInstrumentor()
    instrumentor.uninstrument()
    before = attributes_now()
    assert "__init_subclass__" not in before[BaseEstimator]
    instrumentor.instrument()
    during = attributes_now()
    assert before[sklearn.base.ClassifierMixin]["score"] is not during[sklearn.base.ClassifierMixin]["score"]
    instrumentor.uninstrument()
    after = attributes_now()
    changed = [
        f"{owner.__qualname__}.{name}"
        for owner, members in before.items()
        for name in members.keys() | after[owner].keys()
        if members.get(name) is not after[owner].get(name) and name != "__annotations__"
    ]
    assert [] == changed
