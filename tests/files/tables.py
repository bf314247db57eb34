"""One table in every format that tables come in."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMATS = ("csv", "csv.gz", "tsv", "parquet", "arrow", "arrows", "feather")


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    """Write columns in the format of the file's ending."""
    table = pa.table(dict(columns))
    endings = "".join(path.suffixes)
    if ".csv" in endings or ".tsv" in endings:
        _write_text(path, table, "\t" if ".tsv" in endings else ",")
    elif endings.endswith(".parquet"):
        pyarrow.parquet.write_table(table, path, row_group_size=max(1, table.num_rows // 3))
    elif endings.endswith(".feather"):
        pyarrow.feather.write_feather(table, str(path), chunksize=max(1, table.num_rows // 3))
    else:
        writer = pa.ipc.new_stream if endings.endswith(".arrows") else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as file, writer(file, table.schema) as out:
            out.write_table(table, max_chunksize=max(1, table.num_rows // 3))
    return path


def _write_text(path: Path, table: pa.Table, delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    columns = [one.to_pylist() for one in table.columns]
    writer.writerows([_text(cell) for cell in row] for row in zip(*columns, strict=True))
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _text(cell: object) -> object:
    return cell.isoformat() if isinstance(cell, datetime) else cell
