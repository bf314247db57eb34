"""The bounded queue between serving threads and the background thread.

A plain list: appending and taking from its front are atomic, so that no lock is held on the way
of a small item. Small items are bounded by number, large ones by bytes as well.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from barograph.batches import item_rows, item_size
from barograph.guard import HISTOGRAMS, guard
from barograph.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph.batches import Item

MAX_ITEMS = 32_768
MAX_BYTES = 128 * 2**20
SMALL_BYTES = 4_096
WAKE_ITEMS = 1_024
WAKE_BYTES = 8 * 2**20


class ItemQueue:
    """Items of one model on their way to the background thread.

    Args:
        wake: Called when enough is queued to be worth waking the background thread.
        max_items: Bound of the number of items.
        max_bytes: Bound of the bytes of large items; one that is larger still is taken when
            no other is queued.
    """

    def __init__(
        self, wake: Callable[[], None], *, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._wake = wake
        self._max_items = max_items
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        """Forget everything, the lock too: in a forked child."""
        self._items: list[Item] = []
        self._large_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Queue an item; False, and counted, where the queue is full."""
        items = self._items
        queued = len(items)
        if queued >= self._max_items:
            self._full(item)
            return False
        if _is_large(item):
            return self._put_large(item)
        items.append(item)
        if queued >= WAKE_ITEMS:
            self._wake()
        return True

    def _put_large(self, item: Item) -> bool:
        size = item_size(item)
        with self._lock:
            fits = not self._large_bytes or self._large_bytes + size <= self._max_bytes
            if fits:
                self._large_bytes += size
        if not fits:
            self._full(item)
            return False
        self._items.append(item)
        if self._large_bytes >= WAKE_BYTES:
            self._wake()
        return True

    def take(self, limit: int) -> list[Item]:
        """Take up to `limit` items from the front."""
        part = self._items[:limit]
        del self._items[: len(part)]
        return part

    def done(self, items: list[Item]) -> None:
        """Give back the bytes of items that have been counted."""
        if not self._large_bytes:
            return
        freed = sum(item_size(item) for item in items if _is_large(item))
        with self._lock:
            self._large_bytes = max(self._large_bytes - freed, 0)

    @staticmethod
    def _full(item: Item) -> None:
        guard.drop(HISTOGRAMS, "queue_full", "barograph can't keep up and drops predictions", item_rows(item))


def _is_large(item: Item) -> bool:
    features, prediction = item.features, item.prediction
    return (isinstance(features, Snapshot) and features.size > SMALL_BYTES) or (
        isinstance(prediction, Snapshot) and prediction.size > SMALL_BYTES
    )
