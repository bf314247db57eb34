"""Files are found by path, pattern and folder, and each is read once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from barograph.errors import ConfigError
from barograph_processor.files.finding import find_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name in (
        "b.csv",
        "a.parquet",
        "deep/c.csv.gz",
        "deep/er/d.arrow",
        "notes.md",
        "_tmp/e.csv",
        ".f.csv",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def names(folder: Path, *wanted: str) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_files(wanted, "--predictions").files]


def test_a_folder_means_every_file_of_a_known_ending_below_it(folder: Path) -> None:
    assert ["a.parquet", "b.csv", "deep/c.csv.gz", "deep/er/d.arrow"] == names(folder, str(folder))


def test_a_pattern_means_what_matches(folder: Path) -> None:
    assert ["b.csv"] == names(folder, f"{folder}/*.csv")
    assert ["deep/c.csv.gz", "deep/er/d.arrow"] == names(folder, f"{folder}/deep/**/*.[ca]*")


def test_order_and_repetition_make_no_difference(folder: Path) -> None:
    forth = find_files([f"{folder}/a.parquet", f"{folder}/*.csv", f"{folder}/b.csv"], "--predictions")
    back = find_files([f"{folder}/b.csv", f"{folder}/a.parquet"], "--predictions")
    assert forth.files == back.files
    assert [(folder / "b.csv", folder / "b.csv")] == list(forth.repeats)
    assert [] == list(back.repeats)


def test_a_link_and_a_copy_are_the_file_itself(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "b.csv")
    (folder / "z.csv").write_bytes((folder / "b.csv").read_bytes())
    (folder / "y.csv").write_bytes(b"B.CSV")  # as long, but another
    found = find_files([str(folder / name) for name in ("b.csv", "link.csv", "y.csv", "z.csv")], "--labels")
    assert [folder / "b.csv", folder / "y.csv"] == list(found.files)
    assert {folder / "link.csv": folder / "b.csv", folder / "z.csv": folder / "b.csv"} == dict(found.repeats)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("{folder}/2027-*.csv", "--labels: no file matches {folder}/2027-*.csv"),
        ("{folder}/a.csv", "--labels: there is no file {folder}/a.csv in {folder}"),
        ("{folder}/_tmp/x", "--labels: there is no file {folder}/_tmp/x in {folder}/_tmp"),
        ("s3://bucket/a.csv", "--labels: s3://bucket/a.csv is no path"),
        ("{folder}/notes.md", "{folder}/notes.md: wanted a file that ends in one of .csv"),
    ],
)
def test_what_is_not_there_is_told(folder: Path, wanted: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message.format(folder=folder))):
        find_files([wanted.format(folder=folder)], "--labels")


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file whose ending is known"):
        find_files([str(tmp_path)], "--labels")
