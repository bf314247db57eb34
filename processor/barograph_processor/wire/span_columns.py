"""The attributes of scanned spans, looked up in the request's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from barograph.errors import Permanent
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.descriptors import parse_maps
from barograph_processor.wire.span_layout import START, Place
from barograph_processor.wire.values import BOOL, DOUBLE, INT, MAP, TEXT, Values, ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.wire.span_scan import Alike, Scan

_VARINT_MOST: Final = 10
_MORE: Final = 0x80  # set in each byte of a varint but the last
_NOT_TEXT: Final = "the body isn't an OTLP traces request in protobuf: text isn't UTF-8"
_ALIKE_MOST: Final = 32
_WORD: Final = 8
_NOWHERE: Final = Place(0, 0)


class ScannedValues(Values):
    """Values where they stand in a request; as `Values` in everything else."""

    __slots__ = ("_begins", "_ends", "_scan")

    def __init__(
        self, scan: Scan, kinds: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> None:
        """Say where values are.

        Args:
            scan: The request.
            kinds: uint8 [n], as `Values.kinds`.
            begins: int64 [n], where their content begins.
            ends: int64 [n], where it ends.
        """
        self.kinds = kinds
        self._columns = {}
        self._scan = scan
        self._begins = begins
        self._ends = ends

    def at(self, kind: int, positions: NDArray[np.int64], mask: NDArray[np.bool_] | None = None) -> pa.Array:
        """As `Values.at`."""
        chosen = positions if mask is None else positions[mask]
        begins = self._begins[chosen]
        if kind == DOUBLE:
            found = pa.array(self._scan.doubles[begins])
        elif kind == INT:
            found = pa.array(self._integers(begins, self._ends[chosen]))
        elif kind == BOOL:
            found = pa.array(self._scan.data[begins] != 0)
        else:
            found = texts_at(self._scan, begins, self._ends[chosen], kind)
        if mask is None or len(chosen) == len(positions):
            return found
        places = np.cumsum(mask) - 1
        return found.take(pa.array(places, mask=~mask))

    def _maps(self, positions: NDArray[np.int64]) -> pa.ListArray:
        undecoded = self.at(MAP, positions).to_pylist()
        return parse_maps(undecoded)

    def _integers(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Varints that fill their places."""
        data, sizes = self._scan.data, ends - begins
        if len(sizes) and (sizes.min() < 1 or sizes.max() > _VARINT_MOST):
            raise Permanent("the body isn't an OTLP traces request in protobuf: an int_value is too long")
        numbers = np.zeros(len(begins), np.uint64)
        for place in range(int(sizes.max(initial=0))):
            has = sizes > place
            byte = data[np.minimum(begins + place, ends - 1)]
            if ((byte >= _MORE) != (sizes > place + 1))[has].any():
                raise Permanent("the body isn't an OTLP traces request in protobuf: an int_value is cut")
            bits = np.where(has, byte & 0x7F, 0).astype(np.uint64) << np.uint64(7 * place)
            numbers |= bits
        return numbers.view(np.int64)


class ScannedPairs:
    """Attributes of scanned spans; as `attributes.Pairs`.

    Attributes:
        keys: As `Pairs.keys`.
        values: As `Pairs.values`.
    """

    __slots__ = ("_firsts", "_groups", "_size", "keys", "values")

    def __init__(self, scan: Scan) -> None:
        self._groups = scan.groups
        self._size = len(scan.scope_of)
        self._firsts: list[int] = []
        kinds, begins, ends, first = [], [], [], 0
        for group in scan.groups:
            self._firsts.append(first)
            values, rows = group.layout.values, len(group.rows)
            first += len(values) * rows
            kinds.append(np.repeat(np.array([value.kind for value in values], np.uint8), rows))
            begins.append(_places(group, [value.begin for value in values]))
            ends.append(_places(group, [value.end for value in values]))
        self.values: Values = ScannedValues(
            scan, np.concatenate(kinds), np.concatenate(begins), np.concatenate(ends)
        )
        named = (value.key for group in scan.groups for value in group.layout.values)
        self.keys: tuple[str, ...] = tuple(dict.fromkeys(named))

    def __len__(self) -> int:
        return self._size

    def beginning(self, prefix: str) -> list[str]:
        """As `Pairs.beginning`."""
        return [key for key in self.keys if key.startswith(prefix) and len(key) > len(prefix)]

    def naming(self, names: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """As `Pairs.naming`."""
        wanted = set(names)
        named = np.zeros(self._size, bool)
        for group in self._groups:
            if any(value.key in wanted for value in group.layout.values):
                named[group.rows] = True
        mask: NDArray[np.bool_] = named[rows]
        return mask

    def select(self, names: Sequence[str], rows: NDArray[np.int64] | None = None) -> Attributes:
        """As `Pairs.select`."""
        line_of = dict(zip(names, range(len(names)), strict=True))
        table = np.full((len(names), self._size), -1, np.int64)
        for first, group in zip(self._firsts, self._groups, strict=True):
            count = len(group.rows)
            place_of = {value.key: place for place, value in enumerate(group.layout.values)}  # the last one
            wanted = [(line_of[key], place) for key, place in place_of.items() if key in line_of]
            if wanted:
                lines, places = np.array(wanted).T
                found = first + places[:, None] * count + np.arange(count)
                if count == self._size:
                    table[lines] = found
                else:
                    table[lines[:, None], group.rows] = found
        if rows is not None and len(rows) < self._size:
            table = table[:, rows]
        return Attributes(line_of, table, self.values)


def texts_at(scan: Scan, begins: NDArray[np.int64], ends: NDArray[np.int64], kind: int = TEXT) -> pa.Array:
    """Bytes at some places as a column.

    Args:
        scan: The request.
        begins: int64 [n].
        ends: int64 [n].
        kind: `TEXT` makes a column of text, which must be UTF-8; anything else one of bytes.

    Raises:
        Permanent: It isn't.
    """
    sizes = ends - begins
    if kind == TEXT and len(sizes) > 1 and _alike(scan, ends, sizes):
        return pa.repeat(_text(scan.data[begins[0] : ends[0]].tobytes()), len(sizes))
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    if offsets[-1] >= 2**31:
        raise Permanent("the texts of one request are too large")
    content = scan.data[ranges(begins, sizes)]
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
    column = pa.Array.from_buffers(pa.string() if kind == TEXT else pa.binary(), len(sizes), buffers)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Permanent(_NOT_TEXT) from error
    return column


def _alike(scan: Scan, ends: NDArray[np.int64], sizes: NDArray[np.int64]) -> bool:
    """Whether the same bytes stand at all places; the last ones differ soonest and are looked at first."""
    size = int(sizes[0])
    if size > _ALIKE_MOST or sizes.min() != size or sizes.max() != size:
        return False
    for done in range(0, size, _WORD):
        words = scan.words[ends - (done + _WORD)]
        if size - done < _WORD:
            words >>= np.uint64(8 * (_WORD - (size - done)))
        if (words != words[0]).any():
            return False
    return True


def _text(data: bytes) -> pa.Scalar:
    try:
        return pa.scalar(data.decode(), pa.string())
    except UnicodeDecodeError as error:
        raise Permanent(_NOT_TEXT) from error


def names_of(scan: Scan) -> pa.StringArray:
    """Names of the spans, empty where one has none."""
    names = [group.layout.name or (_NOWHERE, _NOWHERE) for group in scan.groups]
    begins, ends = (_of_each(scan, [name[side] for name in names]) for side in (0, 1))
    return texts_at(scan, begins, ends)


def times_of(scan: Scan, field: int) -> NDArray[np.uint64]:
    """uint64 [n], the spans' times, 0 where one isn't stated.

    Args:
        scan: The request.
        field: `START` or `END`.
    """
    chosen = [group.layout.start if field == START else group.layout.end for group in scan.groups]
    times = scan.words[_of_each(scan, [place or _NOWHERE for place in chosen])]
    for group, place in zip(scan.groups, chosen, strict=True):
        if place is None:
            times[group.rows] = 0
    return times


def _of_each(scan: Scan, places: Sequence[Place]) -> NDArray[np.int64]:
    """int64 [n], where something is in each span.

    Args:
        scan: The request.
        places: One for each layout.
    """
    if len(scan.groups) == 1:
        only: NDArray[np.int64] = scan.groups[0].bases[places[0].base] + places[0].offset
        return only
    found = np.empty(len(scan.scope_of), np.int64)
    for group, place in zip(scan.groups, places, strict=True):
        found[group.rows] = group.bases[place.base] + place.offset
    return found


def _places(group: Alike, chosen: Sequence[Place]) -> NDArray[np.int64]:
    """int64 [places * m], one place after the other."""
    if not chosen:
        return np.zeros(0, np.int64)
    bases, offsets = np.array(chosen).T
    places: NDArray[np.int64] = (group.bases[bases] + offsets[:, None]).reshape(-1)
    return places
