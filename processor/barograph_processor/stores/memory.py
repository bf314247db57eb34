"""Pending predictions and labels in memory: fast, and gone with the process unless a snapshot is kept."""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated

import msgspec

from barograph.errors import StateError
from barograph_processor.components.api import Factory
from barograph_processor.engine.settings import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.components.api import Context

EXPIRE_MOST = 10_000
ENTRY_BYTES = 400  # what an entry costs beyond its value: key, objects, slots in two dictionaries
_BUCKET_NS = MINUTE_NS
_KEY, _EXPIRY, _VALUE = itemgetter(0), itemgetter(1), itemgetter(2)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may wait.

    Attributes:
        max_bytes: Room for entries; beyond it those that would expire first leave.
    """

    max_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 1_073_741_824


class MemoryStore:
    """A `PendingStore` in two dictionaries: entries by key, and keys by the minute that they expire in.

    Attributes:
        size_bytes: Estimate of the memory held.
    """

    def __init__(self, max_bytes: int = 1_073_741_824) -> None:
        self._max_bytes = max_bytes
        self._entries: dict[bytes, tuple[bytes, int, bytes]] = {}
        self._buckets: dict[int, dict[bytes, None]] = {}
        self._order: list[int] = []
        self.size_bytes = 0

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values, None where there is none."""
        if self._entries.keys().isdisjoint(keys):  # as most predictions are
            return [None] * len(keys)
        get = self._entries.get
        missing = (b"", 0, None)
        return [get(key, missing)[2] for key in keys]

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """Store (key, expiry in Unix nanoseconds, value); returns how many entries were evicted."""
        new = dict(zip(map(_KEY, items), items, strict=True))
        last = new.values()  # of a key that repeats
        if not self._entries.keys().isdisjoint(new):
            self._make_way(new)
        self._entries.update(new)
        for expiry_ns, together in groupby(last, key=_EXPIRY):
            bucket = expiry_ns // _BUCKET_NS
            keys = self._buckets.get(bucket)
            if keys is None:
                keys = self._buckets[bucket] = {}
                heapq.heappush(self._order, bucket)
            keys.update(dict.fromkeys(map(_KEY, together)))
        self.size_bytes += sum(map(len, map(_VALUE, last))) + ENTRY_BYTES * len(new)
        return self._evict()

    def expire(self, before_ns: int) -> list[bytes]:
        """Remove entries whose expiry is before `before_ns`; returns their values, at most 10,000 a call."""
        gone: list[bytes] = []
        last = before_ns // _BUCKET_NS
        while len(gone) < EXPIRE_MOST:
            bucket = self._oldest_bucket()
            if bucket is None or bucket > last:
                break
            due = [key for key in self._buckets[bucket] if self._entries[key][1] < before_ns]
            gone += [self._remove(bucket, key) for key in due[: EXPIRE_MOST - len(gone)]]
            if bucket == last:
                break
        return gone

    def flush(self) -> None:
        """Nothing: memory is all there is."""

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._entries)

    def dump(self) -> bytes:
        """All entries, for the engine's snapshot."""
        return msgspec.msgpack.encode([*self._entries.values()])

    def load(self, data: bytes) -> None:
        """Take over what another store dumped.

        Raises:
            StateError: The bytes are damaged.
        """
        try:
            self.put_many(msgspec.msgpack.decode(data, type=list[tuple[bytes, int, bytes]]))
        except msgspec.DecodeError as error:
            raise StateError(f"the pending entries of a snapshot are damaged: {error}") from error

    def _make_way(self, new: Mapping[bytes, tuple[bytes, int, bytes]]) -> None:
        """Take those that are about to be replaced out of the books."""
        held = [one for one in map(self._entries.get, new) if one is not None]
        self.size_bytes -= sum(map(len, map(_VALUE, held))) + ENTRY_BYTES * len(held)
        for key, expiry_ns, _ in held:
            after_ns = new[key][1]
            if expiry_ns != after_ns and expiry_ns // _BUCKET_NS != after_ns // _BUCKET_NS:
                del self._buckets[expiry_ns // _BUCKET_NS][key]

    def _evict(self) -> int:
        evicted = 0
        while self.size_bytes > self._max_bytes:
            bucket = self._oldest_bucket()
            if bucket is None:
                break
            self._remove(bucket, next(iter(self._buckets[bucket])))
            evicted += 1
        return evicted

    def _oldest_bucket(self) -> int | None:
        """The first bucket that has keys; empty ones are let go."""
        while self._order:
            bucket = self._order[0]
            if self._buckets.get(bucket):
                return bucket
            heapq.heappop(self._order)
            self._buckets.pop(bucket, None)
        return None

    def _remove(self, bucket: int, key: bytes) -> bytes:
        del self._buckets[bucket][key]
        value = self._entries.pop(key)[2]
        self.size_bytes -= len(value) + ENTRY_BYTES
        return value


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
