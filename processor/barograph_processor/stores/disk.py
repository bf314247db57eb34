"""Pending predictions and labels on disk, in RocksDB.

Entries lie under ``e`` + key, with their expiry before the value; ``x`` + expiry + a number is the
index by time, and holds the keys that were put together. An entry that is put again with another expiry
stays in its old list too, and is passed over there when its time comes.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from rocksdict import BlockBasedOptions, Checkpoint, Options, Rdict, WriteBatch, WriteOptions

from barograph.errors import ConfigError, Retryable
from barograph_processor.components.api import Factory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.components.api import Context

EXPIRE_MOST = 10_000
_ENTRY, _INDEX, _FIGURES, _FORMAT = b"e", b"x", b"m", b"f"
_THIS_FORMAT = b"2"  # of entries and lists; another one can't be read
_EXPIRY = struct.Struct(">Q")
_NUMBER = struct.Struct(">Q")
_LISTED_MOST = 100  # keys of a list: the first of them is read again and again where there is no more room
_BLOOM_BITS = 10  # of a key: 1 in 100 that isn't there is looked for
_MEMTABLE_BLOOM = 0.1  # of a memtable's size
_ENTRY_BYTES = _EXPIRY.size + 2  # beside the value and the key, twice: what the index adds
_SHIFT = 1 << 63  # so that times before 1970 sort before those after
_MEMTABLE_BYTES = 16 * 2**20


_decode_keys = msgspec.msgpack.Decoder(list[bytes]).decode


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where entries lie and how much may wait.

    Attributes:
        directory: Folder of the database, made if it isn't there; empty: a temporary one that is
            removed at the end.
        max_bytes: Room for entries; beyond it those that would expire first leave. The files are
            larger than that for a while, until RocksDB compacts them.
        log: Whether RocksDB logs what was put, so that it survives the death of the process; not where
            copies of the database are kept, with a journal of what came since.
    """

    directory: str = ""
    max_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 1_073_741_824
    log: bool = True


class _Figures(msgspec.Struct, array_like=True):
    """Written when the store is closed in order; without it, the entries are counted at opening."""

    entries: int
    size_bytes: int
    lists: int


class DiskStore:
    """A `PendingStore` in a RocksDB database.

    With a log, what was put survives the death of the process; what was flushed, that of the machine.

    Attributes:
        size_bytes: Bytes of all entries, before compression.
    """

    def __init__(self, directory: Path, max_bytes: int = 1_073_741_824, *, log: bool = True) -> None:
        """Open or make a database.

        Args:
            directory: Its folder.
            max_bytes: Room for entries.
            log: As of `Config`.

        Raises:
            ConfigError: The directory can't be used, another process has it open, or another version of
                Barograph wrote what it holds.
        """
        self._max_bytes = max_bytes
        options = Options(raw_mode=True)
        options.create_if_missing(True)  # noqa: FBT003 the library's signature
        options.set_write_buffer_size(_MEMTABLE_BYTES)
        options.set_max_total_wal_size(4 * _MEMTABLE_BYTES)
        blocks = BlockBasedOptions()
        blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)  # most predictions are asked for in vain
        options.set_block_based_table_factory(blocks)
        options.set_memtable_whole_key_filtering(True)
        options.set_memtable_prefix_bloom_ratio(_MEMTABLE_BLOOM)
        try:
            self._db = Rdict(str(directory), options)
        except Exception as error:  # rocksdict raises plain exceptions
            raise ConfigError(
                f"the pending store can't use {directory}: {error}; "
                "give it a folder of its own that no other process has open"
            ) from error
        self._log = log
        if not log:
            unlogged = WriteOptions()
            unlogged.disable_wal = True  # type: ignore[method-assign,assignment]  # the stub is wrong
            self._db.set_write_options(unlogged)
        self._know_format(directory)
        self._recent: dict[bytes, bytes | None] = {}
        self._oldest = _INDEX
        figures = self._read_figures()
        self._entries, self.size_bytes, self._lists = figures.entries, figures.size_bytes, figures.lists

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values, None where there is none.

        Raises:
            Retryable: The disk failed.
        """
        found = self._read(keys)
        self._recent = dict(zip(keys, found, strict=True))
        return [None if one is None else one[_EXPIRY.size :] for one in found]

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """Store (key, expiry in Unix nanoseconds, value); returns how many entries were evicted.

        Raises:
            Retryable: The disk failed, or is full.
        """
        unknown = [key for key, _, _ in items if key not in self._recent]
        held = self._recent | dict(zip(unknown, self._read(unknown), strict=True))
        batch = WriteBatch(raw_mode=True)
        entries, size, lists = self._entries, self.size_bytes, self._lists
        oldest = self._oldest
        for expiry_ns, together in groupby(items, key=itemgetter(1)):
            expiry = _EXPIRY.pack(expiry_ns + _SHIFT)
            unlisted = []
            for key, _, value in together:
                data = expiry + value
                batch.put(_ENTRY + key, data)
                before = held[key]
                if before is None:
                    entries += 1
                    size += len(data) + 2 * len(key) + _ENTRY_BYTES
                    unlisted.append(key)
                else:
                    size += len(data) - len(before)
                    if not before.startswith(expiry):
                        unlisted.append(key)
                held[key] = data
            for first in range(0, len(unlisted), _LISTED_MOST):
                index = _INDEX + expiry + _NUMBER.pack(lists)
                batch.put(index, msgspec.msgpack.encode(unlisted[first : first + _LISTED_MOST]))
                lists += 1
                oldest = min(oldest, index)
        self._write(batch)
        self._entries, self.size_bytes, self._lists = entries, size, lists
        self._oldest, self._recent = oldest, {}
        if size <= self._max_bytes:
            return 0
        return len(self._remove_oldest(None, self._entries, size - self._max_bytes))

    def expire(self, before_ns: int) -> list[bytes]:
        """Remove entries whose expiry is before `before_ns`; returns their values, at most 10,000 a call.

        Raises:
            Retryable: The disk failed.
        """
        return self._remove_oldest(_INDEX + _EXPIRY.pack(before_ns + _SHIFT), EXPIRE_MOST, None)

    def flush(self) -> None:
        """Make what was put durable.

        Raises:
            Retryable: The disk failed.
        """
        try:
            if self._log:
                self._db.flush_wal(sync=True)
            else:
                self._db.flush(wait=True)
        except Exception as error:
            raise _failed("flush", error) from error

    def copy_to(self, folder: Path) -> None:
        """A consistent copy of the database, as a folder that isn't there yet.

        Files that RocksDB will never change are not copied but linked, so the copy takes milliseconds and
        little room; what the database rewrites later stays in the copy as it was.

        Raises:
            Retryable: The disk failed, or is full.
        """
        self._write(self._figures())
        try:
            Checkpoint(self._db).create_checkpoint(str(folder))
            self._db.delete(_FIGURES)
        except Exception as error:
            raise _failed("be copied", error) from error

    def close(self) -> None:
        """Flush and close; the store can't be used after it."""
        self._write(self._figures())
        self.flush()
        self._db.close()

    def __len__(self) -> int:
        """Number of entries."""
        return self._entries

    def _remove_oldest(self, end: bytes | None, most: int, enough_bytes: int | None) -> list[bytes]:
        """Remove entries in order of expiry, until the index key `end`, a number or a size is reached."""
        gone: list[bytes] = []
        freed = 0
        batch = WriteBatch(raw_mode=True)
        removed: set[bytes] = set()
        last = self._oldest
        try:
            for index, listed in self._db.items(from_key=self._oldest):
                if not isinstance(index, bytes) or index[:1] != _INDEX or (end is not None and index >= end):
                    break
                if len(gone) >= most or (enough_bytes is not None and freed >= enough_bytes):
                    break
                last = index
                expiry = index[1 : 1 + _EXPIRY.size]
                keys = _decode_keys(listed)
                left: list[bytes] = []
                for place, (key, data) in enumerate(zip(keys, self._read(keys), strict=True)):
                    if data is None or not data.startswith(expiry) or key in removed:
                        continue  # put again since with another expiry
                    if len(gone) >= most or (enough_bytes is not None and freed >= enough_bytes):
                        left = keys[place:]
                        break
                    batch.delete(_ENTRY + key)
                    removed.add(key)
                    gone.append(data[_EXPIRY.size :])
                    freed += len(data) + 2 * len(key) + _ENTRY_BYTES
                if left:
                    batch.put(index, msgspec.msgpack.encode(left))
                else:
                    batch.delete(index)
        except Exception as error:
            raise _failed("read", error) from error
        if batch.len():
            self._write(batch)
        self._entries -= len(gone)
        self.size_bytes -= freed
        self._oldest = last  # what lies before is deleted, and slow to pass over
        self._recent = {}
        return gone

    def _figures(self) -> WriteBatch:
        batch = WriteBatch(raw_mode=True)
        batch.put(_FIGURES, msgspec.msgpack.encode(_Figures(self._entries, self.size_bytes, self._lists)))
        return batch

    def _read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if not keys:
            return []
        try:
            found = self._db.get([_ENTRY + key for key in keys])
        except Exception as error:
            raise _failed("read", error) from error
        return list(found or ())

    def _write(self, batch: WriteBatch) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise _failed("write", error) from error

    def _know_format(self, directory: Path) -> None:
        found = self._db.get(_FORMAT)
        if found is None and next(iter(self._db.keys()), None) is None:
            self._db[_FORMAT] = found = _THIS_FORMAT
        if found != _THIS_FORMAT:
            self._db.close()
            raise ConfigError(
                f"the pending store in {directory} was written by another version of Barograph, in a format "
                "that this one can't read; go back to that version, or move the folder away and lose the "
                "predictions and labels that wait in it"
            )

    def _read_figures(self) -> _Figures:
        stored = self._db.get(_FIGURES)
        if stored is not None:
            self._db.delete(_FIGURES)
            return msgspec.msgpack.decode(stored, type=_Figures)
        entries = size = lists = 0
        for key, data in self._db.items(from_key=_ENTRY):
            if not isinstance(key, bytes) or key[:1] != _ENTRY:
                break
            entries += 1
            size += len(data) + 2 * (len(key) - len(_ENTRY)) + _ENTRY_BYTES
        for index in self._db.keys(from_key=_INDEX):
            if not isinstance(index, bytes) or index[:1] != _INDEX:
                break
            lists = max(lists, 1 + _NUMBER.unpack(index[1 + _EXPIRY.size :])[0])
        return _Figures(entries, size, lists)


def _failed(what: str, error: Exception) -> Retryable:
    return Retryable(f"the pending store can't {what}: {error}; see that its disk works and has room")


@contextmanager
def open_store(config: Config, context: Context) -> Iterator[DiskStore]:  # noqa: ARG001 a factory's shape
    """A store for as long as the context lasts.

    Raises:
        ConfigError: The directory can't be used, or another process has it open.
    """
    directory = Path(config.directory or tempfile.mkdtemp(prefix="barograph-pending-"))
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the pending store can't make {directory}: {error.strerror}") from error
        store = DiskStore(directory, config.max_bytes, log=config.log)
        try:
            yield store
        finally:
            store.close()
    finally:
        if not config.directory:
            shutil.rmtree(directory, ignore_errors=True)


FACTORY = Factory(
    kind="store",
    name="disk",
    config_type=Config,
    open=open_store,
    stability="development",
    summary="Pending predictions and labels on disk (RocksDB).",
)
