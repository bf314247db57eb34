"""Files in, windows out: the same in any format, order and repetition, and as a service says it."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet
import pytest

from barograph.semconv import attributes, metrics
from barograph_processor.engine.batch import Truths
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS
from barograph_processor.files.refused import Refused
from barograph_processor.files.roles import Asked
from barograph_processor.patterns.batch import END_OF_TIME_NS, TableBatch
from barograph_processor.stores.memory import MemoryStore
from engine.world import figures
from files.tables import FORMATS
from patterns.batch_world import DAYS, ROWS, Columns, baseline, closed, opened, rows, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="wanted")
def _wanted(tmp_path: Path) -> dict[tuple[object, ...], object]:
    """What one Parquet file of each gives."""
    predictions, labels = rows()
    folder = tmp_path / "wanted"
    folder.mkdir()
    batch = opened(tmp_path, [write(folder, "p.parquet", predictions)], [write(folder, "l.parquet", labels)])
    windows = closed(batch)
    assert ROWS == batch.batch.summary.predictions
    assert len(labels["id"]) == batch.batch.summary.joins.joined
    assert {0} == {window.revision for window in windows}
    return figures(windows)


def test_a_batch_says_what_a_service_says_of_the_same_data(
    tmp_path: Path, wanted: dict[tuple[object, ...], object]
) -> None:
    """The service joins by its pending store, in minute panes, and gets everything in another order."""
    predictions, labels = rows()
    batch = opened(tmp_path, [write(tmp_path, "p.csv", predictions)], [write(tmp_path, "l.csv", labels)])
    tables = batch.tables
    assert tables is not None
    assert isinstance(batch.batch, TableBatch)
    settings = replace(batch.batch.engine.settings, pane_ns=60 * 10**9)
    service = Engine(settings, store=MemoryStore(), baselines=[baseline()])
    for labelled in tables.labels:
        for ids, truth in labelled.parts(Refused()):
            service.feed(
                [
                    Truths(
                        tenant="default",
                        model="credit",
                        version=None,
                        output="",
                        ids=ids.to_pylist(),
                        time_ns=truth.observed_ns,
                        classes=truth.classes,
                        value=truth.value,
                    )
                ],
                END_OF_TIME_NS,
            )
    for table in tables.predictions:
        for part in table.parts(Refused(), features=True):
            service.feed([replace(part.predictions, ids=part.ids.to_pylist())], END_OF_TIME_NS)
    assert wanted == figures(service.drain(END_OF_TIME_NS))


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_equal_readings(
    tmp_path: Path, wanted: dict[tuple[object, ...], object], ending: str
) -> None:
    predictions, labels = rows()
    batch = opened(
        tmp_path,
        [write(tmp_path, f"p.{ending}", predictions)],
        [write(tmp_path, f"l.{ending}", labels)],
    )
    assert wanted == figures(closed(batch))


def test_order_pieces_and_repetition_make_no_difference(
    tmp_path: Path, wanted: dict[tuple[object, ...], object]
) -> None:
    """Rows and files in any order; a row, a label and a file twice."""
    predictions, labels = rows()
    random = np.random.default_rng(2)
    order = random.permutation(ROWS)
    files = [
        write(tmp_path, f"p{place}.parquet", predictions, part.tolist())
        for place, part in enumerate(np.array_split(order, 4))
    ]
    files += [
        write(tmp_path, "late.csv", predictions, range(100, 400)),
        str(shutil.copy(files[0], str(tmp_path / "copy.parquet"))),
    ]
    truths = [
        write(tmp_path, "l1.csv", labels, range(400, len(labels["id"]))),
        write(tmp_path, "l0.parquet", labels, range(600)),
    ]
    batch = opened(tmp_path, files, truths)
    assert wanted == figures(closed(batch))
    summary = batch.batch.summary
    joins = summary.joins
    assert (300, 0, 200, 0) == (
        joins.repeats, joins.conflicts, joins.label_repeats, joins.label_conflicts,
    )  # fmt: skip
    assert {} == dict(summary.dropped)
    again = opened(tmp_path, [*reversed(files), *files], [*reversed(truths), truths[0]])
    assert wanted == figures(closed(again))


def test_row_groups_of_any_size_give_equal_readings(tmp_path: Path) -> None:
    """Parquet's reader cuts columns of texts at row groups, and others not: both readings are cut unlike."""
    predictions, labels = rows()
    truths = [write(tmp_path, "l.csv", labels)]
    whole = opened(tmp_path, [write(tmp_path, "whole.parquet", predictions)], truths, asked=Asked())
    order = np.random.default_rng(3).permutation(ROWS)
    files = []
    for place, chosen in enumerate([range(ROWS // 2), *np.array_split(order[order >= ROWS // 2], 5)]):
        path = write(tmp_path, f"p{place}.parquet", predictions, list(chosen))
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), path, row_group_size=40)
        files.append(path)
    groups = opened(tmp_path, files, truths, asked=Asked())
    windows = closed(groups)
    assert figures(closed(whole)) == figures(windows)
    assert {0} == {window.revision for window in windows}
    assert {} == dict(groups.batch.summary.dropped)


def test_windows_close_and_are_let_go_of_before_the_input_ends(tmp_path: Path) -> None:
    predictions, labels = rows()
    days = [
        write(tmp_path, f"{name}.parquet", predictions, range(at * ROWS // 3, (at + 1) * ROWS // 3))
        for at, name in enumerate(["z", "a", "m"])  # names are not in order of time
    ]
    batch = opened(tmp_path, days, [write(tmp_path, "l.csv", labels)])
    parts = [[window.start_ns for window in part] for part in batch.batch.run()]
    starts = [start for part in parts for start in part]
    assert DAYS * (4 + 1) == len(starts)
    assert max(map(len, parts)) < len(starts) / 2
    assert all(max(before) <= max(after) for before, after in itertools.pairwise(parts))


def test_labels_join_whatever_their_delay(tmp_path: Path) -> None:
    predictions, labels = rows()
    labels = {**labels, "known": [one + timedelta(days=4_000) for one in labels["known"]]}
    batch = opened(tmp_path, [write(tmp_path, "p.csv", predictions)], [write(tmp_path, "l.csv", labels)])
    windows = closed(batch)
    observations = {
        horizon: sum(
            reading.value
            for window in windows
            for reading in window.readings
            if window.window == "1d"
            and reading.metric == metrics.ML_PERFORMANCE_OBSERVATIONS
            and dict(reading.attributes)[attributes.ML_LABEL_HORIZON] == horizon
            and attributes.ML_SEGMENT_NAME not in dict(reading.attributes)
        )
        for horizon in ("1h", "1d", "7d", "all")
    }
    assert {"1h": 0, "1d": 0, "7d": 0, "all": len(labels["id"])} == observations


def test_labels_without_a_time_say_nothing_of_horizons(tmp_path: Path) -> None:
    predictions, labels = rows()
    labels = {name: column for name, column in labels.items() if name != "known"}
    batch = opened(tmp_path, [write(tmp_path, "p.csv", predictions)], [write(tmp_path, "l.csv", labels)])
    windows = closed(batch)
    readings = [reading for window in windows for reading in window.readings]
    horizons = {dict(reading.attributes).get(attributes.ML_LABEL_HORIZON) for reading in readings}
    assert {None, "all"} == horizons
    assert len(labels["id"]) == batch.batch.summary.joins.joined
    assert not any(reading.metric.startswith(metrics.ML_LABEL_DELAY) for reading in readings)


def test_truth_in_the_same_table_needs_no_ids(tmp_path: Path) -> None:
    predictions, labels = rows()
    truth = dict(zip(labels["id"], zip(labels["paid"], labels["known"], strict=True), strict=True))
    table: Columns = {
        **{name: column for name, column in predictions.items() if name != "id"},
        "paid": [truth.get(one, (None, None))[0] for one in predictions["id"]],
        "known": [truth.get(one, (None, None))[1] for one in predictions["id"]],
    }
    asked = Asked(label="paid", label_time="known", segments=("region",))
    batch = opened(tmp_path, [write(tmp_path, "p.parquet", table)], asked=asked)
    by_ids = opened(
        tmp_path, [write(tmp_path, "q.parquet", predictions)], [write(tmp_path, "l.parquet", labels)]
    )
    assert figures(closed(by_ids)) == figures(closed(batch))


def test_rows_that_cannot_be_used_are_counted_with_the_place_of_the_first(tmp_path: Path) -> None:
    predictions, labels = rows()
    predictions = {name: list(column) for name, column in predictions.items()}
    predictions["at"][5] = None
    predictions["score"][7] = 1.5
    predictions["score"][8] = -0.5
    predictions["id"][9] = "x" * 300
    labels = {name: list(column) for name, column in labels.items()}
    labels["id"][3] = None
    labels["paid"][4] = None
    path = write(tmp_path, "p.parquet", predictions)
    batch = opened(tmp_path, [path], [write(tmp_path, "l.csv", labels)])
    closed(batch)
    summary = batch.batch.summary
    assert {"bad_time": 1, "score_range": 2, "id_too_long": 1} == dict(summary.refused.counts)
    assert f"{path}, row 6" == summary.refused.first["bad_time"]
    assert f"{path}, row 8" == summary.refused.first["score_range"]
    assert {"no_id": 1} == dict(summary.labels_refused.counts)
    assert len(labels["id"]) - 2 == summary.labels_read
    assert (ROWS, ROWS - 4) == (summary.rows, summary.predictions)


def test_limits_of_the_configuration_hold_for_tables(tmp_path: Path) -> None:
    predictions, labels = rows()
    limits = "windows: [1d]\nlimits: {request: {id_length: 300}}"
    predictions = {name: list(column) for name, column in predictions.items()}
    predictions["id"][9] = "x" * 300
    labels = {name: list(column) for name, column in labels.items()}
    labels["id"][3] = "x" * 301
    paths = [write(tmp_path, "p.parquet", predictions)], [write(tmp_path, "l.csv", labels)]
    batch = opened(tmp_path, *paths, settings=limits)
    closed(batch)
    summary = batch.batch.summary
    assert {} == dict(summary.refused.counts)
    assert {"id_too_long": 1} == dict(summary.labels_refused.counts)


def test_without_a_baseline_one_is_learned_from_the_first_rows(tmp_path: Path) -> None:
    predictions, labels = rows()
    batch = opened(
        tmp_path,
        [write(tmp_path, "p.csv", predictions)],
        [write(tmp_path, "l.csv", labels)],
        with_baseline=False,
        model="credit",
        settings="{windows: [1d], engine: {learn_rows: 1000}}",
    )
    statuses = [window.status for window in closed(batch)]
    assert "learning" == statuses[0]
    assert "learning" != statuses[-1]
    (learned,) = batch.batch.learned
    assert ("credit", "0", 1_000) == (learned.header.model, learned.header.version, learned.header.rows)


def test_times_of_any_age_are_taken_as_they_are(tmp_path: Path) -> None:
    table: Columns = {
        "id": ["a", "b", "c"],
        "time": [0, 10**9, 7_000_000_000],  # 1970, 2001, 2191
        "score": [0.1, 0.2, 0.3],
    }
    batch = opened(tmp_path, [write(tmp_path, "p.parquet", table)], asked=Asked(), settings="windows: [1d]")
    windows = closed(batch)
    assert [0, 11_574, 81_018] == [window.start_ns // DAY_NS for window in windows]
    assert {} == dict(batch.batch.summary.dropped)


def test_panes_are_as_long_as_the_windows_allow(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", rows()[0])
    for written, pane in (("[1h, 1d]", HOUR_NS), ("[1d, month]", DAY_NS), ("[100m]", 20 * 60 * 10**9)):
        batch = opened(tmp_path, [path], settings=f"windows: {written}")
        assert isinstance(batch.batch, TableBatch)
        assert pane == batch.batch.engine.settings.pane_ns
