"""What an edge left when it stopped or died is taken up again, and leaves the disk when it isn't needed."""

from __future__ import annotations

import numpy as np
import pytest

from barograph.errors import ConfigError
from barograph.semconv import metrics
from barograph_processor.components.api import Position
from barograph_processor.engine.relay import Relay
from barograph_processor.patterns import forward_journal
from barograph_processor.patterns.forward_beginning import beginning
from barograph_processor.patterns.forward_journal import Flushed, JournalLog, read_left
from barograph_processor.patterns.parcels import Request
from engine.world import engine_of, figures
from stores.fragile import FragileFiles

from .crashes import StillClock
from .edges import FOLDER, LAW, Owner, counted, edge, rows

BEGUN = Flushed([], {}, seed=1)


def test_a_restart_sends_what_was_left_and_knows_ids_and_positions() -> None:
    files, owner = FragileFiles(), Owner(StillClock())
    with edge(files, owner.clock, "edge-1") as here:
        assert here.begun.left is None
        here.forwarder.feed([rows(1, 2)], Position("receiver/files", {"a": b"1", "b": b"1"}))
        here.forwarder.pass_on()
        here.tray.send(owner, 1)
        here.forwarder.feed([rows(3)], Position("receiver/files", {"a": b"2", "b": None}))
    with edge(files, owner.clock, "edge-2") as here:
        assert (2, 1) == here.begun.left  # that something of an entry was sent isn't noted
        assert {"a": b"2"} == here.forwarder.remembered("receiver/files")
        here.forwarder.feed([rows(1, 2, 3, 4)])
        dropped = counted(here.telemetry, metrics.ML_TELEMETRY_DROPPED)
        assert {("rows", "duplicate"): 3.0} == dropped
        here.forwarder.pass_on()
        here.tray.send(owner)
    with edge(files, owner.clock, "edge-3") as here:
        assert (0, 0) == here.begun.left
        here.forwarder.feed([rows(1, 4)])
        assert {("rows", "duplicate"): 2.0} == counted(here.telemetry, metrics.ML_TELEMETRY_DROPPED)
    expected = engine_of(LAW)
    expected.feed([rows(1, 2, 3, 4)], owner.clock.now_ns())
    now_ns = owner.clock.now_ns()
    assert figures(expected.drain(now_ns)) == figures(owner.engine.drain(now_ns))


def test_what_an_earlier_version_left_is_sent_and_its_hashes_forgotten() -> None:
    files, owner = FragileFiles(), Owner(StillClock())
    request = Request("logs", b"as it was sent", 1)
    positions = {"receiver/files": {"a": b"1"}}
    ids = np.arange(1, 5, dtype="<u8").tobytes()
    log = JournalLog(FOLDER, files, always=True)
    log.begin(Flushed([request], positions, [], ids))
    log.feed([rows(1)], None)
    log.close()
    with edge(files, owner.clock, "edge-1") as here:
        assert (1, 1) == here.begun.left
        assert [request.data] == [parcel.data for parcel in here.tray.waiting if parcel.data == request.data]
        assert {"a": b"1"} == here.forwarder.remembered("receiver/files")
        here.forwarder.feed([rows(1)])
        assert {("rows", "duplicate"): 1.0} == counted(here.telemetry, metrics.ML_TELEMETRY_DROPPED)
    left = read_left(FOLDER / "0000000002", files)
    assert left is not None
    assert (1, True) == (len(left.remembered.ids), left.remembered.seed != 0)


def test_a_journal_that_was_not_finished_is_passed_over() -> None:
    files, clock = FragileFiles(), StillClock()
    with edge(files, clock, "edge-1") as here:
        here.forwarder.feed([rows(1)])
    files.make_folder(FOLDER / "0000000009")
    with edge(files, clock, "edge-2") as here:
        assert (0, 1) == here.begun.left
        assert ["0000000010"] == files.names(FOLDER)


def test_a_damaged_journal_is_an_error_that_says_what_to_do() -> None:
    files, clock = FragileFiles(), StillClock()
    with edge(files, clock, "edge-1") as here:
        for number in range(20):
            here.forwarder.feed([rows(number)])
    for path, node in files.nodes.items():
        if path.name.endswith(".journal"):
            node.content[200] ^= 255
    relay = Relay(LAW, edge="edge-2", remember=1_000, seed=1)
    with (
        pytest.raises(ConfigError, match=r"what was acknowledged before can't be read.*move it away"),
        beginning(relay, FOLDER, files, clock, always=True),
    ):
        raise AssertionError("it began")


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    files = FragileFiles()
    files.full = True
    with (
        pytest.raises(ConfigError, match=r"storage.directory.*can't be written.*No space left"),
        edge(files, StillClock(), "edge-1"),
    ):
        raise AssertionError("it began")


def test_what_is_noted_as_sent_is_left_out_and_nothing_behind_it() -> None:
    files = FragileFiles()
    log = JournalLog(FOLDER, files, always=True)
    log.begin(BEGUN)
    first, second = (Request("logs", data, 1) for data in (b"first", b"second"))
    number = log.flush(Flushed([first], {}))
    log.flush(Flushed([second], {}))
    log.sent(number)
    left = read_left(FOLDER / "0000000001", files)
    assert left is not None
    assert [second] == left.requests


def test_segments_go_when_everything_in_them_was_sent_and_enough_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forward_journal, "SEGMENT_BYTES", 2_000)
    files = FragileFiles()
    log = JournalLog(FOLDER, files, always=True, keep_bytes=5_000)
    log.begin(BEGUN)
    folder = FOLDER / "0000000001"

    def size_bytes() -> int:
        return sum(len(node.content) for path, node in files.nodes.items() if path.parent == folder)

    numbers = []
    for number in range(60):
        log.feed([rows(number)], None)
        numbers.append(log.flush(BEGUN))
    assert size_bytes() > 10_000
    for number in numbers:
        before = size_bytes()
        log.sent(number)
        assert size_bytes() > min(before, 3_000)
    assert size_bytes() < 7_000
    left = read_left(folder, files)
    assert left is not None
    assert 0 < len(left.remembered.ids) < 60


def test_segments_with_an_entry_that_waits_for_the_disk_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_journal, "SEGMENT_BYTES", 1)
    files = FragileFiles()
    log = JournalLog(FOLDER, files, always=True, keep_bytes=1)
    log.begin(BEGUN)
    waits = log.feed([rows(1)], None)
    log.sent(log.flush(Flushed([], {}, [waits], seed=1)))
    left = read_left(FOLDER / "0000000001", files)
    assert left is not None
    assert 1 == len(left.uncounted)
    log.sent(log.flush(BEGUN))
    log.sent(log.flush(BEGUN))
    left = read_left(FOLDER / "0000000001", files)
    assert left is not None
    assert [] == left.uncounted
