"""The components that there are, ours and other packages', each imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from barograph.errors import ConfigError, MissingExtra
from barograph_processor.components.api import Factory
from barograph_processor.components.plugins import Plugins
from barograph_processor.config.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from barograph_processor.components.api import AnyFactory
    from barograph_processor.components.plugins import Plugin


class Entry(NamedTuple):
    """Where a component's factory lies.

    Attributes:
        kind: ``receiver``, ``store``, ``exporter`` or ``dialect``.
        name: The key in the configuration.
        target: ``module:attribute`` of the `Factory`.
    """

    kind: str
    name: str
    target: str


BUILT_IN = (
    Entry("receiver", "otlp", "barograph_processor.receivers.otlp:FACTORY"),
    Entry("receiver", "files", "barograph_processor.receivers.files.receiver:FACTORY"),
    Entry("receiver", "parquet", "barograph_processor.receivers.files.parquet:FACTORY"),
    Entry("store", "memory", "barograph_processor.stores.memory:FACTORY"),
    Entry("store", "disk", "barograph_processor.stores.disk:FACTORY"),
    Entry("exporter", "otlp", "barograph_processor.exporters.otlp:FACTORY"),
    Entry("exporter", "file", "barograph_processor.exporters.otlp_file:FACTORY"),
    Entry("exporter", "prometheus", "barograph_processor.exporters.prometheus:FACTORY"),
    Entry("exporter", "console", "barograph_processor.exporters.console:FACTORY"),
    Entry("dialect", "bentoml", "barograph_processor.components.dialects:BENTOML"),
)

COMPONENTS = ("receiver", "store", "exporter", "dialect")


class Registry:
    """Looks components up by kind and name.

    Attributes:
        plugins: What other packages add; signals among it.
    """

    def __init__(self, entries: Iterable[Entry] = BUILT_IN, plugins: Plugins | None = None) -> None:
        self._entries = {(entry.kind, entry.name): entry for entry in entries}
        self.plugins = plugins or Plugins()
        self._plugins = {
            (plugin.kind, plugin.name): plugin for plugin in self.plugins.found if plugin.kind in COMPONENTS
        }

    @classmethod
    def installed(cls) -> Registry:
        """Our own components and those of the packages that are installed beside this one."""
        return cls(plugins=Plugins.installed((each.kind, each.name) for each in BUILT_IN))

    def without(self, excluded: Iterable[str]) -> Registry:
        """The same without plug-ins that a configuration excludes."""
        return self.with_plugins(self.plugins.without(excluded))

    def with_plugins(self, plugins: Plugins) -> Registry:
        """Our own components with other plug-ins."""
        return Registry(self._entries.values(), plugins)

    def __iter__(self) -> Iterator[AnyFactory]:
        """Every factory, ours first.

        Raises:
            ConfigError: A package is at fault.
        """
        return (self.factory(kind, name) for kind, name in (*self._entries, *self._plugins))

    def names(self, kind: str) -> Sequence[str]:
        """Names of the components of a kind."""
        return [name for each, name in (*self._entries, *self._plugins) if each == kind]

    def factory(self, kind: str, name: str) -> AnyFactory:
        """The factory of a component.

        Raises:
            ConfigError: There is no such component, or the package that it is of is at fault.
            MissingExtra: A library that it needs isn't installed.
        """
        plugin = self._plugins.get((kind, name))
        if plugin is not None:
            return _factory_of(plugin)
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


def _factory_of(plugin: Plugin) -> AnyFactory:
    loaded = plugin.load()
    if not isinstance(loaded, Factory):
        raise plugin.refused(f"it leads to {loaded!r}, wanted a barograph_processor.components.api.Factory")
    if (loaded.kind, loaded.name) != (plugin.kind, plugin.name):
        raise plugin.refused(f"it calls itself {loaded.kind} {loaded.name!r}; both names have to be the same")
    if not issubclass(loaded.config_type, msgspec.Struct):
        raise plugin.refused(f"its settings are {loaded.config_type!r}, wanted a msgspec.Struct")
    return loaded
