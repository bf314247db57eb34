"""The upper tail against scipy's, from which ours spares the processor 30 MB."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from barograph_processor.signals.noncentral import upper_tail


@pytest.mark.parametrize("noncentrality", [0.0, 1e-3, 1.0, 45.0, 2_500.0, 1e6])
@pytest.mark.parametrize("degrees", [1, 9, 64])
def test_the_tail_is_that_of_scipy_far_out_too(degrees: int, noncentrality: float) -> None:
    mean, deviation = degrees + noncentrality, np.sqrt(2 * (degrees + 2 * noncentrality))
    for x in np.maximum(mean + deviation * np.linspace(-6, 20, 27), 1e-6):
        expected = float(stats.ncx2.sf(x, degrees, noncentrality))
        # scipy's own sum has errors of this size at large non-centralities
        assert expected == pytest.approx(upper_tail(float(x), degrees, noncentrality), rel=1e-8, abs=1e-250)


def test_beyond_what_numbers_can_hold_there_is_nothing_and_below_zero_everything() -> None:
    assert 0.0 == upper_tail(1e9, 9, 45.0)
    assert 1.0 == pytest.approx(upper_tail(0.0, 9, 45.0), rel=1e-12)
    assert 1.0 == pytest.approx(upper_tail(1.0, 1, 1e6), rel=1e-12)
