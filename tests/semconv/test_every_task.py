"""Every kind of model has every figure of its kind, from fitted baseline to closed window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from barograph.semconv.metrics import METRICS
from barograph_processor.engine.settings import DAY_NS
from barograph_processor.signals.schema_rule import Rule
from engine.models import baseline, histograms, outcomes
from engine.world import KEY, NOON, SETTINGS, engine_of, final

if TYPE_CHECKING:
    from barograph.baseline import Task
    from barograph_processor.engine.results import ClosedWindow

OF_CLASSES = {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}
OF_PROBABILITIES = {"log_loss", "brier", "roc_auc"}
OF_NUMBERS = {"mae", "mse", "rmse", "bias", "r2"}


def closed_day(task: Task) -> ClosedWindow:
    found = baseline(task)
    rules = {KEY.model: {"town": Rule(kind="category", values=frozenset({"Bern"}))}}
    engine = engine_of(replace(SETTINGS, rules=rules), baselines=[found])
    now_ns = NOON + 30 * DAY_NS
    made, observed = outcomes(task)
    for batch in (histograms(found), made, observed):
        engine.feed([batch], now_ns)
    return final(engine.drain(now_ns))[KEY, "1d", NOON - NOON % DAY_NS]


@pytest.mark.parametrize(
    ("task", "figures"),
    [
        ("binary", OF_CLASSES | OF_PROBABILITIES),
        ("multiclass", OF_CLASSES | OF_PROBABILITIES),
        ("regression", OF_NUMBERS),
    ],
)
def test_a_window_has_every_figure_of_the_models_kind(task: Task, figures: set[str]) -> None:
    closed = closed_day(task)
    found = {reading.metric for reading in closed.readings}
    performance = {name.split(".")[2] for name in found if name.startswith("ml.performance.")}
    assert figures | {"observations"} == performance
    of_kind = {
        name for name in METRICS if name.startswith("ml.performance.") and name.split(".")[2] in figures
    }
    assert set() == of_kind - found
    quality = {name for name in METRICS if name.startswith("ml.feature.") and name.endswith(".ratio")}
    assert set() == quality - found
