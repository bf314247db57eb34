"""Predictions and ground truth as packed events: what an edge passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from barograph.semconv import SCHEMA_URL, SOURCE_SCOPE, events
from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Predictions
from barograph_processor.engine.ids import ids_of
from barograph_processor.wire.encode_points import identity_of, resource_of, texts
from barograph_processor.wire.packed import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from barograph_processor.engine.batch import Texts, Truths

MAX_EVENT_BYTES: Final = 256 * 1024
_ROWS_MOST: Final = 8_192


class Event(NamedTuple):
    """A packed event before it is written.

    Attributes:
        name: Of the event.
        resource: Attributes of its resource.
        attributes: Its own, beside the rows.
        table: The rows.
    """

    name: str
    resource: Mapping[str, str]
    attributes: Mapping[str, str]
    table: pa.Table


def encode_rows(batches: Sequence[Predictions | Truths]) -> list[bytes]:
    """Packed events, each as an ExportLogsServiceRequest; several one after the other are one as well.

    Features are left out. A row that can't be written within an event's size is too: it could not be
    read again either.
    """
    found: list[bytes] = []
    for batch in batches:
        parts = [_predictions(batch)] if isinstance(batch, Predictions) else list(_truths(batch))
        for event in parts:
            found += [_request(event, data, rows) for data, rows in _streams(event.table)]
    return found


def _request(event: Event, data: bytes, rows: int) -> bytes:
    request = ExportLogsServiceRequest()
    carrier = request.resource_logs.add(schema_url=SCHEMA_URL)
    carrier.resource.attributes.extend(texts(event.resource))
    scope = carrier.scope_logs.add(schema_url=SCHEMA_URL)
    scope.scope.name = SOURCE_SCOPE
    record: LogRecord = scope.log_records.add(event_name=event.name)
    times = event.table.column(TIME)
    record.time_unix_nano = int(times[0].as_py()) if len(times) else 0
    record.attributes.extend(texts(event.attributes))
    record.attributes.append(KeyValue(key=names.ML_BATCH_ROWS, value=AnyValue(int_value=rows)))
    record.attributes.append(KeyValue(key=names.ML_BATCH_ARROW, value=AnyValue(bytes_value=data)))
    return request.SerializeToString()


def _streams(table: pa.Table) -> Iterator[tuple[bytes, int]]:
    """Arrow streams within an event's size, and their rows."""
    if table.num_rows > _ROWS_MOST:
        for begin in range(0, table.num_rows, _ROWS_MOST):
            yield from _streams(table.slice(begin, _ROWS_MOST))
        return
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    if data.size <= MAX_EVENT_BYTES:
        yield data.to_pybytes(), table.num_rows
    elif table.num_rows > 1:
        half = table.num_rows // 2
        yield from _streams(table.slice(0, half))
        yield from _streams(table.slice(half))


def _predictions(batch: Predictions) -> Event:
    every = np.arange(len(batch.time_ns))
    return Event(
        events.ML_INFERENCE_PREDICTION_BATCH,
        resource_of(batch.key),
        identity_of(batch.key, batch.source),
        pa.table({names.ML_INFERENCE_ID: pa.array(list(batch.ids), pa.string()), **_outcomes(batch, every)}),
    )


def _truths(batch: Truths) -> Iterator[Event]:
    """Truths that are classes, and those that are numbers, whose columns differ in type."""
    pair = batch.pair
    attributes = {
        names.ML_MODEL_NAME: batch.model,
        names.ML_MODEL_VERSION: batch.version or "",
        names.ML_OUTPUT_NAME: batch.output,
    }
    resource: Mapping[str, str] = {}
    if pair is not None:
        attributes |= identity_of(pair.key, pair.source)
        resource = resource_of(pair.key)
    is_class = batch.classes.codes >= 0
    for chosen in (np.flatnonzero(is_class), np.flatnonzero(~is_class)):
        if not len(chosen):
            continue
        values = batch.classes.values
        truth = (
            pa.array([values[code] for code in batch.classes.codes[chosen].tolist()], pa.string())
            if is_class[chosen[0]]
            else pa.array(batch.value[chosen], from_pandas=True)
        )
        columns = {
            names.ML_INFERENCE_ID: pa.array(list(ids_of(batch.ids, chosen)), pa.string()),
            TIME: pa.array(batch.time_ns[chosen]),
            names.ML_GROUND_TRUTH_VALUE: truth,
        }
        if pair is not None:
            columns = {**_outcomes(pair, chosen), **columns}
        yield Event(events.ML_GROUND_TRUTH_OBSERVED_BATCH, resource, attributes, pa.table(columns))


def _outcomes(batch: Predictions, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> dict[str, pa.Array]:
    """Columns of predictions, those without any value left out."""
    columns = {TIME: pa.array(batch.time_ns[rows])}
    classes = _texts(batch.classes, rows)
    if classes.null_count < len(classes):
        columns[names.ML_PREDICTION_CLASS] = classes
    for name, numbers in (
        (names.ML_PREDICTION_SCORE, batch.score[rows]),
        (names.ML_PREDICTION_VALUE, batch.value[rows]),
    ):
        if not np.isnan(numbers).all():
            columns[name] = pa.array(numbers, from_pandas=True)
    if batch.score_classes:
        scores = [pa.array(column, from_pandas=True) for column in batch.scores[rows].T]
        columns[names.ML_PREDICTION_SCORES] = pa.StructArray.from_arrays(scores, names=batch.score_classes)
    if batch.segments:
        segments = [_texts(column, rows) for column in batch.segments.values()]
        columns[names.ML_SEGMENTS] = pa.StructArray.from_arrays(segments, names=list(batch.segments))
    return columns


def _texts(texts_: Texts, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> pa.StringArray:
    codes = texts_.codes[rows]
    return pa.array(texts_.values, pa.string()).take(pa.array(codes, mask=codes < 0))
