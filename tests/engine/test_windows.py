"""Where windows begin and end, and when horizons pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import ConfigError
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Settings, Window
from barograph_processor.engine.windows import (
    check_settings,
    horizon_of,
    window_end,
    window_start,
    window_starts,
)

from .world import at

MONTH = Window("month", 0)
HORIZONS = (Horizon("1h", HOUR_NS), Horizon("1d", DAY_NS), Horizon("all", 30 * DAY_NS))


@pytest.mark.parametrize(
    ("time", "start", "end"),
    [
        ("2024-02-29 23:59", "2024-02-01 00:00", "2024-03-01 00:00"),
        ("2023-02-28 12:00", "2023-02-01 00:00", "2023-03-01 00:00"),
        ("2024-12-31 23:59", "2024-12-01 00:00", "2025-01-01 00:00"),
        ("2025-01-01 00:00", "2025-01-01 00:00", "2025-02-01 00:00"),
        ("2024-07-31 06:00", "2024-07-01 00:00", "2024-08-01 00:00"),
    ],
)
def test_months_are_those_of_the_utc_calendar(time: str, start: str, end: str) -> None:
    assert at(start) == window_start(MONTH, at(time))
    assert at(end) == window_end(MONTH, at(start))


@given(time_ns=st.integers(-(10**17), 4 * 10**18), window=st.sampled_from([MONTH, Window("1h", HOUR_NS)]))
def test_every_time_lies_in_its_window(time_ns: int, window: Window) -> None:
    start_ns = window_start(window, time_ns)
    assert start_ns <= time_ns < window_end(window, start_ns)
    assert window_start(window, start_ns) == start_ns
    assert window_start(window, window_end(window, start_ns)) == window_end(window, start_ns)
    assert window_starts(window, np.array([time_ns], np.int64)).tolist() == [start_ns]


def test_a_label_belongs_to_the_first_horizon_that_it_is_within() -> None:
    waits = np.array([-DAY_NS, 0, HOUR_NS, HOUR_NS + 1, DAY_NS, 30 * DAY_NS, 30 * DAY_NS + 1], np.int64)
    assert horizon_of(HORIZONS, waits).tolist() == [0, 0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(pane_ns=7 * MINUTE_NS),
        Settings(windows=()),
        Settings(windows=(Window("1h", HOUR_NS), Window("1h", DAY_NS))),
        Settings(windows=(Window("90s", 90_000_000_000),)),
        Settings(horizons=()),
        Settings(horizons=(Horizon("1d", DAY_NS), Horizon("1h", HOUR_NS))),
        Settings(horizons=(Horizon("all", 100_000 * DAY_NS),)),
        Settings(ttl_ns=100_000 * DAY_NS),
        Settings(lateness_ns=100_000 * DAY_NS),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError):
        check_settings(settings)
