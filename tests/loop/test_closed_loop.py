"""What a user's model did comes back as the figures that scikit-learn computes from the raw rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from barograph import Feedback, Monitor
from barograph.baseline import Baseline
from barograph.guard import guard
from barograph.semconv import attributes, metrics
from barograph.worker import WORKER
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from loop.circuit import Circuit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from barograph_processor.engine.results import ClosedWindow

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
HOUR = 3_600_000_000_000
ROWS = 3_000
CLASSES = ("cat", "dog", "eel")


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    guard.reset()
    guard.strict(on=True)
    yield
    WORKER.shutdown(5.0)
    guard.reset()


class Rows:
    """Three kinds of truth about the same inputs."""

    def __init__(self, seed: int, shift: float = 0.0) -> None:
        random = np.random.default_rng(seed)
        self.ids = [f"row-{seed}-{number}" for number in range(ROWS)]
        self.time_ns = NOON + random.integers(0, HOUR * 11, ROWS)
        self.features: dict[str, Any] = {
            "age": random.normal(40 + shift, 10, ROWS),
            "income": np.where(random.random(ROWS) < 0.05, np.nan, random.lognormal(8, 1, ROWS)),
            "region": random.choice(["north", "south"], ROWS),
        }
        self.score: NDArray[np.float64] = random.random(ROWS)
        self.positive = random.random(ROWS) < self.score
        self.shares = random.dirichlet((1, 1, 1), ROWS)
        self.species = np.array([CLASSES[random.choice(3, p=share)] for share in self.shares])
        self.number = random.normal(100, 20, ROWS)
        self.guess = self.number + random.normal(1, 5, ROWS)


def reference(rows: Rows, output: OutputRows) -> Baseline:
    return Baseline(fit(rows.features, model="m", version="1", outputs=[output], time_ns=rows.time_ns))


def drained(circuit: Circuit, rows: Rows, truth: Any, **recorded: Any) -> ClosedWindow:
    """Record in batches, report the truth two hours later, and close."""
    monitor: Monitor = recorded.pop("monitor")
    circuit.now_ns = int(rows.time_ns.max()) + 3 * HOUR
    for part in np.array_split(np.arange(ROWS), 7):
        table = {name: column[part] for name, column in rows.features.items()}
        answers = {name: column[part] for name, column in recorded.items()}
        ids = [rows.ids[place] for place in part]
        monitor.record(
            table, answers.get("prediction"), scores=answers.get("scores"), ids=ids, times=rows.time_ns[part]
        )
    assert monitor.flush(20.0)
    known = np.arange(0, ROWS, 2)
    feedback = Feedback("m", sink=circuit.sink)
    feedback.observe_batch(
        ids=[rows.ids[place] for place in known], values=truth[known], times=rows.time_ns[known] + 2 * HOUR
    )
    assert feedback.flush(timeout_s=60.0)
    (window,) = circuit.drain()
    return window


def value(window: ClosedWindow, metric: str, **wanted: str) -> float:
    """The figure at the last horizon, over all segments."""
    keys = {name.replace("_", "."): found for name, found in wanted.items()}
    found = [
        reading.value
        for reading in window.readings
        if reading.metric == metric
        and keys.items() <= dict(reading.attributes).items()
        and attributes.ML_SEGMENT_NAME not in dict(reading.attributes)
        and dict(reading.attributes).get(attributes.ML_LABEL_HORIZON, "all") == "all"
    ]
    assert len(found) == 1, (metric, found)
    return found[0]


def test_a_binary_models_figures_are_scikit_learns() -> None:
    before, rows = Rows(1), Rows(2, shift=15)
    output = OutputRows(task="binary", scores=before.score, labels=before.positive, threshold=0.5)
    base = reference(before, output)
    circuit = Circuit([base])
    monitor = Monitor("m", "1", baseline=base, columns="segment=region", pane_s=3600, sink=circuit.sink)
    window = drained(circuit, rows, rows.positive, monitor=monitor, scores=rows.score)

    known = slice(0, ROWS, 2)
    truth, score = rows.positive[known], rows.score[known]
    assert ROWS == value(window, metrics.ML_WINDOW_OBSERVATIONS)
    assert 0.5 == value(window, metrics.ML_LABEL_MATURITY)
    assert len(truth) == value(window, metrics.ML_PERFORMANCE_OBSERVATIONS)
    assert oracle.accuracy_score(truth, score >= 0.5) == value(window, metrics.ML_PERFORMANCE_ACCURACY)
    lower = value(window, metrics.ML_PERFORMANCE_ROC_AUC_LOWER)
    assert lower <= oracle.roc_auc_score(truth, score) <= value(window, metrics.ML_PERFORMANCE_ROC_AUC_UPPER)
    assert oracle.brier_score_loss(truth, score) == pytest.approx(value(window, metrics.ML_PERFORMANCE_BRIER))
    assert value(window, metrics.ML_LABEL_DELAY) == pytest.approx(7_200, rel=0.02)
    assert 1 == value(window, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, ml_feature_name="age")
    assert 0 == value(window, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, ml_feature_name="region")
    missing = float(np.isnan(rows.features["income"]).mean())
    assert missing == value(window, metrics.ML_FEATURE_MISSING_RATIO, ml_feature_name="income")
    assert base.id == window.baseline_id
    assert "warning" == window.status


def test_a_segments_figures_are_its_own_rows() -> None:
    rows = Rows(3)
    circuit = Circuit([])
    monitor = Monitor("m", "1", columns="segment=region", pane_s=3600, sink=circuit.sink)
    window = drained(circuit, rows, rows.positive, monitor=monitor, scores=rows.score)
    chosen = np.arange(ROWS) % 2 == 0
    chosen &= rows.features["region"] == "north"
    (found,) = [
        reading.value
        for reading in window.readings
        if reading.metric == metrics.ML_PERFORMANCE_ACCURACY
        and dict(reading.attributes).get(attributes.ML_SEGMENT_VALUE) == "north"
        and dict(reading.attributes)[attributes.ML_LABEL_HORIZON] == "all"
    ]
    assert oracle.accuracy_score(rows.positive[chosen], rows.score[chosen] >= 0.5) == found
    assert "learning" == window.status


def test_several_classes_figures_are_scikit_learns() -> None:
    before, rows = Rows(4), Rows(5)
    output = OutputRows(task="multiclass", scores=before.shares, labels=before.species, classes=CLASSES)
    base = reference(before, output)
    circuit = Circuit([base])
    monitor = Monitor("m", "1", baseline=base, pane_s=3600, sink=circuit.sink)
    window = drained(circuit, rows, rows.species, monitor=monitor, scores=rows.shares)

    truth, shares = rows.species[::2], rows.shares[::2]
    predicted = np.array(CLASSES)[shares.argmax(axis=1)]
    assert oracle.accuracy_score(truth, predicted) == value(window, metrics.ML_PERFORMANCE_ACCURACY)
    balanced = oracle.balanced_accuracy_score(truth, predicted)
    assert balanced == pytest.approx(value(window, metrics.ML_PERFORMANCE_BALANCED_ACCURACY))
    auc = oracle.roc_auc_score(truth, shares, multi_class="ovr", labels=list(CLASSES))
    lower = value(window, metrics.ML_PERFORMANCE_ROC_AUC_LOWER)
    assert lower <= auc <= value(window, metrics.ML_PERFORMANCE_ROC_AUC_UPPER)
    recall = value(window, metrics.ML_PERFORMANCE_RECALL, ml_class_name="eel")
    assert oracle.recall_score(truth, predicted, labels=["eel"], average="macro") == recall
    assert 0 == value(window, metrics.ML_PREDICTION_DRIFT_SIGNIFICANT, ml_class_name="dog")


def test_a_regressions_figures_are_scikit_learns() -> None:
    before, rows = Rows(6), Rows(7)
    output = OutputRows(task="regression", predicted=before.guess, labels=before.number)
    base = reference(before, output)
    circuit = Circuit([base])
    monitor = Monitor("m", "1", baseline=base, pane_s=3600, sink=circuit.sink)
    window = drained(circuit, rows, rows.number, monitor=monitor, prediction=rows.guess)

    truth, guess = rows.number[::2], rows.guess[::2]
    assert oracle.mean_absolute_error(truth, guess) == pytest.approx(
        value(window, metrics.ML_PERFORMANCE_MAE)
    )
    assert oracle.mean_squared_error(truth, guess) == pytest.approx(value(window, metrics.ML_PERFORMANCE_MSE))
    assert oracle.r2_score(truth, guess) == pytest.approx(value(window, metrics.ML_PERFORMANCE_R2))
    assert float(np.mean(guess - truth)) == pytest.approx(value(window, metrics.ML_PERFORMANCE_BIAS))


def test_a_new_version_is_monitored_beside_the_old_one() -> None:
    rows = Rows(8)
    circuit = Circuit([])
    circuit.now_ns = int(rows.time_ns.max()) + HOUR
    for version in ("1", "2"):
        monitor = Monitor("m", version, pane_s=3600, sink=circuit.sink)
        monitor.record(rows.features, scores=rows.score, ids=rows.ids, times=rows.time_ns)
        assert monitor.flush(20.0)
    Feedback("m", sink=circuit.sink).observe_batch(
        ids=rows.ids, values=rows.positive, times=rows.time_ns + HOUR
    )
    windows = circuit.drain()
    assert ["1", "2"] == sorted(window.key.version for window in windows)
    assert [1.0, 1.0] == [value(window, metrics.ML_LABEL_MATURITY) for window in windows]
