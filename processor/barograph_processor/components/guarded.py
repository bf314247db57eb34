"""A signal of another package, kept from harming the windows that it reads.

What it raises costs its own readings of one window, told in the log and counted; what it gives is
checked: names that it declared, finite numbers, no more than `READINGS_MOST`.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from itertools import islice
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from barograph.semconv import attributes, metrics
from barograph_processor.components.reasons import Lane, Reason
from barograph_processor.signals.api import Reading
from barograph_processor.signals.declared import ADDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph.semconv.metrics import Metric
    from barograph_processor.signals.api import DeclaredSignal, View
    from barograph_processor.telemetry import Telemetry

READINGS_MOST: Final = 10_000
"""Readings of one view; more are dropped, counted."""

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
                "the signal %r of %s failed; its readings of such windows are left out, counted as %s",
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
