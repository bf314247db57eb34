"""One column of any kind as float64 numbers, or as a list of raw values.

In numbers NaN is a missing value and an infinity is an invalid one: a value of another type, or
an infinite one. So one array tells all three apart. Times are seconds since 1970 UTC.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from barograph.libraries import Foreign, library_of
from barograph.times import NOT_A_TIME, time_ns, times_ns

if TYPE_CHECKING:
    import numpy.typing as npt

Kind = Literal["number", "category"]
# A numpy array, a list, or a column object of pandas, polars or pyarrow.
RawColumn: TypeAlias = Any

_INVALID = float("inf")
_MISSING = float("nan")
_NUMERIC_KINDS = "fiub"
_TIME_KINDS = "mM"
_NS_PER_S = 1e9
_MISSING_TYPES = frozenset({"NAType", "NaTType"})


def is_missing(value: object) -> bool:
    """None, NaN, NaT, NA, masked, or an empty text, which tables can't tell from a cell without a value."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - NaN
    if isinstance(value, (np.floating, np.datetime64, np.timedelta64)):
        return bool(np.isnan(value)) if isinstance(value, np.floating) else bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    return type(value).__name__ in _MISSING_TYPES or value is np.ma.masked


def numbers(column: RawColumn) -> npt.NDArray[np.float64]:
    """The column as float64; NaN is missing, infinite is invalid."""
    if isinstance(column, np.ndarray):
        return _array_numbers(column)
    if isinstance(column, list):
        return _list_numbers(column)
    library = library_of(type(column))
    if library == "pandas":
        return _pandas_numbers(column)
    if library == "polars":
        return _polars_numbers(column)
    if library == "pyarrow":
        return _arrow_numbers(column)
    return _list_numbers(values(column))


def values(column: RawColumn) -> list[object]:
    """The column as Python values."""
    if isinstance(column, list):
        return column
    if isinstance(column, np.ndarray):
        if column.dtype.kind in "Mm":
            return list(column)
        plain: list[object] = column.tolist()
        return plain
    library = library_of(type(column))
    if library == "pyarrow":
        return list(column.to_pylist())
    for method in ("to_list", "tolist"):
        found = getattr(column, method, None)
        if found is not None:
            return list(found())
    return list(column)


def kind_of(column: RawColumn) -> Kind | None:
    """What a column without a baseline is; None while nothing but missing values was seen."""
    if isinstance(column, np.ndarray):
        if column.dtype.kind in _NUMERIC_KINDS + _TIME_KINDS:
            return "number"
        return _list_kind(column.tolist()) if column.dtype.kind == "O" else "category"
    library = library_of(type(column))
    if library == "pandas":
        array = getattr(column.dtype, "numpy_dtype", column.dtype)
        kind = getattr(array, "kind", "O")
        if str(column.dtype) in ("category", "string", "str"):
            return "category" if bool(column.notna().any()) else None
        return "number" if kind in _NUMERIC_KINDS + _TIME_KINDS else _list_kind(values(column))
    if library == "polars" and (column.dtype.is_numeric() or column.dtype.is_temporal()):
        return "number"
    return _list_kind(values(column))


def _list_kind(column: list[object]) -> Kind | None:
    kinds = {type(value) for value in column}
    if kinds <= {str, type(None)}:
        return "category" if any(column) else None
    present = [value for value in column if not is_missing(value)]
    if not present:
        return None
    # The majority decides, so that one stray text does not make a category of a number.
    numeric = sum(isinstance(value, _NUMBER_TYPES) for value in present)
    return "number" if 2 * numeric > len(present) else "category"


_NUMBER_TYPES = (
    bool,
    int,
    float,
    Decimal,
    np.number,
    np.bool_,
    date,
    timedelta,
    np.datetime64,
    np.timedelta64,
)


def _array_numbers(column: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    kind = column.dtype.kind
    if kind in _NUMERIC_KINDS:
        return column.astype(np.float64, copy=False)
    if kind in _TIME_KINDS:
        unit = "datetime64[ns]" if kind == "M" else "timedelta64[ns]"
        seconds = column.astype(unit).astype(np.int64) / _NS_PER_S
        result: npt.NDArray[np.float64] = np.where(np.isnat(column), _MISSING, seconds)
        return result
    if kind == "O":
        return _list_numbers(column.tolist())
    if kind == "U":
        return np.where(column == "", _MISSING, _INVALID)
    return np.full(len(column), _INVALID)


def _list_numbers(column: list[object]) -> npt.NDArray[np.float64]:
    kinds = {type(value) for value in column}
    if kinds <= {float, int, bool}:
        try:
            return np.array(column, dtype=np.float64)
        except OverflowError:
            pass
    return np.fromiter((_number(value) for value in column), dtype=np.float64, count=len(column))


def _number(value: object) -> float:  # noqa: PLR0911 - one return per form
    if is_missing(value):
        return _MISSING
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return float(_array_numbers(np.array([value]))[0])
    if isinstance(value, date):
        nanoseconds = time_ns(value)
        return _INVALID if nanoseconds == NOT_A_TIME else nanoseconds / _NS_PER_S
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, _NUMBER_TYPES) and not isinstance(value, np.complexfloating):
        try:
            return float(value)  # type: ignore[arg-type]
        except (OverflowError, ValueError):
            return _INVALID
    return _INVALID


def _pandas_numbers(column: Foreign) -> npt.NDArray[np.float64]:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _array_numbers(column.to_numpy())
    kind = getattr(getattr(dtype, "numpy_dtype", dtype), "kind", "O")
    if kind in _NUMERIC_KINDS:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=_MISSING))
    if kind == "M":
        return _array_numbers(column.to_numpy(dtype="datetime64[ns]"))
    return _list_numbers(values(column))


def _polars_numbers(column: Foreign) -> npt.NDArray[np.float64]:
    dtype = column.dtype
    if dtype.is_numeric() or str(dtype) == "Boolean":
        return np.asarray(column.cast(float).to_numpy(), dtype=np.float64)
    if dtype.is_temporal() and str(dtype) != "Time":
        return _array_numbers(np.asarray(column.to_numpy()))
    return _list_numbers(column.to_list())


def _arrow_numbers(column: Foreign) -> npt.NDArray[np.float64]:
    name = str(column.type)
    if name.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal")):
        as_float = column.cast("float64", safe=False)
        return np.asarray(
            as_float.to_numpy(zero_copy_only=False) if hasattr(as_float, "offset") else as_float.to_numpy()
        )
    if name.startswith(("timestamp", "date")):
        return _array_numbers(
            np.asarray(column.cast("timestamp[ns]", safe=False).to_numpy(**_no_zero_copy(column)))
        )
    return _list_numbers(column.to_pylist())


def _no_zero_copy(column: Foreign) -> dict[str, bool]:
    return {"zero_copy_only": False} if hasattr(column, "offset") else {}


def event_times(column: RawColumn) -> npt.NDArray[np.int64]:
    """The column as int64 nanoseconds; `NOT_A_TIME` where a value is none."""
    if isinstance(column, (np.ndarray, list)):
        return times_ns(column)
    library = library_of(type(column))
    if library == "pandas" and getattr(getattr(column.dtype, "numpy_dtype", column.dtype), "kind", "") == "M":
        return times_ns(np.asarray(column.to_numpy(dtype="datetime64[ns]")))
    if library == "polars" and column.dtype.is_temporal() and str(column.dtype) != "Time":
        return times_ns(np.asarray(column.to_numpy()))
    if library == "pyarrow" and str(column.type).startswith(("timestamp", "date")):
        return times_ns(
            np.asarray(column.cast("timestamp[ns]", safe=False).to_numpy(**_no_zero_copy(column)))
        )
    return times_ns(values(column))
