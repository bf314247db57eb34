"""Rows of whole Parquet files as objects, a piece at a time, from any row on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet

from barograph.errors import Permanent, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE_ROWS: Final = 1_000
_BUFFER_BYTES: Final = 2**16  # a column; without it whole columns of a row group are held compressed


def parquet_pieces(path: Path, after: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The rows in order, at most `PIECE_ROWS` at a time; row groups that are left out are not read.

    The file stays open between pieces, so that it can be read to its end though it was removed meanwhile.

    Args:
        path: Of the file.
        after: How many rows to leave out.

    Raises:
        Permanent: The file is damaged, or has values that can't be read; the message says where.
        Retryable: The disk failed, or the file isn't there.
    """
    done = 0
    try:
        with pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            groups: list[int] = []
            for number in range(file.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                if groups or done + rows > after:
                    groups.append(number)
                else:
                    done += rows
            for batch in file.iter_batches(PIECE_ROWS, row_groups=groups, use_threads=False):
                known = min(max(after - done, 0), batch.num_rows)
                if known < batch.num_rows:
                    yield _plain(batch.slice(known)).to_pylist()
                done += batch.num_rows
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:  # also times that Python hasn't
        if isinstance(error, OSError) and error.errno is not None:
            raise Retryable(f"{path} can't be read now: {error.strerror or error}") from error
        where = f" after row {done:,}" if done else ""
        raise Permanent(f"{path} can't be read{where}: {error}") from error


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times as Python has them, to the microsecond, and decimals as numbers, whole ones exactly."""
    for place, field in enumerate(batch.schema):
        kind = field.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            wanted = pa.timestamp("us", kind.tz)
        elif pa.types.is_decimal(kind):
            wanted = pa.int64() if _fits(batch.column(place)) else pa.float64()
        else:
            continue
        column = batch.column(place).cast(wanted, safe=False)
        batch = batch.set_column(place, pa.field(field.name, wanted), column)
    return batch


def _fits(column: pa.Array) -> bool:
    """Whether decimals are whole numbers of 64 bits."""
    if column.type.scale:
        return False
    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
