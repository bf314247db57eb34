"""Spans taken out together are those that have the layout, whatever their lengths, with their own bytes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from barograph_processor.wire.span_forms import Alike, Form, Learned, Spans
from barograph_processor.wire.span_layout import Layout, Odd, Value, layout_of

from .otlp_requests import Value as Plain
from .otlp_requests import key_values

if TYPE_CHECKING:
    from collections.abc import Sequence


def span(**attributes: Plain) -> bytes:
    made = Span(name="POST /predict", start_time_unix_nano=1, attributes=key_values(attributes))
    return made.SerializeToString()


def lying(spans: Sequence[bytes]) -> Spans:
    """Spans one after the other, nothing between them and nothing behind the last."""
    ends = np.cumsum([len(one) for one in spans])
    return Spans(b"".join(spans), ends - [len(one) for one in spans], ends)


def learned(spans: Spans, first: int = 0) -> Learned:
    return Learned(*layout_of(spans.data, int(spans.begins[first]), int(spans.ends[first])))


def found_by(layout: Learned, spans: Spans) -> Alike:
    """What a layout finds after it learned what it can."""
    found = layout.match(spans)
    left = np.delete(np.arange(len(spans.begins)), found.rows)
    if not layout.learn(spans.take(left)):
        return found
    again = layout.match(spans)
    assert not layout.learn(spans.take(np.delete(np.arange(len(spans.begins)), again.rows)))
    return again


def texts(found: Alike, data: bytes, key: str) -> list[bytes]:
    """What an attribute holds in each of the spans."""
    value: Value = next(value for value in found.form.layout.values if value.key == key)
    begins, ends = found.at(value.begin).tolist(), found.at(value.end).tolist()
    contents = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
    block = found.between(value.begin, value.end)
    assert block is None or contents == [row.tobytes() for row in block]
    return contents


SIZES = {
    "one size": [5, 5, 5],
    "a size that varies": [5, 6, 5],
    "nothing and something": [3, 0, 4],
    "more than lies within a segment": [300, 300, 300],
    "lengths of one and two bytes": [5, 6, 130],
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("last", [True, False])
def test_an_attribute_is_found_at_any_size_and_at_the_very_end(sizes: list[int], *, last: bool) -> None:
    wanted = [chr(ord("a") + i) * size for i, size in enumerate(sizes)]
    spans = lying(
        [span(one=1.5, varied=text) if last else span(varied=text, one=1.5, also="x" * 7) for text in wanted]
    )
    found = found_by(learned(spans), spans)
    fitting = [i for i, size in enumerate(sizes) if (size < 120) == (sizes[0] < 120)]
    assert fitting == found.rows.tolist()
    assert [wanted[i].encode() for i in fitting] == texts(found, spans.data, "varied")
    assert [np.float64(1.5).tobytes()] * len(fitting) == texts(found, spans.data, "one")


def test_what_varies_is_learned_and_the_rest_lies_in_few_segments() -> None:
    spans = lying([span(id=f"{i:08}", answer="yes" if i % 3 else "no", region="north") for i in range(50)])
    layout = learned(spans)
    assert 2 == len(found_by(layout, spans).segments)
    others = lying([span(id=f"{i:08}", answer="no", region="northwest"[: 5 + i % 5]) for i in range(50)])
    assert 3 == len(found_by(layout, others).segments)
    again = found_by(layout, spans)
    assert 3 == len(again.segments)
    assert [b"north"] * 50 == texts(again, spans.data, "region")


def test_spans_of_another_layout_teach_nothing() -> None:
    alike = [span(id=f"{i:08}", answer="yes") for i in range(20)]
    mixed = lying([alike[0], span(id="00000001", answer=True), *alike[1:], span(other="1"), b""])
    layout = learned(mixed)
    found = found_by(layout, mixed)
    assert [0, *range(2, 21)] == found.rows.tolist()
    assert 1 == len(found.segments)
    assert [f"{i:08}".encode() for i in range(20)] == texts(found, mixed.data, "id")


@pytest.mark.parametrize("key", ["a", "b", "c", "d"])
def test_a_form_of_any_lengths_finds_the_same(key: str) -> None:
    """Which lengths are stated is a matter of speed alone."""
    r = random.Random(key)
    spans = lying(
        [
            span(
                **{each: "x" * r.choice([2, 2, 2, 3] if each == key else [2]) for each in "abcd"},
                n=r.random(),
            )
            for _ in range(60)
        ]
    )
    layout, sizes = layout_of(spans.data, 0, int(spans.ends[0]))
    whole = Form(layout, [None] * len(sizes)).match(spans)
    assert list(range(60)) == whole.rows.tolist()
    for _ in range(20):
        stated = Form(layout, [size if r.random() < 0.5 else None for size in sizes]).match(spans)
        assert set(stated.rows.tolist()) <= set(range(60))
        for each in "abcd":
            held = texts(whole, spans.data, each)
            assert [held[row] for row in stated.rows.tolist()] == texts(stated, spans.data, each)
    for each in "abcd":
        assert texts(whole, spans.data, each) == texts(found_by(learned(spans), spans), spans.data, each)


def test_a_span_in_which_any_fixed_byte_differs_does_not_fit() -> None:
    good = span(id="1234", yes=True, n=0.5, region="north")
    free = 0  # bytes that may be anything: of values, and of the time
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 0x41
        spans = lying([good, bytes(changed), good])
        rows = found_by(learned(spans), spans).rows.tolist()
        assert rows in ([0, 2], [0, 1, 2])
        free += rows == [0, 1, 2]
    assert len(b"POST /predict" + b"1234" + b"north") + 2 * 8 == free


def has(layout: Layout, spans: Spans, row: int) -> bool:
    """Whether a span, read byte by byte, has a layout."""
    try:
        return layout == layout_of(spans.data, int(spans.begins[row]), int(spans.ends[row]))[0]
    except Odd:
        return False


@pytest.mark.parametrize("varied", ["nothing", "a size"])
def test_changed_spans_fit_where_they_still_have_the_layout(varied: str) -> None:
    r = random.Random(varied)
    good = [
        span(a="x" * (i % 3 if varied == "a size" else 2), n=0.5, i=300, b="y", yes=True) for i in range(9)
    ]
    layout, _ = layout_of(good[0], 0, len(good[0]))
    fitted = 0
    for _ in range(300):
        made = []
        for one in good:
            changed = bytearray(one)
            for _ in range(r.choice([0, 1, 1, 2])):
                place = r.randrange(len(changed))
                changed[place] = r.choice([changed[place] ^ 1, changed[place] + 1 & 0xFF, 0, 4, 0x80, 0xFF])
            made.append(bytes(changed[: r.choice([len(changed), len(changed), r.randrange(len(changed))])]))
        made.append(b"".join(good))  # which is no span, but has what those that are cut short would reach for
        spans = lying([good[0], *made])
        expected = [row for row in range(len(made) + 1) if has(layout, spans, row)]
        fitted += len(expected)
        assert expected == found_by(learned(spans), spans).rows.tolist()
        assert expected == Form(layout, [None] * (len(layout.parts) - 1)).match(spans).rows.tolist()
    assert 900 < fitted < 2_700


def test_lengths_that_disagree_do_not_fit() -> None:
    """An outer length that leads somewhere, and those within it that lead elsewhere."""
    good = [span(b="y" * size, a="x" * size) for size in (5, 6)]
    layout, sizes = layout_of(good[0], 0, len(good[0]))
    outer, inner, content = layout.parts[-2].lengths
    begin = good[0].index(b"xxxxx") - len(layout.parts[-2].pattern)
    for length in (outer, inner, content):
        for number in range(128):
            changed = bytearray(good[0])
            changed[begin + length.offset] = number
            spans = lying([good[0], bytes(changed), good[1]])
            expected = [row for row in range(3) if has(layout, spans, row)]
            assert ([0, 1, 2] if changed == good[0] else [0, 2]) == expected
            assert expected == Form(layout, [None] * len(sizes)).match(spans).rows.tolist()


def test_lengths_that_point_anywhere_are_not_followed() -> None:
    good = span(id="1234", region="north")
    at = good.index(b"1234") - 1
    for length in (0, 1, 3, 5, 9, 60, 0x7F):
        changed = good[:at] + bytes([length]) + good[at + 1 :]
        for spans in (lying([good, changed]), lying([good, good, changed])):
            layout = learned(spans)
            assert list(range(len(spans.begins) - 1)) == found_by(layout, spans).rows.tolist()


def test_a_span_that_ends_too_early_is_not_read_beyond() -> None:
    good = span(id="1234", region="north")
    for size in range(len(good)):
        spans = lying([good, good[:size]])
        assert [0] == found_by(learned(spans), spans).rows.tolist()
