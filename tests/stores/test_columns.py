"""Rows are found by their keys, whatever their hashes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.byte_strings import ByteStrings
from barograph_processor.engine.settings import HOUR_NS
from barograph_processor.stores import column_part
from barograph_processor.stores.column_part import ROWS_MOST
from barograph_processor.stores.columns import Columns

if TYPE_CHECKING:
    import pytest
    from numpy.typing import NDArray


class Clashing(Columns):
    """Columns whose hashes are all one, until other seeds are taken often enough."""

    seeds: set[int]

    def _hashes(self, keys: ByteStrings) -> NDArray[np.uint64]:
        self.seeds = {*getattr(self, "seeds", ()), self._seed}
        found = super()._hashes(keys)
        return found if len(self.seeds) > 4 else np.full(len(keys), 7, np.uint64)


def put(columns: Columns, names: list[bytes], hour: int, value: bytes = b"value") -> None:
    """Put the same under several keys."""
    columns.put(
        ByteStrings.of(names), np.full(len(names), hour * HOUR_NS), ByteStrings.of([value] * len(names))
    )


def held(columns: Columns, names: list[bytes]) -> list[bytes | None]:
    """What is under keys."""
    return columns.values(columns.find(ByteStrings.of(names)))


def test_keys_that_share_a_hash_are_kept_apart() -> None:
    columns = Clashing(1)
    put(columns, [b"one"], 1)
    assert [False, False] == columns.new(ByteStrings.of([b"one", b"two"])).tolist()
    assert [None, b"value"] == held(columns, [b"two", b"one"])
    put(columns, [b"two", b"three"], 1, b"other")  # a seed is taken that tells all of them apart
    assert [b"value", b"other", b"other", None] == held(columns, [b"one", b"two", b"three", b"four"])
    put(columns, [b"one"], 1, b"again")
    assert (3, [b"again"]) == (len(columns), held(columns, [b"one"]))


def test_the_first_keys_of_all_may_share_a_hash() -> None:
    columns = Clashing(1)
    put(columns, [b"one", b"two", b"three"], 1)
    assert (3, [b"value", None]) == (len(columns), held(columns, [b"three", b"four"]))


def test_what_is_asked_for_as_new_is_new_only_until_something_is_put() -> None:
    columns = Columns(1)
    keys = ByteStrings.of([b"one", b"two"])
    assert columns.new(keys).all()
    put(columns, [b"two"], 1)
    columns.put(keys, np.full(2, HOUR_NS), ByteStrings.of([b"a", b"b"]))
    assert (2, [b"a", b"b"]) == (len(columns), held(columns, [b"one", b"two"]))
    assert [False, False, True] == columns.new(ByteStrings.of([b"same", b"same", b"lone"])).tolist()


def test_rows_beyond_a_part_go_to_the_next_and_memory_of_rows_that_left_is_given_back() -> None:
    columns = Columns(1)
    names = [b"%06d" % number for number in range(2 * ROWS_MOST + 10)]
    put(columns, names, 1)
    full = columns.size_bytes
    assert len(names) == len(columns)
    assert held(columns, names[::9_973]) == [b"value"] * len(names[::9_973])
    gone = columns.evict(full // 2)
    assert full // 2 - 200 <= columns.size_bytes <= full // 2
    assert [None, None, b"value", b"value"] == held(
        columns, [names[0], names[gone - 1], names[gone], names[-1]]
    )
    assert len(names) - gone == len(columns) == sum(len(keys) for keys, _, _ in columns)
    kept = sum(part.rows for part in columns._parts.values())
    assert len(columns) <= kept <= len(columns) / 0.75
    assert len(names) - gone == len(columns.expire(2 * HOUR_NS, 10**6))
    assert (0, 0, {}) == (len(columns), columns.size_bytes, columns._parts)


def test_strings_that_a_part_has_no_room_for_begin_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place of a string in a part has 32 bits."""
    monkeypatch.setattr(column_part, "STRINGS_BYTES", 100)
    columns = Columns(1)
    values = {b"one": bytes(60), b"two": bytes(40), b"three": b"3", b"four": bytes(500), b"five": b""}
    for name, value in values.items():
        put(columns, [name], 1, value)
    assert [*values.values()] == held(columns, [*values])
    assert [2, 1, 1, 1] == [part.rows for part in columns._parts.values()]
    assert 5 == len(columns.expire(2 * HOUR_NS, 10))


def test_rows_of_many_hours_are_put_hour_by_hour_in_their_order() -> None:
    columns = Columns(1)
    hours = np.array([3, 1, 3, 2, 1, 3])
    names = [b"%d" % row for row in range(6)]
    columns.put(ByteStrings.of(names), hours * HOUR_NS, ByteStrings.of(names))
    assert [[b"0", b"2", b"5"], [b"1", b"4"], [b"3"]] == sorted(keys.tolist() for keys, _, _ in columns)
    assert [b"1", b"4", b"3"] == columns.expire(3 * HOUR_NS, 10)
