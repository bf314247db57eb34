"""What the caller's thread does: copy the inputs cheaply, so that later changes do no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from barograph.libraries import Foreign, is_frame, library_of
from barograph.snapshots import (
    SCALAR_BYTES,
    ArraySnapshot,
    BlockSnapshot,
    Frozen,
    MappingSnapshot,
    NestedSnapshot,
    ObjectSnapshot,
    RowSnapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _array(value: np.ndarray[Any, Any]) -> Frozen:
    if value.dtype.hasobject:
        if value.ndim == 1 and not value.dtype.names:
            return RowSnapshot(None, tuple(value.tolist()))
        return ObjectSnapshot(
            value.copy(), len(value) if value.ndim else 1, value.nbytes + SCALAR_BYTES * value.size
        )
    return ArraySnapshot(value)


def _masked(value: Foreign) -> Frozen:
    if value.dtype.kind in "fiub":
        return ArraySnapshot(np.ma.filled(value.astype(np.float64), np.nan))
    return _array(np.ma.filled(value.astype(object), None))


def _structured_row(value: Foreign) -> Frozen:
    return RowSnapshot(tuple(value.dtype.names), tuple(value.tolist())) if value.dtype.names else value


def _dict(value: dict[Any, Any]) -> Frozen:
    if not value:
        return RowSnapshot((), ())
    first = next(iter(value.values()))
    if first.__class__ in _SCALARS or FREEZERS[first.__class__] is _scalar:
        return RowSnapshot(tuple(value), tuple(value.values()))
    return MappingSnapshot({str(name): freeze(column) for name, column in value.items()})


def _list(value: list[Any] | tuple[Any, ...]) -> Frozen:
    if not value:
        return RowSnapshot(None, ())
    first = value[0]
    if isinstance(first, (dict, list, tuple)):
        return NestedSnapshot([_row(row) for row in value])
    if isinstance(first, np.ndarray) and first.ndim:
        return _array(np.array(value))
    return RowSnapshot(None, tuple(value))


def _row(row: Foreign) -> Foreign:
    if isinstance(row, dict):
        return dict(row)
    return tuple(row) if isinstance(row, (list, tuple)) else row


def _pandas_frame(value: Foreign) -> Frozen:
    blocks: Any = getattr(getattr(value, "_mgr", None), "blocks", ())
    if len(blocks) == 1:
        # Private, therefore every step is checked; any other shape takes the public way below.
        only: Any = blocks[0]
        block = getattr(only, "values", None)
        placed = getattr(getattr(only, "mgr_locs", None), "as_slice", None)
        if (
            isinstance(block, np.ndarray)
            and block.dtype.kind in "fiub"
            and block.ndim == 2  # noqa: PLR2004 - rows and columns
            and placed == slice(0, block.shape[0], 1)
        ):
            return BlockSnapshot(value.columns, block)
    rows, columns = value.shape
    return ObjectSnapshot(_pandas_copy(value), rows, SCALAR_BYTES * rows * columns)


def _pandas_series(value: Foreign) -> Frozen:
    index: Any = getattr(value, "index", None)
    if getattr(index, "inferred_type", "") == "string":
        # A row, as `frame.iloc[0]` gives it.
        return RowSnapshot(tuple(index), tuple(value.tolist()))
    array = getattr(value, "values", None)
    if isinstance(array, np.ndarray) and array.dtype.kind in "fiubM" and value.dtype == array.dtype:
        return ArraySnapshot(array.reshape(-1, 1))
    return ObjectSnapshot(_pandas_copy(value), len(value), SCALAR_BYTES * len(value))


def _pandas_copy(value: Foreign) -> Foreign:
    # From pandas 3 on, copies are made on write.
    return value.copy(deep=not _copies_on_write(value.__class__.__module__))


def _copies_on_write(module: str) -> bool:
    global _pandas_copy_on_write  # noqa: PLW0603 - found once
    if _pandas_copy_on_write is None:
        import sys  # noqa: PLC0415 - imported only when needed

        version = getattr(sys.modules.get(module.partition(".")[0]), "__version__", "0")
        major = version.partition(".")[0]
        _pandas_copy_on_write = major.isdigit() and int(major) >= 3  # noqa: PLR2004 - from pandas 3 on
    return _pandas_copy_on_write


_pandas_copy_on_write: bool | None = None


def _polars(value: Foreign) -> Frozen:
    return ObjectSnapshot(value.clone(), len(value), int(value.estimated_size()))


def _arrow(value: Foreign) -> Frozen:
    return ObjectSnapshot(value, len(value), value.nbytes)


def _sparse(value: Foreign) -> Frozen:
    copied = value.copy()
    return ObjectSnapshot(copied, value.shape[0], int(copied.data.nbytes * 2))


def _scalar(value: Foreign) -> Frozen:
    return value


def _tensor(value: Foreign) -> Frozen:
    """Anything else that offers itself as an array: tensors of torch, JAX, TensorFlow."""
    for step in ("detach", "cpu"):
        method = getattr(value, step, None)
        if callable(method):
            value = method()
    return _array(np.array(value))


_SCALARS: frozenset[type] = frozenset(
    {float, int, str, bool, type(None), np.float64, np.float32, np.int64, np.bool_}
)


def _freezer_of(cls: type[Any]) -> Callable[[Any], Frozen]:  # noqa: C901, PLR0911, PLR0912 - one branch per form
    names = {one.__name__ for one in cls.__mro__}
    if issubclass(cls, np.ma.MaskedArray):
        return _masked
    if issubclass(cls, np.ndarray):
        return _array
    if issubclass(cls, np.void):
        return _structured_row
    if issubclass(cls, dict):
        return _dict
    if issubclass(cls, (list, tuple)):
        return _list
    library = library_of(cls)
    if library == "pandas" and "DataFrame" in names:
        return _pandas_frame
    if library == "pandas" and "Series" in names:
        return _pandas_series
    if library == "pandas" and hasattr(cls, "to_numpy") and hasattr(cls, "__len__"):
        return lambda value: ObjectSnapshot(value.copy(), len(value), SCALAR_BYTES * len(value))
    if library == "polars" and hasattr(cls, "clone"):
        return _polars
    if library == "pyarrow" and (is_frame(cls) or "Array" in names or "ChunkedArray" in names):
        return _arrow
    if library == "scipy" and hasattr(cls, "tocsr"):
        return _sparse
    if hasattr(cls, "__array__") and not issubclass(cls, np.generic):
        return _tensor
    if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
        return lambda value: _dict({name: value[name] for name in value})
    # What has no length can be read only once, and is the caller's to read.
    if hasattr(cls, "__iter__") and hasattr(cls, "__len__") and not issubclass(cls, (str, bytes, bytearray)):
        return lambda value: _list(list(value))
    return _scalar


class _Freezers(dict[type, "Callable[[Any], Frozen]"]):
    """How to freeze each type; types are looked at once."""

    def __missing__(self, cls: type) -> Callable[[Any], Frozen]:
        found = _freezer_of(cls)
        if len(self) < 1_024:  # noqa: PLR2004 - types made at run time must not pile up
            self[cls] = found
        return found


FREEZERS = _Freezers(dict.fromkeys(_SCALARS, _scalar))
FREEZERS[np.ndarray] = _array
FREEZERS[dict] = _dict
FREEZERS[list] = _list


def freeze(value: Foreign) -> Frozen:
    """A copy of the caller's value that its owner can't change any more."""
    return FREEZERS[value.__class__](value)
