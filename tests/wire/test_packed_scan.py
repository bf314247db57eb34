"""Requests of packed events are read around the events as the parser reads them."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.batch import Predictions
from barograph_processor.wire import decode_logs as decoding
from barograph_processor.wire import packed_scan
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.limits import Limits

from .oracle import rows_of
from .otlp_requests import TIME_NS, Value, any_value, arrow, logs, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

CONTEXT: Final = DecodeContext()
ROWS: Final = 40


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    packed_scan._KNOWN.clear()  # what other tests left
    yield
    packed_scan._KNOWN.clear()


def packed(first: int = 0, more: Mapping[str, pa.Array] | None = None) -> bytes:
    """An event's columns."""
    rows = ROWS
    return arrow(
        {
            names.ML_INFERENCE_ID: pa.array([f"id-{first + row:08}" for row in range(rows)]),
            names.ML_PREDICTION_CLASS: pa.array(["yes", "no"] * (rows // 2)),
            names.ML_FEATURES: pa.array([{"a": row / 3, "b": f"c{row % 3}"} for row in range(rows)]),
            **(more or {}),
        }
    )


def one(
    first: int = 0,
    more: Mapping[str, Value] | None = None,
    *,
    event: str = events.ML_INFERENCE_PREDICTION_BATCH,
) -> LogRecord:
    """A record with a packed event."""
    held: dict[str, Value] = {
        names.ML_MODEL_NAME: "credit",
        names.ML_MODEL_VERSION: "3",
        names.ML_BATCH_ROWS: ROWS,
        names.ML_BATCH_ARROW: packed(first),
    }
    return record(event, held | dict(more or {}), TIME_NS + first)


def request(*records: LogRecord, resource: Mapping[str, Value] | None = None) -> bytes:
    """A request."""
    return logs(records, {"service.name": "shop", **(resource or {})}).SerializeToString()


def plain(decoded: Decoded) -> object:
    """Everything that a request was found to hold, comparable."""
    return (
        rows_of(decoded.batches),
        [len(batch.ids) for batch in decoded.batches if isinstance(batch, Predictions)],
        (decoded.accepted, decoded.rejected, decoded.ignored, decoded.rows_rejected),
    )


def by_parser(data: bytes, monkeypatch: pytest.MonkeyPatch, context: DecodeContext = CONTEXT) -> object:
    """As the parser alone reads it; None where it is no request."""
    with monkeypatch.context() as patched:
        patched.setattr(packed_scan, "scan", lambda data: None)
        return verdict(data, context)


def verdict(data: bytes, context: DecodeContext = CONTEXT) -> object:
    """What a request holds; None where it is no request."""
    try:
        return plain(decoding.decode_logs(data, context))
    except Permanent:
        return None


def is_known(data: bytes, limits: Limits = CONTEXT.limits) -> bool:
    """Whether the parser isn't asked."""
    scanned = packed_scan.scan(data)
    return scanned is not None and packed_scan.known(scanned.shape, limits) is not None


def test_a_shape_is_parsed_once_and_gives_what_the_parser_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = request(one(0), one(100)), request(one(200), one(300))
    assert not is_known(first)
    assert by_parser(first, monkeypatch) == verdict(first)
    assert is_known(second)
    expected = by_parser(second, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "parse", None)  # fails when it is called
        assert expected == verdict(second)
    _, batch = decoding.decode_logs(second, CONTEXT).batches
    assert isinstance(batch, Predictions)
    assert ("credit", "id-00000300", "id-00000339") == (batch.key.model, batch.ids[0], batch.ids[-1])


def test_each_event_has_its_own_time_number_of_rows_and_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    decoding.decode_logs(request(one(), one(), one()), CONTEXT)
    observed = one(100)
    observed.observed_time_unix_nano, observed.time_unix_nano = TIME_NS + 7, 0
    observed.trace_id = b"t" * 16
    wrong = one(200, {names.ML_BATCH_ROWS: ROWS + 1})
    broken = one(300, {names.ML_BATCH_ARROW: b"x" * 1_000})
    data = request(observed, wrong, broken)
    assert is_known(data)
    assert by_parser(data, monkeypatch) == verdict(data)
    found = decoding.decode_logs(data, CONTEXT)
    assert ({"row_count": 1, "bad_arrow": 1}, 1) == (found.rejected, found.accepted)
    (batch,) = found.batches
    assert isinstance(batch, Predictions)
    assert {TIME_NS + 7} == set(batch.time_ns.tolist())


@pytest.mark.parametrize(
    "other",
    [
        request(one(0, {names.ML_MODEL_NAME: "other"})),
        request(one(0, {names.ML_SOURCE_ID: "other"})),
        request(one(event=events.ML_GROUND_TRUTH_OBSERVED_BATCH)),
        request(one(event="other")),
        request(one(), resource={"service.namespace": "other"}),
        request(one(), one()),
        logs([one()], {"service.name": "shop"}, "barograph.readings").SerializeToString(),
    ],
)
def test_what_says_anything_else_has_another_shape(other: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoding.decode_logs(request(one()), CONTEXT)
    assert not is_known(other)
    expected = by_parser(other, monkeypatch)
    assert [expected, expected] == [verdict(other), verdict(other)]


def _delimited(tag: int, content: bytes) -> bytes:
    """A field with a length of three bytes, as its value may be long."""
    size = len(content)
    return bytes([tag, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + content


def test_a_field_that_is_no_record_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        ExportLogsServiceRequest.FromString(request(one(first))).resource_logs[0] for first in (0, ROWS)
    ]
    resource = (
        ExportLogsServiceRequest.FromString(
            request(one(), resource={names.ML_MODEL_NAME: "credit", names.ML_MODEL_VERSION: "3"})
        )
        .resource_logs[0]
        .resource
    )
    bare = []
    for found in records:
        made = found.scope_logs[0].log_records[0]
        kept = [pair for pair in made.attributes if pair.key in {names.ML_BATCH_ARROW, names.ML_BATCH_ROWS}]
        del made.attributes[:]
        made.attributes.extend(kept)
        bare.append(made)
    name = bare[0].event_name.encode()
    looks_alike = bytes([0x62, len(name)]) + name  # all that a record says beside its columns
    whole = [_delimited(0x12, made.SerializeToString()) for made in bare]

    def sent(*fields: bytes) -> bytes:
        scope = _delimited(0x12, b"".join(fields))
        return _delimited(0x0A, _delimited(0x0A, resource.SerializeToString()) + scope)

    both, lone = sent(*whole), sent(looks_alike, whole[1])
    for first, second in ((both, lone), (lone, both)):
        packed_scan._KNOWN.clear()
        for data in (first, second, first):
            assert by_parser(data, monkeypatch) == verdict(data)
        assert is_known(first)
        assert is_known(second)


@pytest.mark.parametrize(
    "refused",
    [
        one(0, {names.ML_MODEL_NAME: ""}),
        one(0, {names.ML_MODEL_NAME: "m" * 300}),
        one(0, {names.ML_MODEL_VERSION: [1]}),
        one(0, {names.ML_SAMPLING_RATE: 2.0}),
    ],
)
def test_a_shape_with_anything_to_refuse_is_not_known(
    refused: LogRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = request(one(), refused)
    expected = by_parser(data, monkeypatch)
    assert [expected, expected] == [verdict(data), verdict(data)]
    assert not is_known(data)


def test_a_shape_is_known_under_the_limits_it_was_read_with() -> None:
    data = request(one())
    strict = DecodeContext(limits=dataclasses.replace(Limits(), max_name_length=3))
    assert 1 == decoding.decode_logs(data, CONTEXT).accepted
    assert {"name_too_long": 1} == decoding.decode_logs(data, strict).rejected
    assert (True, False) == (is_known(data), is_known(data, strict.limits))


def _twice(made: LogRecord, name: str, value: Value) -> LogRecord:
    made.attributes.add(key=name).value.CopyFrom(any_value(value))
    return made


def _value_first(made: LogRecord) -> bytes:
    """An attribute written the other way round than everybody does."""
    entry = next(each for each in made.attributes if each.key == names.ML_BATCH_ROWS)
    written = entry.SerializeToString()
    at = written.index(b"\x12")
    return request(made).replace(written, written[at:] + written[:at])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff",
        request(),
        request(record(events.ML_INFERENCE_PREDICTION, {names.ML_MODEL_NAME: "credit"})),
        request(one(0, {names.ML_BATCH_ARROW: "x" * 1_000})),
        request(one(0, {names.ML_BATCH_ARROW: b"x" * 10})),
        request(one(0, {names.ML_BATCH_ROWS: "40"})),
        request(one(0, {names.ML_BATCH_ROWS: -1})),
        request(one(0, {"later": "x" * 1_000})),
        request(_twice(one(), names.ML_BATCH_ROWS, 1)),
        request(_twice(one(), names.ML_BATCH_ARROW, b"")),
        request(_twice(one(), names.ML_BATCH_ARROW, packed(7))),
        request(record(events.ML_INFERENCE_PREDICTION_BATCH, {names.ML_BATCH_ARROW: packed()}, 2**63)),
        _value_first(one()),
        request(one()) + b"\x12\x00",
        request(one()) + b"\x08\x01",
    ],
)
def test_what_is_not_written_as_usual_is_left_to_the_parser(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict(request(one()))
    assert None is packed_scan.scan(data)
    assert by_parser(data, monkeypatch) == verdict(data)


def test_large_shapes_and_many_of_them_are_not_kept() -> None:
    large = request(one(), resource={f"key-{place}": "x" * 400 for place in range(50)})
    assert 1 == decoding.decode_logs(large, CONTEXT).accepted
    assert not is_known(large)
    for place in range(300):
        verdict(request(one(0, {names.ML_MODEL_VERSION: str(place)})))
    assert 256 >= len(packed_scan._KNOWN) > 0


def _two_carriers() -> bytes:
    made = ExportLogsServiceRequest.FromString(request(one(0), one(50), one(0, {names.ML_SOURCE_ID: "b"})))
    made.resource_logs[0].schema_url = "https://example.invalid/1"
    made.resource_logs[0].scope_logs.add(schema_url="s").log_records.append(
        one(150, {names.ML_BATCH_ARROW: _truths()}, event=events.ML_GROUND_TRUTH_OBSERVED_BATCH)
    )
    made.resource_logs.add().scope_logs.add().log_records.append(one(200))
    for each in made.resource_logs[0].scope_logs[0].log_records:
        each.observed_time_unix_nano, each.flags, each.dropped_attributes_count = 5, 1, 2
        each.trace_id, each.span_id = b"t" * 16, b"s" * 8
    return made.SerializeToString()


def _truths() -> bytes:
    return packed(150, {names.ML_GROUND_TRUTH_VALUE: pa.array(["yes"] * ROWS)})


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_changed_in_a_known_request_the_parser_says_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = _two_carriers()
    assert by_parser(intact, monkeypatch) == verdict(intact)
    assert is_known(intact)
    outside = _outside_columns(intact)
    drawn = random.Random(seed)  # of a test
    print(f"seed {seed}")
    scanned = 0
    for _ in range(150):
        data = bytearray(intact)
        for _ in range(drawn.choice([1, 1, 1, 3])):
            at = drawn.choice(outside)
            data[at] = drawn.choice([data[at] ^ 1, (data[at] + 1) & 0xFF, drawn.randrange(256)])
        changed = bytes(data)
        scanned += packed_scan.scan(changed) is not None
        assert by_parser(changed, monkeypatch) == verdict(changed)
        assert by_parser(changed, monkeypatch) == verdict(changed)  # now that its shape may be known
    assert scanned > 30


def _outside_columns(data: bytes) -> list[int]:
    scanned = packed_scan.scan(data)
    assert scanned is not None
    inside = {at for begin, end in scanned.blobs for at in range(begin + 8, end)}
    return [at for at in range(len(data)) if at not in inside]
