"""Fitting a baseline from rows of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barograph.baseline import Baseline, Feature
from barograph.errors import ConfigError
from barograph_processor.signals import fit_edges
from barograph_processor.signals.api import State, StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.reference import Reference

if TYPE_CHECKING:
    from barograph_processor.signals.fit_columns import Column

DAY_NS = 86_400 * 10**9
finite = st.floats(allow_nan=False, allow_infinity=False)


def feature(column: Column, **options: object) -> tuple[Feature, Reference]:
    reference = Reference(Baseline(fit({"x": column}, model="m", **options)))  # type: ignore[arg-type]
    return reference.header.features[0], reference


def state(reference: Reference, kind: str, name: str = "x", part: str = "") -> State | None:
    return reference.state(StreamId(kind, name, part, reference.id))


@settings(deadline=None)  # the machine may be busy
@given(hnp.arrays(np.float64, st.integers(0, 300), elements=finite))
def test_edges_are_finite_increasing_and_at_most_64(values: np.ndarray) -> None:
    edges = np.array(fit_edges.value_edges(values))
    assert len(edges) <= fit_edges.MOST_EDGES
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=200))
def test_up_to_32_distinct_values_have_a_bucket_each(values: list[int]) -> None:
    rows = np.array(values, dtype=np.float64)
    distinct = np.unique(rows)
    if len(distinct) <= 32:
        found = ExplicitHistogram.zero(fit_edges.value_edges(rows)).observe(distinct)
        assert {0, 1} == set(found.counts.tolist())


@settings(deadline=None)  # the machine may be busy
@given(
    hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e30, 1e30).map(lambda x: round(x, 3)))
)
def test_rows_in_float32_fall_into_the_buckets_of_float64(values: np.ndarray) -> None:
    distinct = np.unique(values)
    if len(distinct) > 1 and (np.diff(distinct) < 1e-5 * np.abs(distinct[1:])).any():
        return  # values that float32 itself can hardly tell apart
    edges = fit_edges.value_edges(values)
    if np.abs(values[values != 0]).min(initial=1.0) < 1e-30:
        return  # subnormal in float32
    narrow = values.astype(np.float32).astype(np.float64)
    before = np.searchsorted(edges, values)
    assert before.tolist() == np.searchsorted(edges, narrow).tolist()
    low, high = fit_edges.value_range(values)
    assert low is not None
    assert high is not None
    assert low <= narrow.min()
    assert narrow.max() <= high


def test_quantile_edges_give_equal_buckets_and_a_heavy_value_its_own() -> None:
    rng = np.random.default_rng(5)
    rows = np.concatenate((rng.normal(size=7_000), np.zeros(3_000)))
    found = ExplicitHistogram.zero(fit_edges.value_edges(rows)).observe(rows)
    assert 3_000 in found.counts.tolist()
    assert max(sorted(found.counts.tolist())[:-1]) <= 2 * 10_000 / 64


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.1 + 0.2, 1e-9])
def test_the_decision_threshold_splits_the_score_buckets_exactly(threshold: float) -> None:
    scores = np.random.default_rng(2).random(1_000)
    edges = np.array(fit_edges.score_edges(scores, threshold, binary=True))
    near = np.array([np.nextafter(threshold, 0), threshold, np.nextafter(threshold, 1)])
    place = int(np.flatnonzero(edges == near[0])[0])
    buckets = np.searchsorted(edges, near, side="left")
    assert [False, True, True] == (buckets > place).tolist()
    assert len(edges) <= fit_edges.MOST_EDGES


def test_a_grid_is_a_power_of_two_that_keeps_sums_of_many_rows_exact() -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(5, 2, 10_000)
    grid = fit_edges.value_grid(values)
    assert grid is not None
    assert np.log2(grid).is_integer()
    units = np.rint(values / grid)
    assert units.sum() < 2**53
    assert units.sum() * grid == pytest.approx(values.sum(), rel=1e-9)
    assert fit_edges.value_grid(np.zeros(3)) == 2.0**-34
    assert fit_edges.value_grid(np.zeros(0)) is None


def test_kinds_come_from_the_columns_and_can_be_stated() -> None:
    columns: dict[str, Column] = {
        "age": np.array([1.0, 2.0]),
        "town": ["a", None],
        "flag": np.array([True, False]),
        "code": np.array([1.0, 2.0]),
    }
    features = Baseline(fit(columns, model="m", kinds={"code": "category"})).header.features
    assert {"age": "number", "town": "category", "flag": "number", "code": "category"} == {
        one.name: one.kind for one in features
    }
    assert features[3].categories == ("1", "2")


def test_values_are_told_apart_as_serving_code_will() -> None:
    rows = np.array([1.0, 2.0, np.nan, np.inf, -999.0, -999.0])
    found, reference = feature(rows, sentinels={"x": [-999]})
    states, histogram = (
        state(reference, StreamKind.FEATURE_STATES),
        state(reference, StreamKind.FEATURE_VALUE),
    )
    assert isinstance(states, CategoryCounts)
    assert isinstance(histogram, ExplicitHistogram)
    assert {"valid": 2, "missing": 1, "invalid": 1, "sentinel": 2} == dict(states.counts)
    assert (2, 1.0, 2.0) == (histogram.rows, histogram.low, histogram.high)
    assert found.sentinels == (-999.0,)


def test_the_vocabulary_is_the_1000_most_frequent_and_the_rest_unseen() -> None:
    column = [f"c{number:04d}" for number in range(1_200)] + ["c1199"]
    found, reference = feature(column)
    assert len(found.categories) == 1_000
    assert "c1199" in found.categories
    states, counts = (
        state(reference, StreamKind.FEATURE_STATES),
        state(reference, StreamKind.FEATURE_CATEGORIES),
    )
    assert isinstance(states, CategoryCounts)
    assert isinstance(counts, CategoryCounts)
    assert (1_001, 200) == (states.counts["valid"], states.counts["unseen"])
    assert counts.total == 1_001


@pytest.mark.parametrize(
    "column",
    [
        np.full(5, np.nan),
        np.full(5, 7.0),
        np.array([0.0]),
        [None, None],
        np.array([1e308, -1e308, 5e-324]),
        ["a"],
    ],
)
def test_constant_missing_tiny_and_extreme_columns_have_a_baseline(column: Column) -> None:
    _, reference = feature(column)
    assert all(reference.state(stream) is not None for stream in reference.streams())


def test_equal_rows_give_equal_bytes_whatever_container_they_come_in() -> None:
    rows = np.arange(100.0)
    one = fit({"x": rows, "t": ["a", "b"] * 50}, model="m", outputs=[OutputRows(predicted=[0, 1] * 50)])
    two = fit(
        {"x": rows.tolist(), "t": ("a", "b") * 50},
        model="m",
        outputs=[OutputRows(predicted=np.array([0, 1] * 50))],
    )
    assert one == two


def test_phi_is_learned_per_length_from_event_time() -> None:
    rng = np.random.default_rng(11)
    days = np.repeat(np.arange(40), 300)
    steady, moving = rng.normal(size=12_000), rng.normal(np.repeat(rng.normal(0, 0.3, 40), 300))
    reference = Reference(
        Baseline(
            fit(
                {"steady": steady, "moving": moving},
                model="m",
                time_ns=days * DAY_NS,
                window_lengths_s=[172_800],
            )
        )
    )
    entries = {
        entry.name: entry.overdispersion for entry in reference.header.states if entry.kind == "feature.value"
    }
    assert set(entries["moving"]) >= {"86400", "172800"}
    assert "604800" not in entries["moving"]  # 40 days are less than 8 weeks
    assert entries["steady"]["86400"] < 1.3
    assert entries["moving"]["86400"] > 3
    assert (0, 39 * DAY_NS) == (reference.header.start_unix_nano, reference.header.end_unix_nano)


def test_without_event_times_phi_comes_from_contiguous_blocks() -> None:
    drifting = np.repeat(np.arange(20.0), 100) + np.random.default_rng(1).normal(size=2_000)
    _, reference = feature(drifting)
    entry = next(entry for entry in reference.header.states if entry.kind == "feature.value")
    assert ["0"] == list(entry.overdispersion)
    assert entry.overdispersion["0"] > 5
    _, shuffled = feature(np.random.default_rng(2).permutation(drifting))
    entry = next(entry for entry in shuffled.header.states if entry.kind == "feature.value")
    assert entry.overdispersion["0"] < 1.4


def test_a_binary_output_has_its_scores_classes_threshold_and_truth() -> None:
    rng = np.random.default_rng(8)
    score = rng.random(400)
    labels = rng.random(400) < score
    rows = OutputRows(scores=np.column_stack((1 - score, score)), labels=labels, threshold=0.3)
    reference = Reference(Baseline(fit({"x": score}, model="m", outputs=[rows])))
    output = reference.output
    assert output is not None
    assert ("binary", ("false", "true"), "true") == (output.task, output.classes, output.positive)
    classes = reference.state(StreamId(StreamKind.PREDICTION_CLASSES, basis=reference.id))
    assert isinstance(classes, CategoryCounts)
    assert int((score >= 0.3).sum()) == classes.counts["true"]
    held = reference.state(StreamId(StreamKind.PREDICTION_SCORE, part="true", basis=reference.id))
    assert isinstance(held, ExplicitHistogram)
    place = int(np.flatnonzero(held.edges == np.nextafter(0.3, 0))[0])
    assert classes.counts["true"] == held.counts[place + 1 :].sum()
    assert reference.state(StreamId(StreamKind.CONFUSION, basis=reference.id)) is not None
    assert reference.state(StreamId(StreamKind.SCORES, part="true", basis=reference.id)) is not None


def test_a_multiclass_output_orders_numeric_classes_by_size() -> None:
    rng = np.random.default_rng(9)
    scores = rng.dirichlet([1, 1, 1], 90)
    labels = np.tile([2, 10, 9], 30)
    reference = Reference(
        Baseline(
            fit({"x": labels.astype(float)}, model="m", outputs=[OutputRows(scores=scores, labels=labels)])
        )
    )
    output = reference.output
    assert output is not None
    assert ("multiclass", ("2", "9", "10"), None) == (output.task, output.classes, output.positive)
    held = reference.state(StreamId(StreamKind.PREDICTION_CLASSES, basis=reference.id))
    assert isinstance(held, CategoryCounts)
    expected = np.bincount(scores.argmax(axis=1), minlength=3).tolist()
    assert expected == [held.counts.get(name, 0) for name in output.classes]


def test_a_regression_has_edges_and_errors() -> None:
    rng = np.random.default_rng(10)
    truth = rng.normal(size=300)
    rows = OutputRows(predicted=truth + 0.25, labels=truth)
    reference = Reference(Baseline(fit({"x": truth}, model="m", outputs=[rows])))
    assert reference.output is not None
    assert reference.output.task == "regression"
    assert len(reference.output.value_edges) == 63
    assert reference.state(StreamId(StreamKind.ERRORS, basis=reference.id)) is not None


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": np.zeros(0)}, {}, "no rows"),
        ({"x": np.zeros(3), "y": np.zeros(2)}, {}, "'y' has 2 rows"),
        ({"x": np.zeros(3)}, {"time_ns": np.zeros(2, np.int64)}, "event time"),
        ({"x": np.zeros(3)}, {"kinds": {"z": "number"}}, "'z' is no column"),
        (
            {"x": np.zeros(2)},
            {"outputs": [OutputRows(predicted=["a", "b"], positive="c", task="binary", classes=["a", "b"])]},
            "'c' is none",
        ),
        (
            {"x": np.zeros(2)},
            {"outputs": [OutputRows(scores=np.zeros((2, 3)), labels=["a", "b"])]},
            "3 columns",
        ),
        ({"x": np.zeros(2)}, {"outputs": [OutputRows(labels=["a", "b"])]}, "neither predictions nor scores"),
    ],
)
def test_what_does_not_fit_together_is_said(
    columns: dict[str, Column], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(columns, model="m", **options)  # type: ignore[arg-type]
