"""An edge: what it takes, keeps, passes on and refuses."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, cast

import pytest

from barograph.errors import ConfigError, Retryable
from barograph.semconv import metrics, processor
from barograph_processor.components.api import Position
from barograph_processor.engine.batch import Points
from barograph_processor.engine.relay import Relay
from barograph_processor.engine.settings import MINUTE_NS
from barograph_processor.patterns import forward_journal, forwarder
from barograph_processor.patterns.forward_beginning import beginning
from barograph_processor.patterns.forward_journal import Flushed, JournalLog, read_left
from barograph_processor.patterns.forwarder import Forwarder
from barograph_processor.patterns.parcels import MAX_REQUEST_BYTES, Request, requests_of
from barograph_processor.patterns.readiness import NOT_STARTED
from barograph_processor.telemetry import Telemetry
from engine.world import NOON, engine_of, figures, predictions, rows_points, truths
from stores.fragile import FragileFiles

from .crashes import StillClock
from .edges import FOLDER, LAW, Owner, Tray, counted, edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.patterns.outbox import Outbox, Parcel

MEGABYTE = 2**20


def rows(*numbers: int, lone: bool = False) -> Batch:
    """Predictions with features."""
    return predictions(
        [(None if lone else f"id-{one}", NOON + one * MINUTE_NS, one % 10 / 10) for one in numbers],
        features=[{"age": 1.5 * one} for one in numbers],
    )


def taken(owner: Owner) -> int:
    """Predictions that count in the end."""
    (day,) = owner.engine.drain(owner.clock.now_ns())
    return int(sum(one.value for one in day.readings if one.metric == metrics.ML_WINDOW_OBSERVATIONS))


def test_while_the_target_is_too_far_behind_nothing_is_taken_and_that_is_told() -> None:
    with edge(FragileFiles(), StillClock(), "edge-1") as here:
        here.forwarder.feed([rows(1)])
        here.tray.pressed, here.tray.trouble = True, "owner:4317 answered UNAVAILABLE"
        with pytest.raises(Retryable, match=r"0 bytes wait .* \(owner:4317 answered UNAVAILABLE"):
            here.forwarder.feed([rows(2)])
        assert {"status": "forward: owner:4317 answered UNAVAILABLE"} == here.forwarder.health()
        here.tray.pressed = False
        assert {"status": "ok"} == here.forwarder.health()
        here.forwarder.feed([rows(2)])
        assert 2 == here.forwarder.accepted


def test_a_drain_passes_everything_on_and_says_what_still_waits() -> None:
    owner = Owner(StillClock())
    with edge(FragileFiles(), owner.clock, "edge-1", folder=None) as here:
        here.forwarder.feed([rows(1)])
        here.tray.trouble = "owner:4317 answered UNAVAILABLE"
        with pytest.raises(TimeoutError, match=r"after 5 s [\d,]+ bytes still wait .* UNAVAILABLE"):
            here.forwarder.drain(5)
        here.tray.send(owner)
        assert {"accepted": 1, "waiting_bytes": 0} == here.forwarder.drain(5)
    assert 1 == taken(owner)


def test_a_full_disk_refuses_whole_batches_says_so_and_takes_them_when_there_is_room() -> None:
    files, owner = FragileFiles(), Owner(StillClock())
    with edge(files, owner.clock, "edge-1") as here:
        here.forwarder.feed([rows(1)])
        files.full = True
        for _ in range(2):
            with pytest.raises(Retryable, match="No space left on device"):
                here.forwarder.feed([rows(2, lone=True)])
        assert "No space left on device" in str(here.forwarder.health()["status"])
        here.forwarder.pass_on()
        assert [] == here.tray.waiting
        with pytest.raises(Retryable, match="No space left on device"):
            here.forwarder.drain(5)
        files.full = False
        with pytest.raises(Retryable, match="No space left on device"):
            here.forwarder.feed([rows(2, lone=True)])  # what is taken already comes first
        here.forwarder.pass_on()
        assert {"status": "ok"} == here.forwarder.health()
        files.full = True
        with pytest.raises(Retryable, match="No space left on device"):
            here.forwarder.feed([rows(2, lone=True)])
        files.full = False
        here.forwarder.pass_on()
        assert {"status": "ok"} == here.forwarder.health()
        here.forwarder.feed([rows(2, lone=True)])
        here.forwarder.pass_on()
        here.tray.send(owner)
    assert 2 == taken(owner)


def test_a_disk_that_fails_to_sync_takes_nothing_until_a_new_journal_holds_what_is_left() -> None:
    files, owner = FragileFiles(), Owner(StillClock())
    with edge(files, owner.clock, "edge-1") as here:
        here.forwarder.feed([rows(1), rows(2, lone=True)])
        here.forwarder.pass_on()
        files.broken = True
        with pytest.raises(Retryable, match="Input/output error"):
            here.forwarder.feed([rows(3, lone=True)])
        here.forwarder.pass_on()
        files.broken = False
        with pytest.raises(Retryable, match="Input/output error"):
            here.forwarder.feed([rows(3, lone=True)])
        here.forwarder.pass_on()
        here.forwarder.feed([rows(3, lone=True)])
        assert ["0000000002"] == files.names(FOLDER)
    with edge(files.after_kill(), owner.clock, "edge-2") as here:
        here.tray.send(owner)
    assert 3 == taken(owner)


class Meanwhile(JournalLog):
    """Something happens while an entry waits for the disk."""

    def wait(self, number: int) -> None:
        self.happens()
        super().wait(number)

    def happens(self) -> None:
        """Nothing, at first."""


def test_what_waits_for_the_disk_while_others_are_passed_on_is_not_lost() -> None:
    files, clock = FragileFiles(), StillClock()
    log = Meanwhile(FOLDER, files, always=True)
    log.begin(Flushed([], {}))
    tray = Tray(log, [])
    here = _forwarder(log, tray, clock)
    here.feed([rows(1)])
    log.happens = here.pass_on  # type: ignore[method-assign]
    here.feed([rows(2, lone=True)])
    owner = Owner(clock)
    tray.send(owner)
    with edge(files.after_kill(), clock, "edge-2") as later:
        assert (0, 1) == later.begun.left
        later.tray.send(owner)
    assert 2 == taken(owner)


def test_what_waits_for_a_disk_that_fails_is_refused_though_a_new_journal_began_meanwhile() -> None:
    files, clock = FragileFiles(), StillClock()
    log = Meanwhile(FOLDER, files, always=True)
    log.begin(Flushed([], {}))
    here = _forwarder(log, Tray(log, []), clock)

    def fail() -> None:
        files.broken = True
        with pytest.raises(Retryable, match="Input/output error"):
            log.flush(Flushed([], {}))
        files.broken = False
        here.pass_on()

    log.happens = fail  # type: ignore[method-assign]
    with pytest.raises(Retryable, match="the storage failed meanwhile"):
        here.feed([rows(1, lone=True)], Position("receiver/files", {"a": b"1"}))
    assert 0 == here.accepted
    assert {} == here.remembered("receiver/files")


def _forwarder(log: JournalLog, tray: Tray, clock: StillClock) -> Forwarder:
    relay = Relay(LAW, edge="edge-1", remember=1_000)
    return Forwarder(relay, log, cast("Outbox", tray), Telemetry(), clock, interval_s=1.0)


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
    relay = Relay(LAW, edge="edge-2", remember=1_000)
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
    log.begin(Flushed([], {}))
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
    log.begin(Flushed([], {}))
    folder = FOLDER / "0000000001"

    def size_bytes() -> int:
        return sum(len(node.content) for path, node in files.nodes.items() if path.parent == folder)

    numbers = []
    for number in range(60):
        log.feed([rows(number)], None)
        numbers.append(log.flush(Flushed([], {})))
    assert size_bytes() > 10_000
    for number in numbers:
        before = size_bytes()
        log.sent(number)
        assert size_bytes() > min(before, 3_000)
    assert size_bytes() < 7_000
    left = read_left(folder, files)
    assert left is not None
    assert 0 < len(left.remembered) < 60


def test_segments_with_an_entry_that_waits_for_the_disk_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_journal, "SEGMENT_BYTES", 1)
    files = FragileFiles()
    log = JournalLog(FOLDER, files, always=True, keep_bytes=1)
    log.begin(Flushed([], {}))
    waits = log.feed([rows(1)], None)
    log.sent(log.flush(Flushed([], {}, [waits])))
    left = read_left(FOLDER / "0000000001", files)
    assert left is not None
    assert 1 == len(left.uncounted)
    log.sent(log.flush(Flushed([], {})))
    log.sent(log.flush(Flushed([], {})))
    left = read_left(FOLDER / "0000000001", files)
    assert left is not None
    assert [] == left.uncounted


def test_much_is_passed_on_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "MOST_BYTES", 6_000)
    with edge(FragileFiles(), StillClock(), "edge-1") as here:
        here.forwarder.feed([rows(1)])
        assert [] == here.tray.waiting
        here.forwarder.feed([rows(*range(2, 40))])
        assert {"logs", "metrics"} == {parcel.signal for parcel in here.tray.waiting}


class Heard(Tray):
    """Tells when something was put."""

    def __init__(self) -> None:
        super().__init__(forward_journal.NoLog(), [])
        self.puts = threading.Semaphore(0)

    def put(self, parcels: Iterable[Parcel]) -> None:
        super().put(parcels)
        self.puts.release()


def test_an_edge_that_runs_passes_on_by_itself_and_once_more_when_it_stops(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forwarder, "FLUSH_BYTES", 1_000)
    tray, telemetry = Heard(), Telemetry()
    relay = Relay(LAW, edge="edge-1", remember=1_000)
    takes = relay.take_out
    failing = [True]

    def take_out() -> Sequence[Batch]:
        if failing.pop() if failing else False:
            raise ValueError("nobody thought of that")
        return takes()

    relay.take_out = take_out  # type: ignore[method-assign, assignment]
    here = Forwarder(
        relay, forward_journal.NoLog(), cast("Outbox", tray), telemetry, StillClock(), interval_s=0.001
    )
    with caplog.at_level(logging.CRITICAL), here.running():
        here.feed([rows(*range(40))])
        assert tray.puts.acquire(timeout=60)
        here.feed([truths([("id-1", NOON, "1")])])
    assert 41 == sum(parcel.items for parcel in tray.waiting if parcel.signal == "logs")
    assert {(): 1.0} == counted(telemetry, processor.BAROGRAPH_ENGINE_FAILURES)


def test_an_edge_is_ready_while_it_runs_and_has_room_and_not_from_the_moment_that_it_stops() -> None:
    tray, telemetry, told = Heard(), Telemetry(), list[bool]()
    here = Forwarder(
        Relay(LAW, edge="edge-1", remember=1_000),
        forward_journal.NoLog(),
        cast("Outbox", tray),
        telemetry,
        StillClock(),
        interval_s=60,
    )
    here.watch(told.append)
    assert {"status": NOT_STARTED} == here.ready()
    with here.running():
        assert {"status": "ready"} == here.ready()
        assert {(): 1.0} == counted(telemetry, processor.BAROGRAPH_SERVICE_READY)
        tray.pressed, tray.trouble = True, "nobody answers"
        assert {"status": "forward: nobody answers"} == here.ready() == here.health()
        assert {(): 0.0} == counted(telemetry, processor.BAROGRAPH_SERVICE_READY)
        tray.pressed = False
        here.stopping()
        assert {"status": "stopping"} == here.ready()
        assert {"status": "ok"} == here.health()
    assert [False, True] == told[:2]
    assert not told[-1]


def test_requests_are_of_a_size_that_receivers_take() -> None:
    many = [*rows_points(10, NOON, flush=1).points] * 30_000
    long = [f"{number:0>64}" for number in range(60_000)]
    batch = predictions([(one, NOON + number, 0.5) for number, one in enumerate(long)])
    found = requests_of([Points(many), batch, truths([(one, NOON, "1") for one in long])])
    assert max(len(request.data) for request in found) <= MAX_REQUEST_BYTES
    assert sum(len(request.data) for request in found) > 2 * MAX_REQUEST_BYTES
    assert 30_000 == sum(request.items for request in found if request.signal == "metrics")
    assert 120_000 <= sum(request.items for request in found if request.signal == "logs") < 121_000
    assert len(found) < 20
