"""Predictions and labels in files, and batches that read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph.baseline import Baseline
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.files.finding import find_files
from barograph_processor.files.roles import Asked
from barograph_processor.patterns.batch_opening import Opened, Request, open_batch
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from files.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from barograph_processor.engine.results import ClosedWindow

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
ROWS = 2_000
DAYS = 4
Columns = dict[str, list[Any]]


@cache
def rows(seed: int = 1) -> tuple[Columns, Columns]:
    """Predictions in order of time, and their labels, hours to weeks later, in another order."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, DAYS * 86_400, ROWS)).tolist()
    times = [START.replace(tzinfo=None) + timedelta(seconds=one) for one in seconds]
    score = np.round(random.random(ROWS), 6)
    predictions: Columns = {
        "id": [f"{seed}-{at}" for at in range(ROWS)],
        "at": times,
        "score": score.tolist(),
        "age": np.round(random.normal(40, 10, ROWS), 3).tolist(),
        "region": random.choice(["north", "south", "west"], ROWS).tolist(),
    }
    chosen = random.permutation(ROWS)[: ROWS * 3 // 4].tolist()
    labels: Columns = {
        "id": [predictions["id"][at] for at in chosen],
        "paid": [bool(random.random() < score[at]) for at in chosen],
        "known": [times[at] + timedelta(hours=int(random.integers(1, 1_500))) for at in chosen],
    }
    return predictions, labels


@cache
def baseline() -> Baseline:
    predictions, _ = rows(9)
    random = np.random.default_rng(9)
    score = np.array(predictions["score"])
    output = OutputRows(task="binary", scores=score, labels=random.random(ROWS) < score, positive=True)
    features = {name: predictions[name] for name in ("age", "region")}
    return Baseline(fit(features, model="credit", version="3", outputs=[output]))


def opened(
    folder: Path,
    predictions: Sequence[str],
    labels: Sequence[str] = (),
    *,
    asked: Asked | None = None,
    with_baseline: bool = True,
    settings: str = "windows: [6h, 1d]",
    **more: Any,
) -> Opened:
    config = load(settings, catalog=Registry())
    request = Request(
        predictions=find_files(predictions, "--predictions").files,
        labels=find_files(labels, "--labels").files,
        asked=asked or Asked(segments=("region",)),
        **more,
    )
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    baselines = [baseline()] if with_baseline else []
    with open_batch(request, config, baselines=baselines, folder=spill, registry=Registry()) as found:
        return found  # what is small lies in memory, so there is nothing to close


def closed(batch: Opened) -> list[ClosedWindow]:
    return [window for part in batch.batch.run() for window in part]


def write(folder: Path, name: str, columns: Columns, chosen: Sequence[int] | None = None) -> str:
    if chosen is not None:
        columns = {key: [column[at] for at in chosen] for key, column in columns.items()}
    return str(write_table(folder / name, columns))
