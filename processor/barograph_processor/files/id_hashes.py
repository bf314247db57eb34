"""Ids as 128 bits, whole columns at once, so that millions of them are sorted and compared as numbers.

It is no cryptographic hash: whoever makes up ids can make up two that are taken for one, as they can by
giving one id twice. Among a billion ids that nobody made up for it the chance that two are taken for one is
about 1 in 10^21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD_BYTES: Final = 8
_SEEDS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03))
_SHIFT: Final = np.uint64(32)
_FACTORS: Final = (np.uint64(0xD6E8FEB86659FD93), np.uint64(0xE7037ED1A0B428DB))


class IdHashes(NamedTuple):
    """Hashes of n ids.

    Attributes:
        high: uint64 [n].
        low: uint64 [n].
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]


def hash_ids(ids: pa.StringArray) -> IdHashes:
    """Hash ids; equal ids have equal hashes, on every machine and in every version that shares files.

    >>> high, low = hash_ids(pa.array(["a-17", "a-18", "a-17"]))
    >>> bool(high[0] == high[2] and low[0] == low[2] and high[0] != high[1])
    True

    Args:
        ids: Text, none of it null.
    """
    lengths = pc.binary_length(ids).to_numpy(zero_copy_only=False).astype(np.uint64)
    high, low = (_mixed(lengths ^ seed, factor) for seed, factor in zip(_SEEDS, _FACTORS, strict=True))
    if not len(ids):
        return IdHashes(high, low)
    width = max(_WORD_BYTES, -(-int(lengths.max()) // _WORD_BYTES) * _WORD_BYTES)
    padded = pc.ascii_rpad(ids, width, "\0")
    start = int(np.frombuffer(padded.buffers()[1], np.int32)[padded.offset])
    data = np.frombuffer(padded.buffers()[2], np.uint8, len(ids) * width, start)
    words = data.view("<u8").reshape(len(ids), width // _WORD_BYTES)
    for place in range(words.shape[1]):
        longer = lengths > np.uint64(place * _WORD_BYTES)  # what an id alone would hash to, in any company
        rows = slice(None) if longer.all() else np.flatnonzero(longer)
        word = words[rows, place].astype(np.uint64)
        high[rows] = _mixed(high[rows] ^ word, _FACTORS[0])
        low[rows] = _mixed((low[rows] + word) * _SEEDS[1], _FACTORS[1])
    return IdHashes(high, low)


def _mixed(values: NDArray[np.uint64], factor: np.uint64) -> NDArray[np.uint64]:
    """A bijection of 64 bits in which every bit of the input moves every bit of the output."""
    values = (values ^ (values >> _SHIFT)) * factor
    values = (values ^ (values >> _SHIFT)) * factor
    return values ^ (values >> _SHIFT)
