"""Requests of nothing but packed events, read around the events instead of through them.

What such a request says beside its events' columns, times and numbers of rows is the same in every
request of a source: its shape. The parser that knows everything reads a shape once; from then on the
shape is recognised, and the events are cut out of the request. What can't be cut so is left to the parser:
`scan` then gives None, and costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from barograph.semconv import attributes as names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.identity import Owners
    from barograph_processor.wire.limits import Limits

_MORE, _BITS = 0x80, 0x7F  # of a byte of a varint: whether another follows, and the rest
_LENGTH_MOST: Final = 5
_RECORD: Final = 0  # in a shape, where 1 and 2 are levels that begin, -1 and -2 those that end
_LATEST_NS: Final = 2**63 - 1
# Tags: a field's number, and how it is written.
_RESOURCE_LOGS: Final = 0x0A
_SCOPE_LOGS = _LOG_RECORD = 0x12
_TIME, _OBSERVED_TIME, _ATTRIBUTE, _TRACE_ID, _SPAN_ID = 0x09, 0x59, 0x32, 0x4A, 0x52
_TIME_FIELD, _OBSERVED_FIELD, _ATTRIBUTES_FIELD = 1, 11, 6
_BYTES, _INTEGER = 0x3A, 0x18  # of AnyValue
_WIRE: Final = 7  # the bits of a tag that tell how a field is written
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_ATTRIBUTE_LEAST_BYTES: Final = 512  # a smaller one isn't worth cutting
_SHAPE_MOST_BYTES: Final = 16 * 1024
_SHAPES_MOST: Final = 256

Shape: TypeAlias = tuple[bytes | int, ...]
_KNOWN: Final[dict[tuple[Shape, Limits], Known]] = {}
_CUT: Final = (names.ML_BATCH_ARROW.encode(), names.ML_BATCH_ROWS.encode())


def _entry(name: str) -> bytes:
    """What an attribute of that name begins with, up to the length of its value."""
    key = name.encode()
    return bytes([0x0A, len(key)]) + key + b"\x12"


_ARROW: Final = _entry(names.ML_BATCH_ARROW)
_ROWS: Final = _entry(names.ML_BATCH_ROWS)


class _Odd(Exception):  # no error: the parser reads it
    """Something that isn't cut here."""


class Scan(NamedTuple):
    """A request of n packed events, as they seem to be until the shape is known.

    Attributes:
        shape: Everything else that the request says.
        time_ns: int64 [n], each event's time, 0 where it has none.
        stated: float64 [n], ``ml.batch.rows``, NaN where it isn't stated.
        blobs: Where each event's columns begin and end.
    """

    shape: Shape
    time_ns: NDArray[np.int64]
    stated: NDArray[np.float64]
    blobs: list[tuple[int, int]]


class Known(NamedTuple):
    """What the parser made of a shape in which nothing is wrong.

    Attributes:
        kind: int32 [n], the events' kind.
        owners: Whose they are.
    """

    kind: NDArray[np.int32]
    owners: Owners


def known(shape: Shape, limits: Limits) -> Known | None:
    """What a shape was found to be."""
    return _KNOWN.get((shape, limits))


def remember(shape: Shape, limits: Limits, found: Known) -> None:
    """Recognise a shape from now on, if it isn't large."""
    if sum(len(part) for part in shape if isinstance(part, bytes)) <= _SHAPE_MOST_BYTES:
        if len(_KNOWN) >= _SHAPES_MOST:
            _KNOWN.clear()
        _KNOWN[shape, limits] = found


def scan(data: bytes) -> Scan | None:
    """Read an ExportLogsServiceRequest; None where that is left to the parser."""
    try:
        return _Walk(data).request()
    except (_Odd, IndexError):
        return None


class _Walk:
    """The levels of a request, read one message after the other.

    Parts of the shape are bytes as they came; numbers between them tell which level they belong to.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._shape: list[bytes | int] = []
        self._time_ns: list[int] = []
        self._stated: list[float] = []
        self._blobs: list[tuple[int, int]] = []

    def request(self) -> Scan:
        """All of it."""
        at, end = 0, len(self._data)
        while at < end:
            if self._data[at] != _RESOURCE_LOGS:
                raise _Odd
            begin, at = self._content(at + 1, end)
            self._message(begin, at, 1)
        if not self._blobs:
            raise _Odd
        time_ns, stated = np.array(self._time_ns, np.int64), np.array(self._stated)
        return Scan(tuple(self._shape), time_ns, stated, self._blobs)

    def _message(self, at: int, end: int, level: int) -> None:
        """A ResourceLogs (1) or ScopeLogs (2): what is inside is of the next level, the rest is kept."""
        self._shape.append(level)
        data = self._data
        while at < end:
            tag_at = at
            if data[at] & _WIRE != _DELIMITED or data[at] >= _MORE:
                raise _Odd
            begin, at = self._content(at + 1, end)
            if data[tag_at] != _SCOPE_LOGS:
                self._shape.append(data[tag_at:at])
            elif level == 1:
                self._message(begin, at, 2)
            else:
                self._record(begin, at)
        self._shape.append(-level)

    def _record(self, at: int, end: int) -> None:
        """A LogRecord with one blob; the ids of a span it may have been made in aren't read by anybody."""
        data = self._data
        kept = b""
        time_ns = observed_ns = 0
        rows: int | None = None
        blob: tuple[int, int] | None = None
        while at < end:
            tag_at, tag = at, data[at]
            if tag == _ATTRIBUTE:
                begin, at = self._content(at + 1, end)
                if at - begin >= _ATTRIBUTE_LEAST_BYTES:
                    if blob is not None:
                        raise _Odd
                    blob = self._blob(begin, at)
                elif rows is None and data.startswith(_ROWS, begin):
                    rows = self._rows(begin + len(_ROWS), at)
                else:
                    kept += data[tag_at:at]
            elif tag in {_TIME, _OBSERVED_TIME}:
                at += 9
                moment = int.from_bytes(data[tag_at + 1 : at], "little")
                if tag == _TIME:
                    time_ns = moment
                else:
                    observed_ns = moment
            else:
                at = self._other(at, end)
                if tag not in {_TRACE_ID, _SPAN_ID}:
                    kept += data[tag_at:at]
        time_ns = time_ns or observed_ns
        if blob is None or at != end or time_ns > _LATEST_NS or any(name in kept for name in _CUT):
            raise _Odd
        self._shape += (_RECORD, kept)  # else another field could look like a record
        self._time_ns.append(time_ns)
        self._stated.append(np.nan if rows is None else rows)
        self._blobs.append(blob)

    def _blob(self, begin: int, end: int) -> tuple[int, int]:
        """Where the bytes of an attribute are that holds an event's columns."""
        if not self._data.startswith(_ARROW, begin):
            raise _Odd
        begin, stop = self._content(begin + len(_ARROW), end)
        if stop != end or self._data[begin] != _BYTES:
            raise _Odd
        begin, stop = self._content(begin + 1, end)
        if stop != end:
            raise _Odd
        return begin, end

    def _rows(self, at: int, end: int) -> int:
        """The number that an attribute holds."""
        begin, stop = self._content(at, end)
        if stop != end or self._data[begin] != _INTEGER:
            raise _Odd
        rows, stop = self._varint(begin + 1)
        if stop != end:
            raise _Odd
        return rows

    def _other(self, at: int, end: int) -> int:
        """The end of a field that begins there, and is none of those that are read here."""
        tag = self._data[at]
        if tag >= _MORE or tag >> 3 in {0, _TIME_FIELD, _OBSERVED_FIELD, _ATTRIBUTES_FIELD}:
            raise _Odd
        wire = tag & _WIRE
        if wire == _DELIMITED:
            return self._content(at + 1, end)[1]
        if wire == _VARINT:
            return self._varint(at + 1)[1]
        if wire in {_FIXED64, _FIXED32}:
            return at + (9 if wire == _FIXED64 else 5)
        raise _Odd

    def _content(self, at: int, end: int) -> tuple[int, int]:
        """Where content begins and ends whose length stands there."""
        length, begin = self._varint(at)
        if begin + length > end:
            raise _Odd
        return begin, begin + length

    def _varint(self, at: int) -> tuple[int, int]:
        """A number and where it ends."""
        data = self._data
        byte = data[at]
        if byte < _MORE:
            return byte, at + 1
        number = byte & _BITS
        for place in range(1, _LENGTH_MOST):
            byte = data[at + place]
            number |= (byte & _BITS) << 7 * place
            if byte < _MORE:
                return number, at + place + 1
        raise _Odd
