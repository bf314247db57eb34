"""Spans that are built alike, taken out of a request all at once.

A layout tells where the parts of its spans are. Most parts of variable length have the same length in all
spans of a sender, though: ids, names, versions. A form is a layout with such lengths stated, so that what
lies between two lengths that do vary is one segment: as many bytes in each span, fixed ones and values. A
segment is taken out of all spans by one operation, becomes a matrix with a row for each span, and is compared
with what is fixed. Values are then columns of it.

Which lengths vary is learned from the spans; a form that doesn't fit costs time and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from barograph_processor.wire.span_layout import Length, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.span_layout import Layout

_WITHIN_MOST: Final = 256
"""Bytes of a content that lies within a segment; longer ones are rather passed over."""
_COMPARED_BYTES: Final = 64 * 1024
"""What is compared at a time stays in the cache."""
_NARROW: Final = 256
"""Bytes of a segment up to which it is compared as a whole, and not by what all rows have."""
_MORE, _BITS = 0x80, 0x7F  # of a byte of a length: whether another follows, and the rest
_ALL: Final = 0xFF


class Spans(NamedTuple):
    """Spans of a request.

    Attributes:
        data: The request.
        begins: int64 [n], where each span's content begins.
        ends: int64 [n], where it ends.
    """

    data: bytes
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Spans:
        """Some of them."""
        return Spans(self.data, self.begins[rows], self.ends[rows])


class _Segment(NamedTuple):
    """Bytes whose number is the same in all spans of a form.

    Attributes:
        pattern: uint8 [size], the fixed bytes, 0 elsewhere.
        mask: uint8 [size], which bits are fixed.
        lengths: Those that tell where the next segment begins; none at the end of a span.
    """

    pattern: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    lengths: tuple[Length, ...]


class Alike(NamedTuple):
    """Spans of one form.

    Attributes:
        form: Theirs.
        rows: int64 [m], which of the spans that were looked at, in ascending order.
        starts: int64 [m] for each segment, where it begins in the request.
        segments: uint8 [m, size], the bytes of each segment.
    """

    form: Form
    rows: NDArray[np.int64]
    starts: list[NDArray[np.int64]]
    segments: list[NDArray[np.uint8]]

    def at(self, place: Place) -> NDArray[np.int64]:
        """int64 [m], where a place of the layout is in the request."""
        segment, offset = self.form.places[place.part]
        where: NDArray[np.int64] = self.starts[segment] + (offset + place.offset)
        return where

    def between(self, begin: Place, end: Place) -> NDArray[np.uint8] | None:
        """uint8 [m, size], the bytes between two places; None where their number differs."""
        segment, first = self.form.places[begin.part]
        other, last = self.form.places[end.part]
        if segment != other:
            return None
        return self.segments[segment][:, first + begin.offset : last + end.offset]

    def only(self, fits: NDArray[np.bool_]) -> Alike:
        """Some of them."""
        chosen = np.flatnonzero(fits)
        starts = [each[chosen] for each in self.starts]
        segments = [each.take(chosen, axis=0) for each in self.segments]
        return Alike(self.form, self.rows[chosen], starts, segments)


class Form:
    """A layout with some lengths stated.

    Attributes:
        layout: The layout.
        places: Number of the segment that each part of the layout is in, and its offset there.
        sizes: Bytes of what lies between each part and the next; None where that varies, or is much.
    """

    __slots__ = ("_segments", "layout", "places", "sizes")

    def __init__(self, layout: Layout, sizes: Sequence[int | None]) -> None:
        """Join what lies between lengths that vary.

        Args:
            layout: The layout.
            sizes: Bytes of what lies between each of its parts and the next; None where that varies.
        """
        self.layout = layout
        self.sizes = [None if size is None or size > _WITHIN_MOST else size for size in sizes]
        self._segments: list[_Segment] = []
        self.places: list[tuple[int, int]] = []
        pattern, mask = bytearray(), bytearray()
        for part, size in zip(layout.parts, [*self.sizes, None], strict=True):
            begin = len(pattern)
            self.places.append((len(self._segments), begin))
            pattern += part.pattern
            mask += part.mask
            lengths = tuple(Length(begin + offset, width) for offset, width in part.lengths)
            if size is None:
                fixed, fixed_bits = (np.frombuffer(bytes(each), np.uint8) for each in (pattern, mask))
                self._segments.append(_Segment(fixed, fixed_bits, lengths))
                pattern, mask = bytearray(), bytearray()
                continue
            stop = len(pattern) + size
            for first, width in lengths:
                behind = first + width
                pattern[first:behind] = _length(stop - behind, width)
                mask[first:behind] = bytes([_ALL]) * width
            pattern += bytes(size)
            mask += bytes(size)

    def match(self, spans: Spans) -> Alike:
        """Those of some spans that have this form; nothing outside of a span is looked at."""
        found = Alike(self, np.arange(len(spans.begins)), [], [])
        at, ends = spans.begins, spans.ends
        for pattern, mask, lengths in self._segments:
            size = len(pattern)
            after = at + size
            fits = after <= ends if lengths else after == ends
            if not fits.all():
                found, at, ends, after = found.only(fits), at[fits], ends[fits], after[fits]
            taken = _items(spans.data, at, size)
            fits = _same(taken, pattern, mask)
            if lengths:
                reached = [at + place + width + _read(taken, place, width) for place, width in lengths]
                for other in reached[1:]:
                    fits &= other == reached[0]
                fits &= reached[0] >= after
                after = reached[0]
            found.starts.append(at)
            found.segments.append(taken)
            at = after
            if not fits.all():
                found, at, ends = found.only(fits), at[fits], ends[fits]
            if not at.size:
                break
        return found

    def loosened(self, spans: Alike) -> Form:
        """A form that these spans have too.

        Args:
            spans: Of the same layout, found by the form that states no length.
        """
        sizes: list[int | None] = []
        for number, size in enumerate(self.sizes):
            if size is not None:
                begin = Place(number, len(self.layout.parts[number].pattern))
                varies = spans.at(Place(number + 1, 0)) - spans.at(begin) != size
                sizes.append(None if varies.any() else size)
            else:
                sizes.append(None)
        return Form(self.layout, sizes)


class Learned:
    """A layout, and in which form its spans came so far."""

    __slots__ = ("_form", "_loose")

    def __init__(self, layout: Layout, sizes: Sequence[int]) -> None:
        """Begin with one span.

        Args:
            layout: Its layout.
            sizes: Bytes of what lies between its parts.
        """
        self._form = Form(layout, sizes)
        self._loose = Form(layout, [None] * len(sizes))

    def match(self, spans: Spans) -> Alike:
        """Those of some spans that have the layout, in the form that is known."""
        return self._form.match(spans)

    def learn(self, spans: Spans) -> bool:
        """Look for the layout in spans that the known form doesn't fit, and let it fit these too.

        Returns:
            Whether there was anything to learn.
        """
        others = self._loose.match(spans)
        if not len(others.rows):
            return False
        before, self._form = self._form, self._form.loosened(others)
        return self._form.sizes != before.sizes


def _items(data: bytes, at: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """uint8 [n, size], so many bytes at each place."""
    if not size or not len(at):
        return np.empty((len(at), size), np.uint8)
    items = np.ndarray((len(data) - size + 1,), f"V{size}", data, strides=(1,))
    return items[at].view(np.uint8).reshape(len(at), size)


def _same(taken: NDArray[np.uint8], pattern: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the fixed bits of each row are those of the pattern, bool [n]."""
    fits = np.ones(len(taken), bool)
    if len(pattern) <= _NARROW:
        if (taken & mask).tobytes() == pattern.tobytes() * len(taken):
            return fits
    else:
        all_have, any_has = (each.reduce(taken, axis=0) & mask for each in (np.bitwise_and, np.bitwise_or))
        if (all_have == pattern).all() and (any_has == pattern).all():
            return fits
    step = max(_COMPARED_BYTES // max(len(pattern), 1), 1)
    for first in range(0, len(taken), step):
        rows = slice(first, first + step)
        np.logical_and.reduce((taken[rows] & mask) == pattern, axis=1, out=fits[rows])
    return fits


def _read(taken: NDArray[np.uint8], place: int, width: int) -> NDArray[np.int64]:
    """Lengths that stand in so many bytes of each row."""
    length = taken[:, place].astype(np.int64)
    if width > 1:
        length &= _BITS
        for number in range(1, width):
            length |= (taken[:, place + number].astype(np.int64) & _BITS) << (7 * number)
    return length


def _length(counted: int, width: int) -> bytes:
    """A length in so many bytes."""
    bits = [counted >> 7 * number & _BITS for number in range(width)]
    return bytes([*(each | _MORE for each in bits[:-1]), bits[-1]])
