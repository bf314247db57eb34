"""Whether memory stays flat while millions of predictions wait on disk for their labels.

    python benchmarks/memory.py                    10 million rows, which takes several minutes
    python benchmarks/memory.py --rows 1000000

The engine of a service with its pending store on disk, fed as receivers feed it: batches of predictions with
a few features in order of event time, and the labels of nine tenths of them one day later. Two months of
event time pass, labels are awaited for a week, so that from then on as much is let go of as comes. Resident
memory is read twenty times on the way.

Readings go up and down by 7 MB: RocksDB's tables of what isn't in files yet fill and are let go of, and the
C library keeps 25 to 50 MB of freed pieces between what is used. They level off after two million rows: means
of the eighths of the way were 125, 148, 147, 149, 155, 151, 152 and 153 MB, 32 of them RocksDB's cached
blocks.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import measuring
import numpy as np

from barograph.baseline import Baseline
from barograph_processor.engine.batch import FeatureColumn, Features, Key, Predictions, Texts, Truths
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Horizon, Settings, Window
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from barograph_processor.stores.disk import DiskStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

KEY = Key("default", "", "", "credit", "3", "")
DAYS = 60
BATCH_ROWS = 4_000
STEPS = 20
FEATURES = 5
START_NS = 1_767_225_600 * 10**9
SETTINGS = Settings(
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)),
    horizons=(Horizon("1h", HOUR_NS), Horizon("1d", DAY_NS), Horizon("all", 7 * DAY_NS)),
)


def baseline(random: np.random.Generator) -> Baseline:
    """What the model is compared with."""
    score = random.random(20_000)
    output = OutputRows(task="binary", scores=score, labels=(random.random(20_000) < score) * 1, positive="1")
    features = {f"f{number}": random.normal(number, 1, 20_000) for number in range(FEATURES)}
    return Baseline(fit(features, model=KEY.model, version=KEY.version, outputs=[output]))


def predictions(first: int, time_ns: NDArray[np.int64], random: np.random.Generator) -> Predictions:
    """A batch of rows that begin with number `first`."""
    count = len(time_ns)
    score = random.random(count)
    return Predictions(
        key=KEY,
        source="a",
        ids=[f"row-{row}" for row in range(first, first + count)],
        time_ns=time_ns,
        classes=Texts((score >= 0.5).astype(np.int32), ("0", "1")),
        score=score,
        scores=np.empty((count, 0)),
        score_classes=(),
        value=np.full(count, np.nan),
        segments={},
        features=Features(
            {f"f{number}": FeatureColumn(random.normal(number, 1, count)) for number in range(FEATURES)}
        ),
    )


def labels(first: int, time_ns: NDArray[np.int64], random: np.random.Generator) -> Truths:
    """The truth of nine tenths of the same rows."""
    known = np.flatnonzero(random.random(len(time_ns)) < 0.9)
    return Truths(
        tenant=KEY.tenant,
        model=KEY.model,
        version=None,
        output="",
        ids=[f"row-{first + row}" for row in known.tolist()],
        time_ns=time_ns[known] + DAY_NS,
        classes=Texts(random.integers(0, 2, len(known), np.int32), ("0", "1")),
        value=np.full(len(known), np.nan),
    )


def run(engine: Engine, rows: int) -> Iterator[int]:
    """Feed all rows and their labels; gives the number of rows after each batch."""
    random = np.random.default_rng(2)
    step_ns = DAYS * DAY_NS // rows
    waiting: list[tuple[int, NDArray[np.int64]]] = []
    for first in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - first)
        time_ns = START_NS + (first + np.arange(count)) * step_ns
        now_ns = int(time_ns[-1]) + HOUR_NS
        engine.feed([predictions(first, time_ns, random)], now_ns)
        waiting.append((first, time_ns))
        while waiting and int(waiting[0][1][0]) + DAY_NS <= now_ns:
            engine.feed([labels(*waiting.pop(0), random)], now_ns)
        engine.advance(now_ns)
        yield first + count


def main() -> None:
    """Feed, and read memory on the way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in all (default: %(default)s)")
    with measuring.report(__doc__, parser=parser) as report, tempfile.TemporaryDirectory() as folder:
        rows = report.options.rows
        store = DiskStore(Path(folder) / "pending", 2**40)
        engine = Engine(SETTINGS, store=store, baselines=[baseline(np.random.default_rng(1))])
        read: list[float] = []
        begun = time.process_time()
        for done in run(engine, rows):
            if done * STEPS // rows > len(read):
                read.append(measuring.resident_mb(os.getpid()))
                print(f"{done:12,} rows {read[-1]:8,.0f} MB {len(store):12,} waiting", flush=True)
        seconds = time.process_time() - begun
        stats = engine.stats(START_NS + DAYS * DAY_NS)
        report.add("resident memory, half of the way", read[STEPS // 2 - 1], "MB")
        report.add("resident memory, at the end", read[-1], "MB")
        report.add(
            "the end to half of the way", max(read[STEPS // 2 :]) / read[STEPS // 2 - 1], "ratio", at_most=1.1
        )
        report.add("predictions waiting at the end", float(len(store)), "entries")
        report.add("labels joined", stats.labels_joined / stats.labels_accepted, "ratio", at_least=1)
        report.add("rows with labels a second", rows / seconds, "rows/s")
        store.close()


if __name__ == "__main__":
    main()
