"""The rows lane on the wire: features of readable and packed predictions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Features, Predictions
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.limits import Limits

from .otlp_requests import Value, arrow, key_values, logs, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def decoded(*records: LogRecord, **limits: int) -> Decoded:
    """Decode records of one resource."""
    context = DecodeContext(limits=dataclasses.replace(Limits(), **limits))
    return decode_logs(logs(records).SerializeToString(), context)


def readable(features: Value, *, model: str = "m", **more: Value) -> LogRecord:
    """A readable prediction with features."""
    attributes: dict[str, Value] = {names.ML_MODEL_NAME: model, names.ML_FEATURES: features}
    if "rate" in more:
        attributes[names.ML_SAMPLING_RATE] = more["rate"]
    return record(events.ML_INFERENCE_PREDICTION, attributes)


def packed(features: pa.Array, rate: Value = None) -> LogRecord:
    """A packed event with a struct of features."""
    attributes: dict[str, Value] = {
        names.ML_MODEL_NAME: "m",
        names.ML_SAMPLING_RATE: rate,
        names.ML_BATCH_ROWS: len(features),
        names.ML_BATCH_ARROW: arrow({names.ML_FEATURES: features}, "zstd"),
    }
    return record(events.ML_INFERENCE_PREDICTION_BATCH, attributes)


def features_of(found: Decoded) -> list[Features | None]:
    """The features of every batch."""
    return [batch.features for batch in found.batches if isinstance(batch, Predictions)]


def cells(features: Features) -> dict[str, list[object]]:
    """Columns as texts, numbers, None for missing and inf for invalid values."""
    found: dict[str, list[object]] = {}
    for name, column in features.columns.items():
        values: list[object] = [None if np.isnan(number) else number for number in column.numbers.tolist()]
        if column.texts is not None:
            for row, code in enumerate(column.texts.codes.tolist()):
                if code >= 0:
                    assert values[row] is None
                    values[row] = column.texts.values[code]
        found[name] = values
    return found


ROWS: list[dict[str, Value]] = [
    {"age": 40, "score": 0.5, "carrier": "UA", "night": True},
    {"age": 1.5, "score": None, "carrier": "", "night": False},
    {"age": None, "score": float("inf"), "carrier": None, "night": None},
    {"age": -(2**60), "score": float("nan"), "carrier": "UA", "night": True},
]
COLUMNS: dict[str, list[object]] = {
    "age": [40.0, 1.5, None, -(2.0**60)],
    "score": [0.5, None, np.inf, None],
    "carrier": ["UA", "", None, "UA"],
    "night": [1.0, 0.0, None, 1.0],
}
STRUCT = pa.StructArray.from_arrays(
    [
        pa.array([40.0, 1.5, None, -(2.0**60)]),
        pa.array([0.5, None, np.inf, np.nan]),
        pa.array(["UA", "", None, "UA"]),
        pa.array([True, False, None, True]),
    ],
    names=list(COLUMNS),
)


def test_maps_become_columns() -> None:
    (features,) = features_of(decoded(*map(readable, ROWS)))
    assert features is not None
    assert (COLUMNS, None) == (cells(features), features.given)


def test_structs_become_the_same_columns() -> None:
    (features,) = features_of(decoded(packed(STRUCT)))
    assert features is not None
    assert (COLUMNS, None) == (cells(features), features.given)


@pytest.mark.parametrize(
    ("child", "column"),
    [
        (pa.array([7, None], pa.int32()), [7.0, None]),
        (pa.array([2**63, 1], pa.uint64()), [2.0**63, 1.0]),
        (pa.array([0.5, None], pa.float32()), [0.5, None]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.nulls(2), [None, None]),
        (pa.nulls(2, pa.string()), [None, None]),
    ],
)
def test_children_may_have_any_flat_type(child: pa.Array, column: list[object]) -> None:
    (features,) = features_of(decoded(packed(pa.StructArray.from_arrays([child], names=["x"]))))
    assert features is not None
    assert {"x": column} == cells(features)


@pytest.mark.parametrize(
    "column",
    [
        pa.StructArray.from_arrays([pa.array([[1.0]])], names=["x"]),
        pa.StructArray.from_arrays([pa.array([b"x"])], names=["x"]),
        pa.StructArray.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"]),
        pa.StructArray.from_arrays([pa.array([1.0])], names=["x" * 257]),
        pa.array([1.0]),
    ],
)
def test_other_types_and_names_are_refused(column: pa.Array) -> None:
    assert {"bad_column": 1} == decoded(packed(column)).rejected


def test_rows_without_features_are_told_apart_from_rows_that_lack_some() -> None:
    maps: Sequence[Value] = [{"x": 1.0}, None, {}, {"y": None}]
    (features,) = features_of(decoded(*map(readable, maps)))
    assert features is not None
    assert features.given is not None
    assert [True, False, True, True] == features.given.tolist()
    assert {"x": [1.0, None, None, None], "y": [None] * 4} == cells(features)
    struct = pa.array([{"x": 1.0}, None, {"x": None}])
    (features,) = features_of(decoded(packed(struct)))
    assert features is not None
    assert features.given is not None
    assert [True, False, True] == features.given.tolist()
    assert {"x": [1.0, None, None]} == cells(features)


def test_without_any_features_there_is_no_rows_lane() -> None:
    assert [None] == features_of(decoded(readable(None)))
    assert [None] == features_of(decoded(packed(pa.array([None, None], pa.struct({"x": pa.float64()})))))


def test_values_that_no_feature_has_are_invalid() -> None:
    (features,) = features_of(decoded(readable({"a": b"x", "b": ["x"], "c": {"x": 1}})))
    assert features is not None
    assert {"a": [np.inf], "b": [np.inf], "c": [np.inf]} == cells(features)


def test_of_a_name_that_repeats_in_a_map_the_last_value_counts() -> None:
    for last, column in ((2.5, [2.5]), ("x", ["x"]), (None, [None])):
        made = readable({"a": "first"})
        found = next(pair for pair in made.attributes if pair.key == names.ML_FEATURES)
        found.value.kvlist_value.values.extend(key_values({"a": last}))
        (features,) = features_of(decoded(made))
        assert features is not None
        assert {"a": column} == cells(features)


def test_owners_do_not_share_their_features() -> None:
    found = decoded(readable({"x": 1.0}, model="m"), readable({"y": "a"}, model="n"), readable({"x": 2.0}))
    by_model: Mapping[str, Features | None] = {
        batch.key.model: batch.features for batch in found.batches if isinstance(batch, Predictions)
    }
    assert {"m": {"x": [1.0, 2.0]}, "n": {"y": ["a"]}} == {
        model: cells(features) for model, features in by_model.items() if features is not None
    }


def test_features_that_are_no_map_are_refused() -> None:
    assert {"bad_type": 1} == decoded(readable("x"), readable({"a": 1})).rejected


@pytest.mark.parametrize("rate", [0, -0.1, 1.5, float("nan"), "half"])
def test_a_rate_that_is_none_is_refused(rate: Value) -> None:
    assert {"bad_rate": 2} == decoded(readable({"a": 1}, rate=rate), packed(STRUCT, rate)).rejected


def test_a_rate_is_taken() -> None:
    found = decoded(readable({"a": 1}, rate=0.5), readable({"a": 1}, rate=1), packed(STRUCT, 0.001))
    assert ({}, 3) == (found.rejected, found.accepted)


def test_rows_that_name_features_beyond_the_limit_are_refused() -> None:
    many: dict[str, Value] = {f"f{i}": 1.0 for i in range(10_000)}
    found = decoded(readable({"f1": 1.0}), readable(many))
    assert {"too_many_features": 1} == found.rejected
    (features,) = features_of(found)
    assert features is not None
    assert ["f1"] == list(features.columns)


def test_ten_thousand_features_in_ten_thousand_rows_take_little_memory() -> None:
    found = decoded(*(readable({f"f{i}": 1.0}) for i in range(10_000)))
    assert {"too_many_features": 9_600} == found.rejected  # 400 columns of 10,000 rows are all that is made
    (features,) = features_of(found)
    assert features is not None
    assert 400 == len(features.columns)


def test_a_packed_event_with_too_many_features_is_refused() -> None:
    wide = pa.StructArray.from_arrays([pa.array([1.0])] * 2_001, names=[f"f{i}" for i in range(2_001)])
    assert {"too_many_features": 1} == decoded(packed(wide)).rejected


def test_features_count_against_the_memory_of_an_event() -> None:
    nothing = pa.StructArray.from_arrays([pa.nulls(2_000)] * 1_100, names=[f"f{i}" for i in range(1_100)])
    assert {"too_large": 1} == decoded(packed(nothing)).rejected


def test_names_beyond_the_limit_of_length_are_refused() -> None:
    assert {"name_too_long": 1} == decoded(readable({"x" * 257: 1.0}), readable({"a": 1})).rejected
