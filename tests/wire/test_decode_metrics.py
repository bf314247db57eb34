"""Data points: streams, states, refusals; equal to protobuf objects."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from barograph.errors import Permanent, StateError
from barograph.semconv import attributes as names
from barograph.semconv import metrics as metric_names
from barograph_processor.engine.batch import Point, Points
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.limits import Limits

from .oracle import rows_of
from .otlp_requests import Value, key_values, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from barograph_processor.signals.api import State

DELTA, CUMULATIVE = 1, 2
START, END = 60_000_000_000, 60_001_000_000
IDENTITY: dict[str, Value] = {
    names.ML_MODEL_NAME: "m",
    names.ML_MODEL_VERSION: "1",
    names.ML_SOURCE_ID: "s",
    names.ML_PANE_LENGTH: 60,
}
FEATURE: dict[str, Value] = {**IDENTITY, names.ML_FEATURE_NAME: "age"}


def counted(name: str, attributes: Mapping[str, Value], temporality: int = DELTA, **fields: Any) -> Metric:
    """A sum of one point."""
    metric = Metric(name=name)
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    values = {"start_time_unix_nano": START, "time_unix_nano": END, "as_int": 7, **fields}
    metric.sum.data_points.append(NumberDataPoint(attributes=key_values(attributes), **values))
    return metric


def bucketed(name: str, attributes: Mapping[str, Value], temporality: int = DELTA, **fields: Any) -> Metric:
    """An explicit histogram of one point."""
    metric = Metric(name=name)
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    values = {
        "start_time_unix_nano": START,
        "time_unix_nano": END,
        "count": 3,
        "sum": 4.5,
        "min": 0.5,
        "max": 3.0,
        "bucket_counts": [1, 0, 2],
        "explicit_bounds": [1.0, 2.0],
        **fields,
    }
    metric.histogram.data_points.append(HistogramDataPoint(attributes=key_values(attributes), **values))
    return metric


def exponential(
    name: str, attributes: Mapping[str, Value], temporality: int = DELTA, **fields: Any
) -> Metric:
    """An exponential histogram of one point."""
    metric = Metric(name=name)
    metric.exponential_histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    sides = ExponentialHistogramDataPoint.Buckets
    values = {
        "start_time_unix_nano": START,
        "time_unix_nano": END,
        "count": 6,
        "sum": 4.5,
        "scale": 1,
        "zero_count": 1,
        "positive": sides(offset=-1, bucket_counts=[1, 0, 2]),
        "negative": sides(offset=3, bucket_counts=[2]),
        **fields,
    }
    metric.exponential_histogram.data_points.append(
        ExponentialHistogramDataPoint(attributes=key_values(attributes), **values)
    )
    return metric


def decoded(*held: Metric, scope: str = "barograph", **limits: int) -> Decoded:
    """Decode metrics of one resource."""
    request = metrics(held, {"service.namespace": "shop"}, scope).SerializeToString()
    return decode_metrics(request, DecodeContext(limits=dataclasses.replace(Limits(), **limits)))


def only(found: Decoded) -> Point:
    """The single point that was decoded."""
    (batch,) = found.batches
    assert isinstance(batch, Points)
    (point,) = batch.points
    return point


@pytest.mark.parametrize(
    ("metric", "stream", "item"),
    [
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY), StreamId(StreamKind.ROWS), ""),
        (
            counted(metric_names.ML_FEATURE_OBSERVATIONS, {**FEATURE, names.ML_FEATURE_STATE: "missing"}),
            StreamId(StreamKind.FEATURE_STATES, "age"),
            "missing",
        ),
        (
            counted(
                metric_names.ML_FEATURE_CATEGORIES,
                {**FEATURE, names.ML_FEATURE_CATEGORY: "EWR", names.ML_BASELINE_ID: "b"},
            ),
            StreamId(StreamKind.FEATURE_CATEGORIES, "age", basis="b"),
            "EWR",
        ),
        (
            counted(metric_names.ML_PREDICTION_CLASSES, {**IDENTITY, names.ML_CLASS_NAME: True}),
            StreamId(StreamKind.PREDICTION_CLASSES),
            "true",
        ),
    ],
)
def test_sums_become_counts(metric: Metric, stream: StreamId, item: str) -> None:
    point = only(decoded(metric))
    assert ("default", "shop", "", "m", "1", "") == point.key
    assert ("s", stream, item, START, END, 60_000_000_000) == point[1:7]
    assert CategoryCounts.of({item: 7}).to_bytes() == point.state.to_bytes()


def test_buckets_on_a_baselines_edges_carry_its_id() -> None:
    point = only(decoded(bucketed(metric_names.ML_FEATURE_VALUE, {**FEATURE, names.ML_BASELINE_ID: "b"})))
    assert StreamId(StreamKind.FEATURE_VALUE, "age", basis="b") == point.stream
    assert (
        ExplicitHistogram.from_point([1.0, 2.0], [1, 0, 2], 4.5, 0.5, 3.0).to_bytes()
        == point.state.to_bytes()
    )


def test_buckets_on_foreign_edges_are_a_stream_of_their_own() -> None:
    one = only(decoded(bucketed(metric_names.ML_PREDICTION_VALUE, IDENTITY))).stream
    same = only(decoded(bucketed(metric_names.ML_PREDICTION_VALUE, IDENTITY))).stream
    other = only(
        decoded(bucketed(metric_names.ML_PREDICTION_VALUE, IDENTITY, explicit_bounds=[1.0, 2.5]))
    ).stream
    assert one == same
    assert one.basis.startswith("edges-")
    assert other.basis not in {one.basis, ""}


def test_exponential_buckets_keep_scale_and_both_signs() -> None:
    point = only(
        decoded(exponential(metric_names.ML_PREDICTION_SCORE, {**IDENTITY, names.ML_CLASS_NAME: "true"}))
    )
    assert StreamId(StreamKind.PREDICTION_SCORE, part="true") == point.stream
    assert (
        ExponentialHistogram.from_point(1, 1, -1, [1, 0, 2], 3, [2], 4.5).to_bytes() == point.state.to_bytes()
    )


def test_a_sum_that_is_not_stated_is_estimated_from_the_buckets() -> None:
    explicit = bucketed(metric_names.ML_PREDICTION_VALUE, IDENTITY)
    explicit.histogram.data_points[0].ClearField("sum")
    assert isinstance(state := only(decoded(explicit)).state, ExplicitHistogram)
    assert float(state.total) == pytest.approx(0.75 + 2 * 2.5)
    both = exponential(metric_names.ML_PREDICTION_VALUE, IDENTITY, scale=0, negative=None, count=4)
    both.exponential_histogram.data_points[0].ClearField("sum")
    assert isinstance(found := only(decoded(both)).state, ExponentialHistogram)
    assert float(found.total) == pytest.approx(0.75 + 2 * 3.0)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, {}), "no_model"),
        (
            counted(metric_names.ML_FEATURE_OBSERVATIONS, {**IDENTITY, names.ML_FEATURE_STATE: "valid"}),
            "no_feature",
        ),
        (
            counted(metric_names.ML_FEATURE_OBSERVATIONS, {**FEATURE, names.ML_FEATURE_STATE: "odd"}),
            "bad_state",
        ),
        (counted(metric_names.ML_FEATURE_CATEGORIES, FEATURE), "no_category"),
        (counted(metric_names.ML_PREDICTION_CLASSES, IDENTITY), "no_class"),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, {**IDENTITY, names.ML_PANE_LENGTH: 7}), "bad_pane"),
        (
            counted(metric_names.ML_INFERENCE_PREDICTIONS, {**IDENTITY, names.ML_PANE_LENGTH: "60"}),
            "bad_pane",
        ),
        (
            counted(metric_names.ML_INFERENCE_PREDICTIONS, {**IDENTITY, names.ML_PANE_LENGTH: 2**62}),
            "bad_pane",
        ),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, as_int=-1), "negative_count"),
        (
            counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, as_int=None, as_double=1.5),
            "not_integral",
        ),
        (
            counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, as_int=None, as_double=float("nan")),
            "not_integral",
        ),
        (
            counted(
                metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, temporality=2, as_int=None, as_double=1e300
            ),
            "bad_buckets",
        ),
        (
            bucketed(
                metric_names.ML_FEATURE_VALUE,
                FEATURE,
                sum=None,
                min=None,
                max=None,
                explicit_bounds=[float("-inf"), float("inf")],
            ),
            "bad_buckets",
        ),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, as_int=None), "no_value"),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, temporality=0), "no_temporality"),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, time_unix_nano=0), "no_time"),
        (counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, time_unix_nano=1), "bad_time"),
        (counted(metric_names.ML_FEATURE_VALUE, FEATURE), "wrong_instrument"),
        (bucketed(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY), "wrong_instrument"),
        (bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, count=4), "bad_buckets"),
        (bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, explicit_bounds=[1.0]), "bad_buckets"),
        (bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, explicit_bounds=[2.0, 1.0]), "bad_buckets"),
        (
            bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, explicit_bounds=[1.0, float("inf")]),
            "bad_buckets",
        ),
        (
            bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, bucket_counts=[], explicit_bounds=[]),
            "bad_buckets",
        ),
        (bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, bucket_counts=[2**63, 2**63, 3]), "bad_buckets"),
        (bucketed(metric_names.ML_FEATURE_VALUE, FEATURE, min=5.0, max=1.0), "bad_buckets"),
        (bucketed(metric_names.ML_FEATURE_VALUE, {**FEATURE, names.ML_FEATURE_NAME: ""}), "no_feature"),
        (exponential(metric_names.ML_FEATURE_VALUE, FEATURE, count=7), "bad_buckets"),
        (exponential(metric_names.ML_FEATURE_VALUE, FEATURE, scale=2**30), "bad_buckets"),
        (exponential(metric_names.ML_FEATURE_VALUE, FEATURE, scale=-11), "bad_buckets"),
    ],
)
def test_a_bad_point_is_refused_alone_and_says_why(metric: Metric, reason: str) -> None:
    found = decoded(counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY), metric)
    assert {reason: 1} == found.rejected
    assert found.accepted == 1
    assert only(found).stream.kind == StreamKind.ROWS


def test_gauges_and_summaries_of_our_names_are_refused() -> None:
    gauge, summary = Metric(name=metric_names.ML_FEATURE_VALUE), Metric(name=metric_names.ML_FEATURE_VALUE)
    gauge.gauge.data_points.add(as_int=1)
    summary.summary.data_points.add(count=1)
    assert {"wrong_instrument": 2} == decoded(gauge, summary).rejected


def test_histograms_of_too_many_buckets_are_refused() -> None:
    found = decoded(
        bucketed(metric_names.ML_FEATURE_VALUE, FEATURE),
        exponential(metric_names.ML_FEATURE_VALUE, FEATURE),
        max_buckets=2,
    )
    assert {"too_many_buckets": 2} == found.rejected


def test_what_is_not_monitored_is_passed_over_and_counted() -> None:
    found = decoded(
        bucketed(metric_names.ML_INFERENCE_DURATION, IDENTITY),
        bucketed("http.server.request.duration", {}),
        counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, flags=1),
    )
    assert {"not_monitored": 1, "foreign": 1, "no_recorded_value": 1} == found.ignored
    assert (3, []) == (found.accepted, found.batches)
    assert {"own_readings": 1} == decoded(counted("x", {}), scope="barograph.readings").ignored


def test_a_start_that_is_not_stated_lies_just_before_the_end() -> None:
    assert (
        END - 1
        == only(
            decoded(counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, start_time_unix_nano=0))
        ).start_ns
    )


def test_cumulative_points_wait_for_the_streams_memory() -> None:
    found = decoded(counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, temporality=CUMULATIVE))
    assert ([], 1) == (found.batches, len(found.cumulative))
    unknown = counted(
        metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, temporality=CUMULATIVE, start_time_unix_nano=0
    )
    assert decoded(unknown).cumulative[0].start_unknown
    falling = counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, temporality=CUMULATIVE)
    falling.sum.is_monotonic = False
    assert {"not_monotonic": 1} == decoded(falling).rejected


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05ab"])
def test_bytes_that_are_no_request_are_a_permanent_error(data: bytes) -> None:
    with pytest.raises(Permanent, match="isn't an OTLP metrics request"):
        decode_metrics(data, DecodeContext())


counts = st.lists(st.integers(0, 2**40), min_size=1, max_size=5)
edges = st.lists(st.floats(-1e6, 1e6), max_size=4, unique=True).map(sorted)
extremes = st.fixed_dictionaries(
    {"sum": st.floats(), "min": st.one_of(st.none(), st.floats()), "max": st.floats()}
)


def state_or_none(make: Callable[[], State]) -> list[bytes]:
    """The bytes of a state, or nothing where it is refused."""
    try:
        return [make().to_bytes()]
    except StateError:
        return []


@settings(max_examples=150, deadline=None)
@given(
    buckets=counts, bounds=edges, moments=extremes, scale=st.integers(-12, 22), offset=st.integers(-50, 50)
)
def test_points_equal_the_states_of_their_protobuf_objects(
    buckets: list[int], bounds: list[float], moments: dict[str, Any], scale: int, offset: int
) -> None:
    attributes: dict[str, Value] = {**FEATURE, names.ML_BASELINE_ID: "b"}
    name, total = metric_names.ML_FEATURE_VALUE, sum(buckets)
    side = ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=buckets)
    explicit = bucketed(
        name, attributes, count=total, bucket_counts=buckets, explicit_bounds=bounds, **moments
    )
    scaled = exponential(
        name, attributes, count=total, scale=scale, zero_count=0, positive=side, negative=None, **moments
    )
    known = [
        None if (value := moments[part]) is None or not np.isfinite(value) else value
        for part in ("sum", "min", "max")
    ]
    total_sum, low, high = known
    if total_sum is None:
        return  # sums that have to be estimated have a test of their own
    expected = state_or_none(lambda: ExplicitHistogram.from_point(bounds, buckets, total_sum, low, high))
    if scale <= 20:
        expected += state_or_none(
            lambda: ExponentialHistogram.from_point(scale, 0, offset, buckets, 0, [], total_sum, low, high)
        )
    found = decoded(explicit, scaled)
    assert Counter(expected) == Counter(row[-1] for row in rows_of(found.batches).elements())
    assert found.rejected == ({"bad_buckets": 2 - len(expected)} if len(expected) < 2 else {})


SEED = metrics(
    [
        counted(metric_names.ML_INFERENCE_PREDICTIONS, IDENTITY, as_int=None, as_double=3.0),
        bucketed(metric_names.ML_FEATURE_VALUE, FEATURE),
        exponential(metric_names.ML_FEATURE_VALUE, FEATURE),
        exponential(metric_names.ML_FEATURE_VALUE, FEATURE, CUMULATIVE),
    ]
).SerializeToString()


@settings(max_examples=800, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_requests_are_decoded_or_refused(edits: list[tuple[int, int]]) -> None:
    data = bytearray(SEED)
    for at, byte in edits:
        data[at] = byte
    try:
        found = decode_metrics(bytes(data), DecodeContext())
    except Permanent:
        return
    assert found.rejected.total() + found.accepted >= 0
