"""Tiers as users run them: edges that count, an owner that makes windows, each a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .processes import send, service
from .tiers import day_of, labels, row_record, rows

if TYPE_CHECKING:
    from pathlib import Path

OWNER = ("--window", "1d", "--pane", "1h")


@pytest.mark.slow
def test_two_edges_and_an_owner_give_the_readings_of_one_service() -> None:
    data = rows(600)
    with service(*OWNER) as alone:
        send(alone.otlp, [*map(row_record, data), *labels(data)])
        alone.drain()
        alone.stop()
    with service(*OWNER) as owner:
        edge_options = ("--pane", "1h", "--forward", owner.otlp)
        with service(*edge_options) as first, service(*edge_options) as second:
            send(first.otlp, [*map(row_record, data[:250]), *labels(data[300:])])
            send(second.otlp, map(row_record, data[250:]))
            send(second.otlp, labels(data[:300]))
            named = [row for row in data[:250] if row["id"] is not None]
            send(first.otlp, map(row_record, named))  # as senders do that heard no answer
            for edge in (first, second):
                assert edge.drain()["waiting_bytes"] == 0
            assert "barograph_forward_sent_requests_total" in first.scrape()
            first.stop()
            second.stop()
        owner.drain()
        owner.stop()
    assert "passed everything on" in first.said
    assert day_of(alone) == day_of(owner)


@pytest.mark.slow
def test_what_a_killed_edge_had_acknowledged_reaches_the_owner_once(tmp_path: Path) -> None:
    data = rows(400)
    with service(*OWNER) as alone:
        send(alone.otlp, map(row_record, data))
        alone.drain()
        alone.stop()
    config = tmp_path / "edge.yaml"
    with service(*OWNER) as owner:
        config.write_text(
            f"engine: {{pane: 1h}}\nforward: {{endpoint: 'http://127.0.0.1:1', interval: 1s}}\n"
            f"storage: {{directory: {tmp_path / 'state'}, durability: disk}}\n"
        )
        with service("--config", str(config)) as edge:  # its owner is away
            send(edge.otlp, map(row_record, data[:300]))
            edge.kill()
        config.write_text(config.read_text().replace("127.0.0.1:1'", f"{owner.otlp}'"))
        with service("--config", str(config)) as edge:
            send(edge.otlp, [row_record(row) for row in data[200:300] if row["id"] is not None])
            send(edge.otlp, map(row_record, data[300:]))
            edge.stop()
        owner.drain()
        owner.stop()
    assert day_of(alone) == day_of(owner)
