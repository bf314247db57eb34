"""A few points and spans read object by object say what the columns say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from barograph.semconv import attributes as names
from barograph.semconv import metrics as metric_names
from barograph_processor.engine.batch import Predictions
from barograph_processor.wire import (
    decode_logs,
    decode_metrics,
    decode_traces,
    plain_logs,
    plain_metrics,
    plain_traces,
)
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.limits import Limits
from barograph_processor.wire.points import NOT_MONITORED, STREAMS
from fuzz.judge import DIALECTS
from fuzz.mutations import case

from .foreign_requests import LOG, ONE, SPAN
from .foreign_requests import context as mapping
from .otlp_requests import Value, key_values
from .test_decode_logs_oracle import anything, scalars, words
from .test_decode_metrics import FEATURE, bucketed, counted, exponential
from .test_plain import told, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXTS: Final = (
    DecodeContext(),
    DecodeContext(dialects=DIALECTS),
    DecodeContext(limits=Limits(max_name_length=3, max_keys=1, max_buckets=2)),
)
WAYS: Final = {
    "logs": (decode_logs.decode_columns, decode_logs.decode_logs, plain_logs.decode_plain),
    "metrics": (decode_metrics.decode_columns, decode_metrics.decode_metrics, plain_metrics.decode_plain),
    "traces": (decode_traces.decode_columns, decode_traces.decode_traces, plain_traces.decode_plain),
}
MUTATIONS: Final = 400

identities: Final[dict[str, st.SearchStrategy[Value]]] = {
    names.ML_MODEL_VERSION: st.sampled_from(["1", "2", 1, True, ""]),
    names.ML_SOURCE_ID: st.sampled_from(["s", ""]),
    names.ML_OUTPUT_NAME: st.just("o"),
}
times = st.sampled_from([60_000_000_000, 60_001_000_000, 0, 2**63 - 1, 2**63])
tallies = st.one_of(st.integers(0, 9), st.sampled_from([-1, 2**62, 2**63 - 1]))
moments = st.one_of(st.none(), st.floats(-5, 5), st.just(float("inf")))
of_points: Final[dict[str, st.SearchStrategy[Value]]] = {
    **identities,
    names.ML_FEATURE_NAME: st.sampled_from(["age", "age", "", "größe"]),
    names.ML_FEATURE_STATE: st.sampled_from(["valid", "valid", "number", "other"]),
    names.ML_FEATURE_CATEGORY: st.sampled_from(["a", ""]),
    names.ML_CLASS_NAME: st.sampled_from(["yes", True]),
    names.ML_BASELINE_ID: st.sampled_from(["b", ""]),
    names.ML_EDGE_ID: st.sampled_from(["e", ""]),
    names.ML_PANE_LENGTH: st.sampled_from([60, 60, 0, 7, 86_400, "60", None]),
}


@st.composite
def measured(draw: st.DrawFn) -> Metric:
    """A metric of one point, of any name and instrument, in which little is wrong."""
    name = draw(st.sampled_from([*STREAMS, *STREAMS, *NOT_MONITORED, "other"]))
    attributes: dict[str, Value] = {
        names.ML_MODEL_NAME: "m",
        **draw(st.fixed_dictionaries({}, optional=of_points)),
    }
    attributes |= draw(
        st.one_of(st.just({}), st.dictionaries(st.sampled_from(list(of_points)), anything, max_size=1))
    )
    fields = {
        "start_time_unix_nano": draw(times),
        "time_unix_nano": draw(times),
        "flags": draw(st.sampled_from([0, 0, 0, 1, 2])),
    }
    temporality = draw(st.sampled_from([1, 1, 1, 1, 2, 0]))
    stream = STREAMS.get(name)
    usual = (
        "sum" if stream is None or not stream.buckets else draw(st.sampled_from(["explicit", "exponential"]))
    )
    form = draw(st.sampled_from([usual, usual, usual, "sum", "explicit", "exponential", "gauge"]))
    if form == "sum":
        value: dict[str, float] = draw(
            st.sampled_from([{"as_int": 7}, {"as_int": -1}, {"as_double": 3.0}, {"as_double": 0.5}])
        )
        return counted(name, attributes, temporality, **fields, **value)
    if form == "gauge":
        metric = Metric(name=name)
        metric.gauge.data_points.add(attributes=key_values(attributes), as_int=1)
        return metric
    extremes = {one: draw(moments) for one in ("sum", "min", "max")}
    counts = draw(st.lists(st.integers(0, 9), max_size=3))
    right = sum(counts)
    if form == "explicit":
        edges = sorted(
            draw(
                st.sets(st.floats(-5, 5), min_size=max(len(counts) - 1, 0), max_size=max(len(counts) - 1, 0))
            )
        )
        total = draw(st.one_of(st.just(right), st.just(right), st.integers(0, 9)))
        many = {"count": total, "bucket_counts": counts, "explicit_bounds": edges}
        return bucketed(name, attributes, temporality, **fields, **many, **extremes)
    zeros = draw(tallies.filter(lambda one: one >= 0))
    side = {"offset": draw(st.integers(-9, 9)), "bucket_counts": counts}
    scale = draw(st.sampled_from([0, 3, 20, 21, -10, -11]))
    many = {"count": right + zeros, "scale": scale, "zero_count": zeros, "positive": side}
    return exponential(name, attributes, temporality, **fields, **many, **extremes)


@st.composite
def metric_requests(draw: st.DrawFn) -> ExportMetricsServiceRequest:
    """A resource or two, some metrics each."""
    request = ExportMetricsServiceRequest()
    for _ in range(draw(st.integers(1, 2))):
        carrier = request.resource_metrics.add()
        carrier.resource.attributes.extend(key_values(draw(resources)))
        scope = carrier.scope_metrics.add(metrics=draw(st.lists(measured(), max_size=3)))
        scope.scope.name = draw(st.sampled_from(["barograph", "barograph", "", "barograph.readings"]))
    return request


resources = st.fixed_dictionaries(
    {},
    optional={
        "service.name": words,
        "service.instance.id": scalars,
        names.ML_MODEL_NAME: st.sampled_from(["m", "", None, b"x"]),
    },
)


@st.composite
def span_requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """Spans of ours and of others."""
    request = ExportTraceServiceRequest()
    optional: dict[str, st.SearchStrategy[Value]] = {
        **identities,
        names.ML_MODEL_NAME: st.one_of(st.just("m"), st.just("m"), anything),
        names.ML_BATCH_ROWS: st.sampled_from([1, 1, 0, -1, 0.5, "1", None]),
        "app.features.age": anything,
    }
    for _ in range(draw(st.integers(1, 2))):
        carrier = request.resource_spans.add()
        carrier.resource.attributes.extend(key_values(draw(resources)))
        scope = carrier.scope_spans.add()
        scope.scope.name = draw(st.sampled_from(["barograph", "barograph", "", "barograph.readings"]))
        for pairs in draw(st.lists(st.fixed_dictionaries({}, optional=optional), max_size=3)):
            scope.spans.add(name="predict m", end_time_unix_nano=1, attributes=key_values(pairs))
    return request


MAPPINGS: Final = (
    mapping(SPAN),
    mapping(LOG, SPAN),
    mapping(SPAN, max_name_length=5, max_id_length=3, max_features=1, max_classes=1, max_segments=0),
    mapping({**SPAN, "time": "start", "scores": "app.scores.*", "features": {"a": "app.features.age"}}),
    mapping({**SPAN, "when": {"scope": ["shop*", "x"], "attributes": {"http.route": "/predict"}}}),
    mapping(
        {
            **SPAN,
            "when": {"service": "shop*"},
            "model": {"attribute": "app.model"},
            "output": {"attribute": "app.output"},
            "features": ["app.features.age", "app.features.job"],
            "value": "app.value",
        }
    ),
    mapping({**SPAN, "truth": "app.truth"}, {**SPAN, "time": {"attribute": "app.time"}}),
    mapping({**SPAN, "features": "app.map"}),
)


@st.composite
def spans_of_others(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """Spans that mappings claim, mostly, and in which little is wrong."""
    request = ExportTraceServiceRequest()
    optional: dict[str, st.SearchStrategy[Value]] = {
        **{name: st.just(value) for name, value in ONE.items()},
        "app.features.age": st.one_of(st.floats(), st.integers(0, 9), st.booleans(), anything),
        "app.features.": st.just(1),
        "app.features.zip": words,
        "app.scores.yes": st.sampled_from([0.25, 1, None, 2]),
        "app.scores.no": st.sampled_from([0.75, 0]),
        "app.value": st.floats(),
        "app.model": st.just("m"),
        "app.output": st.sampled_from(["", "o"]),
        "app.map": st.just({"a": 1}),
        "app.truth": st.sampled_from(["yes", None]),
    }
    always = {name: st.just(ONE[name]) for name in draw(st.sets(st.sampled_from([*ONE]), min_size=3))}
    always["http.route"] = st.just("/predict")
    for name in always:
        optional.pop(name, None)
    of_all = draw(st.fixed_dictionaries({}, optional=optional))
    for _ in range(draw(st.integers(1, 2))):
        carrier = request.resource_spans.add()
        carrier.resource.attributes.extend(
            key_values(
                draw(
                    st.fixed_dictionaries({}, optional={"service.name": st.just("shop"), "app.model": words})
                )
            )
        )
        scope = carrier.scope_spans.add()
        scope.scope.name = draw(
            st.sampled_from(["shop", "shop", "shopping", "", "barograph", "barograph.readings"])
        )
        for _ in range(draw(st.integers(0, 3))):
            pairs = {**draw(st.fixed_dictionaries(always)), **of_all}
            pairs |= draw(st.one_of(st.just({}), st.just({}), st.fixed_dictionaries({}, optional=optional)))
            scope.spans.add(
                name=draw(st.sampled_from(["POST /predict", "POST /predict", "POST /predict", "other"])),
                start_time_unix_nano=draw(st.sampled_from([5, 5, 5, 0])),
                end_time_unix_nano=draw(st.sampled_from([7, 7, 7, 0, 2**63])),
                attributes=key_values(pairs),
            )
    return request


@settings(max_examples=250, deadline=None)
@given(spans_of_others(), st.sampled_from(MAPPINGS))
def test_a_few_spans_of_others_say_the_same_either_way(
    request: ExportTraceServiceRequest, context: DecodeContext
) -> None:
    by_columns, decode, _ = WAYS["traces"]
    data = request.SerializeToString()
    assert verdict(by_columns, data, context) == verdict(decode, data, context)


@pytest.mark.parametrize("context", MAPPINGS[:2], ids=["alone", "after another"])
def test_usual_spans_of_others_are_read_object_by_object(context: DecodeContext) -> None:
    by_columns, _, by_objects = WAYS["traces"]
    request = ExportTraceServiceRequest()
    carrier = request.resource_spans.add()
    carrier.resource.attributes.extend(key_values({"service.name": "shop"}))
    for _ in range(3):
        carrier.scope_spans.add().spans.add(
            name="POST /predict", end_time_unix_nano=7, attributes=key_values(ONE)
        )
    data = request.SerializeToString()
    decoded = by_objects(data, context)
    assert decoded is not None
    (batch,) = decoded.batches
    assert isinstance(batch, Predictions)
    assert ["a-1"] * 3 == list(batch.ids)
    assert told(by_columns(data, context)) == told(decoded)


@settings(max_examples=150, deadline=None)
@given(metric_requests(), st.sampled_from(CONTEXTS))
def test_a_few_points_say_the_same_either_way(
    request: ExportMetricsServiceRequest, context: DecodeContext
) -> None:
    by_columns, decode, _ = WAYS["metrics"]
    data = request.SerializeToString()
    assert verdict(by_columns, data, context) == verdict(decode, data, context)


@settings(max_examples=100, deadline=None)
@given(span_requests(), st.sampled_from(CONTEXTS))
def test_a_few_spans_say_the_same_either_way(
    request: ExportTraceServiceRequest, context: DecodeContext
) -> None:
    by_columns, decode, _ = WAYS["traces"]
    data = request.SerializeToString()
    assert verdict(by_columns, data, context) == verdict(decode, data, context)


def test_damaged_requests_of_every_signal_say_the_same_either_way() -> None:
    plain = dict.fromkeys(WAYS, 0)
    for number in range(MUTATIONS):
        made = case(number)
        by_columns, decode, by_objects = WAYS[made.signal]
        context = CONTEXTS[number % 2]
        plain[made.signal] += by_objects(made.data, context) is not None
        assert verdict(by_columns, made.data, context) == verdict(decode, made.data, context), number
    assert min(plain.values()) > MUTATIONS / 100


def whole() -> Iterable[tuple[str, bytes]]:
    """A usual request of each signal but logs."""
    pane = ExportMetricsServiceRequest()
    kept = pane.resource_metrics.add().scope_metrics.add()
    kept.metrics.extend(
        [
            counted(metric_names.ML_INFERENCE_PREDICTIONS, FEATURE),
            bucketed(metric_names.ML_FEATURE_VALUE, FEATURE),
            exponential(metric_names.ML_FEATURE_VALUE, {**FEATURE, names.ML_FEATURE_NAME: "b"}),
        ]
    )
    yield "metrics", pane.SerializeToString()
    calls = ExportTraceServiceRequest()
    spans = calls.resource_spans.add().scope_spans.add()
    spans.scope.name = "barograph"
    spans.spans.add(attributes=key_values({**FEATURE, names.ML_BATCH_ROWS: 1}))
    yield "traces", calls.SerializeToString()


@pytest.mark.parametrize(("signal", "data"), [*whole()], ids=["metrics", "traces"])
def test_usual_points_and_spans_are_read_object_by_object(signal: str, data: bytes) -> None:
    by_columns, _, by_objects = WAYS[signal]
    for context in CONTEXTS[:2]:
        decoded = by_objects(data, context)
        assert decoded is not None
        assert (0, {}) == (decoded.rejected.total(), dict(decoded.ignored))
        assert told(by_columns(data, context)) == told(decoded)


def of_ours(pairs: dict[str, Value]) -> tuple[str, bytes]:
    """A request of one span in our own scope."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "barograph"
    scope.spans.add(attributes=key_values({**FEATURE, **pairs}))
    return "traces", request.SerializeToString()


def of_metrics(*made: Metric) -> tuple[str, bytes]:
    """A request of metrics."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(made)
    return "metrics", request.SerializeToString()


def of_others(*rows: dict[str, Value], scope: str = "shop") -> tuple[str, bytes]:
    """A request of spans of a service."""
    request = ExportTraceServiceRequest()
    carrier = request.resource_spans.add()
    carrier.resource.attributes.extend(key_values({"service.name": "shop", "http.route": "/predict"}))
    made = carrier.scope_spans.add()
    made.scope.name = scope
    for pairs in rows:
        made.spans.add(
            name="POST /predict",
            start_time_unix_nano=5,
            end_time_unix_nano=7,
            attributes=key_values({"app.request_id": "a", **pairs}),
        )
    return "traces", request.SerializeToString()


VALUE, PREDICTIONS = metric_names.ML_FEATURE_VALUE, metric_names.ML_INFERENCE_PREDICTIONS
PICKY: Final = mapping({**SPAN, "when": {"scope": ["shop*", "x"], "attributes": {"http.route": "/predict"}}})
BY_NAME: Final = mapping({**SPAN, "features": ["app.features.age", "app.features.job"], "time": "start"})


@pytest.mark.parametrize(
    ("context", "request_of"),
    [
        *((CONTEXTS[0], of_ours({names.ML_BATCH_ROWS: count})) for count in (3, -1, 0.5, None)),
        *(
            (CONTEXTS[0], of_metrics(counted(PREDICTIONS, {**FEATURE, names.ML_PANE_LENGTH: length})))
            for length in (60, 7, 0, 86_400, 86_401, "60", None)
        ),
        (CONTEXTS[0], of_metrics(counted(PREDICTIONS, FEATURE, flags=1))),
        (CONTEXTS[0], of_metrics(counted(PREDICTIONS, FEATURE, flags=2, start_time_unix_nano=0))),
        (CONTEXTS[0], of_metrics(counted(PREDICTIONS, FEATURE, as_double=3.0))),
        (CONTEXTS[0], of_metrics(exponential(VALUE, FEATURE), bucketed(VALUE, FEATURE))),
        (CONTEXTS[0], of_metrics(exponential(VALUE, FEATURE, count=7))),
        (CONTEXTS[0], of_metrics(exponential(VALUE, FEATURE, scale=21))),
        (CONTEXTS[0], of_metrics(bucketed(VALUE, FEATURE, count=4))),
        (CONTEXTS[0], of_metrics(bucketed(VALUE, FEATURE, sum=float("inf"), min=None))),
        (MAPPINGS[0], of_others({})),
        (MAPPINGS[0], of_others({"app.features.age": None})),
        (MAPPINGS[0], of_others({"app.features.age": 1}, {"app.features.job": "x", "app.features.age": 2})),
        (MAPPINGS[0], of_others({"app.score": 0.5}, {"app.score": 0.25, "app.model.version": ""})),
        (BY_NAME, of_others({"app.features.job": "x"}, {"app.features.age": 2, "app.features.job": "y"})),
        (BY_NAME, of_others({"app.features.job": "x", "app.features.age": 2})),
        (PICKY, of_others({"app.score": 0.5, "http.route": "/predict"}, scope="shopping")),
        (PICKY, of_others({"app.score": 0.5, "http.route": "/other"}, scope="shopping")),
        (PICKY, of_others({"app.score": 0.5}, scope="x")),
        (PICKY, of_others({"app.score": 0.5}, scope="xy")),
    ],
)
def test_each_part_of_points_and_spans_is_the_same_either_way(
    context: DecodeContext, request_of: tuple[str, bytes]
) -> None:
    signal, data = request_of
    by_columns, decode, _ = WAYS[signal]
    assert verdict(by_columns, data, context) == verdict(decode, data, context)


def test_a_mapping_that_names_scopes_by_their_beginning_is_read_object_by_object() -> None:
    _, data = of_others({"app.score": 0.5}, scope="shopping")
    assert plain_traces.decode_plain(data, PICKY) is not None
