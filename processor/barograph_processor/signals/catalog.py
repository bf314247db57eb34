"""All signals that a closed window is read by.

A signal of another distribution is one more entry of `SIGNALS`: `checked` is what has to hold
of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from barograph.errors import ConfigError
from barograph_processor.signals import performance
from barograph_processor.signals.drift import FEATURE_DRIFT, PREDICTION_DRIFT
from barograph_processor.signals.quality import QualitySignal, VolumeSignal
from barograph_processor.signals.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from barograph_processor.signals.api import Signal

SCOPES: Final = ("window", "labels")


def checked(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """The signals, if their names differ and their scopes are known.

    Raises:
        ConfigError: A name is used twice, or a scope is unknown.

    >>> [signal.name for signal in checked([QualitySignal(), VolumeSignal()])]
    ['quality', 'volume']
    """
    found: dict[str, Signal] = {}
    for signal in signals:
        if signal.name in found:
            raise ConfigError(f"two signals are called {signal.name!r}; rename or uninstall one of them")
        if signal.scope not in SCOPES:
            raise ConfigError(
                f"signal {signal.name!r} has the scope {signal.scope!r}; wanted {' or '.join(SCOPES)}"
            )
        found[signal.name] = signal
    return tuple(found.values())


SIGNALS: Final = checked(
    (VolumeSignal(), QualitySignal(), RULES, FEATURE_DRIFT, PREDICTION_DRIFT, *performance.SIGNALS)
)
