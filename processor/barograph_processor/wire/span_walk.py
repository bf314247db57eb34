"""Where the spans of a request are: the levels above them, walked from field to field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.span_layout import DELIMITED, Odd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_RESOURCE_SPANS, _SCOPE_SPANS = 1, 2  # fields of a request and of ResourceSpans
_SPAN: Final = 0x12  # tag of ScopeSpans.spans
_MORE, _BITS = 0x80, 0x7F  # of a byte of a length: whether another follows, and the rest
_WIRE: Final = 7  # the bits of a tag that tell how a field is written
_LENGTH_MOST: Final = 5
_HEAD: Final = 3  # bytes of a span's tag and of a length of two bytes


class Walked(NamedTuple):
    """A request, taken apart down to its spans.

    Attributes:
        envelope: The request without its spans.
        begins: int64 [n], where each span's content begins.
        ends: int64 [n], where it ends.
        scope_of: int64 [n], number of the ScopeSpans that a span is in.
    """

    envelope: bytes
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    scope_of: NDArray[np.int64]


def walk(data: bytes) -> Walked:
    """Find the spans of an ExportTraceServiceRequest.

    Raises:
        Odd: It isn't built as such requests are; the parser may say whether it is one.
        IndexError: It is cut short.
    """
    return _Walk(data).request()


class _Walk:
    """The levels above spans, read one message after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._begins = [np.zeros(0, np.int64)]
        self._ends = [np.zeros(0, np.int64)]
        self._counts: list[int] = []

    def request(self) -> Walked:
        """All of it."""
        envelope = b""
        for tag_at, begin, end in self._fields(0, len(self._data)):
            if self._data[tag_at] >> 3 == _RESOURCE_SPANS:
                envelope += _message(_RESOURCE_SPANS, self._resource(begin, end))
            else:
                envelope += self._data[tag_at:end]
        scope_of = np.repeat(np.arange(len(self._counts)), np.array(self._counts, np.int64))
        return Walked(envelope, np.concatenate(self._begins), np.concatenate(self._ends), scope_of)

    def _resource(self, begin: int, end: int) -> bytes:
        envelope = b""
        for tag_at, inner, stop in self._fields(begin, end):
            if self._data[tag_at] >> 3 == _SCOPE_SPANS:
                envelope += _message(_SCOPE_SPANS, self._scope(inner, stop))
            else:
                envelope += self._data[tag_at:stop]
        return envelope

    def _scope(self, at: int, end: int) -> bytes:
        """Spans are many, and mostly in a row."""
        envelope = b""
        count = 0
        while at < end:
            places = self._in_a_row(at, end)
            if len(places) > 1:
                row = np.array(places)
                count += self._take(row[:-1] + _HEAD, row[1:])
                at = places[-1]
                continue
            begin, stop = self._content(at)
            if self._data[at] == _SPAN:
                count += self._take(np.array([begin]), np.array([stop]))
            else:
                envelope += self._data[at:stop]
            at = stop
        if at > end:
            raise Odd
        self._counts.append(count)
        return envelope

    def _take(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
        """Note where spans are; returns their number."""
        self._begins.append(begins)
        self._ends.append(ends)
        return len(begins)

    def _in_a_row(self, at: int, end: int) -> list[int]:
        """Where spans with lengths of two bytes begin that follow each other, and where the last one ends."""
        data, sizes = self._data, _SIZES
        places = [at]
        try:
            while at < end:
                at += sizes[data[at : at + _HEAD]]
                places.append(at)
        except KeyError:
            pass
        return places

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


class _Sizes(dict[bytes, int]):
    """The bytes that a span takes, by its tag and length where that has two bytes; made as they are met.

    There are few such lengths, and a look-up takes half the time of reading one.
    """

    def __missing__(self, head: bytes) -> int:
        if len(head) < _HEAD or head[0] != _SPAN or not head[1] >= _MORE > head[2]:
            raise KeyError(head)
        size = self[head] = _HEAD + (head[1] & _BITS | head[2] << 7)
        return size


_SIZES: Final = _Sizes()


def _message(number: int, content: bytes) -> bytes:
    """A field that holds a message."""
    length, encoded = len(content), b""
    while length >= _MORE:
        encoded += bytes([length & _BITS | _MORE])
        length >>= 7
    return bytes([number << 3 | DELIMITED]) + encoded + bytes([length]) + content
