"""Columns of tables as what predictions and truths are made of: ids, times, classes, numbers, features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from barograph.classes import class_text
from barograph.columns import numbers as plain_numbers
from barograph.times import NOT_A_TIME, times_ns
from barograph_processor.engine.batch import FeatureColumn, Texts
from barograph_processor.wire.text import empty_as_null, encode_texts, number_in, texts_of_doubles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def is_usable(kind: pa.DataType) -> bool:
    """Whether cells of a type are single values; lists and structs are not."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind))


def ids_of(column: pa.Array) -> pa.StringArray:
    """Ids as text, null where a row has none; whole numbers have no ``.0``."""
    return empty_as_null(_texts(column))


def classes_of(column: pa.Array, *, is_typed: bool) -> pa.Array:
    """Classes and segment values as text, or codes of it, in their canonical form; null where there is none.

    Args:
        column: The cells.
        is_typed: False where text that reads as a number is one (CSV).
    """
    return empty_as_null(_named(column, class_text if is_typed else _class_of_text))


def numbers_of(column: pa.Array, *, is_typed: bool) -> NDArray[np.float64]:
    """Cells as float64: NaN where missing, infinite where a cell is of another type.

    Args:
        column: The cells.
        is_typed: False where text that reads as a number is one (CSV).
    """
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if not _is_text(column.type):
        found: NDArray[np.float64] = plain_numbers(column)
        return found
    feature = feature_of(column, is_typed=is_typed)
    if feature.texts is None:
        return feature.numbers
    return np.where(feature.texts.codes >= 0, np.inf, feature.numbers)


def times_of(column: pa.Array) -> NDArray[np.int64]:
    """Event times in Unix nanoseconds, `NOT_A_TIME` where a cell is none; without a zone they are UTC."""
    column = _decoded(column)
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _times_of_moments(column)
    if pa.types.is_integer(kind):
        whole = times_ns(column.fill_null(-1).to_numpy(zero_copy_only=False))
        return np.where(column.is_valid().to_numpy(zero_copy_only=False), whole, NOT_A_TIME)
    if pa.types.is_floating(kind):
        return _times_of_floats(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    if _is_text(kind):
        for wanted in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
            try:
                return _times_of_moments(column.cast(wanted))
            except pa.ArrowInvalid:  # noqa: PERF203  # at most twice
                continue
    return times_ns(column.to_pylist())


def feature_of(column: pa.Array, *, is_typed: bool) -> FeatureColumn:
    """A feature: numbers, booleans as 0 and 1, times as seconds since 1970; text as text; empty is missing.

    Args:
        column: The cells.
        is_typed: False where text that reads as a number is one (CSV).
    """
    if pa.types.is_null(column.type):
        return FeatureColumn(np.full(len(column), np.nan))
    if not _is_text(column.type):
        return FeatureColumn(plain_numbers(column))
    texts = encode_texts(empty_as_null(_named(column, class_text)))
    if is_typed or not texts.values:
        return FeatureColumn(np.full(len(column), np.nan), texts)
    read = np.array([*map(number_in, texts.values), np.nan])
    found = read[texts.codes]
    codes = np.where(np.isnan(found), texts.codes, np.int32(-1)).astype(np.int32)
    return FeatureColumn(found, Texts(codes, texts.values) if (codes >= 0).any() else None)


def _times_of_moments(column: pa.Array) -> NDArray[np.int64]:
    moments = column.cast(pa.timestamp("ns"), safe=False).cast(pa.int64()).fill_null(int(NOT_A_TIME))
    return times_ns(moments.to_numpy(zero_copy_only=False).view("datetime64[ns]"))


def _times_of_floats(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers as they are; fractions, of seconds say, one by one, since they are rounded in decimal."""
    is_whole = np.isfinite(values) & (np.abs(values) < 2**62) & (values == np.floor(values))
    found = times_ns(np.where(is_whole, values, 0).astype(np.int64))
    rest = np.flatnonzero(~is_whole)
    found[rest] = times_ns(values[rest])
    return found


def _named(column: pa.Array, name: Callable[[str], str | None]) -> pa.Array:
    """Cells as text or as codes of text; what is text already, is written as `name` says."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return pa.DictionaryArray.from_arrays(column.cast(pa.int8()), pa.array(["false", "true"]))
    if not _is_text(kind):
        return _texts(column)
    encoded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    names = [None if one is None else name(one) for one in encoded.dictionary.to_pylist()]
    values = pa.array(names, pa.string())
    if len(set(names)) == len(names) and None not in names:
        return pa.DictionaryArray.from_arrays(encoded.indices, values)
    return values.take(encoded.indices)


def _texts(column: pa.Array) -> pa.StringArray:
    column = _decoded(column)
    kind = column.type
    if pa.types.is_decimal(kind) and kind.scale > 0:
        encoded = column.dictionary_encode()  # ids of 20 digits are decimals where databases wrote them
        texts = pa.array([class_text(value) for value in encoded.dictionary.to_pylist()], pa.string())
        return texts.take(encoded.indices)
    if pa.types.is_floating(kind):
        return texts_of_doubles(column.cast(pa.float64(), safe=False))
    whole = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if _is_text(kind) or whole or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    return pa.array([None if one is None else str(one) for one in column.to_pylist()], pa.string())


def _class_of_text(text: str) -> str | None:
    number = number_in(text)
    return class_text(text if np.isnan(number) else number)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
