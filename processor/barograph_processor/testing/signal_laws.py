"""The laws of signals: what they tell depends on their view alone, and is what they declare."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from barograph_processor.components.guarded import READINGS_MOST, plain
from barograph_processor.signals.api import DeclaredSignal, Observes, View
from barograph_processor.signals.catalog import SCOPES
from barograph_processor.signals.codec import decode, encode
from barograph_processor.signals.declared import problems_of
from barograph_processor.signals.laws import LawBroken
from barograph_processor.testing.quiet import touched
from barograph_processor.testing.row_laws import check_rows
from barograph_processor.testing.state_laws import know_states
from barograph_processor.testing.world import views_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.semconv.metrics import Metric
    from barograph_processor.signals.api import Reading

NOTHING: Final = View({}, None, 3_600.0, 0)
_PARTS: Final = ("name", "scope", "metrics", "readings")


def check_signal(signal: object, *, views: Sequence[View] = ()) -> None:
    """See that a signal tells what it declares, and nothing but what its view says.

    It is tried on the windows of three models (binary, multiclass, regression) over some hours: with many
    rows, with one and with none, with and without a reference, with and without labels; and on `views`.

    - Every reading is of a declared metric with declared attributes, a finite number, and there is one of
      each; every declared metric and attribute is told of at least one view.
    - Of no rows nothing is told: a figure without rows behind it is a guess.
    - A view tells the same each time, in whatever order its states stand, also when they were written
      and read; the signal changes none of them, and opens no file, connection or process.
    - What it makes of rows, where it observes them, is the same however they are cut and ordered.

    Args:
        signal: The signal, not its class.
        views: More views, for metrics that need what the models don't have.

    Raises:
        LawBroken: A law is broken; the message says which.
    """
    declared = _declared(signal)
    know_states(tuple(getattr(signal, "states", ())))
    if isinstance(signal, Observes):
        check_rows(declared, signal)
    tables = {metric.name: metric for metric in declared.metrics}
    if of_nothing := _readings(declared, NOTHING, tables):
        raise _broken(declared, f"it tells {of_nothing[0]} of a window without rows")
    told: set[tuple[str, str]] = set()
    for view in (*views_of(declared), *views):
        _check_view(declared, view, tables)
        for reading in _readings(declared, view, tables):
            told |= {(reading.metric, ""), *((reading.metric, name) for name, _ in reading.attributes)}
    for metric in declared.metrics:
        for attribute in ("", *metric.attributes):
            if (metric.name, attribute) not in told:
                what = f"the attribute {attribute} of {metric.name}" if attribute else metric.name
                raise _broken(
                    declared, f"{what} is declared and never told; give a view that shows it: views=[…]"
                )


def _declared(signal: object) -> DeclaredSignal:
    name = getattr(signal, "name", repr(signal))
    if isinstance(signal, type):
        raise LawBroken(f"{signal.__name__}: it is a class; give a signal made of it")
    if not isinstance(signal, DeclaredSignal):
        lacking = ", ".join(part for part in _PARTS if not hasattr(signal, part))
        raise LawBroken(f"{name}: it is no signal of another package: it has no {lacking}")
    if signal.scope not in SCOPES:
        raise _broken(signal, f"its scope is {signal.scope!r}, wanted {' or '.join(SCOPES)}")
    if not signal.metrics:
        raise _broken(signal, "it declares no metric")
    problems = [problem for metric in signal.metrics for problem in problems_of(metric)]
    if problems:
        raise _broken(signal, "; ".join(problems))
    return signal


def _check_view(signal: DeclaredSignal, view: View, tables: dict[str, Metric]) -> None:
    before = {stream: encode(state) for stream, state in view.states.items()}
    expected = _readings(signal, view, tables)
    backwards = replace(view, states=dict(reversed(list(view.states.items()))))
    written = replace(view, states={stream: decode(data) for stream, data in before.items()})
    for other, how in (
        (view, "a second time"),
        (backwards, "with its states in another order"),
        (written, "with its states written and read"),
    ):
        if expected != (found := _readings(signal, other, tables)):
            raise _broken(signal, f"of one view it tells {expected}, and {how} {found}")
    if before != {stream: encode(state) for stream, state in view.states.items()}:
        raise _broken(signal, "it changes the states that it reads")


def _readings(signal: DeclaredSignal, view: View, tables: dict[str, Metric]) -> list[Reading]:
    """The readings in order of series, each of them checked."""
    seen: dict[Reading, Reading] = {}
    with touched() as things:
        given: list[object] = list(islice(signal.readings(view), READINGS_MOST + 1))
    if things:
        raise _broken(signal, f"it touches the world outside its view: {', '.join(sorted(things))}")
    if len(given) > READINGS_MOST:
        raise _broken(
            signal, f"it tells more readings of one window than the {READINGS_MOST:,} that are taken"
        )
    for each in given:
        try:
            reading = plain(each, tables)
        except ValueError as error:
            raise _broken(signal, f"it tells {error}") from error
        series = reading._replace(value=0.0)
        if series in seen:
            raise _broken(signal, f"it tells {reading.metric} {dict(reading.attributes)} twice of one window")
        seen[series] = reading
    return [seen[series] for series in sorted(seen)]


def _broken(signal: DeclaredSignal, what: str) -> LawBroken:
    return LawBroken(f"{signal.name}: {what}")
