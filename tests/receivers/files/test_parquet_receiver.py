"""Files that are dropped into a folder are read once, whatever stops in between."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from barograph.errors import ConfigError, Retryable
from barograph.semconv import attributes as names
from barograph.semconv import metrics
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Predictions, Truths
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.files import dropping
from barograph_processor.receivers.files.dropping import Place
from barograph_processor.receivers.files.parquet import Config, ParquetReceiver
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.telemetry import Telemetry
from receivers.otlp_server import Counting, Engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW_NS = 1_767_268_800_000_000_000


class Dropping(Counting):
    """A receiver without its thread, and a stand-in engine."""

    def __init__(self, folder: Path, known: Mapping[str, Place] | None = None, **settings: object) -> None:
        self.engine = Engine()
        self.telemetry = Telemetry(NOW_NS)
        told = {"include": (str(folder / "*.parquet"),), "model": "credit", "source_id": "box"} | settings
        intake = OtlpIntake(self.engine, self.telemetry, CumulativeStreams(self.engine, NOW_NS))
        self.receiver = ParquetReceiver(
            msgspec.convert(told, Config), intake, self.telemetry, "receiver/parquet", known=known
        )

    def look(self, now_s: float = 0.0) -> None:
        while self.receiver.poll(now_s):
            pass

    @property
    def ids(self) -> list[str]:
        return [
            str(one) for batch in self.engine.batches if isinstance(batch, Predictions) for one in batch.ids
        ]

    def kept(self) -> dict[str, Place]:
        """What a next run begins with."""
        noted = self.engine.noted.items()
        return {name: msgspec.msgpack.decode(value, type=Place) for name, value in noted if value is not None}

    def dropped(self, reason: str) -> float:
        labels = {names.ML_TELEMETRY_LANE: "files", names.ML_TELEMETRY_REASON: reason}
        return self.counted(metrics.ML_TELEMETRY_DROPPED, **labels)


def drop(path: Path, rows: list[dict[str, Any]], *, group: int = 1_500) -> None:
    """Written under a name that is passed over, then renamed."""
    aside = path.with_name(f"_{path.name}")
    pq.write_table(pa.Table.from_pylist(rows), aside, row_group_size=group)
    aside.rename(path)


def refuse() -> None:
    raise Retryable("later")


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [{"id": f"id-{one}", "score": one % 10 / 10, "age": float(one)} for one in range(first, last)]


def ids(first: int, last: int) -> list[str]:
    return [f"id-{one}" for one in range(first, last)]


def test_files_are_read_once_in_the_order_that_they_were_written_in(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "a")):
        drop(tmp_path / f"{name}.parquet", rows(3_500 * number, 3_500 * (number + 1)))
        os.utime(tmp_path / f"{name}.parquet", ns=(0, NOW_NS + number))
    here = Dropping(tmp_path, columns={"features": "*"})
    here.look()
    here.look()
    assert ids(0, 7_000) == here.ids
    drop(tmp_path / "c.parquet", rows(7_000, 7_010))
    here.look()
    assert ids(0, 7_010) == here.ids
    assert 0 == here.dropped("malformed") + here.dropped("foreign")


def test_a_row_says_what_it_says_in_lines_too(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    row = {
        "id": "a", "time": moment, "score": Decimal("0.75"), "prediction": True, "truth": False,
        "features": {"age": 41.5, "town": "Bern", "none": None}, "segments": {"region": "north"},
    }  # fmt: skip
    table = pa.Table.from_pylist([row])
    at = table.schema.get_field_index("time")
    exact = table.column("time").cast(pa.timestamp("ns", "UTC"))
    pq.write_table(table.set_column(at, "time", exact), tmp_path / "a.parquet")
    here = Dropping(tmp_path)
    here.look()
    found, truths = here.engine.batches
    assert isinstance(found, Predictions)
    assert isinstance(truths, Truths)
    assert (["a"], [NOW_NS], [0.75]) == (list(found.ids), found.time_ns.tolist(), found.score.tolist())
    assert found.features is not None
    assert {"age", "town", "none"} == set(found.features.columns)


def test_a_row_without_a_time_happened_when_its_file_was_written(tmp_path: Path) -> None:
    drop(tmp_path / "a.parquet", rows(0, 1))
    os.utime(tmp_path / "a.parquet", ns=(0, NOW_NS))
    here = Dropping(tmp_path)
    here.look()
    (found,) = here.engine.batches
    assert [NOW_NS] == found.time_ns.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("pieces", range(7))
def test_a_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path, pieces: int) -> None:
    drop(tmp_path / "a.parquet", rows(0, 3_100), group=1_300)
    drop(tmp_path / "b.parquet", rows(3_100, 4_000))
    os.utime(tmp_path / "a.parquet", ns=(0, NOW_NS))
    first = Dropping(tmp_path)
    for _ in range(pieces):
        first.receiver.poll(0.0)
    (tmp_path / "a.parquet").rename(tmp_path / "z.parquet")
    second = Dropping(tmp_path, known=first.kept())
    second.look()
    assert ids(0, 4_000) == first.ids + second.ids
    third = Dropping(tmp_path, known={**first.kept(), **second.kept()})
    third.look()
    assert [] == third.ids


def test_what_the_engine_refuses_is_offered_again(tmp_path: Path) -> None:
    drop(tmp_path / "a.parquet", rows(0, 2_500))
    here = Dropping(tmp_path)
    here.receiver.poll(0.0)
    here.engine.before = refuse
    for _ in range(3):
        with pytest.raises(Retryable):
            here.receiver.poll(0.0)
    here.engine.before = None
    here.look()
    assert ids(0, 2_500) == here.ids


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    drop(tmp_path / "a.parquet", rows(0, 2_500))
    here = Dropping(tmp_path)
    here.receiver.poll(0.0)
    (tmp_path / "a.parquet").unlink()
    here.look()
    assert ids(0, 2_500) == here.ids


def test_a_file_that_still_grows_is_waited_for_and_a_damaged_one_counted_once(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows(0, 100)), tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:1_000])
    (tmp_path / "b.parquet").write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    (tmp_path / "_SUCCESS.parquet").write_bytes(b"")
    here = Dropping(tmp_path, settle=Duration("10s"))
    here.look(0.0)
    assert 1 == here.dropped("malformed")
    with (tmp_path / "a.parquet").open("ab") as file:
        file.write(data[1_000:2_000])
    here.look(15.0)
    here.look(20.0)
    assert 1 == here.dropped("malformed")
    (tmp_path / "a.parquet").write_bytes(data)
    here.look(24.0)
    assert ids(0, 100) == here.ids
    (tmp_path / "c.parquet").write_bytes(data[:1_000])
    for now_s in (30.0, 39.0, 41.0, 60.0):
        here.look(now_s)
    assert 2 == here.dropped("malformed")
    assert ids(0, 100) == here.ids


def test_what_python_can_not_hold_is_told_and_not_taken_for_the_end(tmp_path: Path) -> None:
    far = pa.array([NOW_NS // 1_000] * 1_000 + [2**62], pa.timestamp("us"))
    table = pa.table({"id": ids(0, 1_001), "time": far, "score": [0.5] * 1_001})
    pq.write_table(table, tmp_path / "a.parquet")
    here = Dropping(tmp_path)
    here.look()
    assert (ids(0, 1_000), 1) == (here.ids, here.dropped("malformed"))


def test_what_is_remembered_of_files_that_are_gone_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "_REMEMBERED", 2)
    here = Dropping(tmp_path)
    for number in range(6):
        drop(tmp_path / f"{number}.parquet", rows(number, number + 1))
        here.look()
        (tmp_path / f"{number}.parquet").unlink()
    assert ids(0, 6) == here.ids
    assert 3 == len(here.kept())


def test_rows_that_tell_of_nothing_are_counted(tmp_path: Path) -> None:
    drop(tmp_path / "a.parquet", [{"colour": "red"}, {"colour": "blue"}])
    here = Dropping(tmp_path)
    here.look()
    assert ([], 2) == (here.ids, here.dropped("foreign"))


def test_the_configuration_is_checked() -> None:
    with pytest.raises(ConfigError, match="poll"):
        load("receivers: {parquet: {poll: soon}}", catalog=Registry(), environ={})
