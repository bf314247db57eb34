"""A job that drops Parquet files into a folder, and a processor beside it that is killed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .processes import last_revisions, service, value

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 1_357_016_400 // 86_400 * 86_400
HORIZON = {"ml.label.horizon": "all"}


def drop(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), folder / f"_{name}", row_group_size=3_000)
    (folder / f"_{name}").rename(folder / f"{name}.parquet")


def predictions(first: int, last: int) -> list[dict[str, object]]:
    """Half of them without an id: only their place in the file keeps these from counting twice."""
    return [
        {"id": f"a-{one}" if one % 2 else None, "time": DAY_S + one, "score": one % 10 / 10, "age": one % 50}
        for one in range(first, last)
    ]  # fmt: skip


def truths(first: int, last: int) -> list[dict[str, object]]:
    return [
        {"id": f"a-{one}", "time": DAY_S + one + 60, "truth": one % 3 == 0}
        for one in range(first, last)
        if one % 2
    ]


@pytest.mark.slow
def test_every_row_of_dropped_files_counts_once_over_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "dropped"
    folder.mkdir()
    config = tmp_path / "barograph.yaml"
    config.write_text(
        f"receivers: {{otlp: {{}}, parquet: {{include: ['{folder}/*.parquet'], model: credit, poll: 50ms,\n"
        "  columns: {features: [age]}}}\n"
        "windows: [1d]\n"
        f"storage: {{directory: '{tmp_path}/kept', durability: disk}}\n"
    )
    drop(folder, "predictions-1", predictions(0, 20_000))
    drop(folder, "truths-1", truths(0, 10_000))
    with service("--config", str(config)) as running:
        running.wait_until_read(5_000)  # somewhere in the first file, or behind it
        running.kill()
    drop(folder, "predictions-2", predictions(20_000, 30_000))
    drop(folder, "truths-2", truths(10_000, 30_000))
    with service("--config", str(config)) as running:
        running.wait_until_joined(15_000)  # so the last file was read to its end
        summary = running.drain()
        running.stop()
    assert 0 == running.process.returncode, running.said
    assert (15_000, 0) == (summary["labels"]["joined"], summary["labels"]["duplicates"])
    assert 0 == summary["labels"]["waiting"]
    (window,) = last_revisions(running.windows, "1d")
    assert 30_000 == value(window, "ml.window.observations")
