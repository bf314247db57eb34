"""The laws offered to other packages let good signals pass and find each kind of fault."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

import children
from barograph.semconv import attributes, metrics
from barograph.semconv.metrics import Metric
from barograph_processor.signals import codec, declared
from barograph_processor.signals.api import Joined, Outcomes, Reading, StreamId, StreamKind, View
from barograph_processor.signals.catalog import SIGNALS
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.frame import Framed
from barograph_processor.signals.schema_rule import Rule
from barograph_processor.testing import LawBroken, check_signal
from signals.windows import view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from barograph_processor.signals.api import Signal, State
    from barograph_processor.signals.frame import Reader, Writer

CLASSES = StreamId(StreamKind.PREDICTION_CLASSES)
MOST = Metric(
    "acme.most", "gauge", "{ratio}", "Share of the most frequent answer.", (attributes.ML_CLASS_NAME,)
)
MISTAKES = StreamId("mistakes")


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_declared", {})
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))


def most(view: View) -> Iterator[Reading]:
    found = view.states.get(CLASSES)
    if isinstance(found, CategoryCounts) and found.total:
        name = max(sorted(found.counts), key=lambda name: found.counts[name])
        yield Reading(MOST.name, found.counts[name] / found.total, ((attributes.ML_CLASS_NAME, name),))


@dataclass(frozen=True)
class Most:
    """Share of the most frequent answer."""

    give: Callable[[View], Iterator[Reading]] = most
    name: str = "most"
    scope: str = "window"
    metrics: tuple[Metric, ...] = (MOST,)

    def readings(self, view: View) -> Iterator[Reading]:
        yield from self.give(view)


def test_a_good_signal_passes() -> None:
    check_signal(Most())


def changed(change: Callable[[View, Reading], Any]) -> Callable[[View], Iterator[Reading]]:
    def give(view: View) -> Iterator[Reading]:
        for reading in most(view):
            yield change(view, reading)

    return give


TICKS = itertools.count()


def first_state(view: View, reading: Reading) -> Reading:
    return reading._replace(value=float(len(next(iter(view.states)).kind)))


def identity(view: View, reading: Reading) -> Reading:
    return reading._replace(value=float(id(view.states[CLASSES])))


def spoil(view: View, reading: Reading) -> Reading:
    held = view.states[CLASSES]
    assert isinstance(held, CategoryCounts)
    object.__setattr__(held, "limit", held.limit + 1)
    return reading


def read_file(view: View, reading: Reading) -> Reading:
    Path(__file__).with_suffix(".md").exists()
    with Path("/dev/null").open("rb"):
        return reading


def start(view: View, reading: Reading) -> Reading:
    children.run([sys.executable, "-c", ""])
    return reading


def always(view: View) -> Iterator[Reading]:
    yield Reading(MOST.name, 0.0)


def twice(view: View) -> Iterator[Reading]:
    yield from most(view)
    yield from most(view)


def endless(view: View) -> Iterator[Reading]:
    for reading in most(view):
        for number in itertools.count():
            yield reading._replace(attributes=((attributes.ML_CLASS_NAME, str(number)),))


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (always, "of a window without rows"),
        (changed(lambda view, reading: reading._replace(value=float(next(TICKS)))), "a second time"),
        (changed(first_state), "with its states in another order"),
        (changed(identity), "with its states written and read"),
        (changed(spoil), "changes the states that it reads"),
        (changed(read_file), "touches the world outside its view: open /dev/null"),
        (changed(start), r"touches the world outside its view: .*subprocess\.Popen"),
        (
            changed(lambda view, reading: reading._replace(value=float("nan"))),
            "acme.most = nan, wanted a finite",
        ),
        (changed(lambda view, reading: reading._replace(metric="acme.least")), "which it doesn't declare"),
        (
            changed(lambda view, reading: reading._replace(metric=metrics.ML_WINDOW_END)),
            "which it doesn't declare",
        ),
        (changed(lambda view, reading: reading._replace(attributes=(("acme.who", "a"),))), "doesn't declare"),
        (
            changed(lambda view, reading: reading._replace(attributes=())),
            "ml.class.name of acme.most is declared",
        ),
        (changed(lambda view, reading: tuple(reading)), "wanted a Reading"),
        (lambda view: iter(()), "acme.most is declared and never told"),
        (twice, "twice of one window"),
        (endless, "more readings of one window than the 10,000"),
    ],
)
def test_what_it_tells_is_checked(give: Callable[[View], Iterator[Reading]], said: str) -> None:
    with pytest.raises(LawBroken, match=said):
        check_signal(Most(give))


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (Most, "Most: it is a class"),
        (object(), "it has no name, scope, metrics, readings"),
        (Most(scope="panes"), "its scope is 'panes'"),
        (Most(metrics=()), "it declares no metric"),
        (Most(metrics=(MOST._replace(name="most"),)), "wanted at least two parts"),
        (Most(metrics=(MOST._replace(brief=""),)), "no brief"),
    ],
)
def test_what_it_is_is_checked(signal: object, said: str) -> None:
    with pytest.raises(LawBroken, match=said):
        check_signal(signal)


def test_a_view_of_its_own_shows_what_the_models_do_not() -> None:
    stream = StreamId(StreamKind.FEATURE_CATEGORIES, "rare")

    def give(view: View) -> Iterator[Reading]:
        found = view.states.get(stream)
        if isinstance(found, CategoryCounts):
            yield Reading(MOST.name, 1.0, ((attributes.ML_CLASS_NAME, "a"),))

    with pytest.raises(LawBroken, match=r"give a view that shows it: views=\[…\]"):
        check_signal(Most(give))
    check_signal(Most(give), views=[View({stream: CategoryCounts.of({"a": 1})}, None, 60.0, 1)])


@pytest.mark.parametrize(
    "signal", [each for each in SIGNALS if each.name != "volume"], ids=lambda each: each.name
)
def test_our_own_signals_obey_them_too(signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except `volume`, which says of a window without rows that it has none."""
    table = {
        name: Metric(f"x.{name}", "gauge", each.unit, each.brief, ())
        for name, each in metrics.METRICS.items()
    }
    told: set[tuple[str, str]] = set()

    @dataclass(frozen=True)
    class Ours:
        name: str = signal.name
        scope: str = signal.scope
        metrics: tuple[Metric, ...] = field(default=tuple(table.values()))

        def readings(self, view: View) -> Iterator[Reading]:
            for each in signal.readings(view):
                yield Reading(table[each.metric].name, each.value, each.attributes)

    def remember(reading: Reading, declared: Mapping[str, Metric]) -> Reading:
        told.update({(reading.metric, ""), *((reading.metric, name) for name, _ in reading.attributes)})
        return reading

    monkeypatch.setattr("barograph_processor.testing.signal_laws.plain", remember)
    ages = {"age": np.array([20.0, -3.0, np.nan, np.inf])}
    ruled = replace(view(ages, None), rules={"age": Rule(kind="number", low=0.0, high=120.0, required=True)})
    with pytest.raises(LawBroken, match=r"x\.ml.* is declared and never told"):
        check_signal(Ours(), views=[ruled] if signal.name == "rules" else [])
    assert told


@dataclass(frozen=True)
class Mistakes:
    """Share of the most frequent confusion among all mistakes, counted by a state of ours."""

    see: Callable[[Joined], Mapping[StreamId, State]] | None = None
    name: str = "mistakes"
    scope: str = "labels"
    metrics: tuple[Metric, ...] = (
        Metric("acme.mistakes", "gauge", "{ratio}", "Most frequent confusion.", ()),
    )
    states: tuple[type, ...] = (CategoryCounts,)

    def observe(self, rows: Joined) -> Mapping[StreamId, State]:
        if self.see is not None:
            return self.see(rows)
        return mistakes(rows)

    def readings(self, view: View) -> Iterator[Reading]:
        found = view.states.get(MISTAKES)
        if isinstance(found, CategoryCounts) and found.total:
            yield Reading("acme.mistakes", max(found.counts.values()) / found.total)


def mistakes(rows: Joined) -> Mapping[StreamId, State]:
    wrong = (rows.truth_class != rows.predicted_class) & (rows.truth_class >= 0) & (rows.predicted_class >= 0)
    pairs = zip(rows.truth_class[wrong].tolist(), rows.predicted_class[wrong].tolist(), strict=True)
    names = [f"{rows.classes[truth]} taken for {rows.classes[taken]}" for truth, taken in pairs]
    return {MISTAKES: CategoryCounts.of({name: names.count(name) for name in names})}


def test_a_signal_that_observes_rows_with_a_state_of_ours_passes() -> None:
    check_signal(Mistakes())


@dataclass(frozen=True, slots=True, eq=False)
class Last(Framed):
    """A state that remembers its last row's score, which depends on the order."""

    KIND: ClassVar[int] = 2_000
    score: float = 0.0

    @property
    def size_bytes(self) -> int:
        return 50

    def merge(self, other: Last) -> Last:
        return other

    def _write(self, parameters: Writer, content: Writer) -> None:
        content.double(self.score)

    @classmethod
    def read(cls, parameters: Reader, content: Reader) -> Last:
        return cls(content.double())


@dataclass(frozen=True, slots=True, eq=False)
class Forgetful(Last):
    """A state that loses something when it is written."""

    KIND: ClassVar[int] = 2_001

    def _write(self, parameters: Writer, content: Writer) -> None:
        content.double(self.score - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Large(Last):
    """A state that is too large."""

    KIND: ClassVar[int] = 2_002

    @property
    def size_bytes(self) -> int:
        return 2**30


def last(kind: type[Last]) -> Callable[[Joined], Mapping[StreamId, State]]:
    return lambda rows: {MISTAKES: kind(float(rows.delay_s[-1]) if len(rows.delay_s) else 0.0)}


def writes(rows: Joined) -> Mapping[StreamId, State]:
    rows.delay_s[:] = 0
    return {}


def opens(rows: Joined) -> Mapping[StreamId, State]:
    with Path("/dev/null").open("rb"):
        return {}


@pytest.mark.parametrize(
    ("see", "states", "error", "said"),
    [
        (last(Last), (Last,), LawBroken, "of all rows, and"),
        (last(Forgetful), (Forgetful,), LawBroken, "another after being written and read"),
        (last(Large), (Large,), LawBroken, "1,048,576 are taken"),
        (last(Last), (), LawBroken, "lists no types of states"),
        (last(Last), (CategoryCounts,), LawBroken, "Last is not among its states"),
        (
            lambda rows: {StreamId("other"): CategoryCounts.zero()},
            (CategoryCounts,),
            LawBroken,
            "has to be 'mistakes'",
        ),
        (
            lambda rows: {MISTAKES: CategoryCounts.of({str(next(TICKS)): 1})},
            (CategoryCounts,),
            LawBroken,
            "second time",
        ),
        (writes, (CategoryCounts,), ValueError, "read-only"),
        (opens, (CategoryCounts,), LawBroken, "it touches more than its rows"),
        (mistakes, (1,), LawBroken, "1 is no type of states"),
    ],
)
def test_what_it_makes_of_rows_is_checked(
    see: Callable[[Joined], Mapping[StreamId, State]],
    states: tuple[Any, ...],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        check_signal(Mistakes(see, states=states))


def test_outcomes_are_what_a_window_signal_observes() -> None:
    seen: list[Outcomes] = []

    @dataclass(frozen=True)
    class Scores(Most):
        name: str = "scores"
        states: ClassVar[tuple[type, ...]] = (CategoryCounts,)

        def observe(self, rows: Outcomes) -> Mapping[StreamId, State]:
            seen.append(rows)
            return {}

    check_signal(Scores())
    assert {("no", "yes"), ("cat", "dog", "eel"), ()} == {rows.classes for rows in seen}
    assert any(np.isnan(rows.score).all() for rows in seen)
