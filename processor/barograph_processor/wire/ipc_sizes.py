"""How many bytes an Arrow IPC record batch takes when decompressed, told before decompressing it.

A buffer of a compressed record batch begins with its length after decompression, which the reader
allocates unseen. pyarrow gives no access to it, so the few fields needed are read from the message's
flatbuffer here. The reader has verified the flatbuffer before; every access is checked all the same.

Source: Apache Arrow, Message.fbs ("RecordBatch", "BodyCompression"); FlatBuffers, "Internals".
"""

from __future__ import annotations

import struct
from typing import Final

RAW: Final = "raw"
LZ4: Final = "lz4"
ZSTD: Final = "zstd"

_MESSAGE_HEADER: Final = 2
_BATCH_BUFFERS: Final = 2
_BATCH_COMPRESSION: Final = 3
_COMPRESSION_CODEC: Final = 0
_BUFFER_BYTES: Final = 16
_NOT_COMPRESSED: Final = -1


class BadMetadata(ValueError):  # what it is says enough
    """The metadata contradict themselves."""


def unpacked_size(metadata: memoryview, body: memoryview) -> tuple[str, int]:
    """The codec of a record batch, and its body's size after decompression.

    Args:
        metadata: The message's flatbuffer.
        body: The message's body.

    Returns:
        ``raw``, ``lz4`` or ``zstd``, and bytes.

    Raises:
        BadMetadata: A length or offset lies outside the message.
    """
    try:
        batch = _Table.root(metadata).table(_MESSAGE_HEADER)
        compression = batch.table_or_none(_BATCH_COMPRESSION)
        if compression is None:
            return RAW, len(body)
        codec = ZSTD if compression.byte(_COMPRESSION_CODEC) == 1 else LZ4
        total = 0
        for offset, length in batch.buffers(_BATCH_BUFFERS):
            if length == 0:
                continue
            if offset < 0 or length < 0 or offset + length > len(body):
                raise BadMetadata("a buffer lies outside the record batch")
            claimed = int(struct.unpack_from("<q", body, offset)[0])
            if claimed < _NOT_COMPRESSED:
                raise BadMetadata("a buffer claims a negative length")
            total += length if claimed == _NOT_COMPRESSED else claimed
    except struct.error as error:
        raise BadMetadata("the record batch's metadata end too early") from error
    return codec, total


class _Table:
    """A FlatBuffers table: fields are found by a table of offsets before or after it."""

    __slots__ = ("_at", "_data", "_fields", "_fields_bytes")

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - self._read("<i", at)
        self._fields_bytes = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: memoryview) -> _Table:
        return cls(data, int(struct.unpack_from("<I", data, 0)[0]))

    def _read(self, form: str, at: int) -> int:
        if at < 0:
            raise BadMetadata("an offset is negative")
        return int(struct.unpack_from(form, self._data, at)[0])

    def _field(self, index: int) -> int:
        slot = 4 + 2 * index
        if slot + 2 > self._fields_bytes:
            return 0
        relative = self._read("<H", self._fields + slot)
        return self._at + relative if relative else 0

    def table_or_none(self, index: int) -> _Table | None:
        at = self._field(index)
        return _Table(self._data, at + self._read("<I", at)) if at else None

    def table(self, index: int) -> _Table:
        found = self.table_or_none(index)
        if found is None:
            raise BadMetadata("the message has no header")
        return found

    def byte(self, index: int) -> int:
        at = self._field(index)
        return self._read("<b", at) if at else 0

    def buffers(self, index: int) -> list[tuple[int, int]]:
        at = self._field(index)
        if not at:
            return []
        begin = at + self._read("<I", at)
        count = self._read("<I", begin)
        if count * _BUFFER_BYTES > len(self._data):
            raise BadMetadata("there are more buffers than the metadata can hold")
        return [
            (int(offset), int(length))
            for offset, length in struct.iter_unpack(
                "<qq", self._data[begin + 4 : begin + 4 + count * _BUFFER_BYTES]
            )
        ]
