"""A pending store of a dictionary that knows no columns, as one by somebody else may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlainStore:
    """A `PendingStore` without any limit.

    Attributes:
        entries: Key to expiry and value.
    """

    def __init__(self) -> None:
        self.entries: dict[bytes, tuple[int, bytes]] = {}

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """As of `PendingStore`."""
        return [self.entries.get(key, (0, None))[1] for key in keys]

    def put_many(self, items: Sequence[tuple[bytes, int, bytes]]) -> int:
        """As of `PendingStore`."""
        self.entries |= {key: (expiry_ns, value) for key, expiry_ns, value in items}
        return 0

    def expire(self, before_ns: int) -> list[bytes]:
        """As of `PendingStore`."""
        gone = [key for key, (expiry_ns, _) in self.entries.items() if expiry_ns < before_ns]
        return [self.entries.pop(key)[1] for key in gone]

    def flush(self) -> None:
        """As of `PendingStore`."""

    def __len__(self) -> int:
        return len(self.entries)
