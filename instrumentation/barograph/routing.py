"""One sink in front of several: what each of them gets, in what order they end, and no fault shared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from barograph.guard import HISTOGRAMS, OUTCOMES, guard
from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from barograph.points import Sink, SourceEvent, SourcePoint

OtherSignal: TypeAlias = Literal["traces", "logs"]


class Taker(Protocol):
    """A sink that also takes spans and log records of others."""

    def others(self, signal: OtherSignal, records: Sequence[object]) -> None:
        """Queue the SDK's spans or log records; never blocks, drops and counts when full."""

    def flush_others(self, timeout_s: float) -> bool:
        """Have everything queued taken; False where that took longer."""


# Computed from by nobody: these leave by the application's exporters, once, whatever else becomes of
# predictions.
FOR_PEOPLE = frozenset(
    {metrics.ML_INFERENCE_DURATION, metrics.ML_INFERENCE_BATCH_SIZE, metrics.ML_TELEMETRY_DROPPED}
)


class Routed:
    """Hands telemetry to several sinks; what happens in one of them is nothing to the others.

    Args:
        exporters: The sink of the application's own exporters.
        named: Sinks beside it, by name.
        exports_all: Whether the exporters get everything, else only what is for people.

    Attributes:
        named: As given.
        parts: All sinks, in the order in which they end.
    """

    def __init__(self, exporters: Sink, named: Mapping[str, Sink], *, exports_all: bool) -> None:
        self.named = dict(named)
        self._exporters = exporters
        self._exports_all = exports_all
        self._monitored = [*self.named.values(), *([exporters] if exports_all else ())]
        # The exporters end last, so that what the others say at their end still leaves.
        self.parts: Sequence[Sink] = (*self.named.values(), exporters)

    def points(self, points: Sequence[SourcePoint]) -> None:
        """Send delta points."""
        told = [point for point in points if point.metric in FOR_PEOPLE]
        monitored = [point for point in points if point.metric not in FOR_PEOPLE]
        if told:
            _attempt(self._exporters, lambda sink: sink.points(told))
        if monitored and not self._monitored:
            guard.dropped(HISTOGRAMS, "no_sink", len(monitored))
        if monitored:
            for one in self._monitored:
                _attempt(one, lambda sink: sink.points(monitored))

    def events(self, events: Sequence[SourceEvent]) -> None:
        """Queue events."""
        if not self._monitored:
            guard.dropped(OUTCOMES, "no_sink", sum(map(event_rows, events)))
        for one in self._monitored:
            _attempt(one, lambda sink: sink.events(events))

    def flush(self, timeout_s: float) -> bool:
        """Flush each in the time that is left; False where that took longer."""
        return self._in_turn(timeout_s, lambda sink, left_s: sink.flush(left_s))

    def drain(self, timeout_s: float) -> bool:
        """Close what sinks hold open, where they hold anything; False where that took longer."""
        return self._in_turn(timeout_s, drain)

    def shutdown(self, timeout_s: float) -> None:
        """Flush and stop each in the time that is left."""
        self._in_turn(timeout_s, _end)

    def start(self) -> None:
        """Start the threads that sinks have."""
        for sink in self.parts:
            _attempt(sink, begin)

    def after_fork(self) -> None:
        """In the child: nothing of the parent's."""
        for sink in self.parts:
            begin_anew(sink)

    def _in_turn(self, timeout_s: float, call: Callable[[Sink, float], bool]) -> bool:
        deadline = time.monotonic() + timeout_s
        complete = True
        for sink in self.parts:
            try:
                complete &= call(sink, max(deadline - time.monotonic(), 0.0))
            except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, the others go on
                guard.background_fault(HISTOGRAMS, error)
                complete = False
        return complete


def _attempt(sink: Sink, call: Callable[[Sink], None]) -> None:
    try:
        call(sink)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        guard.background_fault(HISTOGRAMS, error)


def _end(sink: Sink, timeout_s: float) -> bool:
    sink.shutdown(timeout_s)
    return True


def parts(sink: Sink) -> Sequence[Sink]:
    """The sinks that a sink stands for, in the order in which they end."""
    return sink.parts if isinstance(sink, Routed) else (sink,)


def takers(sink: Sink) -> list[Taker]:
    """The sinks among them that take spans and log records of others."""
    found: list[Any] = [part for part in parts(sink) if hasattr(part, "others")]
    return found


def drain(sink: Sink, timeout_s: float) -> bool:
    """Have a sink close what it holds open, where it does; else flush it."""
    own = getattr(sink, "drain", None)
    return bool(own(timeout_s)) if own is not None else sink.flush(timeout_s)


def begin(sink: Sink) -> None:
    """Have a sink start its threads, where it has any: when the process ends it is too late."""
    start = getattr(sink, "start", None)
    if start is not None:
        start()


def begin_anew(sink: Sink | None) -> None:
    """Tell a sink that this is a forked child."""
    after_fork = getattr(sink, "after_fork", None)
    if after_fork is not None:
        after_fork()


def event_rows(event: SourceEvent) -> int:
    """How many predictions or labels an event holds."""
    rows = event.attributes.get(attributes.ML_BATCH_ROWS, 1)
    return rows if isinstance(rows, int) else 1
