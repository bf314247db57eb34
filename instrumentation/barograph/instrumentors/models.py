"""One monitor for every model object that an instrumentor meets, under a name of its own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any
from weakref import ref

from barograph.errors import ConfigError
from barograph.guard import CONFIGURATION, guard
from barograph.monitor import Monitor
from barograph.settings import Settings
from barograph.sinks import destination

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("barograph")

_MAX_NAMES = 256


def _reference(model: object) -> Callable[[], object]:
    try:
        return ref(model)
    except TypeError:
        return lambda: model


class Models:
    """Finds the monitor of a model object.

    The environment's name, baseline, threshold and positive class are those of the first model
    seen, and of its successor when it is gone (a reloaded model). Another one beside it gets its
    class name; one warning says so. Objects of one name and one description share a monitor.

    Args:
        describe: What of the model object is an argument of `Monitor`: classes, task.
    """

    def __init__(self, describe: Callable[[Any], dict[str, Any]]) -> None:
        self._describe = describe
        self._lock = threading.Lock()
        # By identity: models may compare equal, or refuse to be hashed.
        self._found: dict[int, tuple[Callable[[], object], Monitor]] = {}
        self._by_name: dict[tuple[object, ...], Monitor] = {}
        self._first: Callable[[], object] = lambda: None
        self._settings: Settings | None = None
        try:
            self._settings = Settings.from_environment()
        except ConfigError:
            logger.debug("strict mode: the first prediction raises this")

    def monitor(self, model: object) -> Monitor:
        """The model's monitor.

        Raises:
            ConfigError: In strict mode, where the environment says something wrong.
        """
        known = self._found.get(id(model))
        if known is not None and known[0]() is model:
            return known[1]
        with self._lock:
            known = self._found.get(id(model))
            if known is not None and known[0]() is model:
                return known[1]
            made = self._make(model)
            place = id(model)
            try:
                self._found[place] = (ref(model, lambda gone: self._drop(place, gone)), made)
            except TypeError:  # out of reach of weak references: described at every call
                return made
            return made

    def forget(self, model: object) -> None:
        """Look at the model again when it is next met: it has been fitted."""
        self._found.pop(id(model), None)

    def _drop(self, place: int, gone: object) -> None:
        known = self._found.get(place)
        if known is not None and known[0] is gone:
            del self._found[place]

    def _make(self, model: object) -> Monitor:
        if self._settings is None:
            self._settings = Settings.from_environment()
        settings = self._settings
        try:
            described = self._describe(model)
        except Exception as error:  # noqa: BLE001 - monitored all the same: answers tell their task
            guard.fault(CONFIGURATION, error)
            described = {}
        own_name = type(model).__name__
        first = self._first()
        if first is None or first is model:
            self._first = _reference(model)
            name, version = settings.model or own_name, settings.version
            arguments = settings.named_arguments()
        else:
            name, version, arguments = own_name, "0", settings.shared_arguments()
            if settings.model is not None:
                guard.warn(
                    CONFIGURATION,
                    f"unnamed_{own_name}",
                    f"{settings.model} names the first model; this {own_name} is monitored as {own_name!r}",
                )
        arguments |= {key: value for key, value in described.items() if arguments.get(key) is None}
        known = (name, version, *(str(value) for value in described.values()))
        if known not in self._by_name:
            if len(self._by_name) >= _MAX_NAMES:
                del self._by_name[next(iter(self._by_name))]
            self._by_name[known] = Monitor(name, version, **arguments)
            # Said when the program has set its logging up, which it had not when it was instrumented.
            logger.info(
                "barograph monitors a %s as %s, version %s; telemetry goes to %s",
                own_name, name, version, destination(),
            )  # fmt: skip
        return self._by_name[known]
