"""Distances against scipy on the rows themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial import distance

from barograph_processor.signals import distances
from barograph_processor.signals.distances import Binned
from barograph_processor.signals.drift_pairs import pair_numbers
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3))
rows = hnp.arrays(np.float64, st.integers(1, 60), elements=numbers)
edge_lists = st.lists(numbers, min_size=1, max_size=12, unique_by=lambda edge: edge + 0.0).map(sorted)
counts = hnp.arrays(np.int64, st.shared(st.integers(2, 12), key="groups"), elements=st.integers(0, 500))


def true_ks(one: np.ndarray, two: np.ndarray) -> float:
    with np.errstate(all="ignore"):  # of the p-value, which is not asked for
        return float(stats.ks_2samp(one, two, method="asymp").statistic)


def bins(edges: list[float], values: np.ndarray) -> Binned:
    pair = pair_numbers(*[ExplicitHistogram.zero(edges).observe(values)] * 2)
    assert pair is not None
    assert pair.bins is not None
    return pair.bins[0]


@settings(deadline=None)  # the machine may be busy
@given(rows, rows, edge_lists)
@example(np.array([0.0]), np.array([5.0]), [1.0])
def test_the_true_ks_distance_lies_within_the_bounds(
    one: np.ndarray, two: np.ndarray, edges: list[float]
) -> None:
    true = true_ks(one, two)
    found = distances.kolmogorov_smirnov(bins(edges, one), bins(edges, two))
    assert found.upper is not None
    assert found.lower - 1e-12 <= true <= found.upper + 1e-12  # a sum of shares, rounded
    assert found.lower == found.value


@settings(deadline=None)  # the machine may be busy
@given(rows, rows, edge_lists)
@example(np.array([0.0]), np.array([5.0]), [1.0])
def test_the_true_wasserstein_distance_lies_within_the_bounds(
    one: np.ndarray, two: np.ndarray, edges: list[float]
) -> None:
    true = stats.wasserstein_distance(one, two)
    found = distances.wasserstein(bins(edges, one), bins(edges, two))
    assert found is not None
    assert found.upper is not None
    slack = 1e-9 * max(np.abs(one).max(), np.abs(two).max(), 1e-9)
    assert found.lower - slack <= true <= found.upper + slack
    assert found.lower <= found.value <= found.upper


@settings(deadline=None)  # the machine may be busy
@given(rows, rows)
@example(np.array([-1.0, 0.0, 2.0]), np.array([0.0, 0.0, -1.0]))
def test_exponential_buckets_bound_the_true_distances_too(one: np.ndarray, two: np.ndarray) -> None:
    states = [ExponentialHistogram.zero(max_buckets=8).observe(values) for values in (one, two)]
    pair = pair_numbers(*states)
    assert pair is not None
    assert pair.bins is not None
    assert [len(one), len(two)] == [int(side.counts.sum()) for side in pair.bins]
    ks = distances.kolmogorov_smirnov(*pair.bins)
    moved = distances.wasserstein(*pair.bins)
    assert ks.upper is not None
    assert moved is not None
    assert moved.upper is not None
    assert ks.lower - 1e-12 <= true_ks(one, two) <= ks.upper + 1e-12
    slack = 1e-9 * max(np.abs(one).max(), np.abs(two).max(), 1e-9)
    assert moved.lower - slack <= stats.wasserstein_distance(one, two) <= moved.upper + slack


def test_one_value_a_bucket_makes_wasserstein_exact() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 6, 500).astype(float), rng.binomial(5, 0.3, 300).astype(float)
    edges = sorted([value + side for value in range(6) for side in (-1e-9, 1e-9)])
    found = distances.wasserstein(bins(edges, one), bins(edges, two))
    assert found is not None
    true = stats.wasserstein_distance(one, two)
    # buckets are 2e-9 wide, but the gaps between them are empty
    assert true == pytest.approx(found.value, abs=1e-7)
    assert true == pytest.approx(found.upper, abs=1e-7)


@settings(deadline=None)  # the machine may be busy
@given(counts, counts)
def test_jensen_shannon_is_scipys(one: np.ndarray, two: np.ndarray) -> None:
    if not one.any() or not two.any():
        return
    expected = distance.jensenshannon(one / one.sum(), two / two.sum(), base=2)
    # scipy's is the root of a rounded difference: near 0 both err by the root of the machine's precision
    expected = 0.0 if math.isnan(expected) else expected
    assert expected == pytest.approx(distances.jensen_shannon(one, two), abs=2e-7)


@settings(deadline=None)  # the machine may be busy
@given(counts, counts)
def test_psi_is_symmetric_in_equal_sizes_and_zero_for_itself(one: np.ndarray, two: np.ndarray) -> None:
    assert distances.psi(one, one) == 0.0
    assert distances.psi(two, one) == pytest.approx(distances.psi(one, two), abs=1e-12)
    assert distances.psi(one, two) >= 0.0


def test_psi_is_jeffreys_divergence_of_the_smoothed_shares() -> None:
    one, two = np.array([30, 0, 70]), np.array([10, 25, 15])
    q, p = distances.smoothed(one), distances.smoothed(two)
    assert stats.entropy(p, q) + stats.entropy(q, p) == pytest.approx(distances.psi(one, two))


@settings(deadline=None)  # the machine may be busy
@given(counts, counts)
def test_chi_squared_is_scipys_where_nothing_is_pooled(one: np.ndarray, two: np.ndarray) -> None:
    one, two = one + 20, two + 20
    expected = stats.chi2_contingency(np.stack((one, two)), correction=False)
    if expected.expected_freq.min() < distances.LEAST_EXPECTED:
        return
    found = distances.chi_squared(one, two)
    assert found is not None
    assert expected.dof == found.degrees
    assert expected.statistic == pytest.approx(found.statistic)


def test_chi_squared_pools_categories_that_expect_less_than_five() -> None:
    """The last three expect 1.7 together, so the least of the others joins them."""
    found = distances.chi_squared(np.array([900, 900, 2, 1, 0]), np.array([450, 460, 1, 0, 1]))
    pooled = stats.chi2_contingency([[900, 903], [460, 452]], correction=False)
    assert found is not None
    assert found.degrees == pooled.dof
    assert pooled.statistic == pytest.approx(found.statistic)


@pytest.mark.parametrize(("one", "two"), [([0, 0], [3, 4]), ([9, 0], [7, 0]), ([2, 1], [1, 1])])
def test_chi_squared_is_absent_where_less_than_two_categories_remain(one: list[int], two: list[int]) -> None:
    assert distances.chi_squared(np.array(one), np.array(two)) is None


def test_the_published_table_of_aspirin_gives_its_published_chi_squared() -> None:
    """Agresti, Categorical Data Analysis, 2nd edition, table 2.1 and section 3.2.1: aspirin, X² = 25.01."""
    found = distances.chi_squared(np.array([189, 10_845]), np.array([104, 10_933]))
    assert found is not None
    assert round(found.statistic, 2) == 25.01


@settings(deadline=None)  # the machine may be busy
@given(hnp.arrays(np.float64, st.integers(200, 400), elements=st.floats(-100, 100)))
def test_the_spread_of_fine_buckets_is_that_of_the_rows(values: np.ndarray) -> None:
    edges = np.linspace(-100, 100, 401).tolist()
    quartiles = np.quantile(values, [0.25, 0.75], method="inverted_cdf")
    expected = (quartiles[1] - quartiles[0]) / 1.349
    found = distances.spread(bins(edges, values))
    if expected > 0.5:  # buckets are 0.5 wide: two of them at most are added or missed
        assert expected == pytest.approx(found, abs=1.0 / 1.349)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0] * 9, 3.0),  # a constant: its magnitude
        ([0.0] * 9, 1.0),  # a constant 0
        ([0.0] * 8 + [5.0], 5.0 / 1.349),  # most are one value: the range
    ],
)
def test_the_spread_has_named_fallbacks(values: list[float], expected: float) -> None:
    edges = sorted({edge for value in values for edge in (value - 1e-9, value + 1e-9)})
    assert expected == pytest.approx(distances.spread(bins(edges, np.array(values))), rel=1e-6)


def test_an_unknown_end_leaves_out_the_upper_bound() -> None:
    open_ended = Binned(np.array([1.0]), np.array([1, 3]), 0.0, math.inf)
    known = Binned(np.array([1.0]), np.array([4, 0]), 0.0, 0.9)
    found = distances.wasserstein(known, open_ended)
    assert found is not None
    assert found.upper is None
    assert found.lower <= found.value


def test_without_an_edge_and_a_range_there_is_no_wasserstein_distance() -> None:
    nothing = Binned(np.zeros(0), np.array([4]), -math.inf, math.inf)
    assert distances.wasserstein(nothing, nothing) is None
    assert distances.spread(nothing) == 1.0
