"""A signal of another package tells the same in every way of running the engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from barograph import Monitor
from barograph.guard import guard
from barograph_processor.signals import codec, declared
from components.packages import SIGNAL, write_package

from .embedding import WAIT_S, embedding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages are installed while the test runs; faults are counted, as in production."""
    monkeypatch.setattr(declared, "_declared", {})
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    guard.reset()
    guard.strict(on=False)
    yield tmp_path
    guard.reset()
    guard.strict(on=True)
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]


def told() -> tuple[list[float], dict[tuple[object, ...], int]]:
    """What the signal tells of ten predictions in a serving process, and what was dropped."""
    with embedding() as embedded:
        monitor = Monitor("m", "1", sink=embedded.sink)
        for row in range(10):
            monitor.record({"age": 40.0 + row}, scores=[row / 10], ids=[f"a-{row}"], times=[NOON + row])
        assert monitor.flush(WAIT_S)
        embedded.drain()
        found = {value for _, value in embedded.metrics.readings("acme.rows")}
        dropped = {name: count for name, count in embedded.dropped().items() if name[0] == "configuration"}
        return sorted(found), dropped


def test_embedded(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, {"barograph_signal": {"rows.again": "acme_rows:ROWS"}})
    assert ([10.0], {}) == told()


def test_embedded_a_package_at_fault_is_left_out_and_said_and_the_others_stay(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_package(folder, "acme-rows", SIGNAL, {"barograph_signal": {"rows.again": "acme_rows:ROWS"}})
    write_package(folder, "acme-broken", "1 / 0", {"barograph_signal": {"broken": "acme_broken:X"}})
    write_package(folder, "acme-later", "", {"barograph_signal_9": {"later": "acme_later:X"}})
    found, dropped = told()
    assert ([10.0], {("configuration", "plugin_unusable"): 2}) == (found, dropped)
    assert "the signal 'broken' of acme-broken 1.2" in caplog.text
    assert "acme-later 1.2" in caplog.text
