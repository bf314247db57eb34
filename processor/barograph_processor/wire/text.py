"""Scalars as text, the form that names, ids and classes are compared in."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.classes import class_text
from barograph_processor.engine.batch import Texts
from barograph_processor.engine.byte_strings import WORD_BYTES, ByteStrings
from barograph_processor.engine.ids import Ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OFFSET_BYTES: Final = 4


@lru_cache(maxsize=4096)
def number_in(text: str) -> float:
    """The finite number that a text reads as, NaN where it reads as none.

    >>> [number_in(text) for text in ("1", "-2.5e3", "1_000", "inf", "EWR")]
    [1.0, -2500.0, nan, nan, nan]
    """
    if not text or text[0] not in "+-.0123456789" or "_" in text or text[-1].isspace():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def texts_of_doubles(doubles: pa.DoubleArray) -> pa.StringArray:
    """Canonical text of a column of numbers; null where missing, NaN or infinite."""
    encoded = doubles.dictionary_encode()
    names = pa.array([class_text(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices)


def encode_texts(column: pa.Array) -> Texts:
    """A column of text as codes, -1 where null; a dictionary of distinct texts keeps its codes."""
    if column.null_count == len(column):
        return Texts(np.full(len(column), -1, np.int32), ())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    indices = encoded.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    codes = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Texts(codes, tuple(encoded.dictionary.to_pylist()))


def ids_of(column: pa.Array) -> Ids:
    """A column of text as ids; null and ``""`` are none."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.type != pa.string():
        column = column.cast(pa.string())
    count = len(column)
    data = column.buffers()[2]
    if data is None or not count:
        nothing = np.zeros(count, np.int64)
        return Ids(ByteStrings.joined(np.zeros(0, np.uint8), nothing), np.zeros(count, np.bool_))
    ends = _offsets(column).astype(np.int64)
    lengths = np.diff(ends)
    known = lengths > 0
    if column.null_count:
        known &= column.is_valid().to_numpy(zero_copy_only=False)
        lengths = np.where(known, lengths, 0)  # a null may have bytes
    strings = np.zeros(int(ends[-1] - ends[0]) + WORD_BYTES, np.uint8)
    strings[:-WORD_BYTES] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    return Ids(ByteStrings(strings, ends[:-1] - ends[0], lengths), known)


def as_text(column: pa.Array) -> pa.StringArray:
    """Scalars of one type as text."""
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _sizes(column: pa.Array) -> NDArray[np.int32] | None:
    """Bytes of each of some texts; None where that isn't simple to tell."""
    if column.null_count or not pa.types.is_string(column.type):
        return None
    result: NDArray[np.int32] = np.diff(_offsets(column))
    return result


def _offsets(column: pa.StringArray) -> NDArray[np.int32]:
    """int32 [n + 1], where the texts of a column that has any begin and end; buffers may be longer."""
    return np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, column.offset * _OFFSET_BYTES)


def empty_as_null(column: pa.Array) -> pa.Array:
    """The column with ``""`` as missing."""
    if column.null_count == len(column):
        return column
    if pa.types.is_dictionary(column.type):
        if "" not in column.dictionary.to_pylist():
            return column
        column = column.dictionary_decode()
    sizes = _sizes(column)
    if sizes is not None and sizes.min() > 0:
        return column
    lengths = pc.binary_length(column)
    if pc.min(lengths).as_py() != 0:
        return column
    return pc.if_else(pc.equal(lengths, 0), pa.scalar(None, pa.string()), column)


def longer_than(column: pa.Array, limit: int) -> NDArray[np.bool_]:
    """Mask of the rows whose text has more characters than the limit."""
    if column.null_count == len(column):
        return np.zeros(len(column), bool)
    if pa.types.is_dictionary(column.type):
        if not longer_than(column.dictionary, limit).any():
            return np.zeros(len(column), bool)
        column = column.dictionary_decode()
    sizes = _sizes(column)  # at least as many bytes as characters
    longest = pc.max(pc.binary_length(column)).as_py() if sizes is None else sizes.max()
    if longest <= limit:
        return np.zeros(len(column), bool)
    mask: NDArray[np.bool_] = (
        pc.greater(pc.utf8_length(column), limit).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    )
    return mask
