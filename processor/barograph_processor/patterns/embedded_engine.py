"""The engine of one serving process, and the thread that opens it, holds it and closes it."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import msgspec

from barograph.errors import ConfigError
from barograph.forking import GATE
from barograph.guard import CONFIGURATION, guard
from barograph.this_process import source_id
from barograph.worker import WORKER
from barograph_processor.clock import SystemClock
from barograph_processor.components.plugin_signals import without_faults
from barograph_processor.components.registry import Registry
from barograph_processor.exporters.application import Application
from barograph_processor.patterns.embedded_settings import config_or_defaults, given_baselines
from barograph_processor.patterns.kept import DirectoryInUse
from barograph_processor.patterns.opening import open_service
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from barograph.exporters import Exporters
    from barograph_processor.clock import Clock
    from barograph_processor.config.model import Config
    from barograph_processor.patterns.opening import Running

EXPORTER = "application"
# Processes of one service that share a storage directory; each has a folder of its own in it.
MOST_WORKERS = 256

_log = logging.getLogger("barograph")


class EngineThread:
    """Opens a service in a thread of its own, and closes it there when it is asked to."""

    def __init__(self, open_it: Callable[[], AbstractContextManager[Running]]) -> None:
        self._open = open_it
        self._begun = threading.Lock()
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._ended = threading.Event()
        self._running: Running | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, once."""
        with self._begun:
            if self._thread is not None or self._stop.is_set():
                return
            self._thread = threading.Thread(target=self._run, name="barograph embedded", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is ending
                self._opened.set()
                self._ended.set()

    @property
    def is_there(self) -> bool:
        """Whether it was started and hasn't ended."""
        return self._thread is not None and not self._ended.is_set()

    def running(self, timeout_s: float | None = None) -> Running | None:
        """The service, once it is open; None where it can't be, was closed, or takes longer."""
        self.start()
        self._opened.wait(timeout_s)
        return self._running

    def stop(self, timeout_s: float) -> bool:
        """Have it closed; False where that takes longer."""
        self._stop.set()
        with self._begun:
            if self._thread is None:
                return True
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                with GATE:
                    running = stack.enter_context(self._open())
                self._running = running
                self._opened.set()
                self._stop.wait()
                self._running = None
        except Exception as error:  # noqa: BLE001  # whatever it is, serving must not notice
            guard.background_fault(CONFIGURATION, error)
        finally:
            self._running = None
            self._opened.set()
            self._ended.set()


@contextmanager
def open_embedded(exporters: Exporters, clock: Clock | None = None) -> Iterator[Running]:
    """Run the engine of this process for as long as the context lasts.

    Leaving keeps unfinished windows where there is a storage directory, and loses them where not.

    Args:
        exporters: The application's.
        clock: Tells the time.

    Raises:
        BarographError: It can't be opened.
    """
    clock = clock or SystemClock()
    registry = Registry.installed()
    config = config_or_defaults(registry)
    # Where an operator starts a program, a plug-in at fault stops the start; serving must go on, and with it
    # all that the others tell.
    plugins, faults = without_faults(registry.plugins.without(config.plugins.exclude))
    if faults:
        guard.drop(CONFIGURATION, "plugin_unusable", "; ".join(map(str, faults)), len(faults))
    registry = registry.with_plugins(plugins)
    telemetry = Telemetry(clock.now_ns())
    exporter = Application(exporters, telemetry, source_id=source_id(), clock=clock)
    baselines = {one.id: one for one in (*given_baselines(config), *WORKER.baselines())}

    def opened(config: Config) -> AbstractContextManager[Running]:
        return open_service(
            config,
            baselines=list(baselines.values()),
            registry=registry,
            telemetry=telemetry,
            clock=clock,
            exporters={EXPORTER: exporter},
            guest=True,
        )

    with ExitStack() as stack:
        running = _enter(stack, config, opened)
        names = ", ".join(map(str, config.windows))
        others = "other models" if baselines else "every model"
        _log.info(
            "barograph's engine runs in this process: windows %s; %s learns a baseline from its first "
            "%s predictions; results leave by the application's exporters",
            names,
            others,
            f"{config.engine.learn_rows:,}",
        )
        yield running


def _enter(
    stack: ExitStack, config: Config, opened: Callable[[Config], AbstractContextManager[Running]]
) -> Running:
    """Open with a folder of its own: workers of one service have one configuration."""
    directory = config.storage.directory
    if directory is None:
        return stack.enter_context(opened(config))
    for number in range(MOST_WORKERS):
        try:
            storage = msgspec.structs.replace(config.storage, directory=f"{directory}/worker-{number}")
            return stack.enter_context(opened(msgspec.structs.replace(config, storage=storage)))
        except DirectoryInUse:  # noqa: PERF203  # the next one is free, or the one after it
            continue
    raise ConfigError(
        f"$.storage.directory: {directory}: all of its {MOST_WORKERS} folders are in use; choose another one"
    )
