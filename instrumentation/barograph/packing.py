"""Rows as Arrow IPC streams, written from whole buffers with nanoarrow, which is imported here only."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

# Text with None where it is missing, int64, float64 with NaN where it is missing; bytes of one width as
# rows of uint8, all zero where they are missing; or a struct of text and float64.
Column: TypeAlias = Union[
    "Sequence[str | None]",
    "npt.NDArray[np.int64]",
    "npt.NDArray[np.float64]",
    "npt.NDArray[np.uint8]",
    "Mapping[str, Sequence[str | None]]",
    "Mapping[str, npt.NDArray[np.float64]]",
    "Mapping[str, Sequence[str | None] | npt.NDArray[np.float64]]",
]

MAX_EVENT_BYTES = 256 * 1024
# Padding and metadata of one buffer, beside what an empty batch has.
_BUFFER_BYTES = 16


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether nanoarrow is installed; it comes with the extra ``otlp``."""
    try:
        import nanoarrow.ipc  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def encodable(text: str) -> str:
    """Text that UTF-8 can encode: a lone surrogate becomes ``?``."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def column_name(text: str) -> str:
    """A name that a schema, whose names are C strings, can hold."""
    return encodable(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def pack(columns: Mapping[str, Column]) -> bytes:
    """Write columns of equal length as one Arrow IPC stream of one record batch, uncompressed.

    Args:
        columns: Text becomes utf8, arrays int64 or float64 or binary of their width, mappings structs;
            a mapping without entries is left out. None, NaN and zero bytes become null; a lone
            surrogate becomes ``?``.
    """
    encoded = _Struct(columns)
    return encoded.stream(0, encoded.rows)


def packed_parts(
    columns: Mapping[str, Column],
    rows: int,
    *,
    too_large: Callable[[int, int], None],
    max_bytes: int = MAX_EVENT_BYTES,
) -> Iterator[tuple[int, int, bytes]]:
    """Write columns as streams of about equal size, none larger than `max_bytes`.

    Args:
        columns: As in `pack`.
        rows: Length of every column.
        too_large: Told the first row, and the row behind the last one, of rows that are in no stream,
            since one alone would be too large.
        max_bytes: Bound of each stream, measured.

    Yields:
        First row, the row behind the last one, and the stream.
    """
    if not rows:
        return
    encoded = _Struct(columns)
    room = max_bytes - len(encoded.stream(0, 0)) - _BUFFER_BYTES * encoded.buffers
    if room <= 0:
        too_large(0, rows)
        return
    sizes = encoded.sizes()
    count = -(-int(sizes[-1]) // room)
    inner = np.searchsorted(sizes, np.arange(1, count) * (sizes[-1] / count))
    bounds = sorted({0, rows, *inner.tolist()})
    for begin, end in pairwise(bounds):
        yield from _measured(encoded, begin, end, too_large, max_bytes)


def _measured(
    encoded: _Struct, begin: int, end: int, too_large: Callable[[int, int], None], max_bytes: int
) -> Iterator[tuple[int, int, bytes]]:
    data = encoded.stream(begin, end)
    if len(data) <= max_bytes:
        yield begin, end, data
    elif end - begin == 1:
        too_large(begin, end)
    else:
        middle = (begin + end) // 2
        yield from _measured(encoded, begin, middle, too_large, max_bytes)
        yield from _measured(encoded, middle, end, too_large, max_bytes)


class _Text:
    """A column of text: its bytes and where each value ends, so that any rows can be written."""

    buffers = 3

    def __init__(self, texts: Sequence[str | None]) -> None:
        self.rows = len(texts)
        self._valid: npt.NDArray[np.bool_] | None = None
        if None in texts:
            self._valid = np.fromiter((text is not None for text in texts), np.bool_, count=self.rows)
        present = [text or "" for text in texts]
        together = "".join(present)
        self._data = together.encode(errors="replace")
        sized: Sequence[str] | Sequence[bytes] = present
        if len(self._data) != len(together):
            sized = [text.encode(errors="replace") for text in present]
        self._offsets = np.zeros(self.rows + 1, np.int64)
        np.cumsum(np.fromiter(map(len, sized), np.int64, count=self.rows), out=self._offsets[1:])

    def sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of the rows up to and with each: text, a 32-bit offset, a validity bit."""
        result: npt.NDArray[np.int64] = self._offsets[1:] + 5 * np.arange(1, self.rows + 1)
        return result

    def array(self, begin: int, end: int) -> tuple[Any, Any]:
        """Schema and array of some rows."""
        import nanoarrow  # noqa: PLC0415 - an extra

        offsets = self._offsets[begin : end + 1]
        data = self._data[int(offsets[0]) : int(offsets[-1])]
        bits, missing = _validity(self._valid, begin, end)
        schema = nanoarrow.c_schema(nanoarrow.string())
        buffers = [bits, (offsets - offsets[0]).astype(np.int32), data]
        return schema, nanoarrow.c_array_from_buffers(schema, end - begin, buffers, null_count=missing)


class _Numbers:
    """A column of int64, or of float64 with NaN as null."""

    buffers = 2

    def __init__(self, values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> None:
        self.rows = len(values)
        self._is_whole = values.dtype.kind == "i"
        self._values = np.ascontiguousarray(values, np.int64 if self._is_whole else np.float64)
        missing = np.isnan(self._values)
        self._valid: npt.NDArray[np.bool_] | None = ~missing if missing.any() else None

    def sizes(self) -> npt.NDArray[np.int64]:
        """As for text."""
        result: npt.NDArray[np.int64] = 9 * np.arange(1, self.rows + 1, dtype=np.int64)
        return result

    def array(self, begin: int, end: int) -> tuple[Any, Any]:
        """As for text."""
        import nanoarrow  # noqa: PLC0415 - an extra

        bits, missing = _validity(self._valid, begin, end)
        schema = nanoarrow.c_schema(nanoarrow.int64() if self._is_whole else nanoarrow.float64())
        buffers = [bits, self._values[begin:end]]
        return schema, nanoarrow.c_array_from_buffers(schema, end - begin, buffers, null_count=missing)


class _Bytes:
    """A column of bytes of one width; null where all are zero."""

    buffers = 2

    def __init__(self, values: npt.NDArray[np.uint8]) -> None:
        self.rows, self._width = values.shape
        self._values = np.ascontiguousarray(values)
        present: npt.NDArray[np.bool_] = np.any(self._values != 0, axis=1)
        self._valid: npt.NDArray[np.bool_] | None = None if present.all() else present

    def sizes(self) -> npt.NDArray[np.int64]:
        """As for text."""
        result: npt.NDArray[np.int64] = (self._width + 1) * np.arange(1, self.rows + 1, dtype=np.int64)
        return result

    def array(self, begin: int, end: int) -> tuple[Any, Any]:
        """As for text."""
        import nanoarrow  # noqa: PLC0415 - an extra

        bits, missing = _validity(self._valid, begin, end)
        schema = nanoarrow.c_schema(nanoarrow.fixed_size_binary(self._width))
        buffers = [bits, self._values[begin:end].reshape(-1)]
        return schema, nanoarrow.c_array_from_buffers(schema, end - begin, buffers, null_count=missing)


class _Struct:
    """Named columns of equal length: a table, or a struct within one."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns: dict[str, _Text | _Numbers | _Bytes | _Struct] = {}
        for name, column in columns.items():
            if isinstance(column, Mapping) and not column:
                continue
            self._columns[column_name(name)] = _encoded(column)
        lengths = {column.rows for column in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"got columns of {sorted(lengths)} rows; wanted equal lengths")
        self.rows: int = max(lengths, default=0)
        self.buffers: int = 1 + sum(column.buffers for column in self._columns.values())

    def sizes(self) -> npt.NDArray[np.int64]:
        """As for text, of all columns together."""
        total = np.zeros(self.rows, np.int64)
        for column in self._columns.values():
            total += column.sizes()
        return total

    def array(self, begin: int, end: int) -> tuple[Any, Any]:
        """As for text."""
        import nanoarrow  # noqa: PLC0415 - an extra

        children = {name: column.array(begin, end) for name, column in self._columns.items()}
        schema = nanoarrow.c_schema(nanoarrow.struct({name: kind for name, (kind, _) in children.items()}))
        arrays = [array for _, array in children.values()]
        return schema, nanoarrow.c_array_from_buffers(
            schema, end - begin, [None], null_count=0, children=arrays
        )

    def stream(self, begin: int, end: int) -> bytes:
        """Some rows as an IPC stream."""
        from nanoarrow.ipc import StreamWriter  # noqa: PLC0415 - an extra

        out = io.BytesIO()
        with StreamWriter.from_writable(out) as writer:
            writer.write_array(self.array(begin, end)[1])
        return out.getvalue()


def _encoded(column: Any) -> _Text | _Numbers | _Bytes | _Struct:  # noqa: ANN401 - any of `Column`
    if isinstance(column, Mapping):
        return _Struct(column)
    if not isinstance(column, np.ndarray):
        return _Text(column)
    return _Bytes(column) if column.dtype == np.uint8 else _Numbers(column)


def _validity(
    valid: npt.NDArray[np.bool_] | None, begin: int, end: int
) -> tuple[npt.NDArray[np.uint8] | None, int]:
    """The bitmap of some rows, None where none is missing, and how many are."""
    if valid is None:
        return None, 0
    part = valid[begin:end]
    missing = len(part) - int(np.count_nonzero(part))
    return (np.packbits(part, bitorder="little") if missing else None), missing
