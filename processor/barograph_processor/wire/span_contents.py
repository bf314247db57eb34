"""Contents of scanned spans: what stands between two places in each of them, as a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pyarrow as pa

from barograph_processor.engine.batch import Texts
from barograph_processor.wire.span_layout import Odd
from barograph_processor.wire.text import encode_texts
from barograph_processor.wire.values import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, TEXT, ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.span_forms import Alike
    from barograph_processor.wire.span_layout import Place

_ALONE: Final = [frozenset((kind,)) for kind in range(ARRAY + 1)]
_VARINT_MOST: Final = 10
_MORE: Final = 0x80  # set in each byte of a varint but the last
_WORD: Final = 8
_HELD: Final = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)  # that many bytes
_MARKS: Final = np.array(
    [0, *(int.from_bytes(bytes([_MORE]) * size, "little") for size in range(_WORD + 1))], np.uint64
)
"""The bits that say of a varint of so many bytes that more follow; of nine bytes, all that eight have."""


class Contents:
    """What stands between two places in spans of one form.

    Attributes:
        kind: As `Value.kind`.
        found: As `Column.found`.
        block: uint8 [m, size], where all of them have the same size; else None.
    """

    __slots__ = ("_begin", "_data", "_end", "_group", "block", "found", "kind")

    def __init__(self, data: bytes, group: Alike, begin: Place, end: Place, kind: int = TEXT) -> None:
        """Say where.

        Args:
            data: The request.
            group: The spans.
            begin: Where the contents begin, in their layout.
            end: Where they end.
            kind: What they are.
        """
        self.kind = kind
        self.found = _ALONE[kind]
        self._data = data
        self._group = group
        self._begin = begin
        self._end = end
        self.block = group.between(begin, end)

    @property
    def begins(self) -> NDArray[np.int64]:
        """int64 [m], where they begin in the request."""
        return self._group.at(self._begin)

    @property
    def ends(self) -> NDArray[np.int64]:
        """int64 [m], where they end."""
        return self._group.at(self._end)

    def doubles(self) -> NDArray[np.float64]:
        """float64 [m], the contents as numbers of eight bytes, which a layout says that they are."""
        return cast("NDArray[np.uint8]", self.block).view("<f8")[:, 0]

    def times(self) -> NDArray[np.uint64]:
        """uint64 [m], likewise."""
        return cast("NDArray[np.uint8]", self.block).view("<u8")[:, 0]

    def kinds(self) -> NDArray[np.uint8]:
        """The kind in each span, uint8 [m].

        Raises:
            Odd: There may be another value behind an integer.
        """
        if self.kind == INT:
            integers_at(self._data, self.begins, self.ends)
        return np.full(len(self._group.rows), self.kind, np.uint8)

    def quantities(self) -> NDArray[np.float64]:
        """As `Column.quantities`."""
        if self.kind == DOUBLE:
            return self.doubles().copy()
        if self.kind == INT:
            return integers_at(self._data, self.begins, self.ends).astype(np.float64)
        if self.kind == BOOL:
            return np.array(cast("NDArray[np.uint8]", self.block)[:, 0] != 0, np.float64)
        return np.full(len(self._group.rows), np.inf if self.kind >= BYTES else np.nan)

    def texts(self) -> pa.StringArray:
        """The contents as text.

        Raises:
            Odd: Some isn't UTF-8.
        """
        if self.block is None:
            return texts_at(self._data, self.begins, self.ends)
        rows, size = self.block.shape
        content = self.block.tobytes()
        if _repeats(content, rows, size):
            return pa.repeat(pa.scalar(_text(content[:size]), pa.string()), rows)
        offsets = np.arange(0, len(content) + 1, size, dtype=np.int32)
        return _column(content, offsets, valid=content.isascii())

    def coded(self) -> Texts:
        """The contents as text, told apart.

        Raises:
            Odd: As `texts`.
        """
        if self.block is None:
            return encode_texts(self.texts())
        rows, size = self.block.shape
        content = self.block.tobytes()
        if _repeats(content, rows, size):
            return Texts(np.zeros(rows, np.int32), (_text(content[:size]),))
        each = pa.Array.from_buffers(pa.binary(size), rows, [None, pa.py_buffer(content)])
        encoded = each.dictionary_encode()
        return Texts(encoded.indices.to_numpy(), tuple(map(_text, encoded.dictionary.to_pylist())))


class Stitched:
    """A column whose values stand in spans of several forms.

    Attributes:
        found: As `Column.found`.
    """

    __slots__ = ("_pieces", "_rows", "found")

    def __init__(self, rows: int, pieces: Sequence[tuple[NDArray[np.int64], Contents]]) -> None:
        """Put pieces together.

        Args:
            rows: Of the column.
            pieces: Contents, and the row of each.
        """
        self._rows = rows
        self._pieces = pieces
        complete = sum(len(places) for places, _ in pieces) == rows
        self.found = frozenset((*(piece.kind for _, piece in pieces), *(() if complete else (EMPTY,))))

    def kinds(self) -> NDArray[np.uint8]:
        """The kind in each row, uint8 [n]."""
        kinds = np.full(self._rows, EMPTY, np.uint8)
        for places, piece in self._pieces:
            kinds[places] = piece.kind
        return kinds

    def quantities(self) -> NDArray[np.float64]:
        """As `Column.quantities`."""
        quantities = np.full(self._rows, np.nan)
        for places, piece in self._pieces:
            quantities[places] = piece.quantities()
        return quantities

    def texts(self) -> pa.StringArray:
        """All rows as text, where all are."""
        order = np.empty(self._rows, np.int64)
        order[np.concatenate([places for places, _ in self._pieces])] = np.arange(self._rows)
        return pa.concat_arrays([piece.texts() for _, piece in self._pieces]).take(pa.array(order))

    def coded(self) -> Texts:
        """As `Column.coded`."""
        codes = np.full(self._rows, -1, np.int32)
        code_of: dict[str, int] = {}
        for places, piece in self._pieces:
            if piece.kind == TEXT:
                its = piece.coded()
                known = [code_of.setdefault(text, len(code_of)) for text in its.values]
                codes[places] = np.array(known, np.int32)[its.codes]
        return Texts(codes, tuple(code_of))


def texts_at(
    data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64], kind: int = TEXT
) -> pa.StringArray | pa.BinaryArray:
    """Bytes at some places as a column.

    Args:
        data: The request.
        begins: int64 [n].
        ends: int64 [n].
        kind: `TEXT` makes a column of text, which must be UTF-8; anything else one of bytes.

    Raises:
        Odd: It isn't.
    """
    sizes = ends - begins
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    if offsets[-1] >= 2**31:
        raise Odd
    content = np.frombuffer(data, np.uint8)[ranges(begins, sizes)]
    if kind != TEXT:
        buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
        return pa.Array.from_buffers(pa.binary(), len(sizes), buffers)
    return _column(content.tobytes(), offsets.astype(np.int32), valid=False)


def integers_at(data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Varints that fill their places.

    Args:
        data: The request.
        begins: int64 [n].
        ends: int64 [n].

    Raises:
        Odd: One doesn't.
    """
    sizes = ends - begins
    longest = int(sizes.max(initial=0))
    if len(sizes) and (sizes.min() < 1 or longest > _VARINT_MOST):
        raise Odd
    if longest <= _WORD <= len(data):
        return _short_integers(data, begins, sizes, longest)
    held = np.frombuffer(data, np.uint8)
    numbers = np.zeros(len(begins), np.uint64)
    for place in range(longest):
        has = sizes > place
        byte = held[np.minimum(begins + place, ends - 1)]
        if ((byte >= _MORE) != (sizes > place + 1))[has].any():
            raise Odd
        bits = np.where(has, byte & 0x7F, 0).astype(np.uint64) << np.uint64(7 * place)
        numbers |= bits
    return numbers.view(np.int64)


def _short_integers(
    data: bytes, begins: NDArray[np.int64], sizes: NDArray[np.int64], longest: int
) -> NDArray[np.int64]:
    """As `integers_at`, of at most eight bytes each, all read at once."""
    at = np.minimum(begins, len(data) - _WORD)  # nothing is read behind the request
    words = np.ndarray((len(data) - _WORD + 1,), "<u8", data, strides=(1,))[at]
    words >>= ((begins - at) * 8).view(np.uint64)
    words &= _HELD[sizes]
    if ((words & _MARKS[_WORD + 1]) != _MARKS[sizes]).any():
        raise Odd
    numbers = np.zeros(len(words), np.uint64)
    for place in range(longest):
        numbers |= words >> np.uint64(place) & np.uint64(0x7F << 7 * place)
    return numbers.view(np.int64)


def _repeats(content: bytes, rows: int, size: int) -> bool:
    """Whether all rows of a block hold the same."""
    return content[: size * (rows > 0)] * rows == content


def _column(content: bytes, offsets: NDArray[np.int32], *, valid: bool) -> pa.StringArray:
    """Texts one after the other as a column."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    column = pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)
    if not valid:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise Odd from error
    return column


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Odd from error
