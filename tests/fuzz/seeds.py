"""Real requests of every signal, from which the mutations start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph.semconv import metrics as metric_names
from wire.otlp_requests import TIME_NS, Value, arrow, key_values, logs, metrics, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.receivers.otlp_intake import Signal

MODEL: dict[str, Value] = {
    names.ML_MODEL_NAME: "credit",
    names.ML_MODEL_VERSION: "3",
    names.ML_SOURCE_ID: "pod-1",
}
RESOURCE: dict[str, Value] = {
    "service.namespace": "shop",
    "deployment.environment.name": "prod",
    "service.instance.id": "pod-1",
}
PANE: dict[str, Value] = {**MODEL, names.ML_PANE_LENGTH: 60}
DELTA, CUMULATIVE = 1, 2


class Seed(NamedTuple):
    """A request.

    Attributes:
        name: For people.
        signal: Which one it is of.
        data: Its bytes.
    """

    name: str
    signal: Signal
    data: bytes


def seeds() -> list[Seed]:
    """Requests of every signal, lane, instrument and form."""
    return [*_log_seeds(), *_metric_seeds(), *_trace_seeds()]


def _log_seeds() -> Iterator[Seed]:
    readable = [
        record(
            events.ML_INFERENCE_PREDICTION,
            {
                **MODEL,
                names.ML_INFERENCE_ID: f"a-{row}",
                names.ML_PREDICTION_CLASS: "yes",
                names.ML_PREDICTION_SCORES: {"yes": 0.75, "no": 0.25},
                names.ML_SEGMENTS: {"region": "north"},
                names.ML_FEATURES: {"age": 41, "income": 2_712.5, "job": "clerk", "owns": True, "debt": None},
                names.ML_SAMPLING_RATE: 0.5,
            },
            TIME_NS + row,
        )
        for row in range(3)
    ]
    yield Seed("predictions", "logs", logs(readable, RESOURCE).SerializeToString())
    number: dict[str, Value] = {**MODEL, names.ML_INFERENCE_ID: "b", names.ML_PREDICTION_VALUE: 17.5}
    truth: dict[str, Value] = {names.ML_MODEL_NAME: "credit", names.ML_INFERENCE_ID: "a-1"}
    yield Seed(
        "numbers and truths",
        "logs",
        logs(
            [
                record(events.ML_INFERENCE_PREDICTION, number),
                record(events.ML_GROUND_TRUTH_OBSERVED, {**truth, names.ML_GROUND_TRUTH_VALUE: "no"}),
                record(events.ML_GROUND_TRUTH_OBSERVED, {**truth, names.ML_GROUND_TRUTH_VALUE: 3.5}),
                record(
                    events.ML_GROUND_TRUTH_OBSERVED,
                    {**MODEL, names.ML_GROUND_TRUTH_VALUE: True, names.ML_PREDICTION_SCORE: 0.9},
                ),
            ],
            RESOURCE,
        ).SerializeToString(),
    )
    for compression in (None, "zstd"):
        batch: dict[str, Value] = {
            **MODEL,
            names.ML_BATCH_ROWS: 40,
            names.ML_BATCH_ARROW: arrow(packed_predictions(), compression),
        }
        labels: dict[str, Value] = {**MODEL, names.ML_BATCH_ARROW: arrow(packed_truths(), compression)}
        yield Seed(
            f"packed {compression}",
            "logs",
            logs(
                [
                    record(events.ML_INFERENCE_PREDICTION_BATCH, batch),
                    record(events.ML_GROUND_TRUTH_OBSERVED_BATCH, labels),
                ]
            ).SerializeToString(),
        )
    for name, data in hostile_arrow().items():
        attributes: dict[str, Value] = {**MODEL, names.ML_BATCH_ARROW: data}
        yield Seed(
            f"arrow {name}",
            "logs",
            logs([record(events.ML_INFERENCE_PREDICTION_BATCH, attributes)]).SerializeToString(),
        )
    for path in sorted((Path(__file__).parents[1] / "wire" / "recorded").glob("*.otlp")):
        yield Seed(path.stem, "logs", path.read_bytes())
    scored: dict[str, Value] = {"score": 0.5, "features": {"a": [1, "x"]}, "time": "2024-01-01T00:00:00Z"}
    yield Seed("foreign record", "logs", logs([record("scored", scored)], scope="shop").SerializeToString())
    others = [
        record("", {"event.name": events.ML_INFERENCE_PREDICTION, **MODEL}),
        record("shop.order", {"a": [1]}),
    ]
    yield Seed("foreign", "logs", logs(others, scope="shop").SerializeToString())


def packed_predictions(rows: int = 40) -> dict[str, pa.Array]:
    """Columns of every kind that a packed event may have."""
    chance = np.random.default_rng(7)
    share = chance.random(rows)
    return {
        names.ML_INFERENCE_ID: pa.array([f"a-{row}" for row in range(rows)]),
        "time_unix_nano": pa.array(TIME_NS + np.arange(rows)),
        names.ML_PREDICTION_CLASS: pa.array(["yes" if each > 0.5 else "no" for each in share]),
        names.ML_PREDICTION_SCORE: pa.array(share),
        names.ML_PREDICTION_SCORES: pa.array([{"yes": each, "no": 1 - each} for each in share]),
        names.ML_SEGMENTS: pa.array([{"region": "north" if row % 2 else None} for row in range(rows)]),
        names.ML_FEATURES: pa.array(
            [
                {"age": row, "income": None if row % 3 else float(row), "job": "clerk", "owns": row % 2 == 0}
                for row in range(rows)
            ]
        ),
    }


def hostile_arrow() -> dict[str, bytes]:
    """Streams of types and shapes that no packed event has, and of allowed types that are rarely used."""
    ids = pa.array(["a", "b", "a"])
    deep: pa.Array = ids
    for _ in range(60):
        deep = pa.StructArray.from_arrays([deep], ["x"])
    score = pa.array([0.5, 0.25, None])
    columns: dict[str, dict[str, pa.Array]] = {
        "dictionary": {names.ML_INFERENCE_ID: ids.dictionary_encode()},
        "lists": {names.ML_SEGMENTS: pa.array([["x"], [], None])},
        "views": {names.ML_INFERENCE_ID: pa.array(["a", "b" * 40, None], pa.string_view())},
        "deep": {names.ML_FEATURES: deep},
        "large text": {names.ML_INFERENCE_ID: ids.cast(pa.large_string()), names.ML_PREDICTION_SCORE: score},
        "small numbers": {
            names.ML_PREDICTION_VALUE: pa.array([1, -1, None], pa.int8()),
            names.ML_PREDICTION_CLASS: pa.array([1, 2, None], pa.uint64()),
            names.ML_SEGMENTS: pa.array([{"a": True, "b": None}] * 3),
        },
        "nothing": {names.ML_PREDICTION_CLASS: pa.nulls(3), names.ML_PREDICTION_SCORE: pa.nulls(3)},
        "no rows": {names.ML_INFERENCE_ID: ids[:0]},
        "union": {
            names.ML_PREDICTION_VALUE: pa.UnionArray.from_sparse(pa.array([0, 0, 0], pa.int8()), [score])
        },
        "runs": {names.ML_PREDICTION_SCORE: pa.RunEndEncodedArray.from_arrays([2, 3], [0.5, 0.25])},
        "decimals": {names.ML_PREDICTION_SCORE: pa.array([1, 2, 3], pa.decimal128(5, 2))},
        "an extension": {
            names.ML_PREDICTION_SCORE: pa.ExtensionArray.from_storage(
                pa.opaque(pa.float64(), "t", "v"), score
            )
        },
    }
    found = {name: arrow(each) for name, each in columns.items()}
    found["lz4"] = arrow(packed_predictions(), "lz4")
    found["batches"] = _batches()
    return found


def _batches() -> bytes:
    """A stream of several record batches."""
    table = pa.table(packed_predictions())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def packed_truths(rows: int = 40) -> dict[str, pa.Array]:
    """Columns of packed ground truth in pair form."""
    return {
        names.ML_INFERENCE_ID: pa.array([f"a-{row}" if row % 4 else None for row in range(rows)]),
        names.ML_GROUND_TRUTH_VALUE: pa.array(["yes" if row % 2 else "no" for row in range(rows)]),
        names.ML_PREDICTION_CLASS: pa.array(["yes"] * rows),
        names.ML_PREDICTION_SCORE: pa.array(np.linspace(0, 1, rows)),
    }


def _metric_seeds() -> Iterator[Seed]:
    for temporality in (DELTA, CUMULATIVE):
        held = [
            _sums(metric_names.ML_INFERENCE_PREDICTIONS, temporality, {}),
            _sums(
                metric_names.ML_FEATURE_OBSERVATIONS,
                temporality,
                {names.ML_FEATURE_NAME: "age", names.ML_FEATURE_STATE: "valid"},
            ),
            _sums(
                metric_names.ML_FEATURE_CATEGORIES,
                temporality,
                {names.ML_FEATURE_NAME: "job", names.ML_FEATURE_CATEGORY: "clerk"},
            ),
            _sums(metric_names.ML_PREDICTION_CLASSES, temporality, {names.ML_CLASS_NAME: "yes"}),
            _explicit(temporality),
            _exponential(temporality),
        ]
        yield Seed(f"metrics {temporality}", "metrics", metrics(held, RESOURCE).SerializeToString())
    others = [Metric(name="http.server.duration"), Metric(name=metric_names.ML_INFERENCE_DURATION)]
    others[0].gauge.data_points.add(as_double=1.5, time_unix_nano=TIME_NS)
    others[1].summary.data_points.add(count=3, time_unix_nano=TIME_NS)
    yield Seed("other metrics", "metrics", metrics(others, RESOURCE).SerializeToString())


def _sums(name: str, temporality: int, attributes: dict[str, Value]) -> Metric:
    metric = Metric(name=name)
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    for second in range(3):
        start = TIME_NS + second * 10**9 if temporality == DELTA else TIME_NS
        metric.sum.data_points.append(
            NumberDataPoint(
                start_time_unix_nano=start,
                time_unix_nano=TIME_NS + (second + 1) * 10**9,
                as_int=second + 1,
                attributes=key_values({**PANE, **attributes}),
            )
        )
    return metric


def _explicit(temporality: int) -> Metric:
    metric = Metric(name=metric_names.ML_FEATURE_VALUE)
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    for second in range(2):
        metric.histogram.data_points.append(
            HistogramDataPoint(
                start_time_unix_nano=TIME_NS,
                time_unix_nano=TIME_NS + (second + 1) * 10**9,
                count=6 + second,
                sum=12.5,
                min=0.5,
                max=9.0,
                explicit_bounds=[1.0, 2.0, 5.0],
                bucket_counts=[1, 2, 3, second],
                attributes=key_values({**PANE, names.ML_FEATURE_NAME: "age", names.ML_BASELINE_ID: "abc"}),
            )
        )
    return metric


def _exponential(temporality: int) -> Metric:
    metric = Metric(name=metric_names.ML_PREDICTION_SCORE)
    metric.exponential_histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    point = ExponentialHistogramDataPoint(
        start_time_unix_nano=TIME_NS,
        time_unix_nano=TIME_NS + 10**9,
        count=10,
        sum=4.5,
        scale=4,
        zero_count=1,
        zero_threshold=1e-9,
        min=-0.5,
        max=0.9,
        attributes=key_values({**PANE, names.ML_CLASS_NAME: "yes"}),
    )
    point.positive.offset, point.negative.offset = -12, -20
    point.positive.bucket_counts.extend([1, 0, 3, 2])
    point.negative.bucket_counts.extend([2, 1])
    metric.exponential_histogram.data_points.append(point)
    return metric


def _trace_seeds() -> Iterator[Seed]:
    kinds: list[tuple[str, str, dict[str, Value]]] = [
        ("spans", "barograph", {**MODEL, names.ML_OPERATION_NAME: "predict", names.ML_BATCH_ROWS: 3}),
        (
            "foreign spans",
            "shop",
            {"app.score": 0.5, "app.features.age": 3, "app.map": {"a": {"b": [1, None]}}},
        ),
    ]
    for name, scope, attributes in kinds:
        request = ExportTraceServiceRequest()
        carrier = request.resource_spans.add()
        carrier.resource.attributes.extend(key_values(RESOURCE))
        scoped = carrier.scope_spans.add()
        scoped.scope.name = scope
        for row in range(3):
            scoped.spans.add(
                name="POST /predict",
                trace_id=bytes(16),
                span_id=bytes(8),
                start_time_unix_nano=TIME_NS + row,
                end_time_unix_nano=TIME_NS + row + 1_000,
                attributes=key_values(attributes),
            )
        yield Seed(name, "traces", request.SerializeToString())
