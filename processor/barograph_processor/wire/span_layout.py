"""The bytes of spans that are built alike, matched all at once.

Spans of one instrumentation mostly have the same fields and attributes in the same order. Of one span
a layout is made: where it has fixed bytes, where lengths, where values. A layout is then compared
with all other spans by a few operations on whole arrays. A span that differs in anything does not match;
nothing is guessed.

Places are written as a base and an offset: base 0 is where a span begins, and each part of variable length
begins a further base behind it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.values import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, MAP, TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
NAME, START, END, ATTRIBUTES = 5, 7, 8, 9  # fields of opentelemetry.proto.trace.v1.Span
_KINDS: Final = {0x0A: TEXT, 0x10: BOOL, 0x18: INT, 0x21: DOUBLE, 0x2A: ARRAY, 0x32: MAP, 0x3A: BYTES}
_WIRES: Final = {NAME: DELIMITED, START: FIXED64, END: FIXED64, ATTRIBUTES: DELIMITED}
_KEY, _VALUE = 0x0A, 0x12  # tags of a KeyValue's fields
_WORD: Final = 8
_BLOCK: Final = 128
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
        base: Number of the base.
        offset: Bytes behind it.
    """

    base: int
    offset: int


class Length(NamedTuple):
    """A length whose bytes stand at a place and which reaches to the next base.

    Attributes:
        place: Where it stands.
        size: Its bytes.
    """

    place: Place
    size: int


class Value(NamedTuple):
    """The value of an attribute.

    Attributes:
        key: Its attribute.
        kind: One of the constants in `values`.
        begin: Where its content begins.
        end: Where it ends; a base of its own where its length varies.
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
        lengths: The length that leads to each base but the first.
        inner: Lengths within those, that reach to the same base.
        tail: Where a span ends.
        word_bases: int64 [w], the base that each word of fixed bytes belongs to.
        word_offsets: int64 [w], its offset.
        word_masks: uint64 [w], which of its bits are fixed.
        words: uint64 [w], what they are.
    """

    values: tuple[Value, ...]
    name: tuple[Place, Place] | None
    start: Place | None
    end: Place | None
    lengths: tuple[Length, ...]
    inner: tuple[Length, ...]
    tail: Place
    word_bases: NDArray[np.int64]
    word_offsets: NDArray[np.int64]
    word_masks: NDArray[np.uint64]
    words: NDArray[np.uint64]

    def match(
        self,
        data: NDArray[np.uint8],
        words: NDArray[np.uint64],
        begins: NDArray[np.int64],
        ends: NDArray[np.int64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Compare spans with the layout.

        Args:
            data: The request's bytes.
            words: The eight bytes at each place of them, where there are as many.
            begins: int64 [n], where the spans begin.
            ends: int64 [n], and end.

        Returns:
            bool [n], which spans match, and int64 [bases, n], the bases of those that do.
        """
        last = len(words) - 1
        bases = np.empty((len(self.lengths) + 1, len(begins)), np.int64)
        bases[0] = begins
        for number, (place, size) in enumerate(self.lengths, 1):
            at = np.minimum(bases[place.base] + place.offset, len(data) - size)
            np.minimum(at + size + _read_length(data, at, size), len(data), out=bases[number])
        fits = bases[self.tail.base] + self.tail.offset == ends
        for place, size in self.inner:
            at = np.minimum(bases[place.base] + place.offset, len(data) - size)
            fits &= at + size + _read_length(data, at, size) == bases[place.base + 1]
        for first in range(0, len(begins), _BLOCK):  # what is compared at a time stays in the cache
            block = slice(first, first + _BLOCK)
            at = bases[self.word_bases, block]
            at += self.word_offsets[:, None]
            found = words[np.minimum(at, last, out=at)]
            found &= self.word_masks[:, None]
            fits[block] &= np.logical_and.reduce(found == self.words[:, None], axis=0)
        return fits, bases


def layout_of(data: bytes, begin: int, end: int) -> Layout:
    """The layout of one span.

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
        self._begin = begin
        self._masks = bytearray(end - begin)
        self._bases = [begin]
        self._values: list[Value] = []
        self._known: dict[int, tuple[Place, Place]] = {}
        self._lengths: list[Length] = []
        self._inner: list[Length] = []

    def layout(self) -> Layout:
        """Read all fields."""
        while self._at < self._end:
            self._field()
        start, end = (self._known[field][0] if field in self._known else None for field in (START, END))
        return Layout(
            tuple(self._values),
            self._known.get(NAME),
            start,
            end,
            tuple(self._lengths),
            tuple(self._inner),
            self._here(),
            *self._words(),
        )

    def _field(self) -> None:
        tag = self._varint(_ALL)
        number, wire = tag >> 3, tag & 7
        if not number or wire != _WIRES.get(number, wire) or number in self._known:
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
            self._vary(length, stop)
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
            self._inner.append(inner)
            if kind != INT:
                content, content_stop = self._length()
                if content_stop != stop:
                    raise Odd
                self._inner.append(content)
                begin = self._here()
            self._vary(outer, stop)
        self._values.append(Value(key, kind, begin, self._here()))

    def _here(self) -> Place:
        return Place(len(self._bases) - 1, self._at - self._bases[-1])

    def _take(self, size: int, mask: int) -> None:
        """Go on by some bytes."""
        if self._at + size > self._end:
            raise Odd
        if mask:
            self._mark(self._at, size, mask)
        self._at += size

    def _mark(self, at: int, size: int, mask: int) -> None:
        at -= self._begin
        self._masks[at : at + size] = bytes((mask,)) * size

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
        place, begin = self._here(), self._at
        length = self._varint(_MORE)
        if self._at - begin > _LENGTH_MOST or self._at + length > self._end:
            raise Odd
        return Length(place, self._at - begin), self._at + length

    def _vary(self, length: Length, stop: int) -> None:
        """Go behind what a length counts, which differs from span to span: a further base."""
        self._lengths.append(length)
        self._at = stop
        self._bases.append(stop)

    def _fix(self, length: Length) -> None:
        """Make a length part of what is the same in all spans."""
        begin = self._bases[length.place.base] + length.place.offset
        self._mark(begin, length.size, _ALL)

    def _words(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]:
        """The fixed bytes, eight at a time."""
        bases: list[int] = []
        offsets: list[int] = []
        word_masks: list[int] = []
        words: list[int] = []
        for number, (begin, end) in enumerate(pairwise([*self._bases, self._end])):
            masks = self._masks[begin - self._begin : end - self._begin]
            stop = len(masks.rstrip(b"\0"))
            at = stop - len(masks[:stop].lstrip(b"\0"))
            while at < stop:
                # No word reaches further than what is fixed: behind the last span there is nothing to read.
                first = min(at, stop - _WORD)
                held = bytes(at - first) + masks[at : first + _WORD]
                mask = int.from_bytes(held, "little")
                bases.append(number)
                offsets.append(first)
                word_masks.append(mask)
                word = self._data[begin + first : begin + first + _WORD]
                words.append(int.from_bytes(word, "little") & mask)
                at = first + _WORD
                at = stop - len(masks[at:stop].lstrip(b"\0"))
        return (
            np.array(bases, np.int64),
            np.array(offsets, np.int64),
            np.array(word_masks, np.uint64),
            np.array(words, np.uint64),
        )


def _read_length(data: NDArray[np.uint8], at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Lengths of so many bytes at some places."""
    length = data[at].astype(np.int64)
    if size > 1:
        length &= 0x7F
        for number in range(1, size):
            length |= (data[at + number].astype(np.int64) & 0x7F) << (7 * number)
    return length
