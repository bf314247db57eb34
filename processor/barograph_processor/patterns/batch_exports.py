"""Where a batch's results go beside standard output: the configured exporters that send or write."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from barograph.errors import Permanent
from barograph.semconv import metrics
from barograph_processor.clock import SystemClock
from barograph_processor.components.graph import open_graph
from barograph_processor.engine.batch import Fed
from barograph_processor.engine.board import Board

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Position
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config
    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.telemetry import Telemetry

_WAITED_FOR: Final = frozenset(("prometheus", "console"))
"""What means nothing here: nobody comes to scrape, and the command line prints itself."""


class Exports:
    """Hands windows to exporters, and waits for them.

    Attributes:
        names: The exporters.
    """

    def __init__(
        self, deliveries: Sequence[Delivery], config: Config, telemetry: Telemetry, clock: Clock
    ) -> None:
        self.names = [delivery.component_id for delivery in deliveries]
        self._deliveries = deliveries
        self._patience_s = config.export.retry_for.seconds
        self._telemetry = telemetry
        self._clock = clock
        self._board = Board(config.export.grace.ns)

    def offer(self, closed: Sequence[ClosedWindow]) -> None:
        """Queue windows; waits while a queue is more than half full."""
        self._board.update(closed, self._clock.now_ns())
        for delivery in self._deliveries:
            delivery.offer_windows(closed)
            if delivery.pressed:
                delivery.flush(self._patience_s)

    def finish(self) -> None:
        """Send the readings that stand in the end, and wait until everything has left.

        Raises:
            Permanent: Something could not be sent.
        """
        now_ns = self._clock.now_ns()
        current = self._board.current(now_ns)
        left = 0
        for delivery in self._deliveries:
            delivery.offer_readings(current, now_ns)
        for delivery in self._deliveries:
            if not delivery.flush(self._patience_s):
                left += delivery.waiting()
        dropped = {
            sample.attributes: int(sample.value)
            for sample in self._telemetry.snapshot()
            if sample.name == metrics.ML_TELEMETRY_DROPPED and sample.value
        }
        if left or dropped:
            told = [f"{left:,} windows wait"] if left else []
            told += [f"{count:,} {' '.join(text for _, text in names)}" for names, count in dropped.items()]
            raise Permanent(
                f"not all results could be sent by {', '.join(self.names)} ({', '.join(told)}); see that the "
                "other side works, and run the batch again: it gives the same"
            )


class _NoIntake:
    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Nothing is received."""
        del batches, position
        return Fed(0, {})

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        """And nothing was."""
        del owner
        return {}


@contextmanager
def open_exports(
    config: Config, registry: Registry, telemetry: Telemetry, clock: Clock | None = None
) -> Iterator[Exports]:
    """Run the exporters for as long as the context lasts.

    Args:
        config: With exporters; those that wait to be asked are left out.
        registry: The components that there are.
        telemetry: The processor's own counters.
        clock: Tells when results leave.

    Raises:
        ConfigError: An exporter can't be opened with its settings.
    """
    chosen = {
        name: settings
        for name, settings in config.exporters.items()
        if name.partition("/")[0] not in _WAITED_FOR
    }
    sending = msgspec.structs.replace(config, receivers={}, exporters=chosen)

    @contextmanager
    def start(deliveries: Sequence[Delivery]) -> Iterator[_NoIntake]:
        del deliveries
        yield _NoIntake()

    with open_graph(sending, registry=registry, telemetry=telemetry, start=start) as graph:
        yield Exports(graph.deliveries, config, telemetry, clock or SystemClock())
