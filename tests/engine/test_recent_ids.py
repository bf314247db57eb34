"""Ids that came lately are known, up to a number of them, whatever they are and however they come."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from barograph_processor.engine.ids import Ids
from barograph_processor.engine.recent_ids import RecentIds, featured_ids, hashed
from engine.world import KEY, NOON, predictions

SEED = 0xBA06
TEXTS = st.text(max_size=40) | st.integers(0, 60).map("id-{}".format)


def known(most: int, batches: list[list[str]]) -> list[list[bool]]:
    """What a set says that is bounded in the same way: which ids are new."""
    parts: list[set[str]] = [set()]
    found = []
    for batch in batches:
        fresh, before = [], set().union(*parts)
        for one in batch:
            fresh.append(one not in before)
            before.add(one)
        parts[-1] |= {one for one, is_new in zip(batch, fresh, strict=True) if is_new}
        if len(parts[-1]) >= max(most // 8, 1):
            parts = [*parts[-7:], set()]
        found.append(fresh)
    return found


@settings(max_examples=100, deadline=None)
@given(most=st.sampled_from([1, 20, 80, 1_000]), batches=st.lists(st.lists(TEXTS, max_size=60), max_size=30))
@example(most=80, batches=[[f"id-{number}"] for number in [*range(75), 74, *range(100, 300), 0]])
@example(most=20, batches=[["", "\0", "\0\0", "\ud800"], [], ["\0", "a\0", "a"]])
def test_what_is_new_is_what_a_bounded_set_says(most: int, batches: list[list[str]]) -> None:
    recent = RecentIds(most, SEED)
    found = [recent.add(hashed(KEY, Ids.of(batch), SEED)).tolist() for batch in batches]
    assert known(most, batches) == found
    seed, ids = recent.held()
    assert (SEED, len(recent)) == (seed, len(ids))
    again = RecentIds(len(ids) * 8 + 8, SEED)
    again.add(ids)
    assert not again.add(ids).any()


def test_hashes_differ_by_key_and_seed_and_are_never_zero() -> None:
    ids = Ids.of([f"id-{number}" for number in range(1_000)])
    columns = [
        hashed(key, ids, seed)
        for key in (KEY, KEY._replace(tenant="b"), KEY._replace(output="b"))
        for seed in (0, 1, 2**64 - 1)
    ]
    assert 9_000 == len({*np.concatenate(columns).tolist()} - {0})


def test_only_rows_with_an_id_and_features_are_remembered() -> None:
    rows = [("a", NOON, 0.1), (None, NOON, 0.2), ("c", NOON, 0.3)]
    batch = predictions(rows, features=[{"age": 1.0}, {"age": 2.0}, None])
    assert hashed(KEY, Ids.of(["a"]), SEED).tolist() == featured_ids(batch, SEED).tolist()
    assert [] == featured_ids(predictions(rows), SEED).tolist()
