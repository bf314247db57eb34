"""Packed rows are valid Arrow, hold what was given, and keep to their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph import packing

if TYPE_CHECKING:
    from collections.abc import Callable

texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
floats = st.floats(allow_nan=True, width=64)


def read(data: bytes) -> pa.Table:
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table


def refused(begin: int, end: int) -> None:
    raise AssertionError(f"rows {begin} to {end} did not fit")


class Lost(list[int]):
    """The rows that no part holds."""

    def __call__(self, begin: int, end: int) -> None:
        self.extend(range(begin, end))


@st.composite
def tables(draw: Callable[[Any], Any]) -> dict[str, Any]:
    rows = draw(st.integers(0, 40))

    def text() -> Any:
        return draw(st.lists(texts, min_size=rows, max_size=rows))

    def number() -> Any:
        return np.array(draw(st.lists(floats, min_size=rows, max_size=rows)), np.float64)

    whole = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows))
    return {
        "text": text(),
        "whole": np.array(whole, np.int64),
        "number": number(),
        "texts": {name: text() for name in draw(st.sets(names, min_size=1, max_size=3))},
        "numbers": {name: number() for name in draw(st.sets(names, min_size=1, max_size=3))},
    }


def plain(column: Any) -> Any:
    if isinstance(column, dict):
        return {name: plain(child) for name, child in column.items()}
    return [None if value != value else value for value in list(column)]  # noqa: PLR0124 - NaN


def as_read(table: pa.Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in table.schema.names:
        column = table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if pa.types.is_struct(column.type):
            children = zip(column.type, column.flatten(), strict=True)
            found[name] = {field.name: child.to_pylist() for field, child in children}
        else:
            found[name] = column.to_pylist()
    return found


@given(tables())
def test_what_is_packed_is_read_back(columns: dict[str, Any]) -> None:
    assert {name: plain(column) for name, column in columns.items()} == as_read(read(packing.pack(columns)))


@given(tables(), st.integers(1_700, 6_000))
def test_parts_hold_every_row_once_and_keep_to_the_size(columns: dict[str, Any], max_bytes: int) -> None:
    rows = len(columns["text"])
    lost = Lost()
    parts = list(packing.packed_parts(columns, rows, too_large=lost, max_bytes=max_bytes))
    assert all(len(data) <= max_bytes for _, _, data in parts)
    assert list(range(rows)) == sorted([row for begin, end, _ in parts for row in range(begin, end)] + lost)
    for begin, end, data in parts:
        assert plain(columns["text"][begin:end]) == as_read(read(data))["text"]


def test_types_are_those_of_the_contract() -> None:
    table = read(
        packing.pack({"t": ["a"], "i": np.array([1]), "f": np.array([0.5]), "s": {"x": np.array([0.1])}})
    )
    assert [pa.string(), pa.int64(), pa.float64(), pa.struct({"x": pa.float64()})] == list(table.schema.types)


def test_a_hundred_thousand_long_ids_go_out_in_full_parts() -> None:
    rows = 100_000
    columns: dict[str, Any] = {
        "ids": [f"{row:06d}" + "é" * 200 for row in range(rows)],
        "times": np.arange(rows),
    }
    parts = list(packing.packed_parts(columns, rows, too_large=refused))
    assert [0, *(end for _, end, _ in parts)] == [*(begin for begin, _, _ in parts), rows]
    assert all(len(data) <= packing.MAX_EVENT_BYTES for _, _, data in parts)
    assert sum(len(data) for _, _, data in parts) / len(parts) > 0.9 * packing.MAX_EVENT_BYTES


def test_a_row_that_no_part_can_hold_is_told_and_the_others_go() -> None:
    lost = Lost()
    columns: dict[str, Any] = {"ids": ["a", "b" * 300_000, "c"]}
    parts = list(packing.packed_parts(columns, 3, too_large=lost))
    assert [1] == lost
    assert ["a", "c"] == [text for _, _, data in parts for text in as_read(read(data))["ids"]]


def test_more_columns_than_a_part_can_name_are_told() -> None:
    lost = Lost()
    columns = {"scores": {f"class-{place}": np.zeros(2) for place in range(4_000)}}
    assert [] == list(packing.packed_parts(columns, 2, too_large=lost))
    assert [0, 1] == lost


def test_bytes_of_one_width_are_binary_and_null_where_they_are_zero() -> None:
    column = np.array([[1, 2], [0, 0], [0, 3]], np.uint8)
    table = read(packing.pack({"b": column}))
    assert [pa.binary(2)] == list(table.schema.types)
    assert [b"\x01\x02", None, b"\x00\x03"] == table["b"].to_pylist()


def test_lone_surrogates_become_question_marks() -> None:
    assert {"t": ["a?", None]} == as_read(read(packing.pack({"t": ["a\ud800", None]})))


def test_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        packing.pack({"a": ["x"], "b": np.zeros(2)})
