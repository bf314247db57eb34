"""Significance against scipy.stats, and the published example of Benjamini and Hochberg."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from barograph_processor.signals import significance

variances = st.floats(1e-9, 1.0)
degrees = st.integers(1, 100)


@settings(deadline=None)  # the machine may be busy
@given(variances, degrees, st.floats(0, 3))
def test_the_p_value_is_scipys(v: float, df: int, psi: float) -> None:
    if significance.PRACTICAL_PSI / v > 1e6 or psi < significance.PRACTICAL_PSI / 100:
        return  # scipy's own series is too slow, or overflows
    expected = stats.ncx2.sf(psi / v, df, significance.PRACTICAL_PSI / v)
    assert expected == pytest.approx(significance.p_value(psi, v, df), abs=1e-9)


@settings(deadline=None)  # the machine may be busy
@given(st.floats(1e-14, 1.0), degrees)
def test_no_index_is_too_small_or_too_large(v: float, df: int) -> None:
    found = [significance.p_value(psi, v, df) for psi in (0.0, 5e-324, 1e-124, 1e-9, 0.01, 50.0)]
    assert (np.diff(found) <= 1e-12).all()  # but for the last digits of what is certain
    assert found[0] == pytest.approx(1.0)


@settings(deadline=None)  # the machine may be busy
@given(st.floats(1e-14, 1.0), degrees, st.sampled_from([0.05, 0.01, 0.001]))
def test_the_critical_value_has_the_level_for_any_amount_of_data(v: float, df: int, level: float) -> None:
    critical = significance.critical_value(v, df, level)
    assert level == pytest.approx(significance.p_value(critical, v, df), rel=1e-4)


@settings(deadline=None)  # the machine may be busy
@given(st.floats(1e-12, 1.0), degrees)
def test_the_detectable_index_passes_four_times_in_five(v: float, df: int) -> None:
    critical = significance.critical_value(v, df)
    least = significance.detectable(v, df)
    power = significance.p_value(critical, v, df, practical=least)
    assert significance.POWER == pytest.approx(power, abs=1e-4)
    assert least > significance.PRACTICAL_PSI


def test_series_and_root_meet_where_one_takes_over_from_the_other() -> None:
    below, above = (significance.PRACTICAL_PSI / size for size in (0.999e7, 1.001e7))
    values = [significance.critical_value(v, 9) / significance.PRACTICAL_PSI - 1 for v in (below, above)]
    assert values[0] == pytest.approx(values[1], rel=2e-3)  # they differ by the root of the sizes' ratio
    assert values[1] < values[0]


def test_the_noise_floor_is_the_central_quantile() -> None:
    v = significance.variance(500, 2_000, phi=3.0, reference_phi=2.0)
    assert 3 / 500 + 2 / 2_000 == pytest.approx(v)
    assert v * stats.chi2.ppf(0.95, 9) == pytest.approx(significance.noise_floor(v, 9))


def test_benjamini_and_hochbergs_own_example_rejects_four() -> None:
    """Their section 4.1: thrombolysis, 15 hypotheses, q = 0.05; Bonferroni rejects three."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262]
    p += [0.5719, 0.6528, 0.7590, 1.0]
    assert [True] * 4 + [False] * 11 == significance.benjamini_hochberg(p).tolist()


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.floats(0, 1), max_size=30))
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    found = significance.benjamini_hochberg(p)
    if p:
        adjusted = stats.false_discovery_control(p)
        clear = np.abs(adjusted - significance.LEVEL) > 1e-12
        assert (adjusted <= significance.LEVEL)[clear].tolist() == found[clear].tolist()
    else:
        assert found.tolist() == []
