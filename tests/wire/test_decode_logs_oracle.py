"""The columnar decoder of readable events equals the slow one, and survives anything."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs

from .oracle import expected_logs, rows_of
from .otlp_requests import Value, arrow, key_values, logs, record

CONTEXT = DecodeContext()

words = st.sampled_from(["", "a", "b", "EWR", "1", "1.0", "true", "größe", "x" * 256, "x" * 257, "é" * 200])
probabilities = st.one_of(
    st.floats(0, 1), st.sampled_from([0, 1, 1.0000001, 1.5, -0.2, float("nan"), float("inf")])
)
scalars = st.one_of(words, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.none())
anything: st.SearchStrategy[Value] = st.one_of(
    scalars,
    st.binary(max_size=4),
    st.lists(words, max_size=2),
    st.dictionaries(words, st.one_of(scalars, st.just({"n": {}})), max_size=2),
)
score_maps = st.lists(
    st.tuples(words, probabilities), max_size=4, unique_by=(lambda e: e[0], lambda e: e[1])
).map(dict)
usual: dict[str, st.SearchStrategy[Value]] = {
    names.ML_MODEL_NAME: st.sampled_from(["m", "n"]),
    names.ML_MODEL_VERSION: st.sampled_from(["1", "2", 3, 1.0]),
    names.ML_OUTPUT_NAME: words,
    names.ML_SOURCE_ID: words,
    names.ML_INFERENCE_ID: scalars,
    names.ML_PREDICTION_CLASS: scalars,
    names.ML_PREDICTION_SCORE: probabilities,
    names.ML_PREDICTION_SCORES: score_maps,
    names.ML_PREDICTION_VALUE: st.floats(),
    names.ML_SEGMENTS: st.dictionaries(words, scalars, max_size=3),
    names.ML_FEATURES: st.dictionaries(words, st.one_of(scalars, scalars, st.binary(max_size=2)), max_size=4),
    names.ML_SAMPLING_RATE: st.sampled_from([1, 0.1, 1.0, 0, -0.5, 1.5, float("nan")]),
    names.ML_GROUND_TRUTH_VALUE: scalars,
}
resources = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(words, anything)
        for name in (
            "service.namespace",
            "deployment.environment",
            "deployment.environment.name",
            "service.instance.id",
            "service.name",
            "process.pid",
            names.ML_MODEL_NAME,
            names.ML_MODEL_VERSION,
        )
    },
)


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    """An event with attributes of mostly the right types."""
    mostly = {name: st.one_of(value, value, value, anything) for name, value in usual.items()}
    always = {names.ML_MODEL_NAME: mostly.pop(names.ML_MODEL_NAME)} if draw(st.booleans()) else {}
    pairs = draw(st.fixed_dictionaries(always, optional=mostly))
    event = draw(
        st.sampled_from([events.ML_INFERENCE_PREDICTION, events.ML_GROUND_TRUTH_OBSERVED, "other", ""])
    )
    times = st.sampled_from([0, 1, 1_700_000_000_000_000_000, 2**63 - 1, 2**63, 2**64 - 1])
    made = LogRecord(event_name=event, time_unix_nano=draw(times), observed_time_unix_nano=draw(times))
    made.attributes.extend(key_values(pairs))
    made.attributes.extend(draw(st.sampled_from([[], key_values({names.ML_INFERENCE_ID: "again"})])))
    return made


@st.composite
def requests(draw: st.DrawFn) -> ExportLogsServiceRequest:
    """Several resources and scopes, some empty or absent."""
    request = ExportLogsServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        carrier = request.resource_logs.add()
        if draw(st.booleans()):
            carrier.resource.attributes.extend(key_values(draw(resources)))
        for _ in range(draw(st.integers(0, 2))):
            scope = carrier.scope_logs.add(log_records=draw(st.lists(records(), max_size=4)))
            if draw(st.booleans()):
                scope.scope.name = "barograph"
    return request


@settings(max_examples=300, deadline=None)
@given(requests())
def test_columns_and_objects_give_the_same_rows(request: ExportLogsServiceRequest) -> None:
    expected = expected_logs(request)
    decoded = decode_logs(request.SerializeToString(), CONTEXT)
    assert expected.rows == rows_of(decoded.batches)
    assert len(expected.refused) == decoded.rejected.total()
    assert sum(expected.rows.values()) + expected.foreign == decoded.accepted
    assert expected.foreign == decoded.ignored["foreign"]
    possible = Counter(reason for reasons in expected.refused for reason in reasons)
    assert all(count <= possible[reason] for reason, count in decoded.rejected.items())


SEED = logs(
    [
        record(
            events.ML_INFERENCE_PREDICTION,
            {
                names.ML_MODEL_NAME: "m",
                names.ML_PREDICTION_SCORES: {"a": 0.1, "b": 0.9},
                names.ML_FEATURES: {"a": 1.5, "b": "x", "c": None},
            },
        ),
        record(
            events.ML_GROUND_TRUTH_OBSERVED,
            {names.ML_MODEL_NAME: "m", names.ML_INFERENCE_ID: "a", names.ML_GROUND_TRUTH_VALUE: 1},
        ),
        record(
            events.ML_INFERENCE_PREDICTION_BATCH,
            {
                names.ML_MODEL_NAME: "m",
                names.ML_BATCH_ROWS: 3,
                names.ML_BATCH_ARROW: arrow(
                    {
                        names.ML_INFERENCE_ID: ["a", "b", None],
                        names.ML_PREDICTION_SCORE: [0.1, 0.2, None],
                        names.ML_PREDICTION_SCORES: [{"a": 0.1}, None, {"a": 1.0}],
                        names.ML_SEGMENTS: [{"s": "x"}, None, {"s": "y"}],
                        names.ML_FEATURES: [{"a": 1.5, "b": "x"}, None, {"a": None, "b": None}],
                    },
                    "zstd",
                ),
            },
        ),
    ]
).SerializeToString()


@settings(max_examples=1_500, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, len(SEED)),
)
def test_mutated_requests_are_decoded_or_refused(edits: list[tuple[int, int]], length: int) -> None:
    data = bytearray(SEED)
    for at, byte in edits:
        data[at] = byte
    for request in (bytes(data), bytes(data[:length])):
        try:
            decoded = decode_logs(request, CONTEXT)
        except Permanent:
            continue
        assert decoded.rejected.total() + decoded.accepted >= 0
