"""An edge: what it takes, keeps, passes on and refuses."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, cast

import pytest

from barograph.errors import Retryable
from barograph.semconv import metrics, processor
from barograph_processor.components.api import Position
from barograph_processor.engine.batch import Points
from barograph_processor.engine.relay import Relay
from barograph_processor.patterns import forward_journal, forwarder
from barograph_processor.patterns.forward_journal import Flushed, JournalLog
from barograph_processor.patterns.forwarder import Forwarder
from barograph_processor.patterns.parcels import MAX_REQUEST_BYTES, requests_of
from barograph_processor.patterns.readiness import NOT_STARTED
from barograph_processor.telemetry import Telemetry
from engine.world import NOON, predictions, rows_points, truths
from stores.fragile import FragileFiles

from .crashes import StillClock
from .edges import FOLDER, LAW, Owner, Tray, counted, edge, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.patterns.outbox import Outbox, Parcel

MEGABYTE = 2**20
BEGUN = Flushed([], {}, seed=1)


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
    log.begin(BEGUN)
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
    log.begin(BEGUN)
    here = _forwarder(log, Tray(log, []), clock)

    def fail() -> None:
        files.broken = True
        with pytest.raises(Retryable, match="Input/output error"):
            log.flush(BEGUN)
        files.broken = False
        here.pass_on()

    log.happens = fail  # type: ignore[method-assign]
    with pytest.raises(Retryable, match="the storage failed meanwhile"):
        here.feed([rows(1, lone=True)], Position("receiver/files", {"a": b"1"}))
    assert 0 == here.accepted
    assert {} == here.remembered("receiver/files")


def _forwarder(log: JournalLog, tray: Tray, clock: StillClock) -> Forwarder:
    relay = Relay(LAW, edge="edge-1", remember=1_000, seed=1)
    return Forwarder(relay, log, cast("Outbox", tray), Telemetry(), clock, interval_s=1.0)


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
    relay = Relay(LAW, edge="edge-1", remember=1_000, seed=1)
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
        Relay(LAW, edge="edge-1", remember=1_000, seed=1),
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
