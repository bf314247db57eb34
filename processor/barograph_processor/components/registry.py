"""The components that there are: one list, each imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple, cast

from barograph.errors import ConfigError, MissingExtra
from barograph_processor.config.convert import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import msgspec

    from barograph_processor.components.api import AnyFactory


class Entry(NamedTuple):
    """Where a component's factory lies.

    Attributes:
        kind: ``receiver``, ``store`` or ``exporter``.
        name: The key in the configuration.
        target: ``module:attribute`` of the `Factory`.
    """

    kind: str
    name: str
    target: str


BUILT_IN = (
    Entry("receiver", "otlp", "barograph_processor.receivers.otlp_grpc:FACTORY"),
    Entry("store", "memory", "barograph_processor.stores.memory:FACTORY"),
    Entry("store", "disk", "barograph_processor.stores.disk:FACTORY"),
    Entry("exporter", "otlp", "barograph_processor.exporters.otlp:FACTORY"),
    Entry("exporter", "prometheus", "barograph_processor.exporters.prometheus:FACTORY"),
    Entry("exporter", "console", "barograph_processor.exporters.console:FACTORY"),
)


class Registry:
    """Looks components up by kind and name."""

    def __init__(self, entries: Iterable[Entry] = BUILT_IN) -> None:
        self._entries = {(entry.kind, entry.name): entry for entry in entries}

    def __iter__(self) -> Iterator[AnyFactory]:
        """Every factory, in the order of the list."""
        return (self.factory(kind, name) for kind, name in self._entries)

    def names(self, kind: str) -> Sequence[str]:
        """Names of the components of a kind."""
        return [name for each, name in self._entries if each == kind]

    def factory(self, kind: str, name: str) -> AnyFactory:
        """The factory of a component.

        Raises:
            ConfigError: There is no such component.
            MissingExtra: A library that it needs isn't installed.
        """
        entry = self._entries.get((kind, name))
        if entry is None:
            known = self.names(kind)
            hint = nearest(name, known) or f"; known here: {', '.join(known)}"
            raise ConfigError(f"there is no {kind} {name!r}{hint}")
        module, _, attribute = entry.target.partition(":")
        try:
            return cast("AnyFactory", getattr(importlib.import_module(module), attribute))
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("barograph"):
                raise
            raise MissingExtra(f"the {kind} {name}", "processor") from error

    def config_type(self, kind: str, name: str) -> type[msgspec.Struct]:
        """What a component can be told.

        Raises:
            ConfigError: There is no such component.
        """
        return cast("type[msgspec.Struct]", self.factory(kind, name).config_type)
