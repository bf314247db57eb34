"""A batch of predictions with labels, beside two peers that compute drift alone.

    python benchmarks/batch_peers.py                      our side alone
    python benchmarks/batch_peers.py --peers DIR          with Evidently and NannyML

Rows have 20 numeric columns, a score and an id, 30 days of them; labels come in another order, up to ten
days later. Ours reads Parquet, joins the labels, and gives drift, quality, performance and label maturity of
every day. Evidently's DataDriftPreset compares all rows at once, NannyML's univariate drift (Jensen-Shannon
and Kolmogorov-Smirnov) every day; both are timed without reading rows. Rows a second are of the processor's
time, on one core, so that what else runs disturbs little.

Each side runs in an environment of its own, which is made in DIR (3 GB; they are kept) by uv where there is
one, else by venv and pip. Usage tracking of the peers is switched off, and a program that wants to connect to
another machine stops.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measuring
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
ROUNDS = 3
DAYS = 30
COLUMNS = 20
REFERENCE_ROWS = 50_000
TIMEOUT_S = 1_800
PACKAGES = {
    "ours": [f"barograph[processor] @ file://{CHECKOUT}"],
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "pyarrow", "statsmodels"],  # the last one is needed and not declared
}
PROGRAMS = {"ours": "barograph_batch.py", "evidently": "evidently_drift.py", "nannyml": "nannyml_drift.py"}
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}


def make_rows(rows: int, seed: int, start: datetime) -> tuple[dict[str, Any], Any]:
    """Columns of predictions in order of time, and their truth."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, DAYS * 86_400 * 10**6, rows))
    score = random.random(rows)
    columns: dict[str, Any] = {
        "id": [f"{seed}-{row}" for row in range(rows)],
        "at": np.datetime64(start, "us") + seconds.astype("timedelta64[us]"),
        "score": score,
    }
    columns |= {f"f{number}": random.normal(number, 1 + number / 10, rows) for number in range(COLUMNS)}
    return columns, random.random(rows) < score


def make_files(folder: Path, rows: int) -> None:
    """Reference, baseline, predictions and labels, unless they are there."""
    if (folder / "labels.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    start = datetime(2026, 1, 1)  # noqa: DTZ001  # times in files have no zone
    reference, truth = make_rows(REFERENCE_ROWS, 1, start - timedelta(days=DAYS))
    pq.write_table(pa.table(reference), folder / "reference.parquet")
    output = OutputRows(task="binary", scores=reference["score"], labels=truth, positive=True)
    features = {name: reference[name] for name in reference if name.startswith("f")}
    times = reference["at"].astype("datetime64[ns]").astype(np.int64)
    content = fit(features, model="credit", version="3", outputs=[output], time_ns=times)
    (folder / "credit.baseline").write_bytes(content)
    predictions, truth = make_rows(rows, 2, start)
    pq.write_table(pa.table(predictions), folder / "predictions.parquet", row_group_size=200_000)
    random = np.random.default_rng(3)
    order = random.permutation(rows)
    later = random.integers(0, 10 * 86_400 * 10**6, rows).astype("timedelta64[us]")
    labels = {
        "id": pa.array(predictions["id"]).take(pa.array(order)),
        "label": truth[order],
        "known_at": (predictions["at"] + later)[order],
    }
    pq.write_table(pa.table(labels), folder / "labels.parquet")


def environment(folder: Path, name: str) -> Path:
    """The interpreter of a side's environment, made where there is none.

    Raises:
        CalledProcessError: Something can't be installed.
    """
    place = folder / name
    python = place / "bin" / "python"
    if (place / ".made").exists():
        return python
    shutil.rmtree(place, ignore_errors=True)
    uv = shutil.which("uv")
    commands = (
        [
            [uv, "venv", "--quiet", "--python", sys.executable, str(place)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES[name]],
        ]
        if uv
        else [
            [sys.executable, "-m", "venv", str(place)],
            [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[name]],
        ]
    )
    for command in commands:
        subprocess.run(command, check=True)
    (place / ".made").touch()
    return python


def size_mb(python: Path) -> float:
    """Everything that was installed for a side, pip left out."""
    packages = next(python.parent.parent.glob("lib/python*/site-packages"))
    return (
        sum(
            path.stat().st_size
            for path in packages.rglob("*")
            if path.is_file()
            and path.relative_to(packages).parts[0].partition("-")[0] not in {"pip", "setuptools"}
        )
        / 1e6
    )


def run(python: Path, name: str, files: Path) -> dict[str, float]:
    """What one run of a side tells of itself.

    Raises:
        CalledProcessError: It failed.
        TimeoutExpired: It took half an hour.
    """
    inputs = {
        "ours": ("credit.baseline", "predictions.parquet", "labels.parquet"),
    }.get(name, ("reference.parquet", "predictions.parquet"))
    program = str(HERE / "peers" / PROGRAMS[name])
    done = subprocess.run(
        [str(python), program, *(str(files / each) for each in inputs)],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr[-2_000:])
        done.check_returncode()
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def tell(report: measuring.Report, told: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Speed, ratios, memory of each side."""

    def samples(name: str, figure: str) -> measuring.Samples:
        return measuring.Samples(tuple(one[figure] for one in told[name]))

    for name, runs in told.items():
        rows = runs[0]["rows"]
        report.add(f"{name}, rows a second", samples(name, "work_cpu_s").rate(rows), "rows/s")
        report.add(f"{name}, figures computed", float(runs[0]["figures"]), "figures")
        report.add(f"{name}, peak memory", samples(name, "peak_mb"), "MB")
        report.add(f"{name}, import", samples(name, "import_s"), "s")
        if name != "ours":
            ratio = samples(name, "work_cpu_s").over(samples("ours", "work_cpu_s"))
            report.add(f"ours to {name}, rows a second", ratio, "ratio", at_least=1)
    joined = told["ours"][0]["joined"]
    report.add("ours, labels joined", joined / told["ours"][0]["rows"], "ratio", at_least=1)


def main() -> None:
    """Measure our side, and the peers where there is a folder for them."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--rows", type=int, default=2_000_000, help="rows of predictions (default: %(default)s)"
    )
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where environments and files are kept")
    parser.add_argument(
        "--without", action="append", default=[], help="a peer that is left out; may be repeated"
    )
    with measuring.report(__doc__, parser=parser) as report:
        options = report.options
        names = ["ours", *(name for name in ("evidently", "nannyml") if options.peers is not None)]
        names = [name for name in names if name not in options.without]
        kept = tempfile.TemporaryDirectory() if options.peers is None else nullcontext(str(options.peers))
        with kept as folder:
            files = Path(folder) / f"rows-{options.rows}"
            make_files(files, options.rows)
            pythons = {"ours": Path(sys.executable)}
            if options.peers is not None:
                pythons = {name: environment(options.peers, name) for name in names}
            told: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            for _ in range(min(report.runs, ROUNDS)):
                for name in names:
                    told[name].append(run(pythons[name], name, files))
            tell(report, told)
            if options.peers is not None:
                for name in names:
                    report.add(f"{name}, installed", size_mb(pythons[name]), "MB")


if __name__ == "__main__":
    main()
