"""Requests with many spans, read layout by layout instead of span by span.

What a layout can't describe, and requests with more layouts than a few, are left to the parser that
knows everything: `scan` then gives None, and costs little.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.span_layout import DELIMITED, Odd, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from barograph_processor.wire.span_layout import Layout

SPANS_LEAST: Final = 100
"""Below that the parser is as fast."""
_LAYOUTS_MOST: Final = 8
_SHARE_LEAST: Final = 16  # a layout that fits less than this part of the rest isn't worth its time
_RESOURCE_SPANS, _SCOPE_SPANS = 1, 2  # fields of a request and of ResourceSpans
_SPAN: Final = 0x12  # tag of ScopeSpans.spans
_MORE, _BITS = 0x80, 0x7F  # of a byte of a length: whether another follows, and the rest
_WIRE: Final = 7  # the bits of a tag that tell how a field is written
_LENGTH_MOST: Final = 5
_SENDERS_KEPT: Final = 64
_ENVELOPE_KEPT_BYTES: Final = 16 * 1024


class Alike(NamedTuple):
    """Spans of one layout.

    Attributes:
        layout: Theirs.
        rows: int64 [m], which of the request's spans, in order.
        bases: int64 [bases, m], as `Layout.match` gives them.
    """

    layout: Layout
    rows: NDArray[np.int64]
    bases: NDArray[np.int64]


class _Arrays(NamedTuple):
    """As in `Scan`."""

    data: NDArray[np.uint8]
    words: NDArray[np.uint64]


class Scan(NamedTuple):
    """A request's spans.

    Attributes:
        data: uint8, the request's bytes.
        words: uint64, the eight bytes at each place.
        doubles: float64, the same bytes as numbers.
        envelope: The request without its spans.
        scope_of: int64 [n], number of the ScopeSpans that a span is in.
        groups: All spans, by layout.
    """

    data: NDArray[np.uint8]
    words: NDArray[np.uint64]
    doubles: NDArray[np.float64]
    envelope: bytes
    scope_of: NDArray[np.int64]
    groups: list[Alike]


def scan(data: bytes) -> Scan | None:
    """Read an ExportTraceServiceRequest; None where that is left to the parser."""
    try:
        envelope, begins, ends, scope_of = _Walk(data).request()
        if len(begins) < SPANS_LEAST:
            return None
        arrays = _Arrays(
            np.frombuffer(data, np.uint8),
            np.ndarray((len(data) - 7,), np.dtype("<u8"), data, strides=(1,)),
        )
        known = _layouts_seen(envelope) if len(envelope) <= _ENVELOPE_KEPT_BYTES else []
        groups = _groups(data, arrays, np.array(begins), np.array(ends), known)
    except (Odd, IndexError):
        return None
    doubles = np.ndarray((len(data) - 7,), np.dtype("<f8"), data, strides=(1,))
    return Scan(*arrays, doubles, envelope, np.array(scope_of), groups)


def _groups(
    data: bytes, arrays: _Arrays, begins: NDArray[np.int64], ends: NDArray[np.int64], known: list[Layout]
) -> list[Alike]:
    """Each layout takes what it fits of what is left."""
    rest = np.arange(len(begins))
    groups: list[Alike] = []
    while rest.size:
        if len(groups) == _LAYOUTS_MOST:
            raise Odd
        first = slice(rest[0], rest[0] + 1)
        layout = next((one for one in known[:] if one.match(*arrays, begins[first], ends[first])[0][0]), None)
        if layout is None:
            layout = layout_of(data, int(begins[rest[0]]), int(ends[rest[0]]))
            known[:0] = [layout]
            del known[_LAYOUTS_MOST:]
        fits, bases = layout.match(*arrays, begins[rest], ends[rest])
        found = rest[fits]
        if len(found) * _SHARE_LEAST < len(rest):
            raise Odd
        groups.append(Alike(layout, found, bases if found.size == rest.size else bases[:, fits]))
        rest = rest[~fits]
    return groups


@lru_cache(maxsize=_SENDERS_KEPT)
def _layouts_seen(envelope: bytes) -> list[Layout]:
    """The layouts that fitted lately in such requests, newest first.

    A layout fits or doesn't, whichever span it was made of, so what is remembered here saves time and
    changes nothing.
    """
    del envelope
    return []


class _Walk:
    """The levels above spans, read one message after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._scope_of: list[int] = []
        self._scopes = 0

    def request(self) -> tuple[bytes, list[int], list[int], list[int]]:
        """The envelope, where spans begin and end, and the scope of each."""
        envelope = b""
        for tag_at, begin, end in self._fields(0, len(self._data)):
            if self._data[tag_at] >> 3 == _RESOURCE_SPANS:
                envelope += _message(_RESOURCE_SPANS, self._resource(begin, end))
            else:
                envelope += self._data[tag_at:end]
        return envelope, self._begins, self._ends, self._scope_of

    def _resource(self, begin: int, end: int) -> bytes:
        envelope = b""
        for tag_at, inner, stop in self._fields(begin, end):
            if self._data[tag_at] >> 3 == _SCOPE_SPANS:
                envelope += _message(_SCOPE_SPANS, self._scope(inner, stop))
            else:
                envelope += self._data[tag_at:stop]
        return envelope

    def _scope(self, begin: int, end: int) -> bytes:
        """Spans are many: their tags and lengths are read in place, where lengths have two bytes as usual."""
        envelope = b""
        data, begins, ends = self._data, self._begins, self._ends
        before, at = len(begins), begin
        while at < end:
            if data[at] == _SPAN and data[at + 1] >= _MORE > data[at + 2]:
                inner = at + 3
                stop = inner + (data[at + 1] & _BITS | data[at + 2] << 7)
            else:
                inner, stop = self._content(at)
            if stop > end:
                raise Odd
            if data[at] == _SPAN:
                begins.append(inner)
                ends.append(stop)
            else:
                envelope += data[at:stop]
            at = stop
        self._scope_of += [self._scopes] * (len(begins) - before)
        self._scopes += 1
        return envelope

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Begin, begin of content and end of each field."""
        while at < end:
            begin, stop = self._content(at)
            if stop > end:
                raise Odd
            yield at, begin, stop
            at = stop

    def _content(self, at: int) -> tuple[int, int]:
        """Where a field's content begins and ends; all fields of these messages have lengths."""
        data = self._data
        if data[at] & _WIRE != DELIMITED or data[at] >= _MORE:
            raise Odd
        length = 0
        for place in range(_LENGTH_MOST):
            byte = data[at + 1 + place]
            length |= (byte & _BITS) << 7 * place
            if byte < _MORE:
                begin = at + 2 + place
                return begin, begin + length
        raise Odd


def _message(number: int, content: bytes) -> bytes:
    """A field that holds a message."""
    length, encoded = len(content), b""
    while length >= _MORE:
        encoded += bytes([length & _BITS | _MORE])
        length >>= 7
    return bytes([number << 3 | DELIMITED]) + encoded + bytes([length]) + content
