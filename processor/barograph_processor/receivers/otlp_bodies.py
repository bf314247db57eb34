"""Bodies of requests, decompressed no further than they may be."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from barograph.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_ZLIB: Final = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS, "zlib": zlib.MAX_WBITS}
_BY_ARROW: Final = ("zstd", "lz4")
CODINGS: Final = (*_BY_ZLIB, *_BY_ARROW)


class TooLarge(Permanent):
    """There is more in the body than may be."""


def decompressed(body: bytes, coding: str, limit: int) -> bytes:
    """What the body holds.

    Args:
        body: As sent.
        coding: One of `CODINGS`; ``""`` and ``identity`` leave the body as it is.
        limit: Bytes that it may hold; no more than these are ever made of it.

    Raises:
        TooLarge: It holds more.
        Permanent: It isn't what its coding says.
    """
    if coding in {"", "identity"}:
        return body
    read: Callable[[bytes, str, int], bytes] = _inflated if coding in _BY_ZLIB else _read
    found = read(body, coding, limit + 1)
    if len(found) > limit:
        raise TooLarge(f"the body holds more than {limit:,} bytes; send fewer items in a request")
    return found


def _inflated(body: bytes, coding: str, size: int) -> bytes:
    """Gzip may have several members, one after the other."""
    parts: list[bytes] = []
    rest = body
    try:
        while rest and size > 0:
            inflater = zlib.decompressobj(_BY_ZLIB[coding])
            parts.append(inflater.decompress(rest, size))
            size -= len(parts[-1])
            if size > 0 and not inflater.eof:
                raise Permanent(f"the body ends in the middle of its {coding}")
            rest = inflater.unused_data
    except zlib.error as error:
        raise Permanent(f"the body isn't {coding}, as its Content-Encoding says: {error}") from error
    return b"".join(parts)


def _read(body: bytes, coding: str, size: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), coding) as stream:
            found: bytes = stream.read(size)
    except (OSError, pa.ArrowException) as error:
        raise Permanent(f"the body isn't {coding}, as its Content-Encoding says: {error}") from error
    return found
