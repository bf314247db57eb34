"""Cells of any type are the same values in whatever kind of file they come, in a batch as in a sidecar."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import cycle, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet
import pytest

from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.engine import Engine
from barograph_processor.files.pieces import parquet_pieces
from barograph_processor.files.roles import Asked
from barograph_processor.patterns.batch_opening import Request, open_batch
from barograph_processor.receivers.files.columns import Columns
from barograph_processor.receivers.files.config import Config as Files
from barograph_processor.receivers.files.lines import LineReader
from barograph_processor.receivers.files.rows import RowReader, Source
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from barograph_processor.engine.results import ClosedWindow

START_S = 1_767_225_600
ROWS = 60
NOW_NS = (START_S + 30 * 86_400) * 10**9
CONFIG = """
windows: [1d]
labels: {within: 7d}
segments: [branch]
categories: {clear: ["*"]}
"""
Table = dict[str, list[Any]]


def repeated(*values: object) -> list[Any]:
    return list(islice(cycle(values), ROWS))


def table(ids: Sequence[object], branch: Sequence[object], **features: Sequence[object]) -> Table:
    times = [(START_S + row * 60) * 10**9 for row in range(ROWS)]
    score = [row * 37 % ROWS / ROWS for row in range(ROWS)]
    listed = {name: list(values) for name, values in features.items()}
    return {"id": list(ids), "time": times, "score": score, "branch": list(branch), **listed}


def labels(ids: Sequence[object], truth: Sequence[object]) -> Table:
    return {
        "id": list(ids),
        "time": [(START_S + 3_600 + row * 60) * 10**9 for row in range(ROWS)],
        "truth": list(truth),
    }


def batch(tables: Sequence[Any], folder: Path, write: Callable[[Any, Path], Path]) -> dict[Any, float]:
    predictions, truths = (write(each, folder / f"{name}") for each, name in zip(tables, "pt", strict=True))
    asked = Asked(identity="id", time="time", scores=((None, "score"),), label="truth", label_time="time",
                  segments=("branch",), exclude=("branch",))  # fmt: skip
    request = Request(predictions=[predictions], labels=[truths], asked=asked, model="m", version="1.10")
    (folder / "spill").mkdir(exist_ok=True)
    config = load(CONFIG, catalog=Registry())
    with open_batch(request, config, baselines=[], folder=folder / "spill", registry=Registry()) as opened:
        return figures(window for part in opened.batch.run() for window in part)


def sidecar(requests: Iterable[bytes]) -> dict[Any, float]:
    settings = settings_for(load(CONFIG, catalog=Registry()), "m")
    engine = Engine(settings, store=MemoryStore())
    for request in requests:
        engine.feed(list(decode_logs(request, DecodeContext()).batches), NOW_NS)
    return figures(engine.drain(NOW_NS))


def figures(windows: Iterable[ClosedWindow]) -> dict[Any, float]:
    newest = {(one.window, one.start_ns): one for one in windows}
    return {
        (name, reading.metric, reading.attributes): reading.value
        for name, window in newest.items()
        for reading in window.readings
    }


def reader(tables: Sequence[Any]) -> RowReader:
    features = tuple(name for name in names_of(tables[0]) if name not in {"id", "time", "score", "branch"})
    return RowReader(Columns(segments=("branch",), features=features), Source("m", "1.10", "box"))


def names_of(one: Any) -> list[str]:
    return list(one.column_names if isinstance(one, pa.Table) else one)


def as_parquet(one: Any, path: Path) -> Path:
    path = path.with_suffix(".parquet")
    pyarrow.parquet.write_table(one if isinstance(one, pa.Table) else pa.table(one), path, row_group_size=25)
    return path


def as_csv(one: Table, path: Path) -> Path:
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(one)
        writer.writerows(zip(*one.values(), strict=True))
    return path


def from_folder(tables: Sequence[Any], folder: Path) -> dict[Any, float]:
    rows = reader(tables)
    pieces = (piece for one in tables for piece in parquet_pieces(as_parquet(one, folder / "dropped")))
    return sidecar(rows.request((row, NOW_NS) for row in piece).data for piece in list(pieces))


def from_lines(tables: Sequence[Any], form: str, folder: Path) -> dict[Any, float]:
    requests: list[bytes] = []
    for one in tables:
        if form == "csv":
            lines = as_csv(one, folder / "lines").read_bytes().splitlines()
        else:
            rows = [dict(zip(one, row, strict=True)) for row in zip(*one.values(), strict=True)]
            lines = [json.dumps(row).encode() for row in rows]
        position = SimpleNamespace(path=f"rows.{form}", offset=0, pending={}, columns=())
        read: Any = SimpleNamespace(lines=lines, file=SimpleNamespace(position=position))
        config = msgspec.convert({"include": ("rows",)}, Files)
        content = LineReader(config, reader(tables)).content(read, NOW_NS)
        assert (0, 0) == (content.foreign, content.malformed)
        requests += [data for _, data in content.requests]
    return sidecar(requests)


def assert_same(expected: dict[Any, float], found: dict[Any, float]) -> None:
    assert {} == {
        name: (expected.get(name), found.get(name))
        for name in expected.keys() | found.keys()
        if expected.get(name) != found.get(name)
    }


IDS = [
    "007",
    "7",
    "1e5",
    "100000",
    "1_0",
    "10",
    "nan",
    "true",
    *(str(2**53 + row) for row in range(ROWS - 8)),
]
TEXTS = table(
    IDS,
    repeated("north", "", "south"),
    age=repeated(41, 17, 63),
    income=repeated(1.5, 2.25, 0.0, -0.0),
    town=repeated("a", "b", "", "c d"),
    member=repeated(True, False),
)


@pytest.mark.parametrize(
    "truth",
    [
        repeated(True, False, True),
        repeated("no", "yes", "no"),
        repeated(0, 1, 1),
        repeated("True", "False", "True"),
    ],
    ids=["booleans", "words", "numbers", "spelled"],
)
def test_texts_are_the_same_in_every_kind_of_file(truth: list[object], tmp_path: Path) -> None:
    """Ids that read as numbers, categories that are empty, and labels in every style."""
    tables = TEXTS, labels(IDS, truth)
    expected = batch(tables, tmp_path, as_parquet)
    told = {name[1]: value for name, value in expected.items() if "branch" not in str(name[2])}
    assert (ROWS, 1.0) == (told["ml.window.observations"], told["ml.label.maturity"])
    assert 0.2 < told["ml.performance.accuracy"] < 0.8
    assert_same(expected, batch(tables, tmp_path, as_csv))
    assert_same(expected, from_folder(tables, tmp_path))
    for form in ("json", "csv"):
        assert_same(expected, from_lines(tables, form, tmp_path))


MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
TYPES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "moment": (pa.timestamp("us", "Europe/Berlin"), repeated(MOMENT, MOMENT + timedelta(days=1), None)),
    "day": (pa.date32(), repeated(date(2026, 1, 1), date(2026, 2, 1))),
    "hour": (pa.time64("us"), repeated(time(7), None)),
    "while": (pa.duration("s"), repeated(timedelta(seconds=5), timedelta(days=1))),
    "price": (pa.decimal128(10, 2), repeated(Decimal("1.50"), Decimal("3.00"))),
    "count": (pa.decimal128(38, 0), repeated(Decimal(7), Decimal(2**70), None)),
    "hash": (pa.uint64(), repeated(2**63 + 2**40, 5, None)),
    "single": (pa.float32(), repeated(0.1, 3.0, float("nan"))),
    "double": (pa.float64(), repeated(0.1, float("inf"), float("nan"), None)),
    "code": (pa.dictionary(pa.int8(), pa.string()), repeated("a", None, "", "b")),
    "flag": (pa.bool_(), repeated(True, None, False)),
    "nothing": (pa.null(), repeated(None)),
}


@pytest.mark.parametrize(
    ("kind", "first", "of_labels"),
    [
        (pa.decimal128(38, 0), 2**60, pa.string()),
        (pa.uint64(), 2**63, pa.uint64()),
        (pa.int64(), 2**53, pa.string()),
        (pa.int32(), 0, pa.float64()),
        (pa.string(), 0, pa.int16()),
    ],
    ids=str,
)
def test_every_type_of_parquet_is_the_same_in_a_batch_and_in_a_folder(
    kind: pa.DataType, first: int, of_labels: pa.DataType, tmp_path: Path
) -> None:
    names = [first + row for row in range(ROWS)]
    columns = table(names, repeated(1.0, float("nan"), 2.5)) | {
        name: cells for name, (_, cells) in TYPES.items()
    }
    typed = {name: pa.array(cells, TYPES[name][0]) for name, cells in columns.items() if name in TYPES}
    predictions = pa.table({**columns, **typed, "id": pa.array(map(str, names), pa.string()).cast(kind)})
    known = labels(names, repeated(1.0, 0.0, float("nan")))
    truths = pa.table({**known, "id": pa.array(map(str, names), pa.string()).cast(of_labels)})
    expected = batch((predictions, truths), tmp_path, as_parquet)
    told = {name[1]: value for name, value in expected.items() if "branch" not in str(name[2])}
    assert (ROWS, 2 / 3) == (told["ml.window.observations"], told["ml.label.maturity"])
    assert_same(expected, from_folder((predictions, truths), tmp_path))
