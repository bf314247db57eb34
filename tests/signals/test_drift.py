"""Drift of features and predictions, from states to readings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from barograph.semconv import attributes, metrics
from barograph_processor.signals import drift_groups, overdispersion
from barograph_processor.signals.api import State, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.drift import FEATURE_DRIFT, PREDICTION_DRIFT
from barograph_processor.signals.drift_pairs import pair_categories, pair_numbers
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import OutputRows
from barograph_processor.signals.histogram import ExplicitHistogram

from .windows import DAY_S, reference, states, value, view

RNG_SEED = 17
DAY_NS = DAY_S * 10**9


def columns(rows: int, shift: float = 0.0, seed: int = RNG_SEED) -> dict[str, np.ndarray | list[str]]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40 + shift, 10, rows),
        "steady": rng.normal(size=rows),
        "town": rng.choice(["Bern", "Graz", "Linz"], rows, p=[0.5, 0.3, 0.2]).tolist(),
    }


def test_a_window_like_the_reference_is_not_significant_and_a_shifted_one_is() -> None:
    known = reference(columns(20_000))
    same = list(FEATURE_DRIFT.readings(view(columns(2_000, seed=1), known)))
    moved = list(FEATURE_DRIFT.readings(view(columns(2_000, shift=8, seed=2), known)))
    assert [0.0, 0.0] == [value(one, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "steady") for one in (same, moved)]
    assert [0.0, 1.0] == [value(one, metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "age") for one in (same, moved)]
    floor, index = (
        value(same, metric, "age")
        for metric in (metrics.ML_FEATURE_DRIFT_NOISE_FLOOR, metrics.ML_FEATURE_DRIFT_PSI)
    )
    assert floor is not None
    assert index is not None
    assert index < 2 * floor


def test_every_figure_of_a_number_and_its_bounds_are_there() -> None:
    before, after = columns(20_000), columns(2_000, shift=8, seed=2)
    found = list(FEATURE_DRIFT.readings(view(after, reference(before))))
    age = {
        one.metric: one.value for one in found if dict(one.attributes)[attributes.ML_FEATURE_NAME] == "age"
    }
    assert set(FEATURE_DRIFT.metrics) == set(age)
    one, two = np.asarray(before["age"]), np.asarray(after["age"])
    ks = stats.ks_2samp(one, two, method="asymp").statistic
    assert age[metrics.ML_FEATURE_DRIFT_KS_LOWER] <= ks <= age[metrics.ML_FEATURE_DRIFT_KS_UPPER]
    moved = stats.wasserstein_distance(one, two) / (stats.iqr(one) / 1.349)
    # the quartiles of the reference are interpolated in buckets of 1/64 of the rows
    assert age[metrics.ML_FEATURE_DRIFT_WASSERSTEIN_LOWER] <= moved * 1.03
    assert moved <= age[metrics.ML_FEATURE_DRIFT_WASSERSTEIN_UPPER] * 1.03
    assert age[metrics.ML_FEATURE_DRIFT_DETECTABLE] > 0.05


def test_a_category_has_neither_ks_nor_wasserstein() -> None:
    found = FEATURE_DRIFT.readings(view(columns(2_000, seed=3), reference(columns(5_000))))
    town = {one.metric for one in found if dict(one.attributes)[attributes.ML_FEATURE_NAME] == "town"}
    assert metrics.ML_FEATURE_DRIFT_CHI2 in town
    assert metrics.ML_FEATURE_DRIFT_KS not in town
    assert metrics.ML_FEATURE_DRIFT_WASSERSTEIN not in town


def test_sources_without_the_baseline_get_the_same_answer_from_exponential_buckets() -> None:
    known = reference(columns(20_000))
    window = {name: column for name, column in columns(2_000, shift=4, seed=4).items() if name != "town"}
    own, bare = (list(FEATURE_DRIFT.readings(view(window, known, known=has))) for has in (True, False))
    for metric in (
        metrics.ML_FEATURE_DRIFT_PSI,
        metrics.ML_FEATURE_DRIFT_KS,
        metrics.ML_FEATURE_DRIFT_WASSERSTEIN,
    ):
        # other edges, so other groups: they agree to a tenth
        assert value(own, metric, "age") == pytest.approx(value(bare, metric, "age"), rel=0.1)


def test_the_references_own_basis_is_preferred_and_foreign_ones_are_left_out() -> None:
    known = reference({"x": np.arange(1_000.0)})
    window = states({"x": np.arange(500.0)}, known) | states({"x": np.arange(1_000.0)}, None)
    found = FEATURE_DRIFT.readings(View(window, known, DAY_S, 1_500))
    index = value(found, metrics.ML_FEATURE_DRIFT_PSI)
    assert index is not None
    assert index > 1
    foreign = {
        StreamId(StreamKind.FEATURE_VALUE, "x", basis="other"): ExplicitHistogram.zero([5.0]).observe(
            np.ones(9)
        )
    }
    assert [] == list(FEATURE_DRIFT.readings(View(foreign, known, DAY_S, 9)))


def test_hashes_are_not_compared_with_a_clear_vocabulary_but_all_unseen_values_are() -> None:
    known = reference({"town": ["Bern", "Graz"] * 50})
    hashed = {"town": ["#0123456789abcdef"] * 40}
    assert [] == list(FEATURE_DRIFT.readings(view(hashed, known, known=False)))
    found = list(FEATURE_DRIFT.readings(view(hashed, known)))
    assert value(found, metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 1.0
    assert value(found, metrics.ML_FEATURE_DRIFT_JS) == 1.0


def test_one_unseen_row_in_900_is_no_drift_and_two_in_a_hundred_are() -> None:
    rng = np.random.default_rng(6)
    known = reference({"town": rng.choice(["Bern", "Graz"], 30_000).tolist()})
    town = rng.choice(["Bern", "Graz"], 2_000).tolist()
    few, many = (view({"town": town + ["Wien"] * count}, known) for count in (2, 50))
    assert value(FEATURE_DRIFT.readings(few), metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 0.0
    assert value(FEATURE_DRIFT.readings(many), metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 1.0


def test_a_constant_that_changes_is_seen() -> None:
    known = reference({"x": np.full(1_000, 3.5)})
    same, other = (view({"x": np.full(300, number)}, known) for number in (3.5, 3.6))
    assert value(FEATURE_DRIFT.readings(same), metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 0.0
    assert value(FEATURE_DRIFT.readings(other), metrics.ML_FEATURE_DRIFT_SIGNIFICANT) == 1.0


def test_days_that_vary_on_their_own_need_a_larger_index_to_be_significant() -> None:
    rng = np.random.default_rng(12)
    days = np.repeat(np.arange(40), 500)
    weather = rng.normal(np.repeat(rng.normal(size=40), 500))
    timed = reference({"x": weather}, time_ns=days * DAY_NS)
    untimed = reference({"x": rng.permutation(weather)})
    day = {"x": rng.normal(1.0, 1.0, 500)}
    found = [list(FEATURE_DRIFT.readings(view(day, known))) for known in (timed, untimed)]
    assert [0.0, 1.0] == [value(one, metrics.ML_FEATURE_DRIFT_SIGNIFICANT) for one in found]
    phi = value(found[0], metrics.ML_FEATURE_DRIFT_OVERDISPERSION)
    assert phi is not None
    assert phi > 30


def test_predictions_have_figures_for_classes_and_for_scores_by_class() -> None:
    rng = np.random.default_rng(13)
    scores = rng.beta(2, 5, 5_000)
    known = reference({"x": scores}, [OutputRows(scores=scores, classes=["no", "yes"])])
    assert known.output is not None
    moved = rng.beta(5, 2, 800)
    histogram = ExplicitHistogram.zero(known.output.score_edges).observe(moved)
    classes = CategoryCounts.of({"yes": int((moved > 0.5).sum()), "no": int((moved <= 0.5).sum())})
    window: dict[StreamId, State] = {
        StreamId(StreamKind.PREDICTION_SCORE, part="yes", basis=known.id): histogram,
        StreamId(StreamKind.PREDICTION_CLASSES): classes,
    }
    found = list(PREDICTION_DRIFT.readings(View(window, known, DAY_S, 800)))
    where = {one.attributes for one in found if one.metric == metrics.ML_PREDICTION_DRIFT_PSI}
    assert {(), ((attributes.ML_CLASS_NAME, "yes"),)} == where
    assert all(one.value for one in found if one.metric == metrics.ML_PREDICTION_DRIFT_SIGNIFICANT)
    assert [] == list(FEATURE_DRIFT.readings(View(window, known, DAY_S, 800)))


def test_nothing_is_told_without_a_reference_or_rows() -> None:
    assert [] == list(FEATURE_DRIFT.readings(view(columns(100), None, known=False)))
    known = reference({"x": np.full(50, np.nan)})
    assert [] == list(FEATURE_DRIFT.readings(view({"x": np.ones(10)}, known)))


def test_names_that_a_full_state_lost_are_pooled_on_both_sides() -> None:
    names = {f"c{number}": 10 for number in range(40)}
    whole, full = CategoryCounts.of(names), CategoryCounts.of(names, limit=20)
    pair = pair_categories(whole, full, sorted(names))
    assert pair is not None
    assert full.other > 0
    assert pair.reference.tolist() == pair.window.tolist()
    assert 400 == pair.window.sum()


def test_narrow_histograms_at_both_ends_of_the_doubles_are_compared_in_few_buckets() -> None:
    pair_of_states = [
        ExponentialHistogram.zero().observe(np.array(rows)) for rows in ([1e-300, -2.0], [1e300])
    ]
    pair = pair_numbers(*pair_of_states)
    assert pair is not None
    assert pair.bins is not None
    assert len(pair.bins[0].edges) < 12
    assert [2, 1] == [int(side.counts.sum()) for side in pair.bins]


def test_groups_are_about_equal_shares_of_the_reference() -> None:
    counts = np.random.default_rng(14).poisson(100, 64)
    shares = drift_groups.grouped(counts, drift_groups.bucket_groups(counts)) / counts.sum()
    assert len(shares) == 10
    assert shares.min() > 0.08
    assert shares.max() < 0.12


def test_a_rare_value_keeps_a_group_of_its_own_if_it_has_one_percent() -> None:
    assert [0, 1] == drift_groups.bucket_groups(np.array([95, 5])).tolist()
    assert [0, 1, 1] == drift_groups.bucket_groups(np.array([1_000, 60, 3])).tolist()
    assert 2 == len(set(drift_groups.bucket_groups(np.array([3, 2])).tolist()))


def test_overdispersion_of_independent_rows_is_one_and_of_shares_agrees_with_that_of_the_index() -> None:
    rng = np.random.default_rng(15)
    slices = rng.multinomial(1_000, np.full(10, 0.1), 200)
    shares = rng.dirichlet(np.full(10, 50.0), 200)
    moving = np.array([rng.multinomial(1_000, each) for each in shares])  # φ = 1 + 999 / 501 = 2.99
    for measure in (overdispersion.of_index, overdispersion.of_shares):
        steady, found = measure(slices), measure(moving)
        assert steady is not None
        assert found is not None
        assert steady.phi == pytest.approx(1.0, abs=0.1)
        assert found.phi == pytest.approx(2.99, rel=0.15)  # 1,791 degrees of freedom: 3 % of sampling error
    assert overdispersion.of_index(slices[:7]) is None
    assert overdispersion.of_index(slices[:, :1]) is None


def test_slices_in_which_the_reference_began_or_ended_are_left_out() -> None:
    slices = np.array([[3, 2], [90, 10], [80, 20], [85, 15], [40, 2]])
    assert [[90, 10], [80, 20], [85, 15]] == overdispersion.whole_slices(slices).tolist()
