"""One monitor for every model object that an instrumentor meets, under a name of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from barograph.guard import CONFIGURATION, guard
from barograph.monitor import Monitor
from barograph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


def _reference(model: object) -> Callable[[], object]:
    try:
        return ref(model)
    except TypeError:
        return lambda: model


class Models:
    """Finds the monitor of a model object.

    ``BAROGRAPH_MODEL`` names the first model seen, and its successor when it is gone (a reloaded
    model); another one beside it gets its class name, and one warning says so. Objects of one name
    share a monitor.

    Args:
        describe: What of the model object is an argument of `Monitor`: classes, task.
    """

    def __init__(self, describe: Callable[[Any], dict[str, Any]]) -> None:
        self._describe = describe
        self._settings: Settings | None = None
        self._lock = threading.Lock()
        self._found: WeakKeyDictionary[Any, Monitor] = WeakKeyDictionary()
        self._by_name: dict[tuple[object, ...], Monitor] = {}
        self._named: Callable[[], object] = lambda: None

    def monitor(self, model: object) -> Monitor:
        """The model's monitor."""
        try:
            found = self._found.get(model)
        except TypeError:  # not hashable, or out of reach of weak references: described at every call
            with self._lock:
                return self._make(model)
        if found is None:
            with self._lock:
                found = self._found.get(model)
                if found is None:
                    found = self._found[model] = self._make(model)
        return found

    def _make(self, model: object) -> Monitor:
        if self._settings is None:
            self._settings = Settings.from_environment()
        settings = self._settings
        described = self._describe(model)
        own_name = type(model).__name__
        if settings.model is not None and self._named() is None:
            self._named = _reference(model)
            name, version, arguments = settings.model, settings.version, settings.named_arguments()
        else:
            name, version, arguments = own_name, "0", settings.shared_arguments()
            if settings.model is None:
                arguments = settings.named_arguments()
            else:
                guard.warn(
                    CONFIGURATION,
                    f"unnamed_{own_name}",
                    f"{settings.model} names the first model; this {own_name} is monitored as {own_name!r}",
                )
        arguments |= {key: value for key, value in described.items() if arguments.get(key) is None}
        known = (name, version, *(str(value) for value in described.values()))
        if known not in self._by_name:
            self._by_name[known] = Monitor(name, version, **arguments)
        return self._by_name[known]
