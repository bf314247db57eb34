"""Packed events: Arrow from strangers."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.ipc_sizes import ZSTD, unpacked_size
from barograph_processor.wire.limits import Limits

from .otlp_requests import TIME_NS, Value, arrow, logs, record

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = {
    names.ML_INFERENCE_ID: pa.array(["a", "b", None]),
    "time_unix_nano": pa.array([TIME_NS, TIME_NS + 1, TIME_NS + 2]),
    names.ML_PREDICTION_SCORES: pa.array([{"x": 0.25, "y": 0.75}, None, {"x": 1.0, "y": 0.0}]),
    names.ML_SEGMENTS: pa.array([{"region": "north"}, {"region": None}, {"region": "south"}]),
}


def decoded(event: str, data: Value, rows: Value = 3, **limits: int) -> Decoded:
    """Decode one packed event of model ``m``."""
    attributes: dict[str, Value] = {
        names.ML_MODEL_NAME: "m",
        names.ML_BATCH_ARROW: data,
        names.ML_BATCH_ROWS: rows,
    }
    request = logs([record(event, attributes)]).SerializeToString()
    return decode_logs(request, DecodeContext(limits=dataclasses.replace(Limits(), **limits)))


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_columns_become_predictions(compression: str | None) -> None:
    (batch,) = decoded(events.ML_INFERENCE_PREDICTION_BATCH, arrow(COLUMNS, compression)).batches
    assert isinstance(batch, Predictions)
    assert list(batch.ids) == ["a", "b", None]
    assert batch.time_ns.tolist() == [TIME_NS, TIME_NS + 1, TIME_NS + 2]
    assert (batch.score_classes, batch.classes.values) == (("x", "y"), ())
    assert batch.classes.codes.tolist() == [-1, -1, -1]
    np.testing.assert_equal(batch.scores, [[0.25, 0.75], [np.nan, np.nan], [1.0, 0.0]])
    assert batch.segments["region"].values == ("north", "south")


def events_of(*tables: dict[str, pa.Array], names_of: Sequence[str] = ()) -> Decoded:
    """Decode packed predictions, one event each; of models where `names_of` says so."""
    records = [
        record(
            events.ML_INFERENCE_PREDICTION_BATCH,
            {
                names.ML_MODEL_NAME: names_of[place] if names_of else "m",
                names.ML_BATCH_ARROW: arrow(table),
                names.ML_BATCH_ROWS: len(next(iter(table.values()))),
            },
            TIME_NS + place,
        )
        for place, table in enumerate(tables)
    ]
    return decode_logs(logs(records).SerializeToString(), DecodeContext())


def test_events_of_one_owner_with_the_same_columns_are_taken_together_in_their_order() -> None:
    other = {name: column for name, column in COLUMNS.items() if name != names.ML_SEGMENTS}
    tables = [COLUMNS, COLUMNS, other, COLUMNS]
    found = [batch for batch in events_of(*tables).batches if isinstance(batch, Predictions)]
    assert [6, 3, 3] == [len(batch.ids) for batch in found]
    assert ["a", "b", None] * 2 == list(found[0].ids)
    assert [{"region"}, set(), {"region"}] == [set(batch.segments) for batch in found]
    found = [
        batch
        for batch in events_of(COLUMNS, COLUMNS, COLUMNS, names_of=["m", "n", "n"]).batches
        if isinstance(batch, Predictions)
    ]
    assert [("m", 3), ("n", 6)] == [(batch.key.model, len(batch.ids)) for batch in found]


def test_an_event_that_is_refused_leaves_those_around_it() -> None:
    broken = {names.ML_INFERENCE_ID: pa.array(["x"]), "time_unix_nano": pa.array([1.5])}
    late = {**COLUMNS, "time_unix_nano": pa.array([TIME_NS, None, TIME_NS])}
    found = events_of(COLUMNS, broken, late)
    assert ({"bad_column": 1}, {"no_time": 1}, 2) == (found.rejected, found.rows_rejected, found.accepted)
    (batch,) = found.batches
    assert isinstance(batch, Predictions)
    assert ["a", "b", None, "a", None] == list(batch.ids)


def test_events_without_times_of_their_own_have_their_records() -> None:
    columns = {names.ML_INFERENCE_ID: pa.array(["a"])}
    found = [batch for batch in events_of(columns, columns).batches if isinstance(batch, Predictions)]
    assert [[TIME_NS], [TIME_NS + 1]] == [batch.time_ns.tolist() for batch in found]


def test_events_of_many_rows_are_not_taken_together() -> None:
    many = {"time_unix_nano": pa.array(np.full(30_000, TIME_NS))}
    found = [batch for batch in events_of(many, many, many).batches if isinstance(batch, Predictions)]
    assert [60_000, 30_000] == [len(batch.ids) for batch in found]


def test_without_a_column_of_times_the_records_time_counts() -> None:
    columns = {names.ML_INFERENCE_ID: pa.array(["a"]), names.ML_PREDICTION_CLASS: pa.array([True])}
    (batch,) = decoded(events.ML_INFERENCE_PREDICTION_BATCH, arrow(columns), rows=1).batches
    assert isinstance(batch, Predictions)
    assert batch.time_ns.tolist() == [TIME_NS]
    assert batch.classes.values == ("true",)


@pytest.mark.parametrize(
    ("column", "classes", "numbers"),
    [
        (pa.array(["x", "1", None]), ("x", "1"), [np.nan, 1.0]),
        (pa.array([0.5, 2.0, None]), (), [0.5, 2.0]),
        (pa.array([1, 0, None]), (), [1.0, 0.0]),
        (pa.array([True, False, None]), ("true", "false"), [np.nan, np.nan]),
    ],
)
def test_columns_become_truths(column: pa.Array, classes: tuple[str, ...], numbers: list[float]) -> None:
    columns = {names.ML_INFERENCE_ID: pa.array(["a", "b", "c"]), names.ML_GROUND_TRUTH_VALUE: column}
    found = decoded(events.ML_GROUND_TRUTH_OBSERVED_BATCH, arrow(columns))
    (batch,) = found.batches
    assert isinstance(batch, Truths)
    assert (["a", "b"], classes) == (list(batch.ids), batch.classes.values)
    np.testing.assert_equal(batch.value, numbers)
    assert ({"no_value": 1}, {}, 1) == (found.rows_rejected, found.rejected, found.accepted)
    assert "1 rows refused as no_value" in found.message


def test_pairs_and_labels_of_one_event_are_told_apart() -> None:
    columns = {
        names.ML_INFERENCE_ID: pa.array(["a", None]),
        names.ML_GROUND_TRUTH_VALUE: pa.array(["x", "y"]),
        names.ML_PREDICTION_CLASS: pa.array([None, "y"]),
    }
    label, pair = decoded(events.ML_GROUND_TRUTH_OBSERVED_BATCH, arrow(columns), rows=2).batches
    assert isinstance(label, Truths)
    assert isinstance(pair, Truths)
    assert (["a"], None) == (list(label.ids), label.pair)
    assert pair.pair is not None


def test_bad_rows_are_refused_alone() -> None:
    columns = {
        names.ML_PREDICTION_SCORE: pa.array([0.5, 7.0, np.nan, 0.5]),
        names.ML_PREDICTION_VALUE: pa.array([1.0, 1.0, np.nan, np.inf]),
        "time_unix_nano": pa.array([1, 1, None, 1]),
    }
    found = decoded(events.ML_INFERENCE_PREDICTION_BATCH, arrow(columns), rows=4)
    assert {"score_range": 1, "no_time": 1, "not_finite": 1} == found.rows_rejected
    assert [1] == [len(batch.ids) for batch in found.batches if isinstance(batch, Predictions)]


def _dictionary() -> bytes:
    return arrow({names.ML_INFERENCE_ID: pa.array(["a", "b", "a"]).dictionary_encode()})


def _truncated() -> bytes:
    return arrow(COLUMNS)[:-200]


def _batch_first() -> bytes:
    reader = pa.ipc.MessageReader.open_stream(arrow(COLUMNS))
    reader.read_next_message()
    sink = pa.BufferOutputStream()
    reader.read_next_message().serialize_to(sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text", "bad_type"),
        (b"", "bad_arrow"),
        (b"ARROW1", "bad_arrow"),
        (_truncated(), "bad_arrow"),
        (_batch_first(), "bad_arrow"),
        (arrow(COLUMNS, "lz4"), "bad_arrow"),
        (_dictionary(), "bad_column"),
        (arrow({names.ML_INFERENCE_ID: pa.array([b"a"])}), "bad_column"),
        (arrow({"time_unix_nano": pa.array([1.5])}), "bad_column"),
        (arrow({names.ML_PREDICTION_SCORES: pa.array([0.5])}), "bad_column"),
        (arrow({names.ML_SEGMENTS: pa.array([{"s": {"deep": "x"}}])}), "bad_column"),
        (arrow({"later": pa.array([[1]])}), "bad_column"),
        (
            arrow(
                {
                    names.ML_PREDICTION_SCORE: pa.ExtensionArray.from_storage(
                        pa.opaque(pa.float64(), "t", "v"), pa.array([0.5])
                    )
                }
            ),
            "bad_column",
        ),
    ],
)
def test_what_is_not_plain_arrow_is_refused_whole(data: Value, reason: str) -> None:
    found = decoded(events.ML_INFERENCE_PREDICTION_BATCH, data)
    assert ({reason: 1}, [], 0) == (found.rejected, found.batches, found.accepted)


def test_flat_columns_of_a_later_version_are_passed_over() -> None:
    data = arrow({**COLUMNS, "ml.later": pa.array([1, 2, 3]), "ml.structs": pa.array([{"a": 1}] * 3)})
    assert len(decoded(events.ML_INFERENCE_PREDICTION_BATCH, data).batches) == 1


@pytest.mark.parametrize(
    ("rows", "limits", "reason"),
    [
        (4, {}, "row_count"),
        ("three", {}, "bad_type"),
        (3, {"max_packed_bytes": 100}, "too_large"),
        (3, {"max_unpacked_bytes": 100}, "too_large"),
        (3, {"max_request_unpacked_bytes": 100}, "too_large"),
        (3, {"max_packed_rows": 2}, "too_large"),
        (3, {"max_packed_columns": 3}, "bad_column"),
        (3, {"max_classes": 1}, "too_many_classes"),
        (3, {"max_segments": 0}, "too_many_segments"),
    ],
)
def test_sizes_are_checked(rows: Value, limits: dict[str, int], reason: str) -> None:
    found = decoded(events.ML_INFERENCE_PREDICTION_BATCH, arrow(COLUMNS), rows, **limits)
    assert {reason: 1} == found.rejected


def test_a_compression_bomb_is_refused_before_it_is_decompressed() -> None:
    data = arrow({names.ML_PREDICTION_VALUE: pa.array(np.zeros(8_000_000))}, "zstd")
    assert len(data) < 10_000
    before = pa.total_allocated_bytes()
    found = decoded(events.ML_INFERENCE_PREDICTION_BATCH, data, 8_000_000)
    assert {"too_large": 1} == found.rejected
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_a_claimed_length_is_believed_before_it_is_allocated() -> None:
    data = bytearray(arrow({names.ML_PREDICTION_VALUE: pa.array(np.zeros(1_000))}, "zstd"))
    at = data.index(struct.pack("<q", 8_000))
    data[at : at + 8] = struct.pack("<q", 2**60)
    assert {"too_large": 1} == decoded(events.ML_INFERENCE_PREDICTION_BATCH, bytes(data), 1_000).rejected


def test_the_size_after_decompression_is_told_without_decompressing() -> None:
    reader = pa.ipc.MessageReader.open_stream(arrow({"x": pa.array(np.zeros(1_000))}, "zstd"))
    reader.read_next_message()
    message = reader.read_next_message()
    assert (ZSTD, 8_000) == unpacked_size(memoryview(message.metadata), memoryview(message.body))


def test_many_small_bombs_in_one_request_share_one_limit() -> None:
    data = arrow({names.ML_PREDICTION_VALUE: pa.array(np.zeros(50_000))}, "zstd")
    attributes: dict[str, Value] = {names.ML_MODEL_NAME: "m", names.ML_BATCH_ARROW: data}
    request = logs([record(events.ML_INFERENCE_PREDICTION_BATCH, attributes)] * 5).SerializeToString()
    limits = dataclasses.replace(Limits(), max_request_unpacked_bytes=50_000 * 64 * 2)
    found = decode_logs(request, DecodeContext(limits=limits))
    assert ({"too_large": 3}, 2) == (found.rejected, len(found.batches))


@pytest.mark.parametrize("batches", [0, 2, 3])
def test_an_event_may_have_several_record_batches_or_none(batches: int) -> None:
    table = pa.table(COLUMNS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for _ in range(batches):
            writer.write_table(table)
    found = decoded(events.ML_INFERENCE_PREDICTION_BATCH, sink.getvalue().to_pybytes(), 3 * batches)
    assert (1, {}, {}) == (found.accepted, found.rejected, found.rows_rejected)
    assert ["a", "b", None] * batches == [
        each for batch in found.batches if isinstance(batch, Predictions) for each in batch.ids
    ]


def test_buffers_may_be_longer_than_their_columns_need() -> None:
    columns = {name: pa.array(["a", "b", "c"]) for name in (names.ML_INFERENCE_ID, names.ML_PREDICTION_CLASS)}
    four_offsets, longer = struct.pack("<q", 16), struct.pack("<q", 17)  # bytes, as the metadata state them
    data = arrow(columns)
    first, last = data.index(four_offsets), data.rindex(four_offsets)
    data = data[:first] + longer + data[first + 8 : last] + longer + data[last + 8 :]
    (batch,) = decoded(events.ML_INFERENCE_PREDICTION_BATCH, data).batches
    assert isinstance(batch, Predictions)
    assert (["a", "b", "c"], ("a", "b", "c")) == (list(batch.ids), batch.classes.values)
