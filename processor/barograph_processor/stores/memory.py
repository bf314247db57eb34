"""Pending predictions and labels in memory: fast, and gone with the process unless a snapshot is kept."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec
import numpy as np

from barograph.errors import StateError
from barograph_processor.components.api import Factory
from barograph_processor.engine.byte_strings import ByteStrings
from barograph_processor.stores.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from barograph_processor.components.api import Context

EXPIRE_MOST: Final = 10_000


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may wait.

    Attributes:
        max_bytes: Room for entries; beyond it those that would expire first leave.
    """

    max_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 1_073_741_824


class MemoryStore:
    """A `ColumnStore` in arrays."""

    def __init__(self, max_bytes: int = 1_073_741_824) -> None:
        self._max_bytes = max_bytes
        self._columns = Columns(secrets.randbits(64))

    @property
    def size_bytes(self) -> int:
        """Estimate of the memory held."""
        return self._columns.size_bytes

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values, None where there is none."""
        return self._columns.values(self._columns.find(ByteStrings.of(keys)))

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """Store (key, expiry in Unix nanoseconds, value); returns how many entries were evicted."""
        last = {key: (expiry_ns, value) for key, expiry_ns, value in items}  # of a key that repeats
        expiries = np.fromiter((expiry_ns for expiry_ns, _ in last.values()), np.int64, len(last))
        values = ByteStrings.of([value for _, value in last.values()])
        return self.put_columns(ByteStrings.of([*last]), expiries, values)

    def new(self, keys: ByteStrings) -> NDArray[np.bool_]:
        """As of `ColumnStore`."""
        return self._columns.new(keys)

    def put_columns(self, keys: ByteStrings, expiry_ns: NDArray[np.int64], values: ByteStrings) -> int:
        """As of `ColumnStore`."""
        if len(keys):
            self._columns.put(keys, expiry_ns, values)
        return self._columns.evict(self.size_bytes - self._max_bytes)

    def expire(self, before_ns: int) -> list[bytes]:
        """Remove entries whose expiry is before `before_ns`; returns their values, at most 10,000 a call."""
        return self._columns.expire(before_ns, EXPIRE_MOST)

    def flush(self) -> None:
        """Nothing: memory is all there is."""

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._columns)

    def dump(self) -> bytes:
        """All entries, for the engine's snapshot."""
        return msgspec.msgpack.encode({"columns": [_image(*part) for part in self._columns]})

    def load(self, data: bytes) -> None:
        """Take over what another store dumped.

        Raises:
            StateError: The bytes are damaged.
        """
        try:
            dumped = msgspec.msgpack.decode(data, type=_Dump | list[tuple[bytes, int, bytes]])
            if isinstance(dumped, list):  # as it was written before there were columns
                self.put_many(dumped)
            else:
                for columns in [_columns(image) for image in dumped.columns]:
                    self.put_columns(*columns)
        except (msgspec.DecodeError, ValueError) as error:
            raise StateError(f"the pending entries of a snapshot are damaged: {error}") from error


class _StringsImage(NamedTuple):
    """Byte strings: one after the other, and the bytes of each as little-endian int64."""

    data: bytes
    lengths: bytes


class _Image(NamedTuple):
    """Entries as columns: keys, values, and expiries in Unix nanoseconds as little-endian int64."""

    keys: _StringsImage
    values: _StringsImage
    expiry_ns: bytes


class _Dump(msgspec.Struct):
    columns: list[_Image]


def _image(keys: ByteStrings, expiry_ns: NDArray[np.int64], values: ByteStrings) -> _Image:
    return _Image(_strings_image(keys), _strings_image(values), expiry_ns.astype("<i8").tobytes())


def _strings_image(strings: ByteStrings) -> _StringsImage:
    return _StringsImage(strings.together().tobytes(), strings.lengths.astype("<i8").tobytes())


def _columns(image: _Image) -> tuple[ByteStrings, NDArray[np.int64], ByteStrings]:
    keys, values = _strings(image.keys), _strings(image.values)
    expiry_ns = np.frombuffer(image.expiry_ns, "<i8").astype(np.int64)
    if not len(keys) == len(values) == len(expiry_ns):
        raise ValueError("columns of unlike length")
    return keys, expiry_ns, values


def _strings(image: _StringsImage) -> ByteStrings:
    lengths = np.frombuffer(image.lengths, "<i8").astype(np.int64)
    if (lengths < 0).any() or int(lengths.sum()) != len(image.data):
        raise ValueError("lengths that don't fit the bytes")
    return ByteStrings.joined(np.frombuffer(image.data, np.uint8), lengths)


@contextmanager
def open_store(config: Config, context: Context) -> Iterator[MemoryStore]:  # noqa: ARG001 a factory's shape
    """A store for as long as the context lasts."""
    yield MemoryStore(config.max_bytes)


FACTORY = Factory(
    kind="store",
    name="memory",
    config_type=Config,
    open=open_store,
    stability="development",
    summary="Pending predictions and labels in memory.",
)
