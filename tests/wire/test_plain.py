"""A few events read object by object say what the columns say of them; what is wrong is left to columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Points
from barograph_processor.engine.batch_bytes import encode_batches
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_columns, decode_logs
from barograph_processor.wire.limits import Limits
from barograph_processor.wire.plain_logs import RECORDS_MOST, decode_plain

from .foreign_requests import LOG
from .foreign_requests import context as mapping
from .otlp_requests import TIME_NS, Value, key_values, logs, record
from .test_decode_logs_oracle import anything, requests, scalars, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.wire.decode import Decoded

CONTEXT = DecodeContext()
TIGHT = DecodeContext(
    limits=Limits(
        max_name_length=3, max_id_length=2, max_keys=1, max_classes=1, max_segments=1, max_features=2
    )
)

numbers = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1), st.none())
chances = st.one_of(st.floats(0, 1), st.sampled_from([0, 1, -0.0, 1.0000005, None]))
texts = st.sampled_from(["", "a", "b", "EWR", "1", "1.0", "größe", "x" * 256])
fine: dict[str, st.SearchStrategy[Value]] = {
    names.ML_OUTPUT_NAME: st.just("o"),
    names.ML_INFERENCE_ID: st.one_of(texts, st.booleans(), st.integers(0, 3), st.just(1.5)),
    names.ML_PREDICTION_CLASS: st.one_of(
        texts, st.booleans(), st.integers(0, 1), st.just(-0.0), st.just(0.0)
    ),
    names.ML_PREDICTION_SCORE: chances,
    names.ML_PREDICTION_SCORES: st.dictionaries(texts, chances, max_size=3),
    names.ML_PREDICTION_VALUE: st.floats(allow_infinity=False),
    names.ML_SEGMENTS: st.dictionaries(texts, st.one_of(texts, st.booleans(), st.none()), max_size=3),
    names.ML_FEATURES: st.dictionaries(
        texts, st.one_of(numbers, numbers, texts, st.booleans(), anything), max_size=4
    ),
    names.ML_SAMPLING_RATE: st.sampled_from([1, 0.1, 1.0, None]),
    names.ML_GROUND_TRUTH_VALUE: st.one_of(texts, st.booleans(), st.floats(-5, 5), st.integers(0, 2)),
}
EVENTS = (events.ML_INFERENCE_PREDICTION, events.ML_GROUND_TRUTH_OBSERVED)


@st.composite
def plain_records(draw: st.DrawFn) -> LogRecord:
    """An event of one model in which little is wrong, or a record of others."""
    pairs: dict[str, Value] = {
        names.ML_MODEL_NAME: "m",
        **draw(st.fixed_dictionaries({}, optional=fine)),
        **draw(st.dictionaries(st.sampled_from(["other", "more"]), scalars, max_size=1)),
    }
    event = draw(st.sampled_from((*EVENTS, *EVENTS, *EVENTS, "other", "")))
    if event == events.ML_GROUND_TRUTH_OBSERVED and draw(st.sampled_from([True, True, True, False])):
        pairs = {names.ML_INFERENCE_ID: "a", names.ML_GROUND_TRUTH_VALUE: 1, **pairs}
    if draw(st.sampled_from([False, False, False, True])):
        event, pairs["event.name"] = "", event
    made = record(event, pairs, draw(st.sampled_from([TIME_NS, TIME_NS + 1, 2**63 - 1])))
    made.attributes.extend(key_values(draw(st.dictionaries(words, anything, max_size=1))))
    made.attributes.extend(draw(st.sampled_from([[], [], key_values({names.ML_INFERENCE_ID: "again"})])))
    return made


@st.composite
def plain_requests(draw: st.DrawFn) -> ExportLogsServiceRequest:
    """One resource, sometimes in parts, sometimes with a scope that is passed over."""
    request = ExportLogsServiceRequest()
    resource = draw(
        st.fixed_dictionaries(
            {}, optional={"service.name": words, "process.pid": scalars, "deployment.environment": words}
        )
    )
    for _ in range(draw(st.integers(1, 2))):
        carrier = request.resource_logs.add()
        carrier.resource.attributes.extend(key_values(resource))
        scope = carrier.scope_logs.add(log_records=draw(st.lists(plain_records(), max_size=4)))
        scope.scope.name = draw(st.sampled_from(["", "barograph", "barograph", "barograph.readings"]))
    return request


def told(decoded: Decoded) -> tuple[object, ...]:
    """Everything that a decoder says, comparable."""
    return (
        encode_batches(decoded.batches),
        decoded.accepted,
        decoded.rejected,
        decoded.ignored,
        decoded.rows_rejected,
        repr(decoded.cumulative),
    )


def verdict(decode: Callable[[bytes, DecodeContext], Decoded], data: bytes, context: DecodeContext) -> object:
    """What a decoder says, or how it refuses the request."""
    try:
        return told(decode(data, context))
    except Permanent as error:
        return str(error)


@settings(max_examples=150, deadline=None)
@given(plain_requests(), st.sampled_from([CONTEXT, CONTEXT, TIGHT, DecodeContext("tenant"), mapping(LOG)]))
def test_a_few_events_say_the_same_either_way(
    request: ExportLogsServiceRequest, context: DecodeContext
) -> None:
    data = request.SerializeToString()
    assert verdict(decode_columns, data, context) == verdict(decode_logs, data, context)


@settings(max_examples=60, deadline=None)
@given(requests(), st.sampled_from([CONTEXT, TIGHT]))
def test_whatever_is_in_them_events_say_the_same_either_way(
    request: ExportLogsServiceRequest, context: DecodeContext
) -> None:
    data = request.SerializeToString()
    assert verdict(decode_columns, data, context) == verdict(decode_logs, data, context)


USUAL: dict[str, Value] = {
    names.ML_MODEL_NAME: "m",
    names.ML_INFERENCE_ID: "a-17",
    names.ML_PREDICTION_SCORE: 0.25,
    names.ML_FEATURES: {"a": 1, "b": 2.5, "c": "EWR", "d": True, "e": None, "f": b"x", "g": {"h": {"i": 1}}},
    names.ML_SEGMENTS: {"carrier": "UA"},
}


@pytest.mark.parametrize(
    "rows",
    [
        [{names.ML_PREDICTION_SCORE: 1.0000005}, {names.ML_PREDICTION_SCORE: -0.0000005}],
        [{names.ML_PREDICTION_SCORES: {"a": 1.0000005, "b": None}}, {names.ML_PREDICTION_SCORES: {"c": 0.5}}],
        [{names.ML_FEATURES: {"a": "y", "b": "x"}}, {names.ML_FEATURES: {"b": "y", "a": "x", "c": 1}}, {}],
        [{names.ML_FEATURES: {}}, {names.ML_FEATURES: {"a": None}}],
        [{names.ML_SEGMENTS: {"s": "a", "t": None}}, {names.ML_SEGMENTS: {"t": 1.0, "s": True}}],
        [
            {names.ML_PREDICTION_CLASS: 1.0},
            {names.ML_PREDICTION_CLASS: True},
            {names.ML_PREDICTION_CLASS: ""},
        ],
        [{names.ML_INFERENCE_ID: ""}, {names.ML_INFERENCE_ID: 7}, {names.ML_INFERENCE_ID: -0.0}],
        [{names.ML_OUTPUT_NAME: "o", names.ML_MODEL_VERSION: 3, names.ML_SOURCE_ID: "s"}],
    ],
)
@pytest.mark.parametrize(
    "resource",
    [{}, {"service.namespace": "n", "process.pid": 7}, {"service.instance.id": "i", "host.name": "h"}],
)
def test_each_part_of_a_prediction_is_the_same_either_way(
    rows: list[dict[str, Value]], resource: dict[str, Value]
) -> None:
    usual: dict[str, Value] = {names.ML_MODEL_NAME: "m", names.ML_INFERENCE_ID: "a"}
    labelled: tuple[tuple[str, dict[str, Value]], ...] = (
        (EVENTS[0], {}),
        (EVENTS[1], {names.ML_GROUND_TRUTH_VALUE: "1"}),
    )
    for event, more in labelled:
        made = [record(event, {**usual, names.ML_PREDICTION_VALUE: 2, **row, **more}) for row in rows]
        made[0].observed_time_unix_nano, made[0].time_unix_nano = made[0].time_unix_nano, 0
        data = logs(made, resource).SerializeToString()
        decoded = decode_plain(data, CONTEXT)
        assert decoded is not None
        assert told(decode_columns(data, CONTEXT)) == told(decoded)


def test_truths_alone_and_in_pairs_are_the_same_either_way() -> None:
    truth: dict[str, Value] = {names.ML_MODEL_NAME: "m", names.ML_INFERENCE_ID: "a"}
    values: list[Value] = ["1", "late", 2.5, 1, True]
    paired: tuple[dict[str, Value], ...] = (
        {names.ML_PREDICTION_SCORE: 0.5, names.ML_SEGMENTS: {"s": "a"}},
        {},
    )
    made = [
        record(EVENTS[1], {**truth, names.ML_GROUND_TRUTH_VALUE: value, **more})
        for value in values
        for more in paired
    ]
    data = logs(made).SerializeToString()
    decoded = decode_plain(data, CONTEXT)
    assert decoded is not None
    assert 2 == len(decoded.batches)
    assert told(decode_columns(data, CONTEXT)) == told(decoded)


@pytest.mark.parametrize("count", [1, RECORDS_MOST])
@pytest.mark.parametrize("event", EVENTS)
def test_a_few_usual_events_are_read_object_by_object(event: str, count: int) -> None:
    data = logs(record(event, {**USUAL, names.ML_GROUND_TRUTH_VALUE: 1}) for _ in range(count))
    decoded = decode_plain(data.SerializeToString(), CONTEXT)
    assert decoded is not None
    (batch,) = decoded.batches
    assert not isinstance(batch, Points)
    assert (count, count) == (decoded.accepted, len(batch.ids))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({names.ML_MODEL_NAME: ""}, "no_model"),
        ({names.ML_INFERENCE_ID: b"x"}, "bad_type"),
        ({names.ML_INFERENCE_ID: "x" * 257}, "id_too_long"),
        ({names.ML_SEGMENTS: {"s": "x" * 257}}, "name_too_long"),
        ({names.ML_FEATURES: {"x" * 257: 1}}, "name_too_long"),
        ({names.ML_FEATURES: {str(name): 1 for name in range(2_001)}}, "too_many_features"),
        ({names.ML_PREDICTION_SCORE: 1.5}, "score_range"),
        ({names.ML_PREDICTION_VALUE: float("inf")}, "not_finite"),
        ({names.ML_SAMPLING_RATE: 0}, "bad_rate"),
    ],
)
def test_what_is_refused_is_refused_by_the_columns(changed: dict[str, Value], why: str) -> None:
    made = record(events.ML_INFERENCE_PREDICTION, {**USUAL, **changed})
    data = logs([record(events.ML_INFERENCE_PREDICTION, USUAL), made]).SerializeToString()
    assert decode_plain(data, CONTEXT) is None
    assert {why: 1} == dict(decode_logs(data, CONTEXT).rejected)


def test_many_events_and_fields_that_stand_twice_are_read_by_columns() -> None:
    many = logs(record(EVENTS[0], USUAL) for _ in range(RECORDS_MOST + 1)).SerializeToString()
    twice = logs([record(EVENTS[0], USUAL)]).SerializeToString()
    time = b"\x09" + (TIME_NS - 1).to_bytes(8, "little")
    inner = LogRecord.FromString(record(EVENTS[0], USUAL).SerializeToString()).SerializeToString()
    assert decode_plain(twice, CONTEXT) is not None
    for data in (many, _with_record(time + inner)):
        assert decode_plain(data, CONTEXT) is None
        assert verdict(decode_columns, data, CONTEXT) == verdict(decode_logs, data, CONTEXT)


def _with_record(data: bytes) -> bytes:
    """A request around the bytes of a record."""
    for tag in (b"\x12", b"\x12", b"\x0a"):
        size = len(data)
        data = tag + bytes([size & 0x7F | 0x80, size >> 7]) + data
    return data
