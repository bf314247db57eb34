"""A service that only prints: its output in container logs that rotate, a processor beside it."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING

import pytest

from .processes import last_revisions, service, value

if TYPE_CHECKING:
    from pathlib import Path


START_S = 1_357_016_400 // 86_400 * 86_400
HORIZON = {"ml.label.horizon": "all"}


def cri(row: dict[str, object]) -> str:
    """What the runtime writes for `print(json.dumps(row))`; long lines come in two parts."""
    text = json.dumps(row)
    stamp = "2026-01-01T00:00:00.5Z stdout"
    return f"{stamp} P {text[:20]}\n{stamp} F {text[20:]}\n"


def printed(first: int, last: int) -> str:
    """Predictions, and the truth of each; every third is wrong."""
    lines = []
    for place in range(first, last):
        at = START_S + place * 60
        score = 0.9 if place % 2 else 0.1
        lines.append(
            cri({"id": f"a-{place}", "time": at, "score": score, "prediction": bool(place % 2),
                 "features": {"age": 20 + place % 50}})
        )  # fmt: skip
        lines.append(cri({"id": f"a-{place}", "time": at + 1, "truth": bool(place % 2) != (place % 3 == 0)}))
        lines.append("2026-01-01T00:00:00.5Z stderr F INFO: GET /healthz 200 OK\n")
    return "".join(lines)


@pytest.mark.slow
def test_what_is_printed_is_monitored_once_over_rotations_kills_and_restarts(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "0.log"
    log.parent.mkdir()
    config = tmp_path / "barograph.yaml"
    config.write_text(
        f"receivers:\n  files: {{include: ['{log.parent}/*.log'], model: credit, linger: 1s, poll: 50ms}}\n"
        "  otlp: {}\n"
        "windows: [1d]\n"
        f"storage: {{directory: '{tmp_path}/kept', durability: disk}}\n"
    )
    log.write_text(printed(0, 100))
    with service("--config", str(config)) as running:
        running.wait_until_read(200)
        with log.open("a") as file:
            file.write(printed(100, 200))
        log.rename(log.parent / "0.log.20260101")
        log.write_text(printed(200, 300))
        running.wait_until_read(600)
        running.kill()
    with log.open("a") as file:
        file.write(printed(300, 400))
    log.rename(log.parent / "0.log.20260102")
    log.write_text(printed(400, 500))
    with service("--config", str(config)) as running:
        running.wait_until_read(400)  # of what came after the kill; the rest is not read again
        summary = running.drain()
        running.stop()
    assert 0 == running.process.returncode, running.said
    assert f"receiving  files in {log.parent}/*.log (1 there now)" in running.said
    assert 500 == summary["labels"]["joined"]
    assert 0 == summary["labels"]["duplicates"]  # nothing was even read twice
    (window,) = last_revisions(running.windows, "1d")
    assert 500 == value(window, "ml.window.observations")
    wrong = sum(place % 3 == 0 for place in range(500))
    assert (500 - wrong) / 500 == value(window, "ml.performance.accuracy", **HORIZON)
    # Output of other kinds is counted, not taken for something.
    assert summary["dropped"]["files"]["foreign"] >= 100


def lone(first: int, last: int) -> str:
    """Predictions without an id: nothing but how far the file was read tells whether they were counted."""
    return "".join(
        cri({"time": START_S + place * 60, "score": 0.9, "features": {"age": 20 + place % 50}})
        for place in range(first, last)
    )


@pytest.mark.slow
def test_what_is_printed_beside_an_edge_reaches_the_owner_once_over_a_full_disk_and_a_kill(
    tmp_path: Path,
) -> None:
    log = tmp_path / "logs" / "0.log"
    log.parent.mkdir()
    config = tmp_path / "edge.yaml"
    config.write_text(
        f"receivers:\n  files: {{include: ['{log.parent}/*.log'], model: credit, linger: 1s, poll: 50ms}}\n"
        "  otlp: {}\n"
        "forward: {endpoint: 'http://127.0.0.1:1', interval: 1s}\n"
        f"storage: {{directory: '{tmp_path}/kept', durability: disk}}\n"
    )
    log.write_text(printed(0, 100) + lone(0, 50))
    with service("--config", str(config)) as edge:  # its owner is away
        edge.wait_until_read(250)
        limits = resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        with log.open("a") as file:
            file.write(printed(100, 200) + lone(50, 100))
        edge.wait_until_it_says("storage: ")
        resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, limits)
        edge.wait_until_read(500)
        edge.kill()
    with log.open("a") as file:
        file.write(printed(200, 250))
    log.rename(log.parent / "0.log.20260101")
    log.write_text(lone(100, 150))
    with service("--window", "1d") as owner:
        config.write_text(config.read_text().replace("127.0.0.1:1'", f"{owner.otlp}'"))
        with service("--config", str(config)) as edge:
            edge.wait_until_read(150)  # of what came after the kill; the rest is not read again
            assert 0 == edge.drain()["waiting_bytes"]
            edge.stop()
        summary = owner.drain()
        owner.stop()
    assert 250 == summary["labels"]["joined"]
    assert 0 == summary["labels"]["duplicates"]
    (window,) = last_revisions(owner.windows, "1d")
    assert 250 + 150 == value(window, "ml.window.observations")
    wrong = sum(place % 3 == 0 for place in range(250))
    assert (250 - wrong) / 250 == value(window, "ml.performance.accuracy", **HORIZON)
