"""How far a file was read, and how it is recognised when it has another name."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import msgspec

HEAD_BYTES: Final = 1_024
_DIGEST_BYTES: Final = 16


class Head(msgspec.Struct, frozen=True):
    """The first bytes of a file, as far as it had any when they were looked at.

    Attributes:
        size_bytes: How many.
        digest: Their hash.
    """

    size_bytes: int = 0
    digest: bytes = b""

    @property
    def tells_apart(self) -> bool:
        """Whether two files that begin so are one and the same, or a copy of it."""
        return self.size_bytes == HEAD_BYTES


class FilePosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file was read.

    Attributes:
        path: Where it was last seen.
        device: Of the file system.
        inode: Of the file.
        head: How the file begins.
        offset: Bytes that were read, up to the end of a line.
        pending: Beginnings of lines in the format of containers, by stream.
        columns: The names in the first line of a CSV file.
    """

    path: str
    device: int
    inode: int
    head: Head = Head()
    offset: int = 0
    pending: dict[str, bytes] = {}
    columns: tuple[str, ...] = ()


def head_of(descriptor: int, size_bytes: int = HEAD_BYTES) -> Head:
    """How an open file begins.

    Args:
        descriptor: Of the file; its place is left as it is.
        size_bytes: How many bytes to look at.
    """
    content = os.pread(descriptor, size_bytes, 0)
    return Head(len(content), hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest())


def begins_as(descriptor: int, head: Head) -> bool:
    """Whether an open file begins as one that was seen before; every file begins as an empty one."""
    return head_of(descriptor, head.size_bytes) == head if head.size_bytes else True


def name_of(position: FilePosition) -> str:
    """Names the file among those of a machine."""
    return f"{position.device:x}:{position.inode:x}"


def encode_position(position: FilePosition) -> bytes:
    """Bytes that `decode_position` reads."""
    return msgspec.msgpack.encode(position)


def decode_position(data: bytes) -> FilePosition:
    """A position from bytes.

    Raises:
        msgspec.DecodeError: They are none.
    """
    return msgspec.msgpack.decode(data, type=FilePosition)
