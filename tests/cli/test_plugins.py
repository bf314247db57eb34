"""The commands with packages of others beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from components.packages import SIGNAL, write_package

from .processes import barograph, prediction, send, service, truth

if TYPE_CHECKING:
    from pathlib import Path

SIGNAL_POINTS = {"barograph_signal": {"rows.again": "acme_rows:ROWS"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages are installed for the processes that the test starts."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_components_lists_what_other_packages_add_with_their_names(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, SIGNAL_POINTS)
    write_package(folder, "acme-gone", "", {"barograph_exporter": {"gone": "acme_nowhere:GONE"}})
    lines = barograph("components").stdout.splitlines()
    broken, signal = lines[-2:]
    assert broken.startswith("exporter  gone        broken      the exporter 'gone' of acme-gone 1.2")
    assert "No module named 'acme_nowhere'; upgrade or uninstall acme-gone" in broken
    assert "signal    rows.again              acme.rows. [acme-rows 1.2]" == signal
    rows = json.loads(barograph("components", "--json").stdout)
    assert ["acme-gone", "acme-rows"] == [row["distribution"] for row in rows if "distribution" in row]
    assert {
        "name": "acme.rows", "instrument": "gauge", "unit": "{row}", "brief": "Rows of the window.",
        "attributes": [],
    } == rows[-1]["metrics"][0]  # fmt: skip


@pytest.mark.slow
def test_neither_check_nor_run_begins_with_a_broken_package_unless_it_is_left_out(folder: Path) -> None:
    write_package(folder, "acme-rows", "1 / 0", SIGNAL_POINTS)
    for command in ("check", "run"):
        told = barograph(command, status=2).stderr
        assert "the signal 'rows.again' of acme-rows 1.2" in told
    config = folder / "barograph.yaml"
    config.write_text("plugins: {exclude: [acme-rows]}\n", encoding="utf-8")
    assert "- acme-rows" in barograph("check", "--config", str(config)).stdout
    with service("--config", str(config)) as running:
        running.stop()
    assert 0 == running.process.returncode, running.said


EXPORTER = '''
from contextlib import contextmanager
from pathlib import Path

import msgspec

from barograph_processor.components.api import Factory
from barograph_processor.signals.declared import about


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it writes."""

    path: str = ""


class Lines:
    def __init__(self, path):
        self.path = path

    def windows(self, closed):
        with self.path.open("a") as file:
            file.writelines(f"window {each.key.model} {each.window}\\n" for each in closed)

    def readings(self, current, now_ns):
        with self.path.open("a") as file:
            units = sorted({about(each.reading.metric).unit for each in current})
            file.write(f"readings in {units}\\n")


@contextmanager
def open_lines(config, context):
    yield Lines(Path(config.path))


LINES = Factory("exporter", "lines", Config, open_lines, "alpha", "Lines in a file.")
'''


@pytest.mark.slow
def test_an_exporter_of_another_package_gets_windows_and_readings(folder: Path) -> None:
    write_package(folder, "acme-lines", EXPORTER, {"barograph_exporter": {"lines": "acme_lines:LINES"}})
    config, written = folder / "barograph.yaml", folder / "lines.txt"
    config.write_text(f"exporters: {{lines: {{path: {written}}}, prometheus: {{}}}}\n", encoding="utf-8")
    row = {"id": "a", "time_ns": 1_700_000_000 * 10**9, "score": 0.9, "predicted": "yes"}
    with service("--config", str(config), "--window", "1d") as running:
        send(running.otlp, [prediction(row)])
        running.drain()
        running.stop()
    lines = written.read_text().splitlines()
    assert ["window credit 1d"] == [line for line in lines if line.startswith("window")]
    assert any("{prediction}" in line for line in lines)


STORE = '''
from contextlib import contextmanager
from pathlib import Path

import msgspec

from barograph_processor.components.api import Factory


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it tells what it did."""

    path: str = ""


class Shelf:
    def __init__(self):
        self.entries = {}
        self.flushed = 0

    def get_many(self, keys):
        return [self.entries.get(key, (0, None))[1] for key in keys]

    def put_many(self, items):
        self.entries.update({key: (expiry, value) for key, expiry, value in items})
        return 0

    def expire(self, before_ns):
        gone = [key for key, (expiry, _) in self.entries.items() if expiry < before_ns]
        return [self.entries.pop(key)[1] for key in gone]

    def flush(self):
        self.flushed += 1

    def __len__(self):
        return len(self.entries)


@contextmanager
def open_shelf(config, context):
    shelf = Shelf()
    yield shelf
    Path(config.path).write_text(f"{context.component_id} {context.group} {len(shelf)} {shelf.flushed > 0}")


SHELF = Factory("store", "shelf", Config, open_shelf, "alpha", "A shelf.")
'''


@pytest.mark.slow
def test_a_store_of_another_package_holds_what_waits(folder: Path) -> None:
    write_package(folder, "acme-shelf", STORE, {"barograph_store": {"shelf": "acme_shelf:SHELF"}})
    config, written = folder / "barograph.yaml", folder / "shelf.txt"
    config.write_text(
        f"stores: {{shelf: {{path: {written}}}}}\nstorage: {{directory: {folder / 'kept'}}}\n",
        encoding="utf-8",
    )
    rows = [
        {"id": f"a-{row}", "time_ns": 1_700_000_000 * 10**9, "score": 0.9, "predicted": "yes", "truth": "yes"}
        for row in range(5)
    ]
    with service("--config", str(config), "--window", "1d") as running:
        send(running.otlp, [prediction(row) for row in rows])
        send(running.otlp, [truth(row, 1) for row in rows[:3]])
        summary = running.drain()
        running.stop()
    assert 0 == running.process.returncode, running.said
    assert 3 == summary["labels"]["joined"]
    assert "store/shelf all 5 True" == written.read_text()
