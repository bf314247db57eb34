"""An index of hashes holds what it was given, whatever the hashes are."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph_processor.engine.hash_index import ABSENT, HashIndex

TOP = 2**64 - 1
hashes_of = st.one_of(st.integers(1, 12), st.integers(TOP - 12, TOP), st.integers(1, TOP))


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.dictionaries(hashes_of, st.integers(0, 2**62), max_size=200)), max_size=30
    )
)
def test_an_index_is_a_dictionary(steps: list[tuple[bool, dict[int, int]]]) -> None:
    index, plain = HashIndex(), dict[int, int]()
    for put, numbers in steps:
        hashes = np.array([*numbers], np.uint64)
        if put:
            plain |= numbers
            index.put(hashes, np.array([*numbers.values()], np.int64))
        else:
            index.remove(hashes)
            for one in numbers:
                plain.pop(one, None)
        assert len(index) == len(plain)
        assert {*plain} == {*index.hashes().tolist()}
        asked = [*plain, *numbers, 5, TOP]
        assert [plain.get(one, ABSENT) for one in asked] == index.find(np.array(asked, np.uint64)).tolist()


def test_an_index_that_is_emptied_again_and_again_stays_small() -> None:
    index = HashIndex()
    for first in range(1, 200_000, 1_000):
        hashes = np.arange(first, first + 1_000, dtype=np.uint64) * np.uint64(2**44 + 1)
        index.put(hashes, np.arange(1_000))
        index.remove(hashes[: 990 if first % 3_000 == 1 else 1_000])
    assert len(index) == 67 * 10
    assert len(index._hashes) <= 2**14
