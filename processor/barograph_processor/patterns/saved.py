"""What is kept of a service over a restart, and its bytes."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from barograph.errors import StateError
from barograph_processor.engine.board import SlotImage  # noqa: TC001 msgspec reads the annotations
from barograph_processor.engine.results import ClosedWindow  # noqa: TC001 likewise

MAGIC: Final = b"BGKP"
FORMAT: Final = 2
_DIGEST_BYTES: Final = 16
_HEADER_BYTES: Final = len(MAGIC) + 2 + _DIGEST_BYTES


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A service as plain values.

    Attributes:
        saved_unix_nano: When it was made.
        entry: Number of the last entry of the journal that is in it; 0 where there is no journal.
        engines: Group of models to its engine's snapshot.
        positions: By receiver, how far it had come.
        board: The readings that stood.
        learned: Ids of the learned baselines that new keys were compared with.
        waiting: By exporter, windows that were closed and not sent yet.
    """

    saved_unix_nano: int
    entry: int
    engines: dict[str, bytes]
    positions: dict[str, dict[str, bytes]]
    board: list[SlotImage]
    learned: list[str]
    waiting: dict[str, list[ClosedWindow]]


def pack(saved: Saved) -> bytes:
    """The bytes that `unpack` reads."""
    body = msgspec.msgpack.encode(saved)
    return MAGIC + FORMAT.to_bytes(2, "little") + _digest(body) + body


def unpack(data: bytes) -> Saved:
    """What `pack` was given.

    Raises:
        StateError: The bytes are damaged, or of another version.
    """
    if data[: len(MAGIC)] != MAGIC or len(data) < _HEADER_BYTES:
        raise StateError("it does not begin as kept state does: it is damaged, or another version wrote it")
    found = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "little")
    if found != FORMAT:
        raise StateError(f"it has format {found}, wanted {FORMAT}: another version wrote it")
    body = data[_HEADER_BYTES:]
    if data[_HEADER_BYTES - _DIGEST_BYTES : _HEADER_BYTES] != _digest(body):
        raise StateError("it is damaged: its checksum does not fit")
    try:
        return msgspec.msgpack.decode(body, type=Saved)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"it is damaged: {error}") from error


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
