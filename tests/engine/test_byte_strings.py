"""Columns of byte strings do what lists of them do."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from barograph_processor.engine.byte_strings import ByteStrings, of_tables
from barograph_processor.engine.ids import Ids, ids_of, join_keys

strings = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"a", b"a\0", bytes(8), bytes(9)])), max_size=40
)
several = st.lists(st.sampled_from([b"12345678", b"abcdefgh", b"12345679"]), max_size=40)
ids = st.lists(
    st.one_of(st.none(), st.text(max_size=9), st.sampled_from(["größe", "\ud800", "x" * 90])), max_size=40
)


@settings(max_examples=150)
@given(told=st.one_of(strings, several), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_a_column_is_the_list_that_it_was_made_of(told: list[bytes], seed: int, data: st.DataObject) -> None:
    column = ByteStrings.of(told)
    chosen = data.draw(st.lists(st.integers(0, len(told) - 1), max_size=60)) if told else []
    rows = np.array(chosen, np.intp)
    some = column.take(rows)
    wanted = [told[row] for row in chosen]
    assert told == column.tolist()
    assert wanted == some.tolist()
    assert b"".join(wanted) == some.together().tobytes()
    assert [b"8 bytes." + one for one in wanted] == some.prefixed(b"8 bytes.").tolist()
    assert ByteStrings.of(wanted).hashes(seed).tolist() == some.hashes(seed).tolist()
    alone = [int(ByteStrings.of([one]).hashes(seed)[0]) for one in wanted]
    assert alone == some.hashes(seed).tolist()
    assert [wanted[row] == told[row] for row in range(min(len(told), len(wanted)))] == some.take(
        np.arange(min(len(told), len(wanted)))
    ).equals(column.take(np.arange(min(len(told), len(wanted))))).tolist()


@given(told=st.sets(st.binary(max_size=24), max_size=60), seed=st.integers(0, 2**64 - 1))
def test_unlike_strings_have_unlike_hashes(told: set[bytes], seed: int) -> None:
    column = ByteStrings.of(sorted(told))
    assert len(told) == len(set(column.hashes(seed).tolist()))


@given(length=st.integers(0, 17), count=st.integers(0, 40))
def test_zeros_at_the_end_tell_strings_apart(length: int, count: int) -> None:
    one, other = ByteStrings.of([bytes(length)] * count), ByteStrings.of([bytes(length + 1)] * count)
    assert not one.equals(other).any()
    assert set(one.hashes(1).tolist()).isdisjoint(other.hashes(1).tolist())


def test_no_pattern_of_differences_makes_hashes_equal() -> None:
    """A hash that mixes words one after the other has pairs that are equal for one seed in 20,000."""
    drawn = np.random.default_rng(5)
    one = drawn.integers(0x40, 0x5B, (30_000, 16), np.uint8)
    other = (one.view("<u8") ^ np.array([1 << 61, 0x2948490220000000], np.uint64)).view(np.uint8)
    assert other.max() < 0x80
    column = ByteStrings.of_table(np.concatenate([one, other]))
    for seed in drawn.integers(0, 2**63, 8).tolist():
        assert 60_000 == len(np.unique(column.hashes(seed)))


def test_the_hashes_of_many_strings_lie_evenly() -> None:
    column = ByteStrings.of([b"id-%08d" % number for number in range(2**16)])
    for shift in (0, 24, 48, 56):
        counts = np.bincount((column.hashes(7) >> np.uint64(shift) & np.uint64(0xFF)).astype(int))
        assert 0.75 * 256 < counts.min() <= counts.max() < 1.25 * 256  # four standard deviations


def test_rows_of_tables_come_to_their_places() -> None:
    tables = [np.frombuffer(b"aabb", np.uint8).reshape(2, 2), np.frombuffer(b"c", np.uint8).reshape(1, 1)]
    assert [b"bb", b"c", b"aa"] == of_tables(tables, [np.array([2, 0]), np.array([1])]).tolist()


@settings(max_examples=150)
@given(told=ids, data=st.data())
def test_ids_are_a_sequence_of_text(told: list[str | None], data: st.DataObject) -> None:
    column = Ids.of(told)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, len(told) - 1)))) if told else [], np.intp)
    assert column == told
    assert list(column) == [column[row] for row in range(len(told))] == column[:] == told
    assert [one is not None for one in told] == column.known.tolist()
    assert ids_of(told, rows) == ids_of(column, rows) == [told[row] for row in rows.tolist()]
    assert Ids.together([told, column, told[:1]]) == [*told, *told, *told[:1]]
    assert Ids.of(column) is column
    assert column != [*told, "more"]
    assert eval(repr(column), {"Ids": Ids}) == column


def test_keys_of_long_ids_are_short_and_no_keys_of_short_ones() -> None:
    long, short = "x" * 65, "x" * 64
    keys = join_keys("default", "credit", Ids.of([long, short, long, long + "y"])).tolist()
    assert [41, 72, 41, 41] == [len(one) for one in keys]
    assert 1 == len({one[:8] for one in keys})
    assert keys[0] == keys[2] != keys[3]
    assert join_keys("default", "other", Ids.of([short])).tolist() != keys[1:2]
