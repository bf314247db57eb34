"""How the journal lies in files: numbered entries with checksums, in segments.

A segment begins with ``BGJL``, the format, the number of its first entry and a salt. Each entry
carries its length, its number, how much of the segment was safe on disk when the entry was
written, and a checksum of all that. By the third, a tail that a crash cut off is told from damage:
what was unsafe when the machine died was never acknowledged, and may have holes; what was safe may
not. The salt goes into the checksums, so that nothing a sender sends can pass for an entry.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from barograph.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX: Final = ".journal"
FORMAT: Final = 1
_MAGIC: Final = b"BGJL"
_MARK: Final = b"\xb5ENT"
_HEADER: Final = struct.Struct("<4sHQQ")
_ENTRY: Final = struct.Struct("<4sIQQ")
_CHECKSUM: Final = struct.Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _CHECKSUM.size
ENTRY_BYTES: Final = _ENTRY.size + _CHECKSUM.size


class Entry(NamedTuple):
    """One entry.

    Attributes:
        number: Its number; each is one more than that before it.
        payload: What was written.
    """

    number: int
    payload: bytes


class Segment(NamedTuple):
    """What a segment holds.

    Attributes:
        entries: Whole entries, in order.
        cut_bytes: Bytes at the end that are no whole entry: what a crash left.
    """

    entries: list[Entry]
    cut_bytes: int


class _Found(NamedTuple):
    number: int
    safe_bytes: int
    payload: bytes
    end: int


def segment_name(first: int) -> str:
    """Name of the file whose first entry has that number."""
    return f"{first:020}{SUFFIX}"


def first_number(name: str) -> int | None:
    """Number of the first entry of the file with that name; None where it is no segment's."""
    stem = name.removesuffix(SUFFIX)
    return int(stem) if stem != name and stem.isdecimal() else None


def header(first: int, salt: int) -> bytes:
    """How a segment begins.

    Args:
        first: Number of its first entry.
        salt: Any number below 2**64 that senders can't know.
    """
    content = _HEADER.pack(_MAGIC, FORMAT, first, salt)
    return content + _CHECKSUM.pack(zlib.crc32(content))


def frame(number: int, payload: bytes, *, safe_bytes: int, salt: int) -> bytes:
    """An entry as it is written.

    Args:
        number: Its number.
        payload: Its content.
        safe_bytes: How much of the segment is safe on disk now.
        salt: That of the segment.
    """
    before = _ENTRY.pack(_MARK, len(payload), number, safe_bytes)
    checksum = zlib.crc32(payload, zlib.crc32(before, _seed(salt)))
    return b"".join((before, payload, _CHECKSUM.pack(checksum)))


def read_segment(data: bytes, name: str, *, last: bool) -> Segment:
    """Read a segment.

    Args:
        data: Everything in the file.
        name: Its name, for messages.
        last: Whether no other segment follows, so that its end may be cut off.

    Raises:
        StateError: It is damaged where it was safe, or of another version.
    """
    first = first_number(name)
    salt = _salt(data, name, first)
    if first is None or salt is None:
        if last and first is not None and _MARK not in data:
            return Segment([], len(data))  # the machine died while the file was made
        raise StateError(f"{name} does not begin as a segment of the journal: it is damaged")
    entries: list[Entry] = []
    at = HEADER_BYTES
    while at < len(data):
        found = _entry(data, at, salt)
        if found is None or found.number != first + len(entries):
            if last and not _is_followed_by_safe(data, at, salt):
                return Segment(entries, len(data) - at)
            raise StateError(
                f"{name} is damaged at byte {at:,}, where entry {first + len(entries)} should begin; what "
                "follows was safe on disk"
            )
        entries.append(Entry(found.number, found.payload))
        at = found.end
    return Segment(entries, 0)


def _salt(data: bytes, name: str, first: int | None) -> int | None:
    """The salt of a segment; None where the header is damaged."""
    if len(data) < HEADER_BYTES:
        return None
    magic, found, begins, salt = _HEADER.unpack_from(data)
    if magic == _MAGIC and found != FORMAT:
        raise StateError(f"{name} has format {found}, wanted {FORMAT}: another version wrote it")
    whole = begins == first and data[:HEADER_BYTES] == header(begins, salt)
    return int(salt) if whole else None


def _seed(salt: int) -> int:
    return zlib.crc32(salt.to_bytes(8, "little"))


def _entry(data: bytes, at: int, salt: int) -> _Found | None:
    """The whole entry that begins there."""
    if at + ENTRY_BYTES > len(data):
        return None
    mark, length, number, safe_bytes = _ENTRY.unpack_from(data, at)
    begin = at + _ENTRY.size
    end = begin + length + _CHECKSUM.size
    if mark != _MARK or end > len(data):
        return None
    (checksum,) = _CHECKSUM.unpack_from(data, begin + length)
    if zlib.crc32(memoryview(data)[at : begin + length], _seed(salt)) != checksum:
        return None
    return _Found(number, safe_bytes, data[begin : begin + length], end)


def _is_followed_by_safe(data: bytes, at: int, salt: int) -> bool:
    """Whether an entry behind says that what lies here was safe."""
    return any(found.safe_bytes > at for found in _entries_behind(data, at, salt))


def _entries_behind(data: bytes, at: int, salt: int) -> Iterator[_Found]:
    while (at := data.find(_MARK, at + 1)) >= 0:
        found = _entry(data, at, salt)
        if found is not None:
            yield found
