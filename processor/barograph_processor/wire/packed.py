"""Packed events: one Arrow IPC stream, read with suspicion, to columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph_processor.wire import features, reasons
from barograph_processor.wire.ipc_sizes import LZ4, unpacked_size
from barograph_processor.wire.outcomes import Observed, Outcomes
from barograph_processor.wire.text import as_text, empty_as_null

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals

TIME: Final = "time_unix_nano"
# Of the span of the row's call; carried for whoever keeps rows, not read here.
TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
_ROW_BYTES: Final = 64  # a row costs memory even where its columns are all null
_CELL_BYTES: Final = 8  # so does a value of a feature, be it one bit
_EXTENSION: Final = b"ARROW:extension:name"
_SCORES_TOGETHER: Final = 100  # columns, of so many rows at most as are taken together within the limit
_SCHEMAS_MOST: Final = 64
_SCHEMA_BYTES_MOST: Final = 64 * 1024
_SCHEMAS: Final[dict[tuple[bytes, Limits], pa.Schema]] = {}


class Unreadable(Exception):  # a verdict, caught where the event is counted
    """A packed event has to be refused as a whole.

    Attributes:
        reason: One of `reasons`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reasons.EXPLANATIONS[reason])
        self.reason = reason


def read(data: pa.Buffer, limits: Limits, room: int) -> tuple[pa.RecordBatch, int]:
    """Read one IPC stream: schema, allowed types, sizes, then the data, validated fully.

    Args:
        data: The stream.
        limits: Sizes of one event.
        room: What is left of the request's memory, in bytes.

    Returns:
        The rows, and the memory they stand for.

    Raises:
        Unreadable: It is too large, broken, or holds what isn't allowed.
    """
    if data.size > limits.max_packed_bytes:
        raise Unreadable(reasons.TOO_LARGE)
    try:
        reader = pa.ipc.MessageReader.open_stream(data)
        first = reader.read_next_message()
        if first.type != "schema":  # read_schema would take any message for one
            raise Unreadable(reasons.BAD_ARROW)
        schema = _schema(first, limits)
        batches, size = _batches(reader, schema, limits, min(room, limits.max_unpacked_bytes))
        table = batches[0] if len(batches) == 1 else _one(batches, schema)
    except (pa.ArrowException, OSError, MemoryError, ValueError, StopIteration, EOFError) as error:
        raise Unreadable(reasons.BAD_ARROW) from error
    return table, size


def _schema(message: pa.Message, limits: Limits) -> pa.Schema:
    """The schema of a stream, found to be allowed; that of the same bytes is looked at once."""
    known = bytes(message.metadata), limits
    schema = _SCHEMAS.get(known)
    if schema is None:
        schema = pa.ipc.read_schema(message)
        _check_schema(schema, limits)
        if len(known[0]) <= _SCHEMA_BYTES_MOST:
            if len(_SCHEMAS) >= _SCHEMAS_MOST:
                _SCHEMAS.clear()
            _SCHEMAS[known] = schema
    return schema


def _batches(
    reader: pa.ipc.MessageReader, schema: pa.Schema, limits: Limits, room: int
) -> tuple[list[pa.RecordBatch], int]:
    """The record batches, and the greater of their bytes and what as many rows take as columns of ours."""
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    row_bytes = _ROW_BYTES + _CELL_BYTES * _children_of(schema, names.ML_FEATURES)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return batches, max(size, rows * row_bytes)
        if message.type != "record batch":
            raise Unreadable(reasons.BAD_ARROW)
        codec, unpacked = unpacked_size(memoryview(message.metadata), memoryview(message.body))
        if codec == LZ4:
            raise Unreadable(reasons.BAD_ARROW)
        size += unpacked
        if size > room:
            raise Unreadable(reasons.TOO_LARGE)
        batch = pa.ipc.read_record_batch(message, schema)
        rows += batch.num_rows
        if rows > limits.max_packed_rows or rows * row_bytes > room:
            raise Unreadable(reasons.TOO_LARGE)
        batch.validate(full=True)
        batches.append(batch)


def _one(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    return pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([], schema)


def alike(first: pa.RecordBatch, second: pa.RecordBatch) -> bool:
    """Whether events can be taken together: same columns, times and not too many scores among them."""
    scores = _children_of(first.schema, names.ML_PREDICTION_SCORES)
    return TIME in first.schema.names and scores <= _SCORES_TOGETHER and first.schema.equals(second.schema)


def joined(tables: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Rows of events that are alike as one."""
    return tables[0] if len(tables) == 1 else pa.concat_batches(tables)


def predictions(table: pa.RecordBatch, time_ns: int, limits: Limits, verdicts: Refusals) -> Outcomes:
    """The predictions of a packed event, with their features; arguments as for `outcomes`."""
    found = outcomes(table, time_ns, limits, verdicts)
    column = _column(table, names.ML_FEATURES)
    if column is None:
        return found
    if column.type.num_fields > limits.max_features:
        raise Unreadable(reasons.TOO_MANY_FEATURES)
    return replace(found, features=features.from_struct(column))


def outcomes(table: pa.RecordBatch, time_ns: int, limits: Limits, verdicts: Refusals) -> Outcomes:
    """What a packed event tells of predictions, without features.

    Args:
        table: As `read` gives it.
        time_ns: The record's time, for events without a column of times; 0 where it has none.
        limits: Numbers of classes and segments.
        verdicts: Takes rows without a time.
    """
    rows = table.num_rows
    score_columns = _children(table, names.ML_PREDICTION_SCORES)
    if len(score_columns) > limits.max_classes or len(score_columns) * rows > limits.max_score_cells:
        raise Unreadable(reasons.TOO_MANY_CLASSES)
    segments = _children(table, names.ML_SEGMENTS)
    if len(segments) > limits.max_segments:
        raise Unreadable(reasons.TOO_MANY_SEGMENTS)
    scores = np.full((rows, len(score_columns)), np.nan)
    for i, column in enumerate(score_columns.values()):
        scores[:, i] = features.doubles(column)
    return Outcomes(
        ids=_text_column(table, names.ML_INFERENCE_ID),
        time_ns=_times(table, time_ns, verdicts),
        classes=empty_as_null(_text_column(table, names.ML_PREDICTION_CLASS)),
        score=_number_column(table, names.ML_PREDICTION_SCORE),
        scores=scores,
        score_classes=tuple(score_columns),
        value=_number_column(table, names.ML_PREDICTION_VALUE),
        segments={name: as_text(column) for name, column in segments.items()},
    )


def observed(table: pa.RecordBatch, time_ns: int, limits: Limits, verdicts: Refusals) -> Observed:
    """The truths of a packed event; arguments as for `outcomes`."""
    column = _column(table, names.ML_GROUND_TRUTH_VALUE)
    if column is None:
        raise Unreadable(reasons.NO_VALUE)
    nothing = pa.nulls(table.num_rows, pa.string())
    if _is_number(column.type):
        number, text = features.doubles(column), nothing
        stated = column.is_valid().to_numpy(zero_copy_only=False)
        verdicts.refuse(stated & ~np.isfinite(number), reasons.NOT_FINITE)
    else:
        number, text = np.full(table.num_rows, np.nan), empty_as_null(as_text(column))
    return Observed(text, number, outcomes(table, time_ns, limits, verdicts))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _is_label(kind: pa.DataType) -> bool:
    return _is_text(kind) or bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind))


def _is_number(kind: pa.DataType) -> bool:
    floating = pa.types.is_float32(kind) or pa.types.is_float64(kind)
    return bool(floating or pa.types.is_integer(kind))


def _is_number_or_null(kind: pa.DataType) -> bool:
    return _is_number(kind) or bool(pa.types.is_null(kind))


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind))


def _is_flat(kind: pa.DataType) -> bool:
    return _is_label(kind) or _is_number(kind)


_ALLOWED: Final[dict[str, Callable[[pa.DataType], bool]]] = {
    names.ML_INFERENCE_ID: _is_label,
    TIME: _is_time,
    TRACE_ID: lambda kind: bool(kind == pa.binary(16)),
    SPAN_ID: lambda kind: bool(kind == pa.binary(8)),
    names.ML_PREDICTION_CLASS: _is_label,
    names.ML_PREDICTION_SCORE: _is_number_or_null,
    names.ML_PREDICTION_VALUE: _is_number_or_null,
    names.ML_GROUND_TRUTH_VALUE: _is_flat,
}
_ALLOWED_STRUCTS: Final[dict[str, Callable[[pa.DataType], bool]]] = {
    names.ML_PREDICTION_SCORES: _is_number_or_null,
    names.ML_SEGMENTS: _is_label,
    names.ML_FEATURES: _is_flat,
}


def _check_schema(schema: pa.Schema, limits: Limits) -> None:
    """Known columns must have their types; unknown ones, of a later version's, must at least be flat."""
    if len(schema) != len(set(schema.names)) or _columns(schema) > limits.max_packed_columns:
        raise Unreadable(reasons.BAD_COLUMN)
    for field in schema:
        if pa.types.is_struct(field.type):
            children = list(field.type)
            allowed = _ALLOWED_STRUCTS.get(field.name, _is_flat)
            fine = field.name not in _ALLOWED and len({child.name for child in children}) == len(children)
            fine = fine and all(_plain(child, allowed, limits) for child in children)
        else:
            fine = field.name not in _ALLOWED_STRUCTS and _plain(
                field, _ALLOWED.get(field.name, _is_flat), limits
            )
        if not fine or _EXTENSION in (field.metadata or {}):
            raise Unreadable(reasons.BAD_COLUMN)


def _plain(field: pa.Field, allowed: Callable[[pa.DataType], bool], limits: Limits) -> bool:
    extended = _EXTENSION in (field.metadata or {})
    return allowed(field.type) and not extended and len(field.name) <= limits.max_name_length


def _columns(schema: pa.Schema) -> int:
    return sum(1 + field.type.num_fields for field in schema)


def _children_of(schema: pa.Schema, name: str) -> int:
    return sum(field.type.num_fields for field in schema if field.name == name)


def _column(table: pa.RecordBatch, name: str) -> pa.Array | None:
    place = table.schema.get_field_index(name)
    return None if place < 0 else table.column(place)


def _text_column(table: pa.RecordBatch, name: str) -> pa.StringArray:
    column = _column(table, name)
    return pa.nulls(table.num_rows, pa.string()) if column is None else as_text(column)


def _number_column(table: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    column = _column(table, name)
    return np.full(table.num_rows, np.nan) if column is None else features.doubles(column)


def _times(table: pa.RecordBatch, time_ns: int, verdicts: Refusals) -> NDArray[np.int64]:
    column = _column(table, TIME)
    if column is None:
        times = np.full(table.num_rows, time_ns, np.int64)
    else:
        column = pc.fill_null(column, 0) if column.null_count else column
        times = column.to_numpy(zero_copy_only=False)
    if times.min(initial=1) <= 0:
        verdicts.refuse(times == 0, reasons.NO_TIME)
        verdicts.refuse(times < 0, reasons.BAD_TIME)
    result: NDArray[np.int64] = times
    return result


def _children(table: pa.RecordBatch, name: str) -> dict[str, pa.Array]:
    column = _column(table, name)
    if column is None:
        return {}
    return dict(zip((field.name for field in column.type), column.flatten(), strict=True))
