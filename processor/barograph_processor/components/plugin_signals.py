"""The signals of other packages: loaded, checked, made known to exporters, guarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from barograph.errors import ConfigError, StateError
from barograph.semconv.metrics import Metric
from barograph_processor.components.guarded import Guarded, GuardedObserver
from barograph_processor.components.plugins import Plugins
from barograph_processor.signals.api import DeclaredSignal, Observes
from barograph_processor.signals.catalog import SCOPES, SIGNALS, checked
from barograph_processor.signals.codec import register
from barograph_processor.signals.declared import declare

if TYPE_CHECKING:
    from barograph_processor.components.plugins import Plugin
    from barograph_processor.signals.api import Signal
    from barograph_processor.signals.codec import StateType
    from barograph_processor.telemetry import Telemetry

KIND: Final = "signal"
_PARTS: Final = ("name", "scope", "metrics", "readings")


def signals_of(plugins: Plugins, telemetry: Telemetry) -> tuple[Signal, ...]:
    """Our own signals and those of other packages, for `Engine(signals=…)`.

    Args:
        plugins: What is wanted, `Registry.without` what the configuration excludes.
        telemetry: Where faults of signals are counted.

    Raises:
        ConfigError: Something of another package has no place or can't be used; one line for each, with
            the package and what to do.
    """
    plugins.check()
    found: list[Signal] = list(SIGNALS)
    problems: list[str] = []
    for plugin in plugins.of_kind(KIND):
        try:
            found.append(_guarded(signal_of(plugin), plugin.origin, telemetry))
        except ConfigError as error:  # noqa: PERF203  # all problems are told at once
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return checked(found)


def without_faults(plugins: Plugins) -> tuple[Plugins, list[ConfigError]]:
    """Those that can be used, and what is wrong with the others; for callers that have to begin anyway."""
    faults = [error for _, error in plugins.problems]
    sound: list[Plugin] = []
    for plugin in plugins.found:
        try:
            if plugin.kind == KIND:
                signal_of(plugin)
        except ConfigError as error:  # noqa: PERF203  # one's fault is not the others'
            faults.append(error)
        else:
            sound.append(plugin)
    return Plugins(sound, (), plugins.taken), faults


def signal_of(plugin: Plugin) -> DeclaredSignal:
    """The signal that an entry point leads to, or makes where it is a class; its metrics are declared.

    Raises:
        ConfigError: It can't be loaded, is no signal, has a name of ours, or metrics that can't be declared.
    """
    if plugin.name in {signal.name for signal in SIGNALS}:
        raise plugin.refused(f"barograph itself has the signal {plugin.name}")
    loaded = plugin.load()
    if isinstance(loaded, type):
        try:
            loaded = loaded()
        except Exception as error:  # a package of others may raise whatever it likes
            raise plugin.refused(f"making one failed: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, DeclaredSignal):
        lacking = ", ".join(part for part in _PARTS if not hasattr(loaded, part))
        raise plugin.refused(f"{loaded!r} is no signal: it has no {lacking}")
    if loaded.name != plugin.name:
        raise plugin.refused(
            f"it calls itself {loaded.name!r}; the entry point and the signal share one name"
        )
    if loaded.scope not in SCOPES:
        raise plugin.refused(f"its scope is {loaded.scope!r}, wanted {' or '.join(SCOPES)}")
    if not loaded.metrics or not all(isinstance(metric, Metric) for metric in loaded.metrics):
        raise plugin.refused(f"its metrics are {loaded.metrics!r}, wanted one Metric at least")
    try:
        declare(loaded.metrics)
        _register_states(loaded)
    except (ConfigError, StateError) as error:
        raise plugin.refused("; ".join(str(error).splitlines())) from error
    return loaded


def _register_states(signal: DeclaredSignal) -> None:
    """Let the states of a signal that observes rows be read again."""
    states = tuple(getattr(signal, "states", ()))
    if isinstance(signal, Observes) and not states:
        raise StateError("it observes rows, so it has to list the types of its states as `states`")
    for state in states:
        if not isinstance(state, type) or not isinstance(getattr(state, "KIND", None), int):
            raise StateError(f"{state!r} is no type of states: it has no number KIND")
        register(cast("StateType", state))


def _guarded(signal: DeclaredSignal, origin: str, telemetry: Telemetry) -> Signal:
    guard = GuardedObserver if isinstance(signal, Observes) else Guarded
    return guard(signal, origin, telemetry)
