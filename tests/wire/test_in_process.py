"""What is taken in the process is what the same telemetry would be if it came by OTLP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from barograph import Monitor, export_sdk
from barograph.baseline import Baseline, Feature, Header, Output, encode_baseline
from barograph.points import ExplicitBuckets, ExponentialBuckets, SourceEvent, SourcePoint
from barograph.semconv import attributes as names
from barograph.semconv import events, metrics
from barograph.testing import CaptureSink
from barograph_processor.wire import reasons
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.in_process import decode_events, decode_points

from .oracle import rows_of
from .otlp_requests import TIME_NS, logs, record
from .test_decode_logs_oracle import anything, resources, usual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricsData

    from barograph_processor.wire.decode import Decoded

CONTEXT = DecodeContext()
RESOURCE = {"service.namespace": "shop", "deployment.environment.name": "prod"}
POINT: dict[str, Any] = {
    names.ML_MODEL_NAME: "m",
    names.ML_MODEL_VERSION: "1",
    names.ML_SOURCE_ID: "a",
    names.ML_PANE_LENGTH: 60,
}


class Encoding(MetricExporter):
    """Encodes as the OTLP exporters do."""

    def __init__(self) -> None:
        super().__init__()
        self.request = b""

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object
    ) -> MetricExportResult:
        encoded = encode_metrics(metrics_data)
        for carrier in encoded.resource_metrics:
            del carrier.resource.attributes[:]
            for name, text in RESOURCE.items():
                carrier.resource.attributes.add(key=name).value.string_value = text
        self.request = encoded.SerializeToString()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Nothing to stop."""


def over_the_wire(points: Sequence[SourcePoint]) -> Decoded:
    exporter = Encoding()
    assert export_sdk.send_points(exporter, points)
    return decode_metrics(exporter.request, CONTEXT)


def told(decoded: Decoded) -> tuple[object, ...]:
    return decoded.accepted, decoded.rejected, decoded.ignored, decoded.rows_rejected


@st.composite
def source_events(draw: st.DrawFn) -> SourceEvent:
    mostly = {name: st.one_of(value, value, value, anything) for name, value in usual.items()}
    pairs = draw(st.fixed_dictionaries({}, optional=mostly))
    event = draw(st.sampled_from([events.ML_INFERENCE_PREDICTION, events.ML_GROUND_TRUTH_OBSERVED, "other"]))
    attributes: Any = pairs
    return SourceEvent(event, draw(st.sampled_from([0, 1, TIME_NS, 2**63 - 1])), attributes)


@given(st.lists(source_events(), max_size=6), resources)
def test_events_are_what_they_would_be_as_log_records(
    given_events: list[SourceEvent], resource: Mapping[str, Any]
) -> None:
    request = logs(
        (record(one.name, dict(one.attributes), one.time_ns) for one in given_events),  # type: ignore[arg-type]
        resource,
    )
    sent = decode_logs(request.SerializeToString(), CONTEXT)
    direct = decode_events(given_events, resource, CONTEXT)
    assert told(sent) == told(direct)
    assert rows_of(sent.batches) == rows_of(direct.batches)


def baseline() -> Baseline:
    features = (
        Feature(name="age", kind="number", edges=(20.0, 40.0), low=0.0, high=90.0, grid=2.0**-20),
        Feature(name="town", kind="category", categories=("Bern", "Graz")),
    )
    output = Output(task="binary", classes=("0", "1"), positive="1", score_edges=(0.5,))
    header = Header(model="m", version="1", rows=9, features=features, outputs=(output,))
    return Baseline(encode_baseline(header, ()))


def record_all(monitor: Monitor) -> None:
    random = np.random.default_rng(7)
    ages = random.normal(40, 25, 500)
    ages[::7], ages[3] = np.nan, np.inf
    towns = [("Bern", "Graz", "Rome", None)[place] for place in random.integers(0, 4, 500)]
    times = TIME_NS + random.integers(0, 10**12, 500)
    ids = [f"row-{place}" for place in range(500)]
    monitor.record({"age": ages, "town": towns}, scores=random.random(500), ids=ids, times=times)
    monitor.start({"age": [1.0], "town": ["Bern"]}, times=TIME_NS).stop(scores=[0.7])
    assert monitor.flush()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("form", ["packed", "readable"])
def test_what_a_monitor_records_is_taken_as_if_it_had_been_sent(form: Any, *, known: bool) -> None:
    sink = CaptureSink()
    record_all(Monitor("m", "1", baseline=baseline() if known else None, outcomes=form, sink=sink))
    sent = over_the_wire(sink.captured_points)
    direct = decode_points(sink.captured_points, RESOURCE, CONTEXT)
    assert told(sent) == told(direct)
    assert 2 <= direct.ignored[reasons.NOT_MONITORED]
    assert rows_of(sent.batches) == rows_of(direct.batches)
    request = logs(
        (record(one.name, dict(one.attributes), one.time_ns) for one in sink.captured_events),  # type: ignore[arg-type]
        RESOURCE,
    )
    by_log = decode_logs(request.SerializeToString(), CONTEXT)
    directly = decode_events(sink.captured_events, RESOURCE, CONTEXT)
    assert told(by_log) == told(directly)
    assert 500 == rows_of(directly.batches).total()
    assert rows_of(by_log.batches) == rows_of(directly.batches)


@pytest.mark.parametrize(
    ("metric", "more", "data", "reason"),
    [
        (metrics.ML_FEATURE_CATEGORIES, {names.ML_FEATURE_NAME: "a"}, 3, reasons.NO_CATEGORY),
        (metrics.ML_FEATURE_OBSERVATIONS, {names.ML_FEATURE_NAME: "a"}, 3, reasons.BAD_STATE),
        (
            metrics.ML_FEATURE_OBSERVATIONS,
            {names.ML_FEATURE_NAME: "a", names.ML_FEATURE_STATE: "blue"},
            3,
            reasons.BAD_STATE,
        ),
        (metrics.ML_FEATURE_VALUE, {}, ExplicitBuckets((), (3,), 1.0, 0.0, 1.0), reasons.NO_FEATURE),
        (metrics.ML_FEATURE_VALUE, {names.ML_FEATURE_NAME: "a"}, 3, reasons.WRONG_INSTRUMENT),
        (metrics.ML_PREDICTION_CLASSES, {names.ML_CLASS_NAME: "x" * 257}, 3, reasons.NAME_TOO_LONG),
        (metrics.ML_INFERENCE_PREDICTIONS, {names.ML_MODEL_NAME: ""}, 3, reasons.NO_MODEL),
        (metrics.ML_INFERENCE_PREDICTIONS, {}, -1, reasons.NEGATIVE_COUNT),
        (
            metrics.ML_PREDICTION_VALUE,
            {},
            ExplicitBuckets((1.0, 0.0), (1, 1, 1), 1.0, 0.0, 1.0),
            reasons.BAD_BUCKETS,
        ),
        (
            metrics.ML_PREDICTION_VALUE,
            {},
            ExplicitBuckets((1.0,), (1, 1, 1), 1.0, 0.0, 1.0),
            reasons.BAD_BUCKETS,
        ),
        (
            metrics.ML_PREDICTION_VALUE,
            {},
            ExponentialBuckets(3, 0, 0, [1] * 5_000, 0, [], 1.0, 0.0, 1.0),
            reasons.TOO_MANY_BUCKETS,
        ),
    ],
)
def test_a_point_that_the_wire_would_refuse_is_refused_for_the_same_reason(
    metric: str, more: dict[str, Any], data: Any, reason: str
) -> None:
    point = SourcePoint(metric, POINT | more, TIME_NS, TIME_NS + 1, data)
    assert (
        {reason: 1} == decode_points([point], RESOURCE, CONTEXT).rejected == over_the_wire([point]).rejected
    )


def test_without_total_and_ends_the_middle_of_buckets_stands_in() -> None:
    data = ExplicitBuckets((1.0, 2.0), (0, 4, 0), float("nan"), float("inf"), float("-inf"))
    point = SourcePoint(metrics.ML_PREDICTION_VALUE, POINT, TIME_NS, TIME_NS + 1, data)
    sent, direct = over_the_wire([point]), decode_points([point], RESOURCE, CONTEXT)
    assert rows_of(sent.batches) == rows_of(direct.batches)
