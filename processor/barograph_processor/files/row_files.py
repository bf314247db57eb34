"""Rows of CSV, Parquet and Arrow files, a batch at a time: memory is bounded by the batch, not the file."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from barograph.errors import ConfigError, Permanent
from barograph_processor.files.formats import ending_of, known_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH_ROWS: Final = 65_536
_CSV_BLOCK_BYTES: Final = 4 * 2**20
_PARQUET_BUFFER_BYTES: Final = 2**16  # a column; without it whole columns of a row group are held compressed
_OTHER_SEPARATOR = re.compile(r"[;|\t,]")
_BAD_VALUE = re.compile(r"In CSV column #(\d+): .*conversion error")


class RowFile(Protocol):
    """A file of rows.

    Attributes:
        path: Where it is.
        schema: Its columns.
        is_typed: Whether the file itself says of what type they are; else the first rows tell.
    """

    path: Path
    schema: pa.Schema
    is_typed: bool

    def batches(self, columns: Sequence[str], *, distinct: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most `BATCH_ROWS` at a time, with these columns in this order.

        Args:
            columns: Which columns.
            distinct: Those of them in which most values differ, so that no dictionary of them is made.

        Raises:
            Permanent: The file is damaged; the message says where.
        """


class _Csv:
    """Types are those of the first block; a column that has other values later on is text from there on."""

    is_typed = False

    def __init__(self, path: Path, texts: Sequence[str]) -> None:
        self.path = path
        self._tabs = ending_of(path) == ".tsv"
        self._texts = set(texts)
        with _reading(path):
            self.schema: pa.Schema = self._open(None).schema
        names = Counter(self.schema.names)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ConfigError(f"{path} has several columns that are named {', '.join(twice)}; rename them")
        if len(names) == 1 and _OTHER_SEPARATOR.search(self.schema.names[0]):
            raise ConfigError(
                f"{path} has one column, {self.schema.names[0]!r}; columns are separated by commas, "
                f"in .tsv by tabs"
            )
        self.schema = pa.schema([(field.name, self._kind(field)) for field in self.schema])

    def _kind(self, field: pa.Field) -> pa.DataType:
        """The type to read a column as; one that begins empty or in whole numbers may go on otherwise."""
        if field.name in self._texts or pa.types.is_null(field.type):
            return pa.string()
        return pa.float64() if pa.types.is_integer(field.type) else field.type

    def batches(self, columns: Sequence[str], *, distinct: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        del distinct
        done = 0
        is_whole = False
        while not is_whole:
            is_whole = True
            try:
                for batch in self._after(done, columns):
                    yield from _cut(batch)
                    done += batch.num_rows
            except (OSError, pa.ArrowException) as error:
                self._make_text(self._surprising(error, done))
                is_whole = False

    def _after(self, done: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in self._open(columns):
            if done >= batch.num_rows:
                done -= batch.num_rows
            else:
                yield batch.slice(done)
                done = 0

    def _open(self, columns: Sequence[str] | None) -> pa.csv.CSVStreamingReader:
        types = None if columns is None else {name: self.schema.field(name).type for name in columns}
        return pyarrow.csv.open_csv(
            self.path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="\t" if self._tabs else ",", newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(include_columns=columns, column_types=types),
        )

    def _surprising(self, error: Exception, done: int) -> str:
        """The column whose value isn't what the first block had led to expect.

        Raises:
            Permanent: It is something else that is wrong.
        """
        found = _BAD_VALUE.search(str(error))
        field = None if found is None else self.schema.field(int(found[1]))
        if field is None or pa.types.is_string(field.type):
            raise _damaged(self.path, done, error) from error
        return str(field.name)

    def _make_text(self, name: str) -> None:
        self.schema = self.schema.set(self.schema.get_field_index(name), pa.field(name, pa.string()))


class _Parquet:
    is_typed = True

    def __init__(self, path: Path) -> None:
        self.path = path
        with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
            self.schema: pa.Schema = file.schema_arrow

    def batches(self, columns: Sequence[str], *, distinct: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        texts = [name for name in columns if pa.types.is_string(self.schema.field(name).type)]
        texts = [name for name in texts if name not in distinct]
        done = 0
        try:
            with pyarrow.parquet.ParquetFile(
                self.path, read_dictionary=texts, pre_buffer=False, buffer_size=_PARQUET_BUFFER_BYTES
            ) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
                    yield batch.select(list(columns))
                    done += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.path, done, error) from error


class _Arrow:
    """The file format and the stream format."""

    is_typed = True

    def __init__(self, path: Path) -> None:
        self.path = path
        with _reading(path), self._open() as reader:
            self.schema: pa.Schema = reader.schema

    def batches(self, columns: Sequence[str], *, distinct: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        del distinct
        done = 0
        try:
            with self._open() as reader:
                for batch in _record_batches(reader):
                    yield from _cut(batch.select(list(columns)))
                    done += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.path, done, error) from error

    @contextmanager
    def _open(self) -> Iterator[pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader]:
        with pa.OSFile(str(self.path)) as source:
            try:
                reader = pa.ipc.open_file(source)
            except pa.ArrowInvalid:
                source.seek(0)
                reader = pa.ipc.open_stream(source)
            yield reader


def open_rows(path: Path, *, texts: Sequence[str] = ()) -> RowFile:
    """Open a file of rows.

    Args:
        path: CSV, Parquet or Arrow, by its ending.
        texts: Columns of CSV that are text even if they look like numbers: ids such as ``007``.

    Raises:
        ConfigError: The file can't be read, or its format isn't known.
    """
    kind = known_format(path)
    if kind == "csv":
        return _Csv(path, texts)
    return _Parquet(path) if kind == "parquet" else _Arrow(path)


def _record_batches(
    reader: pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader,
) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        return (reader.get_batch(place) for place in range(reader.num_record_batches))
    return iter(reader)


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(str(_damaged(path, 0, error))) from error


def _damaged(path: Path, rows: int, error: Exception) -> Permanent:
    after = f" after row {rows:,}" if rows else ""
    return Permanent(f"{path} can't be read{after}: {error}; make it anew, or leave it out")
