"""Which ids came lately, in 8 bytes each."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from barograph_processor.engine.hash_index import ABSENT, HashIndex
from barograph_processor.engine.ids import Ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Key, Predictions

_PARTS: Final = 8
_SEED_BYTES: Final = 8
_ONE: Final = np.uint64(1)


class Remembered(NamedTuple):
    """Ids as they are kept while nothing runs.

    Attributes:
        seed: What they were hashed with.
        ids: uint64, the hashed ids, the longest unused first.
    """

    seed: int
    ids: NDArray[np.uint64]


class RecentIds:
    """A bounded set of hashed ids; the longest unused leave an eighth of them at a time.

    Two ids are taken for one with a probability of 1 in 2**64 by number of ids held, whoever chose them.

    >>> seen = RecentIds(1_000, seed=1)
    >>> seen.add(np.array([7, 8, 7], np.uint64)).tolist(), seen.add(np.array([8, 9], np.uint64)).tolist()
    ([True, True, False], [False, True])

    Attributes:
        seed: What ids are hashed with.
    """

    def __init__(self, most: int, seed: int) -> None:
        """Begin empty.

        Args:
            most: Ids that are held.
            seed: 0 to 2**64 - 1, what no sender can know.
        """
        self.seed = seed
        self._part = max(most // _PARTS, 1)
        self._older: list[NDArray[np.uint64]] = []
        self._newest = HashIndex()

    def held(self) -> Remembered:
        """All ids."""
        return Remembered(self.seed, np.concatenate([*self._older, np.sort(self._newest.hashes())]))

    def __len__(self) -> int:
        return len(self._newest) + sum(map(len, self._older))

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add ids; which of them were not there, neither before nor earlier among these.

        Args:
            hashes: uint64 [n], as `hashed` gives them.
        """
        ones, first = np.unique(hashes, return_index=True)
        unknown = self._newest.find(ones) == ABSENT
        for part in self._older:
            places = np.minimum(np.searchsorted(part, ones), len(part) - 1)
            unknown &= part[places] != ones
        fresh = np.zeros(len(hashes), np.bool_)
        fresh[first[unknown]] = True
        added = ones[unknown]
        self._newest.put(added, np.zeros(len(added), np.int64))
        if len(self._newest) >= self._part:
            self._older.append(np.sort(self._newest.hashes()))
            self._newest = HashIndex()
            del self._older[: -(_PARTS - 1)]
        return fresh


def featured_ids(batch: Predictions, seed: int) -> NDArray[np.uint64]:
    """uint64, the hashed ids of the rows that come with features."""
    if batch.features is None:
        return np.zeros(0, np.uint64)
    ids, given = Ids.of(batch.ids), batch.features.given
    return hashed(batch.key, ids.take(ids.known if given is None else ids.known & given), seed)


def hashed(key: Key, ids: Ids, seed: int) -> NDArray[np.uint64]:
    """uint64 [n], ids of a key, all of them known, as `RecentIds` takes them."""
    secret = seed.to_bytes(_SEED_BYTES, "little")
    own = hashlib.blake2b(msgspec.msgpack.encode(key), digest_size=_SEED_BYTES, key=secret).digest()
    hashes = ids.strings.hashes(int.from_bytes(own, "little"))
    return np.maximum(hashes, _ONE)  # an index has no 0
