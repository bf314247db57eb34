"""What a batch holds in memory does not grow with its files, be they predictions or labels."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import children
from patterns.batch_world import baseline

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = 400_000, 2_400_000
SPILL_BYTES = 16 * 2**20
# Both have the interpreter with all libraries, and one piece of every file. The larger one fills
# `SPILL_BYTES` with rows that wait, and again with what was found of them; the rest is what allocators keep.
GROWTH_MB = 60
PROGRAM = """
import sys
from pathlib import Path
from barograph.baseline import read_baseline
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.files import joining
from barograph_processor.files.roles import Asked
from barograph_processor.patterns.batch_opening import Request, open_batch

joining.MEMORY_BYTES = int(sys.argv[2])
folder = Path(sys.argv[1])
spill = folder / "spill"
spill.mkdir()
request = Request(
    predictions=sorted(folder.glob("p*.parquet")), labels=sorted(folder.glob("l*.parquet")), asked=Asked()
)
config = load("windows: [1d]", catalog=Registry())
baselines = [read_baseline(folder / "credit.baseline")]
with open_batch(request, config, baselines=baselines, folder=spill, registry=Registry()) as opened:
    windows = sum(map(len, opened.batch.run()))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(windows, opened.batch.summary.joins.joined, int(status["VmHWM"].split()[0]) // 1024)
"""


def write(folder: Path, rows: int) -> None:
    """A file of predictions for each of 12 days, and one of all labels in another order."""
    folder.mkdir()
    random = np.random.default_rng(3)
    (folder / "credit.baseline").write_bytes(baseline().content)
    start = np.datetime64("2026-03-01", "ns")
    for day, numbers in enumerate(np.array_split(np.arange(rows), 12)):
        seconds = np.sort(random.integers(0, 86_400, len(numbers))).astype("timedelta64[s]")
        table = {
            "id": [f"row-{number}" for number in numbers.tolist()],
            "at": start + np.timedelta64(day, "D") + seconds,
            "score": random.random(len(numbers)),
            "age": random.normal(40, 10, len(numbers)),
            "region": random.choice(["north", "south"], len(numbers)),
        }
        pa.parquet.write_table(pa.table(table), folder / f"p{day:02}.parquet")
    numbers = random.permutation(rows)
    labels = {"id": [f"row-{number}" for number in numbers.tolist()], "label": random.random(rows) < 0.5}
    pa.parquet.write_table(pa.table(labels), folder / "labels.parquet", row_group_size=100_000)


def peak_mb(folder: Path, rows: int) -> int:
    write(folder, rows)
    done = children.run([sys.executable, "-c", PROGRAM, str(folder), str(SPILL_BYTES)], timeout_s=280)
    assert 0 == done.returncode, done.stderr
    windows, joined, peak = map(int, done.stdout.split())
    assert (12, rows) == (windows, joined)
    return peak


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_six_times_as_many_rows_with_labels_need_hardly_more_memory(tmp_path: Path) -> None:
    few = peak_mb(tmp_path / "few", FEW)
    many = peak_mb(tmp_path / "many", MANY)
    print(f"{FEW:,} rows: {few} MB, {MANY:,} rows: {many} MB")
    assert many - few < GROWTH_MB
