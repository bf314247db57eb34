"""The patterns in which a sidecar reads what a service prints or writes."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from equivalence.data import MODEL, THRESHOLD, VERSION, Data
from equivalence.patterns import drained, running_with, tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from equivalence.patterns import Figures


def sidecar_stdout(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """A service that prints, its container's log read by the sidecar."""
    files, records = _printed(data, folder)
    with running_with(data, folder, files) as running:
        running.wait_until_read(records)
        return drained(running)


def sidecar_files(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """A service that writes CSV to a shared volume, and another program lines of JSON with the truth."""
    predictions, truths = tables(data)
    shared = folder / "shared"
    shared.mkdir()
    with (shared / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(predictions[0]))
        writer.writeheader()
        writer.writerows(predictions)
    (shared / "truth.json").write_text("".join(json.dumps(row) + "\n" for row in truths), encoding="utf-8")
    columns = f"{{features: [{', '.join(data.features)}], segments: [region]}}"
    files = (
        f"receivers: {{files: {{include: ['{shared}/*'], model: {MODEL}, version: '{VERSION}', "
        f"columns: {columns}}}, otlp: {{}}}}\n"
    )
    with running_with(data, folder, files) as running:
        running.wait_until_read(len(predictions) + len(truths))
        return drained(running)


def sidecar_edge(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """The same, where the sidecar only counts, and a service makes windows."""
    files, records = _printed(data, folder)
    with running_with(data, folder, "") as owner:
        with running_with(data, folder, files, "--forward", owner.otlp) as edge:
            edge.wait_until_read(records)
            edge.drain()
            edge.stop()
        return drained(owner)


def _printed(data: Data, folder: Path) -> tuple[str, int]:
    """Receivers that read what a service printed, and how many records that is."""
    predictions, truths = tables(data)
    for row in predictions:
        row["features"] = {name: row.pop(name) for name in data.features}
        row["segments"] = {"region": row["features"]["region"]}
        if data.two_scores:
            row["scores"] = data.probabilities(row.pop("score"))
        elif data.baseline is not None:
            row["prediction"] = row["score"] >= THRESHOLD
    log = folder / "logs" / "0.log"
    log.parent.mkdir()
    log.write_text(
        "".join(f"2026-02-01T00:00:00Z stdout F {json.dumps(row)}\n" for row in [*predictions, *truths])
    )
    files = (
        f"receivers: {{files: {{include: ['{log}'], model: {MODEL}, version: '{VERSION}'}}, otlp: {{}}}}\n"
    )
    return files, len(predictions) + len(truths)


PATTERNS: dict[str, Callable[[Data, Path, pytest.MonkeyPatch], Figures]] = {
    each.__name__: each for each in (sidecar_stdout, sidecar_files, sidecar_edge)
}
