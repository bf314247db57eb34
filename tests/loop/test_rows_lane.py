"""The rows lane from a monitor to readings: alone, beside histograms, drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from barograph import Monitor
from barograph.baseline import Baseline
from barograph.guard import guard
from barograph.semconv import attributes, metrics
from barograph.worker import WORKER
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from loop.circuit import SETTINGS, Circuit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.signals.api import Reading

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
HOUR = 3_600_000_000_000
ROWS = 2_000


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    guard.reset()
    guard.strict(on=True)
    yield
    WORKER.shutdown(5.0)
    guard.reset()


def columns(seed: int, shift: float = 0.0) -> dict[str, Any]:
    """Inputs with all that can be wrong with them."""
    random = np.random.default_rng(seed)
    income = np.where(random.random(ROWS) < 0.05, np.nan, random.lognormal(8, 1, ROWS))
    return {
        "age": random.normal(40 + shift, 10, ROWS),
        "income": np.where(random.random(ROWS) < 0.01, -1.0, income),
        "flag": random.random(ROWS) < 0.5,
        "region": random.choice(["north", "south"] if not shift else ["north", "east"], ROWS),
    }


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    score = np.random.default_rng(9).random(ROWS)
    output = OutputRows(task="binary", scores=score, labels=score > 0.5)
    content = fit(columns(1), model="m", version="1", outputs=[output], sentinels={"income": [-1.0]})
    return Baseline(content)


def window_of(
    baseline: Baseline | None, *, histograms: bool, rows: str | float, form: str = "packed"
) -> ClosedWindow:
    """What becomes of one morning."""
    circuit = Circuit([] if baseline is None else [baseline], replace(SETTINGS, segments=()))
    random = np.random.default_rng(2)
    times = NOON + random.integers(0, 5 * HOUR, ROWS)
    circuit.now_ns = NOON + 6 * HOUR
    if not histograms:
        circuit.sink.points = lambda points: None  # type: ignore[method-assign]
    outcomes: Any = form
    monitor = Monitor(
        "m", "1", baseline=baseline, rows=rows, outcomes=outcomes, pane_s=3600, sink=circuit.sink
    )
    table, scores = columns(3, shift=6.0), random.random(ROWS)
    for part in np.array_split(np.arange(ROWS), 7):
        monitor.record(
            {name: column[part] for name, column in table.items()},
            scores=scores[part],
            ids=[f"row-{place}" for place in part],
            times=times[part],
        )
    assert monitor.flush(60.0)
    (window,) = circuit.drain()
    return window


def of_features(window: ClosedWindow) -> list[Reading]:
    """The readings of features."""
    return sorted(
        reading for reading in window.readings if attributes.ML_FEATURE_NAME in dict(reading.attributes)
    )


@pytest.mark.parametrize("form", ["packed", "readable"])
def test_rows_and_histograms_give_equal_readings_alone_and_together(baseline: Baseline, form: str) -> None:
    expected = window_of(baseline, histograms=True, rows="off")
    found = of_features(expected)
    assert len(found) > 30
    assert found == of_features(window_of(baseline, histograms=False, rows="all", form=form))
    both = window_of(baseline, histograms=True, rows="all", form=form)
    assert sorted(expected.readings) == sorted(both.readings)


def test_drawn_rows_tell_of_all_predictions_and_of_drawn_features(baseline: Baseline) -> None:
    window = window_of(baseline, histograms=False, rows=0.25)
    whole = window_of(baseline, histograms=True, rows="off")
    assert ROWS == value(window, metrics.ML_WINDOW_OBSERVATIONS)
    lower, upper = (
        value(window, metric, "age")
        for metric in (metrics.ML_FEATURE_DRIFT_KS_LOWER, metrics.ML_FEATURE_DRIFT_KS_UPPER)
    )
    # Of some 500 rows drawn by hash, the share below a value is off by 0.06 with probability 0.003.
    assert lower - 0.06 <= value(whole, metrics.ML_FEATURE_DRIFT_KS_UPPER, "age")
    assert value(whole, metrics.ML_FEATURE_DRIFT_KS_LOWER, "age") <= upper + 0.06
    assert 1 == value(window, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "age")


def test_without_a_baseline_rows_have_the_kinds_and_shares_that_histograms_have() -> None:
    expected = of_features(window_of(None, histograms=True, rows="off"))
    assert expected == of_features(window_of(None, histograms=False, rows="all"))
    assert expected == of_features(window_of(None, histograms=True, rows="all"))


def value(window: ClosedWindow, metric: str, feature: str | None = None) -> float:
    """The figure of a metric."""
    (found,) = [
        reading.value
        for reading in window.readings
        if reading.metric == metric and dict(reading.attributes).get(attributes.ML_FEATURE_NAME) == feature
    ]
    return found
