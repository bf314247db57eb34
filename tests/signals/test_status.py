"""The state of the monitor after a window."""

from __future__ import annotations

import numpy as np
import pytest

from barograph_processor.signals import catalog
from barograph_processor.signals.api import View
from barograph_processor.signals.status import status

from .windows import DAY_S, reference, view

RNG = np.random.default_rng(21)
KNOWN = reference({name: RNG.normal(size=20_000) for name in "abc"})


def told(window: View) -> str:
    readings = [
        one for signal in catalog.SIGNALS if signal.scope == "window" for one in signal.readings(window)
    ]
    return status(window, readings)


def columns(rows: int, *, seed: int = 1, **shifts: float) -> dict[str, np.ndarray | list[str]]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(shifts.get(name, 0.0), 1.0, rows) for name in "abc"}


def test_without_a_reference_it_is_learning() -> None:
    assert told(view(columns(5_000), None)) == "learning"


@pytest.mark.parametrize(
    ("rows", "expected"), [(5, "insufficient_data"), (100, "insufficient_data"), (400, "ok"), (5_000, "ok")]
)
def test_it_is_ok_only_where_a_major_shift_would_have_been_found(rows: int, expected: str) -> None:
    assert told(view(columns(rows), KNOWN)) == expected


def test_any_significant_drift_is_a_warning_even_where_little_could_be_found() -> None:
    assert told(view(columns(2_000, a=0.8), KNOWN)) == "warning"
    assert told(view(columns(60, a=4.0), KNOWN)) == "warning"
    assert told(view(columns(20, a=4.0), KNOWN)) == "insufficient_data"


def test_missing_values_beyond_the_reference_are_a_warning() -> None:
    window = columns(1_000)
    window["b"] = np.where(np.arange(1_000) < 80, np.nan, window["b"])
    assert told(view(window, KNOWN)) == "warning"


def test_a_window_in_which_nothing_can_be_compared_is_never_ok() -> None:
    assert told(View({}, KNOWN, DAY_S, 5_000)) == "insufficient_data"
