"""What is called significant where nothing moved, and what is found where something did.

Windows are multinomial (φ = 1) or Dirichlet-multinomial: group shares differ from window to window, and
counts vary φ times more than those of independent rows. φ itself is estimated from 30 slices of each
reference, as in production. Seeds are fixed; a share of 2,000 windows has a standard error of 0.5 points, and
that of φ's estimate, common to the 100 windows of a reference, adds about one.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from barograph_processor.signals import overdispersion, significance
from barograph_processor.signals.distances import psi

GROUPS, SLICES, REFERENCES, WINDOWS = 10, 30, 20, 100
EVEN = np.full(GROUPS, 1 / GROUPS)
SEED = 20_261
CELLS = [(1, 100), (1, 1_000), (1, 10_000), (5, 100), (5, 1_000), (5, 10_000)]


def moved(index: float) -> np.ndarray:
    """Shares at a true index from `EVEN`: one group gives to another."""
    way = np.eye(GROUPS)[0] - np.eye(GROUPS)[-1]

    def excess(by: float) -> float:
        return float((by * way * np.log((EVEN + by * way) / EVEN)).sum()) - index

    by = float(brentq(excess, 1e-9, 1 / GROUPS - 1e-9))
    return np.asarray(EVEN + by * way)


def windows(rng: np.random.Generator, shares: np.ndarray, rows: int, phi: int, count: int) -> np.ndarray:
    if phi == 1:
        return np.asarray(rng.multinomial(rows, shares, count))
    concentration = (rows - phi) / (phi - 1)
    return np.array([rng.multinomial(rows, each) for each in rng.dirichlet(concentration * shares, count)])


def rates(phi: int, rows: int, true: np.ndarray, *, use_phi: bool = True) -> tuple[float, float]:
    """Shares of windows above the noise floor, and significant beyond the practical size."""
    rng = np.random.default_rng([SEED, phi, rows])
    above, significant = 0, 0
    for _ in range(REFERENCES):
        slices = windows(rng, EVEN, rows, phi, SLICES)
        found = overdispersion.of_index(slices)
        assert found is not None
        factor = found.phi if use_phi else 1.0
        reference = slices.sum(axis=0)
        v = significance.variance(rows, int(reference.sum()), factor, factor)
        for window in windows(rng, true, rows, phi, WINDOWS):
            index = psi(reference, window)
            above += index > significance.noise_floor(v, GROUPS - 1)
            significant += significance.p_value(index, v, GROUPS - 1) < significance.LEVEL
    return above / (REFERENCES * WINDOWS), significant / (REFERENCES * WINDOWS)


@pytest.mark.parametrize(("phi", "rows"), CELLS)
def test_one_window_in_twenty_passes_the_noise_floor_and_hardly_any_the_practical_size(
    phi: int, rows: int
) -> None:
    above, significant = rates(phi, rows, EVEN)
    assert 0.02 <= above <= 0.08, f"seed {SEED}"
    assert significant <= 0.05, f"seed {SEED}"


@pytest.mark.parametrize(("phi", "rows"), CELLS)
def test_at_the_practical_size_itself_the_level_is_kept(phi: int, rows: int) -> None:
    _, significant = rates(phi, rows, moved(significance.PRACTICAL_PSI))
    assert 0.02 <= significant <= 0.08, f"seed {SEED}"


def test_rows_taken_as_independent_alarm_on_most_windows_that_vary_five_times_more() -> None:
    above, _ = rates(5, 1_000, EVEN, use_phi=False)
    assert above > 0.9, f"seed {SEED}"


@pytest.mark.parametrize(("phi", "rows"), [(1, 300), (1, 10_000), (5, 3_000), (5, 10_000)])
def test_the_detectable_index_is_found_four_times_in_five(phi: int, rows: int) -> None:
    v = significance.variance(rows, SLICES * rows, phi, phi)
    least = significance.detectable(v, GROUPS - 1)
    _, found = rates(phi, rows, moved(least))
    # a shift of two groups is not small against their share: the approximation holds to about a tenth
    assert found == pytest.approx(significance.POWER, abs=0.1), f"seed {SEED}"


def test_the_false_discovery_rate_holds_across_features() -> None:
    rng = np.random.default_rng(SEED)
    v = significance.variance(1_000, 30_000)
    share = []
    for _ in range(100):
        reference = rng.multinomial(30_000, EVEN)
        still = windows(rng, moved(significance.PRACTICAL_PSI), 1_000, 1, 15)
        drifted = windows(rng, moved(0.3), 1_000, 1, 5)
        p = [significance.p_value(psi(reference, one), v, GROUPS - 1) for one in (*still, *drifted)]
        rejected = significance.benjamini_hochberg(p)
        share.append(rejected[:15].sum() / max(1, rejected.sum()))
        assert rejected[15:].all()
    assert np.mean(share) <= significance.LEVEL + 0.015, f"seed {SEED}"
