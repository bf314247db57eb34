"""Baselines learned from live states."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph.baseline import Baseline
from barograph.errors import ConfigError
from barograph.semconv import metrics
from barograph_processor.signals.api import State, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.drift import FEATURE_DRIFT
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.learn import learn, on_bounds
from barograph_processor.signals.reference import Reference

from .windows import DAY_S, reference, states, value

DAY_NS = DAY_S * 10**9


def merged(windows: list[dict[StreamId, State]]) -> dict[StreamId, State]:
    return {
        stream: reduce(lambda a, b: a.merge(b), [one[stream] for one in windows]) for stream in windows[0]
    }


def frozen(window: dict[StreamId, State], rows: int, output: str = "") -> Reference:
    content = learn(window, model="m", version="1", output=output, task=None, rows=rows, start=0, end=DAY_NS)
    return Reference(Baseline(content), output)


def learned(windows: list[dict[StreamId, State]], rows: int, *, sliced: bool = True) -> Reference:
    slices = {DAY_S: windows} if sliced else None
    content = learn(
        merged(windows),
        model="m",
        version="1",
        output="",
        task=None,
        rows=rows,
        start=0,
        end=len(windows) * DAY_NS,
        slices=slices,
    )
    return Reference(Baseline(content))


def test_live_windows_compare_with_what_was_learned_and_the_file_says_so() -> None:
    rng = np.random.default_rng(1)
    days = [
        states({"x": rng.normal(size=500), "town": rng.choice(["a", "b"], 500).tolist()}, None)
        for _ in range(10)
    ]
    known = learned(days, 5_000)
    assert known.header.learned
    assert (5_000, 0, 10 * DAY_NS) == (
        known.header.rows,
        known.header.start_unix_nano,
        known.header.end_unix_nano,
    )
    same, moved = (
        states({"x": rng.normal(shift, 1, 500), "town": ["a", "b"] * 250}, None) for shift in (0.0, 1.0)
    )
    found = [list(FEATURE_DRIFT.readings(View(one, known, DAY_S, 500))) for one in (same, moved)]
    assert [0.0, 1.0] == [value(one, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "x") for one in found]
    assert [0.0, 0.0] == [value(one, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "town") for one in found]


def test_hashed_categories_compare_with_hashes_that_were_learned() -> None:
    one, two = "#" + "0" * 16, "#" + "1" * 16
    known = learned([states({"town": [one, two] * 250}, None)], 500, sliced=False)
    found = FEATURE_DRIFT.readings(View(states({"town": [one] * 500}, None), known, DAY_S, 500))
    assert value(found, metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 1.0


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=1, max_size=200))
def test_the_explicit_copy_holds_the_rows_that_lie_between_its_edges(values: list[float]) -> None:
    rows = np.array(values)
    copy = on_bounds(ExponentialHistogram.zero(max_buckets=16).observe(rows))
    counted = ExplicitHistogram.zero(copy.edges).observe(rows)
    on_edge = int(np.isin(rows[rows < 0], copy.edges).sum())  # negative bounds belong to the bucket above
    assert len(values) == copy.rows
    assert int(np.abs(np.cumsum(copy.counts) - np.cumsum(counted.counts)).max()) <= on_edge
    assert len(copy.edges) <= 64


def test_a_learned_file_serves_sources_that_are_given_it() -> None:
    rng = np.random.default_rng(2)
    known = learned([states({"x": rng.lognormal(0, 1, 5_000)}, None)], 5_000, sliced=False)
    feature = known.feature("x")
    assert feature is not None
    assert feature.edges
    assert feature.grid is not None
    window = states({"x": rng.lognormal(0, 1, 2_000)}, known)
    found = FEATURE_DRIFT.readings(View(window, known, DAY_S, 2_000))
    assert value(found, metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 0.0


def test_how_windows_vary_is_learned_from_slices() -> None:
    rng = np.random.default_rng(3)
    days = [
        states({"still": rng.normal(size=300), "moving": rng.normal(rng.normal(), 1, 300)}, None)
        for _ in range(30)
    ]
    known = learned(days, 9_000)
    phi = {
        name: known.phi(StreamId(StreamKind.FEATURE_VALUE, name), DAY_S, 300) for name in ("still", "moving")
    }
    assert phi["still"] < 1.3
    assert phi["moving"] > 10
    bare = learned(days, 9_000, sliced=False)
    assert bare.phi(StreamId(StreamKind.FEATURE_VALUE, "moving"), DAY_S, 300) == 1.0


def test_states_counted_on_a_baseline_that_is_not_here_are_learned_with_its_edges() -> None:
    lost = reference({"x": np.arange(500.0)})
    window = states({"x": np.arange(500.0)}, lost)
    known = frozen(window, 500)
    found = FEATURE_DRIFT.readings(View(window, known, DAY_S, 500))
    assert value(found, metrics.ML_FEATURE_DRIFT_PSI) == 0.0


def test_outputs_are_told_from_the_streams() -> None:
    scores = ExponentialHistogram.zero().observe(np.random.default_rng(4).random(500))
    window: dict[StreamId, State] = {
        StreamId(StreamKind.PREDICTION_CLASSES): CategoryCounts.of({"no": 300, "yes": 200}),
        StreamId(StreamKind.PREDICTION_SCORE, part="yes"): scores,
    }
    known = frozen(window, 500, "late")
    assert known.output is not None
    assert ("binary", "yes", ("no", "yes")) == (
        known.output.task,
        known.output.positive,
        known.output.classes,
    )
    assert known.output.score_edges
    assert known.state(StreamId(StreamKind.PREDICTION_SCORE, part="yes")) == scores


def test_equal_states_give_equal_bytes_and_no_rows_give_none() -> None:
    window = states({"x": np.arange(50.0), "town": ["a"] * 50}, None)
    one, two = (
        learn(dict(order), model="m", version="1", output="", task=None, rows=50, start=0, end=1)
        for order in (window.items(), reversed(window.items()))
    )
    assert one == two
    with pytest.raises(ConfigError, match="no rows"):
        learn({}, model="m", version="1", output="", task=None, rows=0, start=0, end=0)
