"""Baselines that are learned, given, and side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from barograph.baseline import Baseline
from barograph.exactsum import SCORE_GRID
from barograph.semconv import metrics
from barograph_processor.engine.batch import Points
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.signals.histogram import ExplicitHistogram

from .world import KEY, NOON, SETTINGS, engine_of, final, point, predictions, reading, rows_point

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),), learn_rows=500)
NOW = NOON + 9 * DAY_NS


def hour(number: int) -> Points:
    """A hundred rows of one feature in each tenth minute of an hour."""
    rng = np.random.default_rng(number)
    points = []
    for minute in range(0, 60, 10):
        start_ns = NOON + number * HOUR_NS + minute * MINUTE_NS
        ages = ExponentialHistogram.zero().observe(rng.normal(40, 9, 100))
        points += [
            rows_point(100, start_ns),
            point(StreamId(StreamKind.FEATURE_VALUE, "age"), ages, start_ns),
        ]
    return Points(points)


def baseline(version: str) -> Baseline:
    """A fitted baseline of a binary model."""
    rng = np.random.default_rng(5)
    score = rng.random(2_000)
    labels = [str(int(each)) for each in rng.random(2_000) < score]
    output = OutputRows(scores=score, labels=labels, task="binary")
    return Baseline(
        fit({"age": rng.normal(40, 9, 2_000)}, model=KEY.model, version=version, outputs=[output])
    )


def test_a_baseline_is_learned_from_closed_panes_and_used_from_the_next_window_on() -> None:
    engine = engine_of(HOURLY)
    for number in range(4):
        engine.feed([hour(number)], NOW)
    assert engine.stats(NOW).learning == {KEY: 0}
    closed = final(engine.drain(NOW))
    (learned,) = engine.new_baselines()
    assert engine.new_baselines() == []
    assert (learned.header.model, learned.header.version, learned.header.learned) == (
        KEY.model,
        KEY.version,
        True,
    )
    assert learned.header.rows == 500
    assert learned.header.start_unix_nano == NOON
    assert learned.header.end_unix_nano == NOON + 41 * MINUTE_NS
    compared = [closed[KEY, "1h", NOON + number * HOUR_NS].baseline_id for number in range(4)]
    assert compared == [None, learned.id, learned.id, learned.id]
    status = [closed[KEY, "1h", NOON + number * HOUR_NS].status for number in range(4)]
    assert status[0] == "learning"
    assert "learning" not in status[1:]


def test_rows_of_sources_without_histograms_are_learned_from_too() -> None:
    engine = engine_of(HOURLY)
    for number in range(2):
        start_ns = NOON + number * HOUR_NS
        engine.feed(
            [predictions([(f"{number}-{row}", start_ns + row, row / 600) for row in range(600)])], NOW
        )
    closed = final(engine.drain(NOW))
    (learned,) = engine.new_baselines()
    (output,) = learned.header.outputs
    assert (output.task, output.classes, output.positive) == ("binary", ("0", "1"), "1")
    assert closed[KEY, "1h", NOON + HOUR_NS].baseline_id == learned.id
    assert any(
        one.metric.startswith("ml.prediction.drift") for one in closed[KEY, "1h", NOON + HOUR_NS].readings
    )


def test_versions_have_baselines_side_by_side() -> None:
    third, fourth = baseline("3"), baseline("4")
    engine = engine_of(HOURLY, baselines=[third, fourth])
    keys = [KEY._replace(version=version) for version in ("3", "4", "5")]
    engine.feed([predictions([("a", NOON, 0.9)], key=key) for key in keys], NOW)
    closed = final(engine.drain(NOW))
    assert [closed[key, "1h", NOON].baseline_id for key in keys] == [third.id, fourth.id, None]


def test_a_fitted_baseline_goes_before_a_learned_one() -> None:
    engine = engine_of(HOURLY)
    for number in range(2):
        engine.feed([hour(number)], NOW)
    engine.drain(NOW)
    (learned,) = engine.new_baselines()
    fitted = baseline("3")
    engine = engine_of(HOURLY, baselines=[learned, fitted])
    engine.feed([hour(0)], NOW)
    assert {one.baseline_id for one in engine.drain(NOW)} == {fitted.id}
    engine = engine_of(HOURLY, baselines=[learned])
    engine.feed([hour(0)], NOW)
    assert {one.baseline_id for one in engine.drain(NOW)} == {learned.id}
    assert engine.new_baselines() == []


def test_outcome_rows_are_counted_on_the_edges_of_a_given_baseline() -> None:
    given = baseline("3")
    engine = engine_of(HOURLY, baselines=[given])
    engine.feed([predictions([(f"{row}", NOON + row, row / 100) for row in range(100)])], NOW)
    engine.drain(NOW)
    state = engine.keys[KEY]
    states = state.gathered(state.table.windows[0, NOON])
    expected = ExplicitHistogram.zero(given.header.outputs[0].score_edges).observe(
        np.arange(100) / 100, SCORE_GRID
    )
    assert states[StreamId(StreamKind.PREDICTION_SCORE, part="1", basis=given.id)] == expected


def test_features_of_a_model_with_several_outputs_are_compared_with_its_baseline() -> None:
    rng = np.random.default_rng(4)
    labels = ["0", "1"] * 500
    outputs = [OutputRows(name=name, scores=rng.random(1_000), labels=labels, task="binary") for name in "ab"]
    given = Baseline(fit({"age": rng.normal(40, 9, 1_000)}, model="credit", version="3", outputs=outputs))
    engine = engine_of(HOURLY, baselines=[given])
    state = CategoryCounts.of({"valid": 5, "above": 5})
    stream = StreamId(StreamKind.FEATURE_STATES, "age", basis=given.id)
    engine.feed([Points([point(stream, state, NOON, item="valid")])], NOON)
    (window,) = engine.drain(NOON)
    assert window.baseline_id == given.id
    assert reading(window, metrics.ML_FEATURE_OUT_OF_RANGE_RATIO) == 1.0
