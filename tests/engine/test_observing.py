"""Signals with states of their own see each row once, in whatever order it comes."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from barograph.semconv import attributes
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS
from barograph_processor.signals import codec
from barograph_processor.signals.api import Joined, Outcomes, Reading, StreamId, View
from barograph_processor.signals.catalog import SIGNALS
from barograph_processor.signals.frame import Framed
from barograph_processor.stores.memory import MemoryStore

from .world import KEY, NOON, SETTINGS, figures, final, predictions, reading, truths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import Settings
    from barograph_processor.signals.frame import Reader, Writer

HIGH = "acme.high"
WRONG = "acme.wrong"
LATER = NOON + 40 * 24 * HOUR_NS


@dataclass(frozen=True, slots=True, eq=False)
class Share(Framed):
    """Rows, and those of them that count."""

    KIND: ClassVar[int] = 1_200

    rows: int = 0
    counting: int = 0

    @property
    def size_bytes(self) -> int:
        return 100

    def merge(self, other: Share) -> Share:
        return Share(self.rows + other.rows, self.counting + other.counting)

    def _write(self, parameters: Writer, content: Writer) -> None:
        content.integer(self.rows)
        content.integer(self.counting)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> Share:
        return cls(content.integer(), content.integer())


@dataclass(frozen=True)
class High:
    """Share of predictions with a high score."""

    name: str = HIGH
    scope: str = "window"

    def observe(self, rows: Outcomes) -> Mapping[StreamId, Share]:
        return {StreamId(HIGH): Share(len(rows.score), int(np.count_nonzero(rows.score > 0.8)))}

    def readings(self, view: View) -> Iterator[Reading]:
        state = view.states.get(StreamId(HIGH))
        if isinstance(state, Share) and state.rows:
            yield Reading(HIGH, state.counting / state.rows)


@dataclass(frozen=True)
class Wrong:
    """Share of labelled predictions that were wrong."""

    name: str = WRONG
    scope: str = "labels"

    def observe(self, rows: Joined) -> Mapping[StreamId, Share]:
        wrong = int(np.count_nonzero(rows.truth_class != rows.predicted_class))
        return {StreamId(WRONG): Share(len(rows.delay_s), wrong)}

    def readings(self, view: View) -> Iterator[Reading]:
        state = view.states.get(StreamId(WRONG))
        if isinstance(state, Share) and state.rows:
            yield Reading(WRONG, state.counting / state.rows)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))
    codec.register(Share)


ROWS = [(f"a-{number}", NOON + number * MINUTE_NS, number % 10 / 10) for number in range(60)]
LABELS = [(f"a-{number}", NOON + 70 * MINUTE_NS, str(number % 2)) for number in range(40)]
SHOPS = ["north" if number < 20 else "south" for number in range(60)]


def engine(settings: Settings = SETTINGS) -> Engine:
    return Engine(settings, store=MemoryStore(), signals=[*SIGNALS, High(), Wrong()])


def drained(subject: Engine, batches: Sequence[Batch]) -> list[ClosedWindow]:
    closed = []
    for number, batch in enumerate(batches):
        subject.feed([batch], NOON + number)
        closed += subject.advance(NOON + number)
    return closed + subject.drain(LATER)


def hour(closed: Sequence[ClosedWindow], start_ns: int = NOON) -> ClosedWindow:
    return final(closed)[KEY, "1h", start_ns]


def test_a_window_signal_sees_each_prediction_once() -> None:
    batch = predictions(ROWS)
    closed = drained(engine(), [batch, predictions(ROWS[:30]), batch])
    high = sum(score > 0.8 for _, _, score in ROWS)
    assert high / 60 == reading(hour(closed), HIGH)


def test_a_labels_signal_sees_each_pair_once_by_horizon_and_segment() -> None:
    subject = engine(replace(SETTINGS, segments=("shop",)))
    batch = predictions(ROWS, segments={"shop": SHOPS})
    closed = drained(subject, [batch, truths(LABELS), truths(LABELS[:10])])
    wrong = [str(int(ROWS[number][2] >= 0.5)) != LABELS[number][2] for number in range(40)]
    window = hour(closed)
    found = {each.attributes: each.value for each in window.readings if each.metric == WRONG}
    for name in ("1h", "1d", "all"):
        horizon = (attributes.ML_LABEL_HORIZON, name)
        assert sum(wrong) / 40 == found[horizon,]
        for shop, part in (("north", wrong[:20]), ("south", wrong[20:])):
            place = (horizon, (attributes.ML_SEGMENT_NAME, "shop"), (attributes.ML_SEGMENT_VALUE, shop))
            assert sum(part) / 20 == found[place]


def test_what_they_tell_depends_on_the_data_alone() -> None:
    parts: list[Batch] = [
        *(predictions(ROWS[at : at + 7]) for at in range(0, 60, 7)),
        *(truths(LABELS[at : at + 9]) for at in range(0, 40, 9)),
    ]
    expected = figures(drained(engine(), parts))
    for seed in range(5):
        shuffled = [*parts, *parts[::3]]
        random.Random(seed).shuffle(shuffled)
        assert expected == figures(drained(engine(), shuffled)), seed


def test_late_predictions_revise_what_was_told() -> None:
    subject = engine()
    subject.feed([predictions([("a", NOON, 0.9)])], NOON)
    subject.feed([predictions([("z", NOON + 3 * HOUR_NS, 0.1)])], NOON + 3 * HOUR_NS)
    first = subject.advance(NOON + 3 * HOUR_NS)
    assert 1.0 == reading(hour(first), HIGH)
    subject.feed([predictions([("b", NOON, 0.1)])], NOON + 3 * HOUR_NS)
    second = subject.advance(NOON + 3 * HOUR_NS)
    assert (1, 0.5) == (hour(second).revision, reading(hour(second), HIGH))


def test_they_survive_a_restart() -> None:
    before = engine()
    before.feed([predictions(ROWS[:30]), truths(LABELS[:20])], NOON)
    after = Engine.restore(
        before.snapshot(), SETTINGS, store=MemoryStore(), signals=[*SIGNALS, High(), Wrong()]
    )
    rest: list[Batch] = [predictions(ROWS), truths(LABELS)]
    assert figures(drained(engine(), rest)) == figures(drained(after, rest))


def test_a_signal_that_was_uninstalled_takes_nothing_else_with_it() -> None:
    before = engine()
    before.feed([predictions(ROWS[:30]), truths(LABELS[:20])], NOON)
    data = before.snapshot()
    del codec._KINDS[Share.KIND]
    plain = Engine(SETTINGS, store=MemoryStore())
    after = Engine.restore(data, SETTINGS, store=MemoryStore())
    rest: list[Batch] = [predictions(ROWS), truths(LABELS)]
    assert figures(drained(plain, rest)) == figures(drained(after, rest))
    assert after.counters[Lane.OUTCOMES, Reason.UNKNOWN_STATE] > 0


@dataclass(frozen=True, slots=True, eq=False)
class Failing(Share):
    """A state that can neither be merged nor written."""

    KIND: ClassVar[int] = 1_201

    def merge(self, other: Share) -> Share:
        raise ZeroDivisionError

    def _write(self, parameters: Writer, content: Writer) -> None:
        raise ZeroDivisionError


@dataclass(frozen=True)
class Careless(High):
    def observe(self, rows: Outcomes) -> Mapping[StreamId, Share]:
        return {StreamId(HIGH): Failing(len(rows.score))}


def test_a_state_that_fails_costs_itself() -> None:
    subject = Engine(SETTINGS, store=MemoryStore(), signals=[*SIGNALS, Careless()])
    subject.feed([predictions(ROWS[:20])], NOON)
    subject.feed([predictions(ROWS[20:])], NOON)
    assert 60 == subject.stats(NOON).predictions
    assert subject.counters[Lane.OUTCOMES, Reason.INCOMPATIBLE] > 0
    after = Engine.restore(subject.snapshot(), SETTINGS, store=MemoryStore())
    plain = Engine(SETTINGS, store=MemoryStore())
    assert figures(drained(plain, [predictions(ROWS)])) == figures(drained(after, []))


def test_a_state_of_ours_that_fails_is_not_hushed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Failing, "KIND", 1)
    subject = Engine(SETTINGS, store=MemoryStore(), signals=[*SIGNALS, Careless()])
    subject.feed([predictions(ROWS[:1])], NOON)
    with pytest.raises(ZeroDivisionError):
        subject.snapshot()
    with pytest.raises(ZeroDivisionError):
        subject.feed([predictions(ROWS[1:])], NOON)
