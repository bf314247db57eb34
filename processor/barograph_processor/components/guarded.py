"""A signal of another package, kept from harming the windows that it reads.

What it raises costs its own readings or states of one window, told in the log and counted; what it gives
is checked: names that it declared, finite numbers, streams and states of its own, and not too much.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from itertools import islice
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from barograph.semconv import attributes, metrics
from barograph_processor.components.reasons import Lane, Reason
from barograph_processor.signals.api import Reading, StreamId
from barograph_processor.signals.declared import ADDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph.semconv.metrics import Metric
    from barograph_processor.signals.api import DeclaredSignal, Joined, Observes, Outcomes, State, View
    from barograph_processor.telemetry import Telemetry

READINGS_MOST: Final = 10_000
"""Readings of one view; more are dropped, counted."""
STREAMS_MOST: Final = 256
"""Streams of one signal, over all models; more are dropped, counted."""
STATE_BYTES_MOST: Final = 2**20
"""Size of a state that a signal makes of the rows of one call; larger ones are dropped, counted."""

_log = logging.getLogger(__name__)


class Guarded:
    """A signal whose faults stay its own.

    Attributes:
        name: As the signal's.
        scope: As the signal's.
    """

    def __init__(self, signal: DeclaredSignal, origin: str, telemetry: Telemetry) -> None:
        """Guard a signal.

        Args:
            signal: The signal.
            origin: The package that it is from, with its version, for messages.
            telemetry: Where faults are counted.
        """
        self.name = signal.name
        self.scope = signal.scope
        self._signal = signal
        self._origin = origin
        self._telemetry = telemetry
        self._metrics = {metric.name: metric for metric in signal.metrics}
        self._told: set[str] = set()

    def readings(self, view: View) -> Iterator[Reading]:
        """The signal's readings, those left out that can't be."""
        view = replace(view, states=MappingProxyType(dict(view.states)))
        try:
            found: list[object] = list(islice(self._signal.readings(view), READINGS_MOST + 1))
        except Exception as error:  # noqa: BLE001  # a package of others may raise whatever it likes
            self._failed(error)
            return
        if len(found) > READINGS_MOST:
            self._drop(Reason.READING_LIMIT, f"more than {READINGS_MOST:,} readings of one window")
        series = set()
        for given in found[:READINGS_MOST]:
            try:
                reading = plain(given, self._metrics)
            except Exception as error:  # noqa: BLE001  # likewise: it may hold whatever it likes
                self._drop(Reason.READING_INVALID, str(error))
                continue
            if reading._replace(value=0.0) in series:
                self._drop(Reason.READING_INVALID, f"{reading.metric} {dict(reading.attributes)} twice")
                continue
            series.add(reading._replace(value=0.0))
            yield reading

    def _failed(self, error: Exception) -> None:
        if self._is_news(type(error).__name__):
            _log.error(
                "the signal %r of %s failed; what it would have told is left out, counted as %s",
                self.name, self._origin, Reason.SIGNAL_FAILED, exc_info=error,
            )  # fmt: skip
        self._count(Reason.SIGNAL_FAILED)

    def _drop(self, reason: str, fault: str) -> None:
        if self._is_news(reason):
            _log.warning(
                "the signal %r of %s gave %s; that is left out, counted as %s, and not told again",
                self.name, self._origin, fault, reason,
            )  # fmt: skip
        self._count(reason)

    def _is_news(self, what: str) -> bool:
        known = what in self._told
        self._told.add(what)
        return not known

    def _count(self, reason: str) -> None:
        labels = {attributes.ML_TELEMETRY_LANE: Lane.READINGS, attributes.ML_TELEMETRY_REASON: reason}
        self._telemetry.add(metrics.ML_TELEMETRY_DROPPED, **labels)


class GuardedObserver(Guarded):
    """A signal with states of its own, whose faults stay its own."""

    def __init__(self, signal: DeclaredSignal, origin: str, telemetry: Telemetry) -> None:
        super().__init__(signal, origin, telemetry)
        self._observe = cast("Observes[Outcomes | Joined]", signal).observe
        self._types = tuple(getattr(signal, "states", ()))
        self._streams: set[StreamId] = set()

    def observe(self, rows: Outcomes | Joined) -> Mapping[StreamId, State]:
        """The signal's states of the rows, those left out that can't be."""
        try:
            found = dict(self._observe(rows))
        except Exception as error:  # noqa: BLE001  # a package of others may raise whatever it likes
            self._failed(error)
            return {}
        kept: dict[StreamId, State] = {}
        for stream, state in found.items():
            try:
                fault = self._fault_of(stream, state)
            except Exception as error:  # noqa: BLE001  # likewise
                fault = f"a state that fails: {type(error).__name__}: {error}"
            if fault is not None:
                self._drop(Reason.STATE_INVALID, fault)
            elif stream not in self._streams and len(self._streams) >= STREAMS_MOST:
                self._drop(Reason.READING_LIMIT, f"more than {STREAMS_MOST} streams")
            else:
                self._streams.add(stream)
                kept[stream] = state
        return kept

    def _fault_of(self, stream: object, state: object) -> str | None:
        if not isinstance(stream, StreamId) or not all(isinstance(part, str) for part in stream):
            return f"a state in the stream {stream!r}, wanted a StreamId of texts"
        if stream.kind != self.name:
            return f"a state in a stream of the kind {stream.kind!r}, wanted {self.name!r}"
        if not isinstance(state, self._types):
            return f"a state of the type {type(state).__name__}, which isn't among its states"
        if state.size_bytes > STATE_BYTES_MOST:
            return f"a state of {state.size_bytes:,} bytes, over the limit of {STATE_BYTES_MOST:,}"
        return None


def plain(given: object, declared: Mapping[str, Metric]) -> Reading:
    """A reading of another package as plain values.

    Args:
        given: What the signal gave.
        declared: The metrics that it declares.

    Raises:
        ValueError: It is no reading, or not one of those that the signal declares.
    """
    if not isinstance(given, Reading):
        raise ValueError(f"{given!r}, wanted a Reading")  # noqa: TRY004  # one kind of error for all faults
    metric = declared.get(given.metric)
    if metric is None:
        raise ValueError(f"a reading of {given.metric!r}, which it doesn't declare")
    number = _number(given.value)
    if not math.isfinite(number):
        raise ValueError(f"{metric.name} = {given.value!r}, wanted a finite number")
    try:
        pairs = sorted((name, text) for name, text in given.attributes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{metric.name} with {given.attributes!r}, wanted pairs of name and text") from error
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"{metric.name} with an attribute twice: {given.attributes!r}")
    for name, text in pairs:
        if name in ADDED or name not in metric.attributes:
            raise ValueError(f"{metric.name} with the attribute {name!r}, which it doesn't declare")
        if not isinstance(text, str):
            raise ValueError(f"{metric.name} with {name} = {text!r}, wanted text")  # noqa: TRY004  # as above
    return Reading(metric.name, number, tuple((str(name), str(text)) for name, text in pairs))


def _number(value: object) -> float:
    """A number as a float; NaN where it is none, or too large."""
    try:
        return float(value) if isinstance(value, Real) else math.nan
    except OverflowError:
        return math.nan
