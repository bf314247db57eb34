"""Decoding OTLP: columns against protobuf objects, on the same requests in one run.

    python benchmarks/wire_decode.py

For spans, readable predictions, metric points and packed rows: items a second with the decoders, items a
second of merely walking protobuf objects in Python, and the ratio of the two, in one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import measuring
import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from barograph.semconv import attributes as names
from barograph.semconv import events, metrics
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CONTEXT = DecodeContext()
TIME_NS = 1_700_000_000_000_000_000


class Case(NamedTuple):
    """One comparison.

    Attributes:
        name: What is decoded.
        items: Items (or rows) of the request.
        data: The request.
        columns: The decoder under test.
        objects: The same attributes read from protobuf objects, without making batches.
    """

    name: str
    items: int
    data: bytes
    columns: Callable[[bytes], object]
    objects: Callable[[bytes], object]


def value_of(value: object) -> AnyValue:
    """A Python value as AnyValue."""
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    field = {str: "string_value", int: "int_value", float: "double_value", bytes: "bytes_value"}[type(value)]
    made = AnyValue()
    setattr(made, field, value)
    return made


def pairs(attributes: Mapping[str, object]) -> list[KeyValue]:
    """A mapping as attributes."""
    return [KeyValue(key=name, value=value_of(value)) for name, value in attributes.items()]


def walked(attributes: Iterable[KeyValue]) -> dict[str, object]:
    """Attributes as a Python mapping, the way a plain receiver reads them."""
    found: dict[str, object] = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        if kind == "kvlist_value":
            found[pair.key] = walked(pair.value.kvlist_value.values)
        elif kind is not None:
            found[pair.key] = getattr(pair.value, kind)
    return found


IDENTITY = {
    names.ML_MODEL_NAME: "flights",
    names.ML_MODEL_VERSION: "3",
    names.ML_SOURCE_ID: "0123456789abcdef",
}


def spans() -> Case:
    """1,000 spans of 25 attributes: identity, id, rows, and 20 features."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(1_000):
        attributes = {**IDENTITY, names.ML_INFERENCE_ID: f"id-{i}", names.ML_BATCH_ROWS: 1}
        attributes |= {f"app.features.f{j:02}": i * 0.37 + j for j in range(20)}
        scope.spans.add(
            trace_id=i.to_bytes(16, "big"), span_id=i.to_bytes(8, "big"), attributes=pairs(attributes)
        )

    def objects(data: bytes) -> object:
        decoded = ExportTraceServiceRequest.FromString(data)
        return [
            walked(span.attributes) for r in decoded.resource_spans for s in r.scope_spans for span in s.spans
        ]

    return Case(
        "spans, 25 attributes",
        1_000,
        request.SerializeToString(),
        lambda d: decode_traces(d, CONTEXT),
        objects,
    )


def events_case() -> Case:
    """1,000 readable predictions with scores and segments."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for i in range(1_000):
        attributes = {
            **IDENTITY,
            names.ML_INFERENCE_ID: f"id-{i}",
            names.ML_PREDICTION_CLASS: "true" if i % 3 else "false",
            names.ML_PREDICTION_SCORES: {"true": i / 1_000, "false": 1 - i / 1_000},
            names.ML_SEGMENTS: {"carrier": f"c{i % 12}", "origin": "EWR"},
        }
        scope.log_records.add(
            time_unix_nano=TIME_NS + i,
            event_name=events.ML_INFERENCE_PREDICTION,
            attributes=pairs(attributes),
        )
    data = request.SerializeToString()
    return Case("readable predictions", 1_000, data, lambda d: decode_logs(d, CONTEXT), walk_logs)


def points() -> Case:
    """One pane of 20 features on 64 edges, with states: 120 points."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    values = scope.metrics.add(name=metrics.ML_FEATURE_VALUE)
    values.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    states = scope.metrics.add(name=metrics.ML_FEATURE_OBSERVATIONS)
    states.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    states.sum.is_monotonic = True
    times = {"start_time_unix_nano": TIME_NS, "time_unix_nano": TIME_NS + 1_000_000}
    for i in range(20):
        shared = {
            **IDENTITY,
            names.ML_PANE_LENGTH: 60,
            names.ML_BASELINE_ID: "b" * 64,
            names.ML_FEATURE_NAME: f"f{i:02}",
        }
        values.histogram.data_points.add(
            **times,
            count=65 * i,
            sum=1.5,
            min=0.0,
            max=9.0,
            bucket_counts=[i] * 65,
            explicit_bounds=np.arange(64.0).tolist(),
            attributes=pairs(shared),
        )
        for state in ("valid", "missing", "invalid", "below", "above"):
            states.sum.data_points.add(
                **times, as_int=i, attributes=pairs({**shared, names.ML_FEATURE_STATE: state})
            )

    def objects(data: bytes) -> object:
        decoded = ExportMetricsServiceRequest.FromString(data)
        found = []
        for metric in (m for r in decoded.resource_metrics for s in r.scope_metrics for m in s.metrics):
            found += [
                (
                    walked(p.attributes),
                    p.count,
                    p.sum,
                    p.min,
                    p.max,
                    list(p.bucket_counts),
                    list(p.explicit_bounds),
                )
                for p in metric.histogram.data_points
            ]
            found += [(walked(p.attributes), p.as_int) for p in metric.sum.data_points]
        return found

    return Case(
        "metric points", 120, request.SerializeToString(), lambda d: decode_metrics(d, CONTEXT), objects
    )


def packed_case() -> Case:
    """8 packed events of 4,096 rows: id, time, class, score."""
    rows, request = 4_096, ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for event in range(8):
        table = pa.table(
            {
                names.ML_INFERENCE_ID: [f"id-{event}-{i}" for i in range(rows)],
                "time_unix_nano": np.arange(rows) + TIME_NS,
                names.ML_PREDICTION_CLASS: ["true", "false"] * (rows // 2),
                names.ML_PREDICTION_SCORE: np.linspace(0.0, 1.0, rows),
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        attributes = {
            **IDENTITY,
            names.ML_BATCH_ROWS: rows,
            names.ML_BATCH_ARROW: sink.getvalue().to_pybytes(),
        }
        scope.log_records.add(
            time_unix_nano=TIME_NS,
            event_name=events.ML_INFERENCE_PREDICTION_BATCH,
            attributes=pairs(attributes),
        )

    def objects(data: bytes) -> object:
        return [pa.ipc.open_stream(found[names.ML_BATCH_ARROW]).read_all() for found in walk_logs(data)]

    return Case(
        "packed rows", 8 * rows, request.SerializeToString(), lambda d: decode_logs(d, CONTEXT), objects
    )


def walk_logs(data: bytes) -> list[dict[str, object]]:
    """The attributes of every log record, read from protobuf objects."""
    decoded = ExportLogsServiceRequest.FromString(data)
    return [walked(r.attributes) for p in decoded.resource_logs for s in p.scope_logs for r in s.log_records]


def main() -> None:
    """Run every case."""
    with measuring.report(__doc__) as report:
        for case in (spans(), events_case(), points(), packed_case()):
            times = measuring.alternated(
                {
                    "decoded": lambda case=case: case.columns(case.data),
                    "objects": lambda case=case: case.objects(case.data),
                },
                runs=report.runs,
            )
            rates = {name: samples.rate(case.items) for name, samples in times.items()}
            report.add(f"{case.name}, decoded", rates["decoded"], "items/s", note=f"{len(case.data):,} bytes")
            report.add(f"{case.name}, walking objects", rates["objects"], "items/s")
            report.add(f"{case.name}, ratio", rates["decoded"].over(rates["objects"]), "ratio")


if __name__ == "__main__":
    main()
