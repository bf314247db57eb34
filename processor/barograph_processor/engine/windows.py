"""Where windows begin and end, and which horizon a label belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.errors import ConfigError
from barograph_processor.engine.settings import DAY_NS, LONGEST_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.settings import Horizon, Settings, Window

LONGEST_MONTH_NS = 31 * DAY_NS


def window_starts(window: Window, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start of the window that each time lies in.

    >>> from barograph_processor.engine.settings import Window
    >>> leap_day = np.array(["2024-02-29T23:59"], "datetime64[ns]").astype(np.int64)
    >>> window_starts(Window("month", 0), leap_day).astype("datetime64[ns]").astype(str)[0][:10]
    '2024-02-01'

    Args:
        window: Fixed length from the Unix epoch on, or calendar months (UTC).
        times_ns: int64 [n], Unix nanoseconds.

    Returns:
        int64 [n], Unix nanoseconds.
    """
    if window.length_ns:
        return times_ns - times_ns % window.length_ns
    months = times_ns.view("datetime64[ns]").astype("datetime64[M]")
    return months.astype("datetime64[ns]").astype(np.int64)


def window_start(window: Window, time_ns: int) -> int:
    """Start of the window that a time lies in, Unix nanoseconds."""
    if window.length_ns:
        return time_ns - time_ns % window.length_ns
    return int(window_starts(window, np.array([time_ns], np.int64))[0])


def window_end(window: Window, start_ns: int) -> int:
    """End (exclusive) of the window that starts at `start_ns`, Unix nanoseconds."""
    if window.length_ns:
        return start_ns + window.length_ns
    return window_start(window, start_ns + LONGEST_MONTH_NS + DAY_NS // 2)


def horizon_of(horizons: Sequence[Horizon], wait_ns: NDArray[np.int64]) -> NDArray[np.intp]:
    """First horizon that each label is within; ``len(horizons)`` where it is beyond the last.

    Args:
        horizons: Increasing.
        wait_ns: int64 [n], time from the window's end to the label's observation; may be negative.
    """
    lengths = np.array([horizon.length_ns for horizon in horizons], np.int64)
    return np.searchsorted(lengths, wait_ns, side="left")


def check_settings(settings: Settings) -> None:
    """See that panes, windows and horizons fit together.

    Raises:
        ConfigError: They don't.
    """
    if settings.pane_ns <= 0 or DAY_NS % settings.pane_ns:
        raise ConfigError(f"the pane of {settings.pane_ns} ns does not divide a day; use 1m, 5m, 1h …")
    names = [window.name for window in settings.windows]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"windows need distinct names and there must be one at least, got {names}")
    for window in settings.windows:
        if window.length_ns % settings.pane_ns or window.length_ns < 0:
            raise ConfigError(f"window {window.name} is not a multiple of the pane of {settings.pane_ns} ns")
    lengths = [horizon.length_ns for horizon in settings.horizons]
    if not lengths or lengths != sorted(set(lengths)) or lengths[0] < 0:
        raise ConfigError(f"label horizons must increase and there must be one at least, got {lengths} ns")
    for name, wait_ns in (
        ("the last label horizon", lengths[-1]),
        ("the time to live", settings.ttl_ns),
        ("the lateness", settings.lateness_ns),
    ):
        if wait_ns > LONGEST_NS:
            raise ConfigError(f"{name} is {wait_ns} ns; it must be {LONGEST_NS} ns, a century, at most")
