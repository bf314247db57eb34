"""Spans read by their layout are read as the parser reads them, or left to it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from barograph.errors import Permanent
from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.wire import decode_traces as decoding
from barograph_processor.wire import span_scan
from barograph_processor.wire.span_contents import integers_at
from barograph_processor.wire.span_scan import SPANS_LEAST, scan

from .foreign_requests import SPAN, context
from .otlp_requests import TIME_NS, Value, any_value, key_values

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Features, Texts
    from barograph_processor.wire.decode import Decoded

HOW = context({**SPAN, "truth": "app.truth", "scores": "app.p", "version": None})
KINDS: list[Any] = [
    lambda r: r.gauss(0, 1),
    lambda r: r.choice([0, 1, -1, 127, 128, 300, 2**40, -(2**63), 2**63 - 1]),
    lambda r: r.choice(["x", "", "café", "y" * r.choice([5, 120, 130, 20_000]), "no"]),
    lambda r: r.random() < 0.5,
    lambda _: b"\0\xff",
    lambda _: ["a", 1.5],
    lambda r: {"a": r.random(), "b": "t"},
    lambda _: None,
    lambda r: float(r.choice(["nan", "inf", "0"])),
]
ALWAYS = {
    "app.request_id": lambda r: f"{r.getrandbits(64):016x}",
    "app.answer": lambda r: r.choice(["yes", "no"]),
    "app.score": lambda r: r.random(),
    "app.region": lambda _: "north",
}


class Shape(NamedTuple):
    """How some spans are built."""

    attributes: dict[str, Any]
    parent: bool
    events: bool
    unnamed: bool


def shape_of(r: random.Random) -> Shape:
    attributes = {key: make for key, make in ALWAYS.items() if r.random() < 0.9}
    attributes |= {f"app.features.f{i}": r.choice(KINDS) for i in range(r.randrange(6))}
    for key in ("app.truth", "app.p", "http.route", "k" * r.choice([1, 130]), names.ML_MODEL_NAME):
        if r.random() < 0.3:
            attributes[key] = r.choice(KINDS)
    order = list(attributes.items())
    r.shuffle(order)
    return Shape(dict(order), r.random() < 0.5, r.random() < 0.3, r.random() < 0.2)


def span_of(shape: Shape, r: random.Random, odd: float) -> Span:
    row: dict[str, Value] = {key: make(r) for key, make in shape.attributes.items()}
    span = Span(
        name="" if shape.unnamed else "POST /predict",
        trace_id=r.randbytes(16),
        span_id=r.randbytes(8),
        parent_span_id=r.randbytes(8) if shape.parent else b"",
        kind=r.choice([0, 2, 3]) if r.random() < odd else 2,  # type: ignore[arg-type]
        start_time_unix_nano=TIME_NS + r.randrange(1_000),
        end_time_unix_nano=0 if r.random() < odd else TIME_NS + r.randrange(2**40),
        attributes=key_values(row),
    )
    if shape.events:
        span.events.add(name="e" * r.randrange(3), time_unix_nano=1)
    if r.random() < odd:
        span.attributes.extend(key_values({"app.features.f0": r.random(), "x": 1}))
    return span


def request_of(seed: int, layouts: int, spans: int, odd: float) -> ExportTraceServiceRequest:
    """Spans built in a few ways, under several resources and scopes."""
    r = random.Random(seed)
    shapes = [shape_of(r) for _ in range(layouts)]
    request = ExportTraceServiceRequest()
    for resource in range(2):
        carrier = request.resource_spans.add()
        carrier.resource.attributes.extend(key_values({"service.instance.id": f"pod-{resource}"}))
        for scope in ("shop", "barograph", "barograph.readings")[: 1 + r.randrange(3)]:
            scoped = carrier.scope_spans.add(schema_url="u" * r.choice([0, 200]))
            scoped.scope.name = scope
            scoped.spans.extend(span_of(r.choice(shapes), r, odd) for _ in range(spans))
    return request


def simple(**changed: Value) -> ExportTraceServiceRequest:
    """Spans of one layout."""
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for i in range(SPANS_LEAST):
        row: dict[str, Value] = {"app.request_id": f"{i:08}", "app.features.y": i / 7, "app.region": "north"}
        scoped.spans.add(
            name="POST /predict", end_time_unix_nano=TIME_NS + i, attributes=key_values({**row, **changed})
        )
    return request


def by_parser(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Decoded:
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "scan", lambda _: None)
        return decoding.decode_traces(data, HOW)


def texts(column: Texts) -> list[str | None]:
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def features(found: Features | None) -> Any:
    if found is None:
        return None
    given = None if found.given is None else found.given.tolist()
    columns = {
        name: (one.numbers.tobytes(), None if one.texts is None else texts(one.texts))
        for name, one in found.columns.items()
    }
    return given, columns


def predictions(batch: Predictions) -> Any:
    return (
        batch.key,
        batch.source,
        list(batch.ids),
        batch.time_ns.tolist(),
        texts(batch.classes),
        batch.score.tobytes(),
        batch.scores.tobytes(),
        batch.score_classes,
        batch.value.tobytes(),
        {name: texts(column) for name, column in batch.segments.items()},
        features(batch.features),
    )


def plain(decoded: Decoded) -> Any:
    """Everything that was decoded, comparable, with features in an order of their own."""
    batches = []
    for batch in decoded.batches:
        if isinstance(batch, Predictions):
            batches.append(predictions(batch))
        elif isinstance(batch, Truths):
            pair = None if batch.pair is None else predictions(batch.pair)
            truth = (list(batch.ids), texts(batch.classes), batch.value.tobytes(), batch.time_ns.tolist())
            batches.append((batch.model, batch.version, batch.output, truth, pair))
    return batches, decoded.accepted, decoded.rejected, decoded.ignored


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    layouts=st.integers(1, 4),
    spans=st.sampled_from([60, 150]),
    odd=st.sampled_from([0.0, 0.02]),
)
def test_scanning_and_parsing_give_the_same(seed: int, layouts: int, spans: int, odd: float) -> None:
    data = request_of(seed, layouts, spans, odd).SerializeToString()
    with pytest.MonkeyPatch.context() as monkeypatch:
        expected = by_parser(data, monkeypatch)
    assert plain(expected) == plain(decoding.decode_traces(data, HOW))


def test_spans_of_a_few_layouts_are_scanned_and_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = request_of(7, 3, 200, 0.0).SerializeToString()
    found = scan(data)
    assert found is not None
    assert 1 < len(found.groups) <= 8
    assert len(found.scope_of) == sum(len(group.rows) for group in found.groups)
    expected = plain(decoding.decode_traces(data, HOW))
    monkeypatch.setattr(decoding, "items", None)  # what parsing needs
    assert expected == plain(decoding.decode_traces(data, HOW))


def test_what_was_learned_of_a_sender_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (request_of(seed, 4, 150, 0.0).SerializeToString() for seed in (1, 2))
    for data in (one, other, one, other):
        assert plain(by_parser(data, monkeypatch)) == plain(decoding.decode_traces(data, HOW))


def test_few_spans_and_many_layouts_are_left_to_the_parser() -> None:
    request = request_of(3, 1, 5, 0.0)
    assert None is scan(request.SerializeToString())
    many = ExportTraceServiceRequest()
    scoped = many.resource_spans.add().scope_spans.add()
    for i in range(2 * SPANS_LEAST):
        scoped.spans.add(name="POST /predict", attributes=key_values({f"k{i}": 1.0}))
    assert None is scan(many.SerializeToString())


def test_changed_bytes_never_give_anything_else_than_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the parser refuses is broken in a part that no mapping asked for."""
    r = random.Random(11)
    intact = request_of(5, 2, 60, 0.0).SerializeToString()
    lenient = 0
    for _ in range(400):
        data = bytearray(intact)
        for _ in range(r.choice([1, 1, 1, 3])):
            data[r.randrange(len(data))] = r.choice([0, 1, 0x7F, 0x80, 0xFF, r.randrange(256)])
        if r.random() < 0.1:
            data = data[: r.randrange(len(data))]
        try:
            expected = plain(by_parser(bytes(data), monkeypatch))
        except Permanent:
            expected = None
        try:
            found = plain(decoding.decode_traces(bytes(data), HOW))
        except Permanent:
            found = None
        if expected is None and found is not None:
            lenient += 1
            continue
        assert expected == found
    print(f"read although the parser refuses: {lenient} of 400")


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        (b"POST /predict", b"POST \xff\xferedict"),
        (b"north", b"\xff\xff\xff\xff\xff"),
        (b"0000001", b"\xff\xff\xff0001"),
        (b"\x18\xac\x02", b"\x18\x2c\x02"),
        (b"\x18\xac\x02", b"\x18\xac\x82"),
    ],
)
def test_numbers_cut_short_and_broken_text_are_refused(shown: bytes, hidden: bytes) -> None:
    intact = simple(**{"app.features.n": 300}).SerializeToString()
    data = intact.replace(shown, hidden)
    assert data != intact
    assert scan(data) is not None
    with pytest.raises(Permanent, match="the body isn't an OTLP traces request in protobuf"):
        decoding.decode_traces(data, HOW)


@pytest.mark.parametrize("twice", [b"\x18\xac\x02\x18\x07", b"\x18\x07\x18\xac\x02", b"\x18\x87\x00\x78\x01"])
def test_a_value_with_more_behind_it_is_what_protobuf_says(
    twice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = simple(**{"app.features.n": -1}).SerializeToString()
    shown = b"\x12\x0b\x18" + b"\xff" * 9 + b"\x01"
    for count in (1, 200):
        hidden = b"\x12\x0b" + (twice + b"\x7a\x04 of ")[:11].ljust(11, b"_")
        data = intact.replace(shown, hidden, count)
        assert data != intact
        written = ExportTraceServiceRequest.FromString(data).SerializeToString()
        assert plain(by_parser(written, monkeypatch)) == plain(decoding.decode_traces(data, HOW))


@pytest.mark.parametrize("place", ["app.p", "app.truth", names.ML_MODEL_NAME])
@pytest.mark.parametrize("last", [[0.5], {"a": 0.5}, "yes"])
def test_no_value_hides_behind_an_integer(place: str, last: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = AnyValue(int_value=7).SerializeToString() + any_value(last).SerializeToString()
    room = b"~" * (len(behind) - 2)
    attributes: dict[str, Value] = {place: room, "app.answer": "no"}
    data = simple(**attributes).SerializeToString()
    data = data.replace(AnyValue(bytes_value=room).SerializeToString(), behind)
    written = ExportTraceServiceRequest.FromString(data).SerializeToString()
    for how in (HOW, context({**SPAN, "scores": "app.p", "features": "app.truth"})):
        with monkeypatch.context() as patched:
            patched.setattr(decoding, "scan", lambda _: None)
            expected = plain(decoding.decode_traces(written, how))
        assert expected == plain(decoding.decode_traces(data, how))


@pytest.mark.parametrize(
    "cut", [b"\x0a" + b"\xff" * 9 + b"\x01", b"\x0a\x80" + b"\xff" * 8 + b"\x01", b"\x0a\x7f" + bytes(9)]
)
def test_a_map_whose_lengths_lie_is_refused(cut: bytes) -> None:
    data = simple(**{"app.p": b"~" * 11}).SerializeToString()
    lying = data.replace(b"\x3a\x0b" + b"~" * 11, b"\x32\x0b" + cut)
    assert scan(lying) is not None
    with pytest.raises(Permanent, match="the body isn't an OTLP"):
        decoding.decode_traces(lying, HOW)


def test_a_field_whose_number_is_too_great_is_left_to_the_parser() -> None:
    intact = simple().SerializeToString()
    assert scan(intact) is not None
    name = b"\x2a\x0dPOST /predict"
    for tag in (b"\xe2\x80\x80\x80\x80\x01", b"\xfa\xff\xff\xff\x1f"):
        odd = (tag + b"\x07 number")[: len(name)]
        data = intact.replace(
            name,
            odd[: len(tag)]
            + bytes([len(name) - len(tag) - 1])
            + odd[len(tag) + 1 :].ljust(len(name) - len(tag) - 1),
        )
        assert len(data) == len(intact)
        assert None is scan(data)


def test_an_empty_envelope_and_lengths_beyond_the_end_are_left_to_the_parser() -> None:
    for data in (
        b"",
        b"\x0a",
        b"\x0a\x05",
        b"\x0a\xff\xff\xff\xff\xff\xff",
        b"\x12\x02\x0a\x00",
        b"\x08\x01",
    ):
        assert None is scan(data)


def test_numbers_and_times_are_exact() -> None:
    (batch,) = decoding.decode_traces(simple(**{"app.features.n": 2**53}).SerializeToString(), HOW).batches
    assert isinstance(batch, Predictions)
    assert batch.features is not None
    assert (np.arange(SPANS_LEAST) / 7).tolist() == batch.features.columns["y"].numbers.tolist()
    assert [2.0**53] * SPANS_LEAST == batch.features.columns["n"].numbers.tolist()
    assert (TIME_NS + np.arange(SPANS_LEAST)).tolist() == batch.time_ns.tolist()
    assert [f"{i:08}" for i in range(SPANS_LEAST)] == batch.ids


def test_layouts_of_a_sender_are_known_after_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_of(7, 3, 200, 0.0)
    found = scan(request.SerializeToString())
    assert found is not None
    firsts = [int(group.rows[0]) for group in found.groups]
    assert firsts == sorted(firsts)
    for carrier in request.resource_spans:
        for scoped in carrier.scope_spans:
            spans = [*reversed(scoped.spans)]
            del scoped.spans[:]
            scoped.spans.extend(spans)
    monkeypatch.setattr(span_scan, "layout_of", None)
    again = scan(request.SerializeToString())
    assert again is not None
    assert sorted(len(group.rows) for group in found.groups) == sorted(
        len(group.rows) for group in again.groups
    )


@pytest.mark.parametrize("last", [0, 127, 128, 2**14, 2**35, 2**56 - 1, 2**56, 2**63 - 1, -1])
def test_integers_are_exact_in_any_number_of_bytes_and_at_the_very_end(last: int) -> None:
    numbers = [0, 1, 127, 128, 300, 2**21, 2**49, last]
    contents = [encoded(number) for number in numbers]
    for kept in (contents, contents[-1:], contents[:3]):
        data = b"".join(kept)
        ends = np.cumsum([len(one) for one in kept])
        found = integers_at(data, ends - [len(one) for one in kept], ends)
        assert [numbers[contents.index(one)] for one in kept] == found.tolist()


def encoded(number: int) -> bytes:
    """A number as protobuf writes it behind the tag of a field."""
    whole = AnyValue(int_value=number).SerializeToString()
    assert whole[:1] == b"\x18"
    return whole[1:]
