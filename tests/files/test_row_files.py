"""Rows come out of a file as they went in, whatever the format; a damaged file is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from barograph.errors import ConfigError, Permanent
from barograph_processor.files.row_files import BATCH_ROWS, open_rows

from .tables import FORMATS, write_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: dict[str, list[Any]] = {
    "id": ["007", "a,b", 'c"d', "é"],
    "at": [1.5, None, 3.0, -0.25],
    "text": ["x", None, "", "z"],
    "flag": [True, False, None, True],
}


def rows_of(path: Path, columns: list[str], texts: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    return [
        tuple(row.values())
        for batch in open_rows(path, texts=texts).batches(columns)
        for row in batch.to_pylist()
    ]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_rows_in_order_with_the_columns_asked_for(tmp_path: Path, ending: str) -> None:
    path = write_table(tmp_path / f"rows.{ending}", COLUMNS)
    assert ["id", "at", "text", "flag"] == open_rows(path).schema.names
    found = [(flag, name) for flag, name in rows_of(path, ["flag", "id"], ("id",))]
    assert list(zip(COLUMNS["flag"], COLUMNS["id"], strict=True)) == found


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_batches_are_bounded(tmp_path: Path, ending: str) -> None:
    count = 2 * BATCH_ROWS + 10
    path = write_table(tmp_path / f"rows.{ending}", {"n": [*map(float, range(count))]})
    batches = [batch.num_rows for batch in open_rows(path).batches(["n"])]
    assert count == sum(batches)
    assert max(batches) <= BATCH_ROWS


def test_a_column_of_csv_may_turn_out_to_be_text_late(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    count = 900_000  # several blocks
    path.write_text("n,m\n" + "".join(f"{at},{at}\n" for at in range(count)) + "strange,1\n")
    found = [value for batch in open_rows(path).batches(["m", "n"]) for value in batch.column(1).to_pylist()]
    assert count + 1 == len(found)
    assert 0.0 == found[0]
    assert ["899999", "strange"] == found[-2:]


def test_a_column_of_csv_may_begin_empty_or_in_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "begin.csv"
    count = 900_000
    path.write_text("n,m\n" + "".join(f"{at},\n" for at in range(count)) + "0.5,late\n")
    assert (0.5, "late") == rows_of(path, ["n", "m"])[-1]


def test_a_csv_row_of_another_width_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(ConfigError, match=r"wide.csv can't be read: .*Row #3: Expected 2 columns, got 1.*"):
        rows_of(path, ["a"])


def test_a_parquet_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = write_table(tmp_path / "rows.parquet", COLUMNS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"rows.parquet can't be read: .*; make it anew, or leave it out"):
        open_rows(path)


def test_a_page_that_is_damaged_is_named_with_the_row_before_it(tmp_path: Path) -> None:
    path = write_table(tmp_path / "rows.parquet", {"n": [*map(float, range(300_000))]})
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4 : len(content) * 3 // 4 + 5_000] = bytes(5_000)
    path.write_bytes(bytes(content))
    with pytest.raises(Permanent, match=r"rows.parquet can't be read after row [\d,]+: "):
        rows_of(path, ["n"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "Empty CSV file"),
        ("twice.csv", b"a,a\n1,2\n", "several columns that are named a; rename them"),
        ("rows.arrow", b"nothing like it", "can't be read"),
        ("rows.xlsx", b"", "wanted a file that ends in one of .csv, .tsv"),
        ("rows.parquet.gz", b"", "wanted a file that ends in"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        open_rows(tmp_path / name)
