"""`collector-config/tiers.yaml`, run: edges that count, a Collector between, an owner that makes windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.processes import barograph, send, service
from cli.tiers import day_of, labels, row_record, rows
from real.collector import collector
from real.processes import free_ports

from .shipped import FOLDER, LISTENING, PORTS
from .waiting import until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cli.processes import Running
    from real.collector import Collector

PANE = ("--pane", "1h")


def edge(collector_at: str, storage: Path) -> AbstractContextManager[Running]:
    environ = {"COLLECTOR": collector_at, "STORAGE": str(storage)}
    return service("--config", str(FOLDER / "tiers/edge.yaml"), *PANE, environ=environ)


def owner(listen: str, storage: Path) -> AbstractContextManager[Running]:
    return service(
        *("--config", str(FOLDER / "tiers/owner.yaml"), "--window", "1d", *PANE, "--listen", listen),
        environ={"STORAGE": str(storage)},
    )


def counted(running: Collector, what: str) -> list[float]:
    """Log records and points of which it says something."""
    return [running.metric(f"otelcol_{what}_{kind}") for kind in ("log_records", "metric_points")]


def passed_on(running: Collector) -> list[float]:
    """Those that the owner took from it."""
    return counted(running, "exporter_sent")


@pytest.mark.slow
@pytest.mark.parametrize("file", ["edge", "owner"])
def test_both_ends_are_valid(file: str) -> None:
    said = barograph("check", "--config", str(FOLDER / f"tiers/{file}.yaml")).stdout
    assert "durability: disk" in said


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_tiers_count_every_row_once_though_owner_and_collector_are_killed(tmp_path: Path) -> None:
    data = rows(600)
    with service("--window", "1d", *PANE) as alone:
        send(alone.otlp, [*map(row_record, data), *labels(data)])
        alone.drain()
        alone.stop()
    listen = "127.0.0.1:{owner}".format(**free_ports("owner"))
    environ = {**LISTENING, "OWNER": listen, "STORAGE": str(tmp_path / "queue")}
    config = FOLDER / "tiers.yaml"
    with (
        owner(listen, tmp_path / "owner") as first,
        collector(config, tmp_path, ports=PORTS, environ=environ) as between,
        edge(between.endpoint("otlp"), tmp_path / "one") as one,
        edge(between.endpoint("otlp"), tmp_path / "two") as two,
    ):
        send(one.otlp, [*map(row_record, data[:200]), *labels(data[300:])])
        send(two.otlp, map(row_record, data[200:400]))
        until(lambda: all(passed_on(between)), otherwise=between.said)
        first.kill()
        send(one.otlp, map(row_record, data[400:500]))
        send(two.otlp, [*map(row_record, data[500:]), *labels(data[:300])])
        for each in (one, two):
            assert 0 == each.drain()["waiting_bytes"], "the Collector keeps it"
            each.stop()
        came = counted(between, "receiver_accepted")
        waiting = [all_of - sent for all_of, sent in zip(came, passed_on(between), strict=True)]
        between.kill()
    assert all(waiting)
    with (
        owner(listen, tmp_path / "owner") as second,
        collector(config, tmp_path, ports=PORTS, environ=environ) as between,
    ):
        until(lambda: passed_on(between) == waiting, otherwise=between.said)
        second.drain()
        second.stop()
        assert 0 == between.stop()
    assert day_of(alone) == day_of(second)
