"""The entries of the journal: the steps of the machine, with their times."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from barograph.errors import StateError
from barograph_processor.components.api import Position
from barograph_processor.engine.batch_bytes import decode_batches, encode_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch

FEED: Final = 1
ADVANCE: Final = 2
DRAIN: Final = 3
_HEAD: Final = struct.Struct("<Bq")
_LENGTH: Final = struct.Struct("<I")
_decode_position: Final = msgspec.msgpack.Decoder(tuple[str, dict[str, bytes | None]]).decode


class Feed(NamedTuple):
    """What a receiver brought."""

    batches: list[Batch]
    position: Position | None


class Step(NamedTuple):
    """One step.

    Attributes:
        kind: `FEED`, `ADVANCE` or `DRAIN`.
        now_ns: Time of the wall clock at which it was taken.
        body: What `feed_body` gave; empty for the other kinds.
    """

    kind: int
    now_ns: int
    body: bytes


def feed_body(batches: Sequence[Batch], position: Position | None) -> bytes:
    """What a receiver brought, as bytes."""
    noted = b"" if position is None else msgspec.msgpack.encode((position.owner, position.changes))
    return b"".join((_LENGTH.pack(len(noted)), noted, encode_batches(batches)))


def read_feed(body: bytes) -> Feed:
    """What `feed_body` was given.

    Raises:
        StateError: The bytes are damaged, or of another version.
    """
    try:
        (length,) = _LENGTH.unpack_from(body)
        noted = body[_LENGTH.size : _LENGTH.size + length]
        position = Position(*_decode_position(noted)) if noted else None
    except (struct.error, msgspec.DecodeError) as error:
        raise StateError(f"no step can be read from these bytes: {error}") from error
    return Feed(decode_batches(body[_LENGTH.size + length :]), position)


def step_bytes(step: Step) -> bytes:
    """A step as an entry of the journal."""
    return _HEAD.pack(step.kind, step.now_ns) + step.body


def read_step(payload: bytes) -> Step:
    """The step that an entry holds.

    Raises:
        StateError: The bytes are damaged, or of another version.
    """
    if len(payload) < _HEAD.size or payload[0] not in {FEED, ADVANCE, DRAIN}:
        raise StateError("no step can be read from an entry of the journal")
    kind, now_ns = _HEAD.unpack_from(payload)
    return Step(kind, now_ns, payload[_HEAD.size :])
