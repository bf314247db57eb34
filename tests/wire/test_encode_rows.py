"""What an edge passes on is read again as what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Key, Point, Points, Predictions, Texts, Truths
from barograph_processor.engine.open_features import FEATURE_ROWS
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.encode_points import encode_points
from barograph_processor.wire.encode_rows import MAX_EVENT_BYTES, encode_rows

from .oracle import rows_of
from .otlp_requests import TIME_NS
from .test_decode_logs_oracle import requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.signals.api import State

KEY = Key("default", "shop", "prod", "m", "3", "eta")
MINUTE_NS = 60 * 10**9


def again(batches: Sequence[Batch]) -> list[Batch]:
    """Encoded and decoded."""
    found: list[Batch] = []
    for data in encode_rows([batch for batch in batches if not isinstance(batch, Points)]):
        decoded = decode_logs(data, DecodeContext())
        assert not decoded.rejected
        assert not decoded.rows_rejected
        found += decoded.batches
    return found


def bare(batch: Batch) -> Batch:
    """Without features, which edges count and don't pass on."""
    if isinstance(batch, Predictions):
        return Predictions(**{name: getattr(batch, name) for name in _FIELDS})
    return batch


_FIELDS = [name for name in Predictions.__dataclass_fields__ if name not in {"features", "truth"}]


@settings(max_examples=150, deadline=None)
@given(requests())
def test_predictions_and_truths_come_back(request: ExportLogsServiceRequest) -> None:
    for carrier in request.resource_logs:  # what has no source takes the identity of whoever passes it on
        carrier.resource.attributes.add(key=names.ML_SOURCE_ID).value.string_value = "s"
    batches = [bare(batch) for batch in decode_logs(request.SerializeToString(), DecodeContext()).batches]
    labels = [batch for batch in batches if isinstance(batch, Truths) and batch.pair is None]
    others = [batch for batch in batches if not (isinstance(batch, Truths) and batch.pair is None)]
    assert rows_of(others) == rows_of(again(others))
    assert rows_of(labels) == rows_of(again(labels))


def test_large_batches_become_events_within_their_size() -> None:
    count = 30_000
    batch = Predictions(
        key=KEY,
        source="s",
        ids=[f"a-rather-long-id-{number:020}" for number in range(count)],
        time_ns=TIME_NS + np.arange(count),
        classes=Texts(np.zeros(count, np.int32), ("1",)),
        score=np.linspace(0, 1, count),
        scores=np.empty((count, 0)),
        score_classes=(),
        value=np.full(count, np.nan),
        segments={"region": Texts(np.full(count, -1, np.int32), ())},
    )
    for data in encode_rows([batch]):
        (record,) = ExportLogsServiceRequest.FromString(data).resource_logs[0].scope_logs[0].log_records
        assert isinstance(record, LogRecord)
        assert events.ML_INFERENCE_PREDICTION_BATCH == record.event_name
        assert len(data) <= MAX_EVENT_BYTES + 1_000
    assert rows_of([batch]) == rows_of(again([batch]))


VALUES = np.array([-2.5, 0.0, 0.125, 0.5, 3.0])
POINTS: list[tuple[StreamId, State, str]] = [
    (StreamId(StreamKind.ROWS), CategoryCounts.of({"": 5}), ""),
    (
        StreamId(StreamKind.FEATURE_VALUE, "age", basis="b1"),
        ExplicitHistogram.zero([0.0, 1.0]).observe(VALUES),
        "",
    ),
    (StreamId(StreamKind.FEATURE_VALUE, "new"), ExponentialHistogram.zero(10).observe(VALUES), ""),
    (StreamId(StreamKind.FEATURE_STATES, "age", basis="b1"), CategoryCounts.of({"valid": 4}), "valid"),
    (StreamId(StreamKind.FEATURE_CATEGORIES, "town"), CategoryCounts.of({"": 2}), ""),
    (StreamId(StreamKind.FEATURE_CATEGORIES, "town"), CategoryCounts.of({"__other__": 2}), "__other__"),
    (StreamId(StreamKind.PREDICTION_SCORE, part="1"), ExponentialHistogram.zero(10).observe(VALUES), ""),
    (StreamId(StreamKind.PREDICTION_VALUE, basis="b1"), ExplicitHistogram.zero([0.0]).observe(VALUES), ""),
    (StreamId(StreamKind.PREDICTION_CLASSES), CategoryCounts.of({"1": 2}), "1"),
    (StreamId(FEATURE_ROWS), CategoryCounts.of({"": 9}), ""),
    (StreamId(FEATURE_ROWS, "new"), CategoryCounts.of({"text": 3}), "text"),
]


@pytest.mark.parametrize("edge", ["", "edge-1"])
def test_points_of_every_stream_come_back(edge: str) -> None:
    points = [
        Point(key, "s", stream, item, TIME_NS, TIME_NS + 1, MINUTE_NS, state, edge)
        for key in (KEY, KEY._replace(environment="", output=""))
        for stream, state, item in POINTS
    ]
    decoded = decode_metrics(encode_points(points), DecodeContext())
    assert not decoded.rejected
    assert rows_of([Points(points)]) == rows_of(decoded.batches)


def test_counts_of_several_names_become_a_point_each_and_nothing_at_all_one_of_zero() -> None:
    states = {StreamId(FEATURE_ROWS, "a"): {"number": 1, "text": 2}, StreamId(FEATURE_ROWS, "b"): {}}
    points = [
        Point(KEY, "s", stream, "", TIME_NS, TIME_NS + 1, 0, CategoryCounts.of(counts), "edge-1")
        for stream, counts in states.items()
    ]
    (batch,) = decode_metrics(encode_points(points), DecodeContext()).batches
    assert isinstance(batch, Points)
    assert [("a", "number"), ("a", "text"), ("b", "number")] == [
        (point.stream.name, point.item) for point in batch.points
    ]
    assert CategoryCounts.zero() == batch.points[-1].state


def test_explicit_edges_without_a_baseline_keep_their_stand_in_for_one() -> None:
    state = ExplicitHistogram.zero([0.0, 1.0]).observe(VALUES)
    point = Point(KEY, "s", StreamId(StreamKind.FEATURE_VALUE, "age"), "", TIME_NS, TIME_NS + 1, 0, state)
    (first,) = decode_metrics(encode_points([point]), DecodeContext()).batches
    assert isinstance(first, Points)
    (second,) = decode_metrics(encode_points(first.points), DecodeContext()).batches
    assert first == second
    assert first.points[0].stream.basis.startswith("edges-")


def test_points_of_edges_that_somebody_made_cumulative_are_refused() -> None:
    point = Point(
        KEY, "s", StreamId(StreamKind.ROWS), "", TIME_NS, TIME_NS + 1, 0, CategoryCounts.of({"": 5}), "e"
    )
    data = encode_points([point])
    request = ExportMetricsServiceRequest.FromString(data)
    request.resource_metrics[0].scope_metrics[0].metrics[
        0
    ].sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    assert {"edge_cumulative": 1} == decode_metrics(request.SerializeToString(), DecodeContext()).rejected


def test_what_rows_hold_of_a_feature_has_no_other_names() -> None:
    for stream, counts in (
        (StreamId(FEATURE_ROWS, "a"), {"valid": 1}),
        (StreamId(FEATURE_ROWS), {"text": 1}),
    ):
        point = Point(KEY, "s", stream, "", TIME_NS, TIME_NS + 1, 0, CategoryCounts.of(counts), "e")
        assert {"bad_state": 1} == decode_metrics(encode_points([point]), DecodeContext()).rejected
