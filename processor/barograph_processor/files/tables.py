"""Columns of CSV, Parquet and Arrow files, one at a time.

Parquet and Arrow columns are read when they are asked for, so memory is bounded by the largest
column; CSV has no columns to read, so its values are held, as Arrow, while the table is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from barograph.errors import ConfigError
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Column: TypeAlias = "NDArray[np.float64] | NDArray[np.bool_] | NDArray[np.int64] | list[object]"
_TABS = (".tsv", ".tsv.gz")
_CSV = (".csv", ".csv.gz", ".txt", *_TABS)
_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather", ".ipc", ".arrows")


class Table(Protocol):
    """A file of columns."""

    @property
    def names(self) -> Sequence[str]:
        """Column names."""

    def kind(self, name: str) -> pa.DataType:
        """What a column holds."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One column."""


class _Csv:
    def __init__(self, path: Path) -> None:
        tabs = path.name.lower().endswith(_TABS)
        self._table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if tabs else ",", newlines_in_values=True),
        )
        self.names: Sequence[str] = self._table.column_names

    def kind(self, name: str) -> pa.DataType:
        return self._table.schema.field(name).type

    def column(self, name: str) -> pa.ChunkedArray:
        return self._table.column(name)


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._file = pyarrow.parquet.ParquetFile(path)
        self.names: Sequence[str] = self._file.schema_arrow.names

    def kind(self, name: str) -> pa.DataType:
        return self._file.schema_arrow.field(name).type

    def column(self, name: str) -> pa.ChunkedArray:
        return self._file.read(columns=[name]).column(name)


class _Arrow:
    """The file format and the stream format; batches are mapped, not loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as reader:
            self._schema = reader.schema
        self.names: Sequence[str] = self._schema.names

    def kind(self, name: str) -> pa.DataType:
        return self._schema.field(name).type

    def column(self, name: str) -> pa.ChunkedArray:
        with self._open() as reader:
            place = reader.schema.names.index(name)
            if isinstance(reader, pa.ipc.RecordBatchFileReader):
                batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
                chunks = [batch.column(place) for batch in batches]
            else:
                chunks = [batch.column(place) for batch in reader]
            return pa.chunked_array(chunks, type=reader.schema.field(place).type)

    def _open(self) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
        source = pa.memory_map(str(self._path))
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source)


class Columns(Mapping[str, Column]):
    """Columns of one or more files of the same shape, as numpy arrays or lists, loaded when asked for.

    Args:
        tables: The files, in the order of their rows.
        names: Which columns.
        loaded: Called with a column's name after it was loaded.
    """

    def __init__(
        self, tables: Sequence[Table], names: Sequence[str], loaded: Callable[[str], None] | None = None
    ) -> None:
        self._tables = tables
        self._names = tuple(names)
        self._loaded = loaded

    def __getitem__(self, name: str) -> Column:
        """Load a column."""
        if name not in self._names:
            raise KeyError(name)
        column = load(self._tables, name)
        if self._loaded is not None:
            self._loaded(name)
        return column

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Number of columns."""
        return len(self._names)


def open_tables(paths: Sequence[Path]) -> list[Table]:
    """Open files of the same columns.

    Raises:
        ConfigError: A file can't be read, is of an unknown kind, or has other columns than the first.
    """
    tables: list[Table] = []
    for path in paths:
        opener = _opener(path.name.lower())
        if opener is None:
            raise ConfigError(
                f"{path}: wanted a file that ends in one of {', '.join((*_CSV, *_PARQUET, *_ARROW))}, "
                f"so that its format is known"
            )
        try:
            tables.append(opener(path))
        except (OSError, pa.ArrowException) as error:
            raise ConfigError(f"{path} can't be read: {error}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} can't be read: a column's name isn't text in UTF-8") from error
        if sorted(tables[-1].names) != sorted(tables[0].names):
            differing = sorted(set(tables[-1].names) ^ set(tables[0].names))
            raise ConfigError(f"{path} and {paths[0]} differ in the columns {', '.join(differing)}")
    return tables


def _opener(name: str) -> Callable[[Path], Table] | None:
    if name.endswith(_CSV):
        return _Csv
    if name.endswith(_PARQUET):
        return _Parquet
    return _Arrow if name.endswith(_ARROW) else None


def require(names: Sequence[str], wanted: Sequence[str], option: str) -> None:
    """Check that columns are there.

    Raises:
        ConfigError: One isn't; the message names the nearest that is.
    """
    for name in wanted:
        if name not in names:
            hint = nearest(name, names) or f"; the columns are {', '.join(names)}"
            raise ConfigError(f"{option}: there is no column {name!r}{hint}")


def times_among(tables: Sequence[Table], names: Iterable[str]) -> set[str]:
    """Those columns that hold dates or times."""
    return {name for name in names if pa.types.is_temporal(tables[0].kind(name))}


def load(tables: Sequence[Table], name: str) -> Column:
    """A column of all files, one after the other.

    Numbers are float64 (int64 and bool where nothing is missing), times datetime64, the rest a list
    in which a missing value, and empty text, is None.

    Raises:
        ConfigError: The column is nested, or can't be read.
    """
    try:
        chunks = [chunk for table in tables for chunk in table.column(name).chunks]
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"the column {name!r} can't be read: {error}") from error
    if not chunks:
        return np.zeros(0)
    parts = [_plain(chunk, name) for chunk in chunks]
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        joined: NDArray[np.float64] = np.concatenate(arrays)
        return joined
    return [value for part in parts for value in (part.tolist() if isinstance(part, np.ndarray) else part)]


def _plain(chunk: pa.Array, name: str) -> Column:
    kind = chunk.type
    if pa.types.is_dictionary(kind):
        chunk = chunk.dictionary_decode()
        kind = chunk.type
    if pa.types.is_nested(kind):
        raise ConfigError(
            f"the column {name!r} is nested ({kind}); flatten it, or leave it out with --exclude {name}"
        )
    if pa.types.is_integer(kind) and chunk.null_count:
        chunk = chunk.cast(pa.float64(), safe=False)
        kind = chunk.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        found: Column = chunk.to_numpy(zero_copy_only=False)
        return found
    if pa.types.is_boolean(kind) and not chunk.null_count:
        truths: Column = chunk.to_numpy(zero_copy_only=False)
        return truths
    plain: list[object] = chunk.to_pylist()
    return [None if value == "" else value for value in plain]
