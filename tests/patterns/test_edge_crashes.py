"""An edge that dies at any step on its disk: each row that it acknowledged is counted once by the owner."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from barograph.errors import Retryable
from barograph_processor.components.api import Position
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS
from engine.world import NOON, engine_of, figures, predictions, rows_points, truths
from stores.fragile import Crashed, FragileFiles

from .crashes import StillClock
from .edges import LAW, Owner, edge

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Batch

    from .edges import Edge

OWNER = "receiver/files"


def row_of(number: int, *, lone: bool) -> Batch:
    """A prediction with features."""
    name = None if lone else f"id-{number}"
    values: dict[str, float | str | None] = {"age": 0.5 + number % 7, "town": ["Bern", "Graz"][number % 2]}
    return predictions([(name, NOON + number * MINUTE_NS, number % 10 / 10)], features=[values])


LAST = row_of(99, lone=False)


def work(*, lone: bool) -> list[tuple[str, Any]]:
    """What happens, step by step."""
    steps: list[tuple[str, Any]] = []
    for number in range(8):
        batches = [row_of(number, lone=lone and number % 3 == 0)]
        if number % 2 == 0:
            batches.append(truths([(f"id-{number}", NOON + HOUR_NS, str(number % 4 // 2))]))
        if number == 3:
            batches.append(rows_points(10, NOON, source="other", flush=1))
        steps.append(("feed", batches))
        if number % 3 == 2:
            steps.append(("pass on", None))
        if number in {2, 5}:
            steps.append(("send", 1))
        if number == 4:
            steps.append(("break", None))
    return steps


class Life:
    """Does the work, however often it dies."""

    def __init__(self, *, lone: bool) -> None:
        self.clock = StillClock()
        self.owner = Owner(self.clock)
        self.work = work(lone=lone)
        self.positioned = lone
        self.done = 0
        self.lives = 0

    def live(self, files: FragileFiles, *, always: bool) -> None:
        self.lives += 1
        with edge(files, self.clock, f"edge-{self.lives}", always=always) as here:
            if self.positioned:
                known = here.forwarder.remembered(OWNER).get("step")
                self.done = max(self.done, 0 if known is None else int(known))
            while self.done < len(self.work):
                self.step(files, here)
                self.done += 1
            here.forwarder.pass_on()
            here.tray.send(self.owner)

    def step(self, files: FragileFiles, here: Edge) -> None:
        name, told = self.work[self.done]
        if name == "feed":
            position = Position(OWNER, {"step": str(self.done + 1).encode()}) if self.positioned else None
            here.forwarder.feed(told, position)
        elif name == "pass on":
            here.forwarder.pass_on()
        elif name == "send":
            here.tray.send(self.owner, told)
        else:
            files.broken = True
            with suppress(Retryable):
                here.forwarder.feed([LAST], None)
            here.forwarder.pass_on()
            files.broken = False
            here.forwarder.pass_on()
            here.forwarder.feed([LAST], None)

    def outcome(self) -> object:
        now_ns = self.clock.now_ns()
        return figures(self.owner.engine.drain(now_ns))


def expected(*, lone: bool) -> object:
    """What one processor says that gets everything once."""
    clock = StillClock()
    engine = engine_of(LAW)
    for name, batches in work(lone=lone):
        if name == "feed":
            engine.feed(batches, clock.now_ns())
    engine.feed([LAST], clock.now_ns())
    return figures(engine.drain(clock.now_ns()))


@pytest.mark.parametrize(
    ("lone", "always"), [(True, True), (False, False)], ids=["rows by positions", "rows that are sent again"]
)
def test_an_edge_that_is_killed_at_any_step_counts_each_row_once(lone: bool, always: bool) -> None:
    wanted = expected(lone=lone)
    dies_at, died = 0, True
    while died:
        dies_at += 1
        life = Life(lone=lone)
        files = FragileFiles(dies_at=dies_at)
        try:
            life.live(files, always=always)
            died = False
        except Crashed:
            life.live(files.after_kill(), always=always)
        assert wanted == life.outcome(), dies_at
    assert dies_at > 30


@pytest.mark.parametrize("lone", [True, False], ids=["rows by positions", "rows that are sent again"])
def test_an_edge_that_loses_its_power_at_any_step_counts_each_row_once(lone: bool) -> None:
    chance = Random(7)
    wanted = expected(lone=lone)
    dies_at, died = 0, True
    while died:
        dies_at += 1
        life = Life(lone=lone)
        files = FragileFiles(dies_at=dies_at)
        try:
            life.live(files, always=True)
            died = False
        except Crashed:
            life.live(files.after_power_loss(chance), always=True)
        assert wanted == life.outcome(), dies_at
    assert dies_at > 40
