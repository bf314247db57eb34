"""Event times in every form that people have them, as int64 nanoseconds since 1970 UTC.

Times without a zone are UTC. Numbers are seconds, milliseconds, microseconds or nanoseconds by
their size: below 1e11 seconds (until the year 5138), below 1e14 milliseconds, below 1e17
microseconds, else nanoseconds.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

NOT_A_TIME = np.iinfo(np.int64).min
_NS_PER_S = 10**9
_SECONDS_BELOW = 1e11
_MILLISECONDS_BELOW = 1e14
_MICROSECONDS_BELOW = 1e17
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST = 0
_LATEST = 2**63 - 1 - 86_400 * _NS_PER_S


def time_ns(value: object) -> int:
    """One time as nanoseconds; `NOT_A_TIME` where it is none.

    >>> time_ns("2013-01-01T05:00:00Z"), time_ns(1357016400), time_ns("soon") == NOT_A_TIME
    (1357016400000000000, 1357016400000000000, True)
    """
    try:
        nanoseconds = _one(value)
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return int(NOT_A_TIME)
    return nanoseconds if _EARLIEST <= nanoseconds <= _LATEST else int(NOT_A_TIME)


def _one(value: object) -> int:  # noqa: PLR0911 - one return per form
    exact = getattr(value, "value", None) if hasattr(value, "to_datetime64") else None
    if isinstance(exact, int):  # a pandas Timestamp, recognised without pandas; NaT's is NOT_A_TIME
        as_unit = getattr(value, "as_unit", None)
        return int(as_unit("ns").value) if as_unit is not None else exact
    if isinstance(value, str):
        text = value.strip()
        if text.replace(".", "", 1).isdigit() and len(text) > len("20130101"):
            return _number(Decimal(text))
        return _one(datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text))
    if isinstance(value, datetime):
        since = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)) - _EPOCH
        return (since.days * 86_400 + since.seconds) * _NS_PER_S + since.microseconds * 1_000
    if isinstance(value, date):
        return (value.toordinal() - 719_163) * 86_400 * _NS_PER_S
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if isinstance(value, (bool, np.bool_)):
        return int(NOT_A_TIME)
    if isinstance(value, (int, float, Decimal, np.integer, np.floating)):
        return _number(value.item() if isinstance(value, np.generic) else value)
    return int(NOT_A_TIME)


def _number(value: float | Decimal) -> int:
    size = abs(float(value))
    if size < _SECONDS_BELOW:
        factor = _NS_PER_S
    elif size < _MILLISECONDS_BELOW:
        factor = 10**6
    elif size < _MICROSECONDS_BELOW:
        factor = 10**3
    else:
        factor = 1
    return round(value * factor) if isinstance(value, (int, Decimal)) else round(Decimal(value) * factor)


def times_ns(values: npt.NDArray[np.generic] | list[object]) -> npt.NDArray[np.int64]:
    """Many times as nanoseconds; `NOT_A_TIME` where a value is none."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return _bounded(_from_datetime64(values))
        if values.dtype.kind in "iu" and len(values):
            return _from_integers(values.astype(np.int64))
        values = values.tolist()
    return np.fromiter((time_ns(value) for value in values), dtype=np.int64, count=len(values))


def _from_datetime64(values: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    unit, step = np.datetime_data(values.dtype)  # type: ignore[arg-type]
    raw = (
        values.astype(np.int64)
        if (unit, step) == ("ns", 1)
        else values.astype("datetime64[ns]").astype(np.int64)
    )
    missing: npt.NDArray[np.int64] = np.where(np.isnat(values), NOT_A_TIME, raw)
    return missing


def _from_integers(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    size = np.abs(values.astype(np.float64))
    factor = np.select(
        [size < _SECONDS_BELOW, size < _MILLISECONDS_BELOW, size < _MICROSECONDS_BELOW],
        [_NS_PER_S, 10**6, 10**3],
        1,
    ).astype(np.int64)
    # Seconds between the year 2262 and 5138 don't fit into 64 bits of nanoseconds.
    fits = size * factor < float(_LATEST)
    return _bounded(np.where(fits, values * np.where(fits, factor, 0), NOT_A_TIME))


def _bounded(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    result: npt.NDArray[np.int64] = np.where((values >= _EARLIEST) & (values <= _LATEST), values, NOT_A_TIME)
    return result
