"""A signal of another package costs, at worst, its own readings."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from barograph.semconv import attributes, metrics
from barograph.semconv.metrics import Metric
from barograph_processor.components.guarded import (
    READINGS_MOST,
    STATE_BYTES_MOST,
    STREAMS_MOST,
    Guarded,
    GuardedObserver,
)
from barograph_processor.components.reasons import Lane, Reason
from barograph_processor.signals.api import Joined, Outcomes, Reading, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GROUP = "acme.group"
AGE = Metric("acme.age", "gauge", "s", "How old answers are.", (GROUP, attributes.ML_CLASS_NAME))
ROWS = StreamId(StreamKind.ROWS)
VIEW = View({ROWS: CategoryCounts.of({"": 5})}, None, 60.0, 5)
GOOD = Reading("acme.age", 1.5, ((GROUP, "a"),))


@dataclass(frozen=True)
class Foreign:
    give: Callable[[View], Iterable[Any]]
    name: str = "age"
    scope: str = "window"
    metrics: tuple[Metric, ...] = (AGE,)

    def readings(self, view: View) -> Iterator[Reading]:
        yield from self.give(view)


@dataclass
class Outcome:
    readings: list[Reading]
    dropped: dict[str, int]
    told: list[str] = field(default_factory=list)


def outcome(
    give: Callable[[View], Iterable[Any]], caplog: pytest.LogCaptureFixture, *, times: int = 1
) -> Outcome:
    telemetry = Telemetry()
    guarded = Guarded(Foreign(give), "acme-age 1.2", telemetry)
    with caplog.at_level(logging.WARNING):
        readings = [reading for _ in range(times) for reading in guarded.readings(VIEW)]
    dropped = {}
    for sample in telemetry.snapshot():
        labels = dict(sample.attributes)
        assert (metrics.ML_TELEMETRY_DROPPED, Lane.READINGS) == (
            sample.name,
            labels[attributes.ML_TELEMETRY_LANE],
        )
        dropped[labels[attributes.ML_TELEMETRY_REASON]] = int(sample.value)
    return Outcome(readings, dropped, [record.getMessage() for record in caplog.records])


def test_what_is_declared_passes(caplog: pytest.LogCaptureFixture) -> None:
    assert Outcome([GOOD], {}) == outcome(lambda view: [GOOD], caplog)


def test_numbers_of_numpy_become_plain_ones(caplog: pytest.LogCaptureFixture) -> None:
    given = [Reading("acme.age", value) for value in (np.float32(2), np.int64(2), np.float64(2), 2)]  # type: ignore[arg-type]
    for each in given:
        (reading,) = outcome(lambda view, each=each: [each], caplog).readings  # type: ignore[misc]
        assert (Reading("acme.age", 2.0), float) == (reading, type(reading.value))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Reading("acme.other", 1.0), "'acme.other', which it doesn't declare"),
        (Reading(metrics.ML_WINDOW_END, 1.0), "which it doesn't declare"),
        (Reading("acme.age", float("nan")), "acme.age = nan, wanted a finite number"),
        (Reading("acme.age", float("-inf")), "wanted a finite number"),
        (Reading("acme.age", "1"), "= '1', wanted a finite number"),  # type: ignore[arg-type]
        (Reading("acme.age", None), "= None, wanted a finite number"),  # type: ignore[arg-type]
        (Reading("acme.age", 10**400), "wanted a finite number"),
        (Reading("acme.age", 1.0, (("acme.other", "a"),)), "'acme.other', which it doesn't declare"),
        (Reading("acme.age", 1.0, ((attributes.ML_MODEL_NAME, "a"),)), "which it doesn't declare"),
        (Reading("acme.age", 1.0, ((GROUP, 1),)), "= 1, wanted text"),  # type: ignore[arg-type]
        (Reading("acme.age", 1.0, ((GROUP, "a"), (GROUP, "b"))), "twice"),
        (Reading("acme.age", 1.0, 7), "wanted pairs of name and text"),  # type: ignore[arg-type]
        (Reading("acme.age", 1.0, ("abc",)), "wanted pairs of name and text"),  # type: ignore[arg-type]
        (("acme.age", 1.0), "wanted a Reading"),
        (None, "None, wanted a Reading"),
    ],
)
def test_what_is_not_is_left_out_counted_each_time_and_told_once(
    given: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = outcome(lambda view: [given, GOOD], caplog, times=3)
    assert ([GOOD] * 3, {Reason.READING_INVALID: 3}) == (found.readings, found.dropped)
    (message,) = found.told
    assert said in message
    assert "the signal 'age' of acme-age 1.2" in message


def test_one_series_has_one_reading(caplog: pytest.LogCaptureFixture) -> None:
    found = outcome(lambda view: [GOOD, GOOD._replace(value=2.0)], caplog)
    assert ([GOOD], {Reason.READING_INVALID: 1}) == (found.readings, found.dropped)


def test_a_signal_that_raises_gives_nothing_of_that_window(caplog: pytest.LogCaptureFixture) -> None:
    def give(view: View) -> Iterator[Reading]:
        yield GOOD
        raise ZeroDivisionError("no rows")

    found = outcome(give, caplog, times=3)
    assert ([], {Reason.SIGNAL_FAILED: 3}) == (found.readings, found.dropped)
    assert 1 == len(found.told)
    assert "no rows" in caplog.text


def test_a_signal_without_an_end_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    def give(view: View) -> Iterator[Reading]:
        number = 0
        while True:
            yield Reading("acme.age", 1.0, ((GROUP, str(number)),))
            number += 1

    found = outcome(give, caplog)
    assert (READINGS_MOST, {Reason.READING_LIMIT: 1}) == (len(found.readings), found.dropped)


def test_a_signal_cannot_change_what_the_others_see(caplog: pytest.LogCaptureFixture) -> None:
    def give(view: View) -> Iterable[Reading]:
        view.states.clear()  # type: ignore[attr-defined]
        return [GOOD]

    assert {Reason.SIGNAL_FAILED: 1} == outcome(give, caplog).dropped
    assert [ROWS] == list(VIEW.states)


@dataclass(frozen=True, slots=True)
class Counted:
    """A state of its own."""

    size_bytes: int = 100

    def merge(self, other: Counted) -> Counted:
        return self

    def to_bytes(self) -> bytes:
        return b""


class Broken(Counted):
    """A state whose size can't be told."""

    def __getattribute__(self, name: str) -> Any:
        if name == "size_bytes":
            raise ZeroDivisionError
        return super().__getattribute__(name)


def no_states(rows: object) -> Any:
    return {}


@dataclass(frozen=True)
class Observer(Foreign):
    see: Callable[[Outcomes | Joined], Any] = no_states
    states: tuple[type, ...] = (Counted,)

    def observe(self, rows: Outcomes | Joined) -> Any:
        return self.see(rows)


AGE_STREAM = StreamId("age")
EMPTY = np.empty(0)
NO_ROWS = Outcomes((), EMPTY.astype(np.int32), EMPTY, EMPTY.reshape(0, 0), (), EMPTY, EMPTY.astype(np.int64))


def observed(
    see: Callable[[Outcomes | Joined], Any], times: int = 1
) -> tuple[dict[StreamId, Any], dict[str, int]]:
    telemetry = Telemetry()
    guarded = GuardedObserver(Observer(lambda view: [], see=see), "acme-age 1.2", telemetry)
    found: dict[StreamId, Any] = {}
    for _ in range(times):
        found.update(guarded.observe(NO_ROWS))
    reasons = {
        dict(sample.attributes)[attributes.ML_TELEMETRY_REASON]: int(sample.value)
        for sample in telemetry.snapshot()
    }
    return found, reasons


def test_states_of_its_own_pass() -> None:
    given = {AGE_STREAM: Counted(), AGE_STREAM._replace(part="old"): Counted()}
    assert (given, {}) == observed(lambda rows: given)


@pytest.mark.parametrize(
    "given",
    [
        {StreamId(StreamKind.ROWS): Counted()},
        {StreamId("other"): Counted()},
        {StreamId("age", 1): Counted()},  # type: ignore[arg-type]
        {"age": Counted()},
        {AGE_STREAM: CategoryCounts.zero()},
        {AGE_STREAM: None},
        {AGE_STREAM: Counted(STATE_BYTES_MOST + 1)},
        {AGE_STREAM: Broken()},
    ],
)
def test_states_in_streams_of_others_of_undeclared_types_or_too_large_are_left_out(given: Any) -> None:
    assert ({}, {Reason.STATE_INVALID: 1}) == observed(lambda rows: given)


@pytest.mark.parametrize("see", [lambda rows: 1 / 0, lambda rows: None, lambda rows: [1]])
def test_an_observer_that_fails_gives_no_states(see: Callable[[object], Any]) -> None:
    assert ({}, {Reason.SIGNAL_FAILED: 2}) == observed(see, times=2)


def test_a_signal_has_so_many_streams_and_no_more() -> None:
    given = {AGE_STREAM._replace(name=str(number)): Counted() for number in range(STREAMS_MOST + 5)}
    found, reasons = observed(lambda rows: given, times=2)
    assert (STREAMS_MOST, {Reason.READING_LIMIT: 10}) == (len(found), reasons)
