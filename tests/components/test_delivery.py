"""A delivery never makes the engine wait, loses nothing without counting it, and knows when to stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from barograph.errors import Permanent, Retryable
from barograph.semconv import attributes, metrics
from barograph_processor.components.delivery import Delivery, Sending
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow, CurrentReading
from barograph_processor.signals.api import Reading
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WAIT_S = 60.0  # only reached by a failure
KEY = Key("default", "", "", "credit", "3", "")
AT_ONCE = Sending(queue=8, first_wait_s=0.0, longest_wait_s=0.0, give_up_s=1_000.0)


def window(revision: int) -> ClosedWindow:
    return ClosedWindow(KEY, "1h", 0, 1, revision, "ok", None, ())


def reading(name: str, *, ended: bool = False) -> CurrentReading:
    return CurrentReading(KEY, "1h", None, Reading(name, 1.0), 1, ended)


class Backend:
    """An exporter that does what it is told."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.pictures: list[list[str]] = []
        self.answers: list[Callable[[], None]] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        self.entered.set()
        assert self.gate.wait(WAIT_S)
        if self.answers:
            self.answers.pop(0)()
        self.taken += [each.revision for each in closed]

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        del now_ns
        if self.answers:
            self.answers.pop(0)()
        self.pictures.append([each.reading.metric for each in current])


def fail(error: Exception) -> Callable[[], None]:
    def answer() -> None:
        raise error

    return answer


def dropped(telemetry: Telemetry) -> dict[tuple[str, str], float]:
    found = {}
    for sample in telemetry.snapshot():
        if sample.name == metrics.ML_TELEMETRY_DROPPED:
            labels = dict(sample.attributes)
            found[labels[attributes.ML_TELEMETRY_LANE], labels[attributes.ML_TELEMETRY_REASON]] = sample.value
    return found


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def test_windows_arrive_in_order(telemetry: Telemetry) -> None:
    backend = Backend()
    delivery = Delivery(backend, "exporter/test", telemetry)
    for revision in range(600):
        delivery.offer_windows([window(revision)])
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert list(range(600)) == backend.taken


def test_what_can_be_retried_is_retried_until_it_arrives(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.answers = [fail(Retryable("away"))] * 3
    delivery = Delivery(backend, "exporter/test", telemetry, sending=AT_ONCE)
    delivery.offer_windows([window(0)])
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert [0] == backend.taken
    assert {} == dropped(telemetry)


@pytest.mark.parametrize("error", [Permanent("never"), RuntimeError("a bug")])
def test_what_can_not_be_retried_is_dropped_and_counted_and_the_next_goes_on(
    telemetry: Telemetry, error: Exception
) -> None:
    backend = Backend()
    backend.answers = [fail(error)]
    delivery = Delivery(backend, "exporter/test", telemetry, sending=AT_ONCE)
    delivery.offer_windows([window(0)])
    assert delivery.flush(WAIT_S)
    delivery.offer_windows([window(1)])
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert [1] == backend.taken
    assert {("windows", "export_failed"): 1} == dropped(telemetry)


def test_after_long_enough_it_gives_up(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.answers = [fail(Retryable("away"))]
    delivery = Delivery(backend, "exporter/test", telemetry, sending=Sending(first_wait_s=1.0, give_up_s=0.0))
    delivery.offer_windows([window(0)])
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert {("windows", "export_failed"): 1} == dropped(telemetry)


def test_offering_never_waits_and_a_full_queue_drops_the_oldest_and_says_so(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.gate.clear()
    delivery = Delivery(backend, "exporter/test", telemetry, sending=AT_ONCE)
    delivery.offer_windows([window(0)])
    assert backend.entered.wait(WAIT_S)
    delivery.offer_windows([window(revision) for revision in range(1, 5)])
    assert delivery.pressed
    delivery.offer_windows([window(revision) for revision in range(5, 11)])
    delivery.offer_windows([window(revision) for revision in range(11, 14)])
    assert not delivery.flush(0.0)
    backend.gate.set()
    assert delivery.flush(WAIT_S)
    relieved = not delivery.pressed
    delivery.close()
    assert relieved
    assert [0, *range(4, 14)] == backend.taken
    assert {("windows", "queue_full"): 3} == dropped(telemetry)


def test_only_the_newest_readings_are_sent(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.gate.clear()
    delivery = Delivery(backend, "exporter/test", telemetry)
    delivery.offer_windows([window(0)])
    assert backend.entered.wait(WAIT_S)
    delivery.offer_readings([reading("old")], 1)
    delivery.offer_readings([reading("new")], 2)
    backend.gate.set()
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert [["new"]] == backend.pictures


def test_the_end_of_a_series_is_not_lost_when_sending_fails_or_newer_readings_come(
    telemetry: Telemetry,
) -> None:
    backend = Backend()
    backend.gate.clear()
    delivery = Delivery(backend, "exporter/test", telemetry)
    delivery.offer_windows([window(0)])
    assert backend.entered.wait(WAIT_S)
    delivery.offer_readings([reading("first", ended=True)], 1)
    delivery.offer_readings([reading("second", ended=True), reading("kept")], 2)
    backend.answers = [lambda: None, fail(Retryable("away"))]
    backend.gate.set()
    assert delivery.flush(WAIT_S)
    assert [] == backend.pictures
    delivery.offer_readings([reading("kept")], 3)
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert [sorted(backend.pictures[0], key=["kept", "first", "second"].index)] == [
        ["kept", "first", "second"]
    ]


def test_a_series_that_came_back_is_not_ended(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.answers = [fail(Retryable("away"))]
    delivery = Delivery(backend, "exporter/test", telemetry)
    delivery.offer_readings([reading("psi", ended=True)], 1)
    assert delivery.flush(WAIT_S)
    delivery.offer_readings([reading("psi")], 2)
    assert delivery.flush(WAIT_S)
    delivery.close()
    assert [["psi"]] == backend.pictures


def test_closing_sends_what_is_queued_and_counts_what_can_not_be_sent(telemetry: Telemetry) -> None:
    backend = Backend()
    backend.answers = [fail(Retryable("away"))] * 1_000
    delivery = Delivery(backend, "exporter/test", telemetry, sending=Sending(queue=2_000))
    delivery.offer_windows([window(revision) for revision in range(300)])
    delivery.close(0.0)
    delivery.close(0.0)
    assert [] == backend.taken
    assert 300 == sum(dropped(telemetry).values())
