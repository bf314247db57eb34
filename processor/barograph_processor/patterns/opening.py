"""Puts a service together from its configuration, and takes it apart again."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from barograph.errors import ConfigError, StateError
from barograph_processor.clock import SystemClock
from barograph_processor.components.api import Context
from barograph_processor.components.graph import open_graph
from barograph_processor.components.plugin_signals import signals_of
from barograph_processor.patterns.assembly import Assembly
from barograph_processor.patterns.engines import groups_of
from barograph_processor.patterns.kept import open_kept
from barograph_processor.patterns.recovery import NOTHING, read_past, restore_stores
from barograph_processor.patterns.service import Service
from barograph_processor.stores.files import SystemFiles
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Exporter
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.components.graph import Graph
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config
    from barograph_processor.engine.settings import PendingStore
    from barograph_processor.patterns.engines import Group
    from barograph_processor.patterns.kept import Kept
    from barograph_processor.patterns.recovery import Past

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs.

    Attributes:
        config: What it was told.
        service: Its intake and control.
        graph: Its components.
        baselines: Those that were given and those that it learned before.
        past: What it started from.
    """

    config: Config
    service: Service
    graph: Graph
    baselines: Sequence[Baseline]
    past: Past


@contextmanager
def open_service(  # noqa: PLR0913  # what runs, and what it is given
    config: Config,
    *,
    baselines: Sequence[Baseline],
    registry: Registry,
    telemetry: Telemetry | None = None,
    clock: Clock | None = None,
    exporters: Mapping[str, Exporter] | None = None,
    guest: bool = False,
) -> Iterator[Running]:
    """Run a service for as long as the context lasts.

    Leaving stops intake, exports what is ready and keeps unfinished windows in the storage directory.

    Args:
        config: What it is told.
        baselines: What models are compared with, beside those that it learned before.
        registry: The components that there are.
        telemetry: Its own counters.
        clock: Tells the time.
        exporters: Exporters beside the configured ones, made in code, by name.
        guest: Whether it runs in another program's process. That may fork, and a child that inherits an
            open database aborts at its end; so what is pending waits in memory, and is kept with the
            rest.

    Raises:
        ConfigError: A component, a signal of another package or the storage directory can't be used.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry(clock.now_ns())
    registry = registry.without(config.plugins.exclude)
    signals = signals_of(registry.plugins, telemetry)
    service = Service(telemetry, clock)
    with ExitStack() as stack:
        directory = config.storage.directory
        kept = stack.enter_context(open_kept(Path(directory))) if directory is not None else None
        files = SystemFiles()
        past = NOTHING if kept is None else read_past(kept, files)
        if kept is not None and past.acknowledged:
            restore_stores(kept, files, groups_of(config))
        known = [*baselines, *_learned_before(kept, baselines)]

        @contextmanager
        def start(deliveries: Sequence[Delivery]) -> Iterator[Service]:
            # Stores close with the service, before exporters get their time: a database that is open when
            # the process ends aborts it.
            on_disk = None if guest else kept
            with ExitStack() as held:
                stores = {
                    group.name: held.enter_context(_open_store(config, group, registry, telemetry, on_disk))
                    for group in groups_of(config)
                }
                assembly = Assembly(config, kept, past, stores, known, signals, clock, files)
                with assembly.parts(deliveries) as parts, service.running(parts):
                    yield service

        graph = stack.enter_context(
            open_graph(
                config, registry=registry, telemetry=telemetry, start=start, control=service, made=exporters
            )
        )
        stack.callback(service.stopping)  # first of all on leaving: probes see it before intake ends
        yield Running(config, service, graph, known, past)


def _learned_before(kept: Kept | None, given: Sequence[Baseline]) -> list[Baseline]:
    """Learned baselines, except where one was given for the same model version since."""
    if kept is None:
        return []
    versions = {(each.header.model, each.header.version) for each in given}
    try:
        learned = kept.baselines()
    except (StateError, OSError) as error:
        raise ConfigError(f"$.storage.directory: a learned baseline can't be read: {error}") from error
    return [each for each in learned if (each.header.model, each.header.version) not in versions]


@contextmanager
def _open_store(
    config: Config, group: Group, registry: Registry, telemetry: Telemetry, kept: Kept | None
) -> Iterator[PendingStore]:
    """The one of another package that is named; else on disk where there is a directory, or in memory."""
    for chosen, given in config.stores.items():
        context = Context(
            intake=None, telemetry=telemetry, component_id=f"store/{chosen}", group=group.name or "all"
        )
        with registry.factory("store", chosen.partition("/")[0]).open(given, context) as store:
            yield store
        return
    name = "memory" if kept is None else "disk"
    settings: dict[str, object] = {"max_bytes": config.storage.pending_bytes}
    if kept is not None:
        settings["directory"] = str(kept.pending_directory(group.name))
        settings["log"] = config.storage.durability == "memory"
    factory = registry.factory("store", name)
    context = Context(intake=None, telemetry=telemetry, component_id=f"store/{name}")
    with factory.open(factory.config_type(**settings), context) as store:
        yield store
