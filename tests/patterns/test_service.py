"""The service: promptness, pressure, order, and what it does when something fails."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from barograph.baseline import Baseline, Header, encode_baseline
from barograph.errors import Retryable
from barograph.semconv import attributes, metrics
from barograph_processor.components.delivery import Delivery, Sending
from barograph_processor.config.model import Config, Export
from barograph_processor.config.resolve import settings_for
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Fed, Key
from barograph_processor.engine.results import ClosedWindow
from barograph_processor.engine.stats import EngineStats
from barograph_processor.patterns.engines import EVERY_OTHER, Engines, Group
from barograph_processor.patterns.kept import Kept
from barograph_processor.patterns.leaving import Leaving
from barograph_processor.patterns.machine import Machine
from barograph_processor.patterns.publishing import Publisher
from barograph_processor.patterns.service import Parts, Service
from barograph_processor.patterns.steps import Direct
from barograph_processor.signals.api import Reading
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import CurrentReading

WAIT_S = 60.0
KEY = Key("default", "", "", "credit", "3", "")
HOUR_NS = 3_600 * 10**9
LEARNED = Baseline(encode_baseline(Header(model="credit", version="3", rows=1, learned=True), []))


def window(hour: int, revision: int = 0) -> ClosedWindow:
    readings = (Reading(metrics.ML_WINDOW_OBSERVATIONS, float(hour)),)
    return ClosedWindow(KEY, "1h", hour * HOUR_NS, (hour + 1) * HOUR_NS, revision, "ok", None, readings)


class StillClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.time_s = 1_000_000.0

    def now_ns(self) -> int:
        return int(self.time_s * 1e9)

    def monotonic_s(self) -> float:
        return self.time_s


class Script:
    """An engine that closes what it is told to."""

    def __init__(self) -> None:
        self.due: list[ClosedWindow] = []
        self.open: list[ClosedWindow] = []
        self.learned: list[Baseline] = []
        self.given: list[Baseline] = []
        self.error: Exception | None = None
        self.counters = Counter({("feedback", "duplicate"): 2, ("feedback", "late"): 1})
        self.fed = 0

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        del now_ns
        self.fed += 1
        return Fed(len(batches), {})

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        del now_ns
        if self.error is not None:
            raise self.error
        due, self.due = self.due, []
        return due

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        closed, self.open = self.advance(now_ns) + self.open, []
        return closed

    def add_baseline(self, baseline: Baseline) -> None:
        self.given.append(baseline)

    def new_baselines(self) -> list[Baseline]:
        learned, self.learned = self.learned, []
        return learned

    def wake(self, now_ns: int) -> None:
        raise NotImplementedError

    def stats(self, now_ns: int) -> EngineStats:
        del now_ns
        return EngineStats(
            keys=1, sources=1, panes=0, windows=0, pending=0, points=5, predictions=7, labels_accepted=4,
            labels_joined=3, labels_waiting=1, watermarks={}, behind_s={}, learning={},
        )  # fmt: skip

    def moment(self) -> Callable[[], bytes]:
        return lambda: b"state"


class Backend:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.closed: list[tuple[int, int]] = []
        self.pictures: list[list[float]] = []
        self.error: Exception | None = None

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        if self.error is not None:
            raise self.error
        self.closed += [(each.start_ns // HOUR_NS, each.revision) for each in closed]

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        del now_ns
        self.pictures.append([each.reading.value for each in current if not each.ended])


class World:
    """A service whose ticks are called by the test."""

    def __init__(self, kept: Kept | None = None, *, queue: int = 10) -> None:
        self.clock = StillClock()
        self.telemetry = Telemetry()
        self.engine = Script()
        self.backend = Backend()
        sending = Sending(queue=queue, first_wait_s=0.0, longest_wait_s=0.01, give_up_s=1_000.0)
        self.delivery = Delivery(self.backend, "exporter/test", self.telemetry, sending=sending)
        self.config = Config(export=Export(interval=Duration("10s"), grace=Duration("1m")))
        self.service = Service(self.telemetry, self.clock)
        engines = Engines([(Group(EVERY_OTHER, (), settings_for(self.config, None)), self.engine)])
        machine = Machine(engines, self.config.export.grace.ns)
        publisher = Publisher(machine, [self.delivery], self.clock, interval_s=10.0)
        leaving = None if kept is None else Leaving(kept, machine, self.clock, waiting=publisher.waiting)
        self.parts = Parts(machine, Direct(machine, self.clock), publisher, kept, leaving)
        self.service.attach(self.parts)

    def tick(self, after_s: float = 0.0) -> None:
        self.clock.time_s += after_s
        self.service.tick()
        assert self.delivery.flush(WAIT_S)

    def close(self) -> None:
        self.delivery.close(0.0)


def test_a_window_is_published_at_the_tick_that_closes_it_and_its_readings_with_it() -> None:
    world = World()
    world.tick()
    world.engine.due = [window(1)]
    world.tick(after_s=1.0)
    assert [(1, 0)] == world.backend.closed
    assert [[], [1.0]] == world.backend.pictures
    world.close()


def test_readings_are_repeated_each_interval_and_not_in_between() -> None:
    world = World()
    world.engine.due = [window(1)]
    world.tick()
    for _ in range(25):
        world.tick(after_s=1.0)
    assert [[1.0]] * 3 == world.backend.pictures
    world.close()


def test_at_many_windows_a_second_readings_are_published_once_a_second() -> None:
    world = World(queue=1_000)
    for hour in range(100):
        world.engine.due = [window(hour)]
        world.tick(after_s=0.05)
    assert 100 == len(world.backend.closed)
    assert 5 <= len(world.backend.pictures) <= 6
    world.close()


def test_intake_pauses_while_an_exporter_is_behind_and_goes_on_after() -> None:
    world = World(queue=4)
    world.backend.error = Retryable("away")
    world.engine.due = [window(hour) for hour in range(3)]
    world.service.tick()
    with pytest.raises(Retryable, match="exporter/test is behind with 3 windows; try again later"):
        world.service.feed([])
    assert 0 == world.engine.fed
    world.backend.error = None
    assert world.delivery.flush(WAIT_S)
    world.service.feed([])
    assert 1 == world.engine.fed
    world.close()


def test_draining_closes_waits_and_sums_up() -> None:
    world = World()
    world.engine.due = [window(1), window(1, revision=1)]
    world.engine.open = [window(2)]
    summary = world.service.drain(WAIT_S)
    assert [(1, 0), (1, 1), (2, 0)] == world.backend.closed
    assert [[2.0]] == world.backend.pictures
    assert {
        "windows": 2,
        "revisions": 1,
        "points": 5,
        "predictions": 7,
        "labels": {
            "accepted": 4,
            "joined": 3,
            "waiting": 1,
            "duplicates": 2,
            "conflicts": 0,
            "dropped": {"late": 1},
        },
        "dropped": {"feedback": {"duplicate": 2, "late": 1}},
    } == summary
    world.close()


def test_draining_says_who_is_behind_when_time_is_up() -> None:
    world = World()
    world.backend.error = Retryable("away")
    world.engine.open = [window(2)]
    with pytest.raises(TimeoutError, match="exporter/test still has 1 windows to send; drain again"):
        world.service.drain(0.0)
    world.close()


def test_learned_baselines_are_kept(tmp_path: Path) -> None:
    world = World(Kept(tmp_path))
    world.engine.learned = [LEARNED]
    world.tick()
    assert [LEARNED.id] == [each.id for each in Kept(tmp_path).baselines()]
    world.close()


def test_what_the_engine_counted_is_in_the_telemetry_by_lane_and_reason() -> None:
    world = World()
    found = {}
    for sample in world.telemetry.snapshot():
        if sample.name == metrics.ML_TELEMETRY_DROPPED:
            labels = dict(sample.attributes)
            found[labels[attributes.ML_TELEMETRY_LANE], labels[attributes.ML_TELEMETRY_REASON]] = sample.value
    assert {("feedback", "duplicate"): 2, ("feedback", "late"): 1} == found
    world.close()


def test_an_engine_that_fails_is_seen_in_the_health_and_recovers() -> None:
    world = World()
    world.engine.error = RuntimeError("a bug")
    world.service.attempt()
    assert {"status": "engine: RuntimeError: a bug"} == world.service.health()
    world.engine.error = None
    world.service.attempt()
    assert {"status": "ok"} == world.service.health()
    world.close()


def test_leaving_keeps_states_and_closes_nothing_before_its_time(tmp_path: Path) -> None:
    world = World(Kept(tmp_path))
    world.engine.open = [window(2)]
    with world.service.running(world.parts):
        pass
    assert world.delivery.flush(WAIT_S)
    assert [] == world.backend.closed
    left = Kept(tmp_path).left()
    assert left is not None
    assert {EVERY_OTHER: b"state"} == left.engines
    world.close()


def test_states_that_can_not_be_kept_are_told_as_lost(tmp_path: Path) -> None:
    world = World(Kept(tmp_path))
    (tmp_path / "unfinished.snapshot.part").mkdir()  # in the way
    told = f"unfinished windows can't be kept in {tmp_path}, they are lost: Is a directory"
    with pytest.raises(Retryable, match=told), world.service.running(world.parts):
        pass
    world.close()


def test_a_learned_baseline_that_can_not_be_kept_is_told_and_tried_again(tmp_path: Path) -> None:
    world = World(Kept(tmp_path))
    world.engine.learned = [LEARNED]
    (tmp_path / "baselines").touch()  # in the way
    world.service.attempt()
    world.service.attempt()
    assert {"status": "storage: a learned baseline can't be kept: File exists"} == world.service.health()
    (tmp_path / "baselines").unlink()
    world.service.attempt()
    assert {"status": "ok"} == world.service.health()
    assert [LEARNED.id] == [each.id for each in Kept(tmp_path).baselines()]
    world.close()


def test_before_the_engine_runs_intake_asks_to_come_back() -> None:
    with pytest.raises(Retryable, match="hasn't started"):
        Service(Telemetry(), StillClock()).feed([])
