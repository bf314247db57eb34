"""Spans are found where they are, whatever their values look like and whatever stands between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from barograph_processor.wire.span_layout import Odd
from barograph_processor.wire.span_walk import Walked, walk

HEAD = b"\x12\x85\x02"  # as a span of 261 bytes begins


def span(size: int) -> Span:
    """A span of a bit more than so many bytes, which are full of what begins a span."""
    return Span(name="s", trace_state=(HEAD.replace(b"\x85", b"") * size)[:size].decode())


def request(*scopes: list[int]) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for number, sizes in enumerate(scopes):
        if number % 2 == 0:
            made.resource_spans.add(schema_url="of the resource")
        scoped = made.resource_spans[-1].scope_spans.add(schema_url="of the scope")
        scoped.scope.name = f"scope {number}"
        scoped.spans.extend(map(span, sizes))
    return made


def contents(data: bytes, found: Walked) -> list[bytes]:
    return [data[begin:end] for begin, end in zip(found.begins.tolist(), found.ends.tolist(), strict=True)]


def field(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([tag, size] if size < 128 else [tag, size & 127 | 128, size >> 7]) + content


def under_one_scope(content: bytes) -> bytes:
    """A request with one ScopeSpans of that content."""
    return field(0x0A, field(0x12, content))


def wide(filling: bytes) -> bytes:
    """A span of 261 bytes, as bytes of an attribute that hold something."""
    attribute = field(0x0A, b"k") + field(0x12, field(0x3A, filling.ljust(249, b"\0")))
    content = field(0x4A, attribute)
    assert len(content) == 261
    return field(0x12, content)


@given(st.lists(st.lists(st.sampled_from([0, 5, 118, 130, 300, 16_370, 20_000]), max_size=5), max_size=5))
def test_spans_of_any_size_are_found_under_all_scopes(scopes: list[list[int]]) -> None:
    made = request(*scopes)
    data = made.SerializeToString()
    found = walk(data)
    assert [span(size).SerializeToString() for sizes in scopes for size in sizes] == contents(data, found)
    assert [number for number, sizes in enumerate(scopes) for _ in sizes] == found.scope_of.tolist()
    for carrier in made.resource_spans:
        for scoped in carrier.scope_spans:
            del scoped.spans[:]
    assert made.SerializeToString() == found.envelope


def test_what_looks_like_a_span_inside_of_one_is_none() -> None:
    spans = [wide(HEAD * filled) for filled in (0, 1, 80)]
    data = under_one_scope(b"".join(spans))
    found = walk(data)
    assert [one[3:] for one in spans] == contents(data, found)
    assert found.ends.tolist()[-1] == len(data)


def test_fields_between_spans_belong_to_the_envelope() -> None:
    spans = [wide(b"a"), wide(b"b"), field(0x12, b"\x2a\x01c"), wide(b"d")]
    between = [field(0x0A, field(0x0A, b"shop")), field(0x1A, b"schema"), field(0x7A, wide(b"e"))]
    mixed = [spans[0], between[0], spans[1], spans[2], between[1], spans[3], between[2]]
    data = under_one_scope(b"".join(mixed))
    found = walk(data)
    assert [spans[0][3:], spans[1][3:], spans[2][2:], spans[3][3:]] == contents(data, found)
    assert under_one_scope(b"".join(between)) == found.envelope


def test_a_scope_that_follows_is_not_taken_for_a_span() -> None:
    scopes = [ScopeSpans(spans=[span(300)]).SerializeToString(), b"", wide(b"x")]
    data = field(0x0A, b"".join(field(0x12, scope) for scope in scopes))
    found = walk(data)
    assert [0, 2] == found.scope_of.tolist()
    assert [span(300).SerializeToString(), scopes[2][3:]] == contents(data, found)
    assert np.int64 == found.begins.dtype == found.ends.dtype == found.scope_of.dtype


@pytest.mark.parametrize("beyond", [1, 5, 260])
def test_a_span_that_reaches_beyond_its_scope_or_the_request_is_not_read(beyond: int) -> None:
    whole = wide(b"a") + wide(b"b")
    cut = under_one_scope(whole[:-beyond])
    for data in (cut, cut + field(0x1A, b"more" * 60), under_one_scope(whole)[:-beyond]):
        with pytest.raises((Odd, IndexError)):
            walk(data)


@pytest.mark.parametrize("tail", [b"\x12", b"\x12\x85", b"\x12\x85\x85", HEAD, b"\x10\x01", b"\x92\x01\x00"])
def test_what_is_cut_short_or_no_field_with_a_length_is_left_to_the_parser(tail: bytes) -> None:
    with pytest.raises((Odd, IndexError)):
        walk(under_one_scope(wide(b"a") + tail))
