"""The bytes of spans that are built alike, matched all at once.

Spans of one instrumentation mostly have the same fields and attributes in the same order. Of one span
a layout is made: where it has fixed bytes, where lengths, where values. `span_forms` then compares
it with all other spans by a few operations on whole arrays. A span that differs in anything does not match;
nothing is guessed.

A span is cut into parts: a part has a size of its own and is followed by a content of variable length, and
that by the next part. Places are written as a part and an offset from where that begins.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from barograph_processor.wire.values import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, MAP, TEXT

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
NAME, START, END, ATTRIBUTES = 5, 7, 8, 9  # fields of opentelemetry.proto.trace.v1.Span
_KINDS: Final = {0x0A: TEXT, 0x10: BOOL, 0x18: INT, 0x21: DOUBLE, 0x2A: ARRAY, 0x32: MAP, 0x3A: BYTES}
_WIRES: Final = {NAME: DELIMITED, START: FIXED64, END: FIXED64, ATTRIBUTES: DELIMITED}
_KEY, _VALUE = 0x0A, 0x12  # tags of a KeyValue's fields
_TAG_MOST: Final = 2**32 - 1  # beyond it protobuf refuses, and others read what is left of it
_LENGTH_MOST: Final = 3  # bytes of a length: 2 MiB
_ANY: Final = 0x00
_MORE: Final = 0x80  # of a byte of a length only whether another follows is part of the layout
_ALL: Final = 0xFF
_FIXED_SIZES: Final = {EMPTY: (0, _ANY), BOOL: (1, 0xFE), DOUBLE: (8, _ANY)}


class Odd(Exception):  # a verdict: these bytes are left to the parser that knows everything
    """A span can't be described as a layout."""


class Place(NamedTuple):
    """Where something begins.

    Attributes:
        part: Number of the part.
        offset: Bytes from where the part begins.
    """

    part: int
    offset: int


class Length(NamedTuple):
    """A length that reaches to where the next part begins.

    Attributes:
        offset: Where it stands in its part.
        size: Its bytes.
    """

    offset: int
    size: int


class Part(NamedTuple):
    """What lies between two contents of variable length.

    Attributes:
        pattern: Its fixed bytes, 0 elsewhere.
        mask: Which bits of each byte are fixed.
        lengths: Those of the content behind it and of what that is nested in; none in the last part.
    """

    pattern: bytes
    mask: bytes
    lengths: tuple[Length, ...]


class Value(NamedTuple):
    """The value of an attribute.

    Attributes:
        key: Its attribute.
        kind: One of the constants in `values`.
        begin: Where its content begins.
        end: Where it ends; where its length varies, that is where the next part begins.
    """

    key: str
    kind: int
    begin: Place
    end: Place


class Layout(NamedTuple):
    """How spans are built.

    Attributes:
        values: Of the attributes, in order.
        name: Where the span's name begins, and its end; None where it has none.
        start: Where its start time stands; None where it isn't stated.
        end: Likewise its end time.
        parts: What the spans consist of.
    """

    values: tuple[Value, ...]
    name: tuple[Place, Place] | None
    start: Place | None
    end: Place | None
    parts: tuple[Part, ...]


def layout_of(data: bytes, begin: int, end: int) -> tuple[Layout, list[int]]:
    """The layout of one span, and the bytes of the contents between its parts.

    Args:
        data: The request.
        begin: Where the span begins.
        end: Where it ends.

    Raises:
        Odd: It has something that a layout can't describe.
    """
    return _Reading(data, begin, end).layout()


class _Reading:
    """One span, read byte by byte; which bits of each byte are fixed goes into masks."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data = data
        self._at = begin
        self._end = end
        self._mask = bytearray()  # of the part that is read, which began so many bytes ago
        self._parts: list[Part] = []
        self._sizes: list[int] = []
        self._values: list[Value] = []
        self._known: dict[int, tuple[Place, Place]] = {}

    def layout(self) -> tuple[Layout, list[int]]:
        """Read all fields."""
        while self._at < self._end:
            self._field()
        self._part(())
        start, end = (self._known[field][0] if field in self._known else None for field in (START, END))
        layout = Layout(tuple(self._values), self._known.get(NAME), start, end, tuple(self._parts))
        return layout, self._sizes

    def _field(self) -> None:
        tag = self._varint(_ALL)
        number, wire = tag >> 3, tag & 7
        if tag > _TAG_MOST or not number or wire != _WIRES.get(number, wire) or number in self._known:
            raise Odd
        if number == ATTRIBUTES:
            self._attribute()
            return
        begin = self._here()
        if wire == VARINT:
            self._varint(_MORE)
        elif wire == DELIMITED:
            length, stop = self._length()
            begin = self._here()
            self._vary((length,), stop)
        elif wire in {FIXED64, FIXED32}:
            self._take(8 if wire == FIXED64 else 4, _ANY)
        else:
            raise Odd
        if number in _WIRES:
            self._known[number] = (begin, self._here())

    def _attribute(self) -> None:
        """A KeyValue: a key, then a value, each once."""
        outer, stop = self._length()
        self._expect(_KEY)
        size = self._varint(_ALL)
        begin = self._at
        self._take(size, _ALL)
        try:
            key = self._data[begin : self._at].decode()
        except UnicodeDecodeError as error:
            raise Odd from error
        if self._at == stop:
            self._fix(outer)
            self._values.append(Value(key, EMPTY, self._here(), self._here()))
            return
        self._expect(_VALUE)
        inner, inner_stop = self._length()
        if inner_stop != stop:
            raise Odd
        self._value(key, outer, inner, stop)

    def _value(self, key: str, outer: Length, inner: Length, stop: int) -> None:
        """An AnyValue of one field."""
        kind = EMPTY if self._at == stop else _KINDS.get(self._data[self._at])
        if kind is None:
            raise Odd
        if kind != EMPTY:
            self._take(1, _ALL)
        begin = self._here()
        if kind in _FIXED_SIZES:
            size, mask = _FIXED_SIZES[kind]
            if kind == BOOL and self._data[self._at] > 1:
                raise Odd
            self._take(size, mask)
            if self._at != stop:
                raise Odd
            self._fix(outer)
            self._fix(inner)
        else:
            lengths: tuple[Length, ...] = (outer, inner)
            if kind != INT:
                content, content_stop = self._length()
                if content_stop != stop:
                    raise Odd
                lengths = (*lengths, content)
                begin = self._here()
            self._vary(lengths, stop)
        self._values.append(Value(key, kind, begin, self._here()))

    def _here(self) -> Place:
        return Place(len(self._parts), len(self._mask))

    def _take(self, size: int, mask: int) -> None:
        """Go on by some bytes."""
        if self._at + size > self._end:
            raise Odd
        self._mask += bytes((mask,)) * size
        self._at += size

    def _expect(self, tag: int) -> None:
        if self._at >= self._end or self._data[self._at] != tag:
            raise Odd
        self._take(1, _ALL)

    def _varint(self, mask: int) -> int:
        number = 0
        for shift in range(0, 70, 7):
            self._take(1, mask)
            byte = self._data[self._at - 1]
            number |= (byte & 0x7F) << shift
            if byte < _MORE:
                return number
        raise Odd

    def _length(self) -> tuple[Length, int]:
        """A length, and where what it counts ends."""
        offset = len(self._mask)
        length = self._varint(_MORE)
        size = len(self._mask) - offset
        if size > _LENGTH_MOST or self._at + length > self._end:
            raise Odd
        return Length(offset, size), self._at + length

    def _fix(self, length: Length) -> None:
        """Make a length of this part one of what is the same in all spans."""
        self._mask[length.offset : length.offset + length.size] = bytes((_ALL,)) * length.size

    def _vary(self, lengths: tuple[Length, ...], stop: int) -> None:
        """Go behind a content whose size differs from span to span: a further part."""
        self._part(lengths)
        self._sizes.append(stop - self._at)
        self._at = stop

    def _part(self, lengths: tuple[Length, ...]) -> None:
        """End the part that is read."""
        size = len(self._mask)
        held = int.from_bytes(self._data[self._at - size : self._at], "big")
        fixed = held & int.from_bytes(self._mask, "big")
        self._parts.append(Part(fixed.to_bytes(size, "big"), bytes(self._mask), lengths))
        self._mask = bytearray()
