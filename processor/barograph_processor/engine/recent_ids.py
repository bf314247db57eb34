"""Which ids came lately, in 8 bytes each."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from barograph_processor.engine.ids import Ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Key, Predictions

_PARTS: Final = 8


class RecentIds:
    """A bounded set of hashed ids; the longest unused leave an eighth of them at a time.

    Two ids are taken for one with a probability of 1 in 2**64 by number of ids held.

    >>> seen = RecentIds(1_000)
    >>> seen.add(np.array([7, 8, 7], np.uint64)).tolist(), seen.add(np.array([8, 9], np.uint64)).tolist()
    ([True, True, False], [False, True])
    """

    def __init__(self, most: int) -> None:
        """Begin empty.

        Args:
            most: Ids that are held.
        """
        self._part = max(most // _PARTS, 1)
        self._newest: set[int] = set()
        self._older: list[NDArray[np.uint64]] = []

    def held(self) -> NDArray[np.uint64]:
        """All ids, the longest unused first."""
        newest = np.fromiter(sorted(self._newest), np.uint64, len(self._newest))
        return np.concatenate([*self._older, newest])

    def __len__(self) -> int:
        return len(self._newest) + sum(map(len, self._older))

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add ids; which of them were not there, neither before nor earlier among these.

        Args:
            hashes: uint64 [n], as `hashed` gives them.
        """
        fresh = np.zeros(len(hashes), np.bool_)
        fresh[np.unique(hashes, return_index=True)[1]] = True
        for part in self._older:
            places = np.minimum(np.searchsorted(part, hashes), len(part) - 1)
            fresh &= part[places] != hashes
        newest = self._newest
        for place in np.flatnonzero(fresh).tolist():
            one = int(hashes[place])
            if one in newest:
                fresh[place] = False
            else:
                newest.add(one)
        if len(newest) >= self._part:
            self._older.append(np.sort(np.fromiter(newest, np.uint64, len(newest))))
            self._newest = set()
            del self._older[: -(_PARTS - 1)]
        return fresh


def featured_ids(batch: Predictions) -> NDArray[np.uint64]:
    """uint64, the ids of the rows that come with features."""
    if batch.features is None:
        return np.zeros(0, np.uint64)
    ids, given = Ids.of(batch.ids), batch.features.given
    return hashed(batch.key, ids.take(ids.known if given is None else ids.known & given))


def hashed(key: Key, ids: Ids) -> NDArray[np.uint64]:
    """uint64 [n], ids of a key, all of them known, as `RecentIds` takes them."""
    scope = hashlib.blake2b(msgspec.msgpack.encode(key), digest_size=16).digest()
    digests = b"".join(
        hashlib.blake2b(one, digest_size=8, key=scope).digest() for one in ids.strings.tolist()
    )
    return np.frombuffer(digests, np.uint64)
