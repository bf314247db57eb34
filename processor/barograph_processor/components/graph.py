"""Opens the configured components in the order of the flow of results, and closes them in reverse.

Exporters first, then the stores, the engine, and receivers last: leaving the graph stops intake
before anything that it feeds, and results still find their exporters.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from barograph.errors import BarographError, ConfigError
from barograph_processor.components.api import Context
from barograph_processor.components.delivery import Delivery, Sending
from barograph_processor.components.dialects import open_dialects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from barograph_processor.components.api import Control, Exporter, Intake
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config
    from barograph_processor.telemetry import Telemetry
    from barograph_processor.wire.decode import Dialect


class Start(Protocol):
    """Starts what lies between exporters and receivers."""

    def __call__(self, deliveries: Sequence[Delivery]) -> AbstractContextManager[Intake]:
        """Entered after the exporters, before the receivers."""


class Graph(NamedTuple):
    """Components that run.

    Attributes:
        exporters: Component id to exporter.
        receivers: Component id to receiver.
        deliveries: The queue of each exporter.
        dialects: What reads spans and log records of others.
    """

    exporters: Mapping[str, object]
    receivers: Mapping[str, object]
    deliveries: Sequence[Delivery]
    dialects: Sequence[Dialect] = ()


@contextmanager
def open_graph(  # noqa: PLR0913  # what runs, and what it is given
    config: Config,
    *,
    registry: Registry,
    telemetry: Telemetry,
    start: Start,
    control: Control | None = None,
    made: Mapping[str, Exporter] | None = None,
) -> Iterator[Graph]:
    """Run the configured components for as long as the context lasts.

    Args:
        config: Which components, and what they are told.
        registry: The components that there are.
        telemetry: The processor's own counters.
        start: Starts what lies between exporters and receivers.
        control: What operators may ask.
        made: Exporters beside the configured ones, made in code, by name.

    Raises:
        ConfigError: A component can't be opened with its settings; the message names it.
    """
    export = config.export
    sending = Sending(queue=export.queue, give_up_s=export.retry_for.seconds)
    exporters: dict[str, object] = {}
    receivers: dict[str, object] = {}
    deliveries: list[Delivery] = []
    with ExitStack() as stack:

        def deliver(name: str, exporter: object) -> None:
            exporters[name] = exporter
            delivery = Delivery(cast("Exporter", exporter), f"exporter/{name}", telemetry, sending=sending)
            stack.callback(delivery.close)
            deliveries.append(delivery)

        for name, settings in config.exporters.items():
            context = Context(
                intake=None, telemetry=telemetry, component_id=f"exporter/{name}", control=control
            )
            deliver(name, _open(stack, registry, settings, context))
        for name, exporter in (made or {}).items():
            deliver(name, exporter)
        intake = stack.enter_context(start(deliveries))
        dialects = open_dialects(stack, config, registry, telemetry)
        for name, settings in config.receivers.items():
            component_id = f"receiver/{name}"
            context = Context(
                intake=intake,
                telemetry=telemetry,
                component_id=component_id,
                control=control,
                remembered=intake.remembered(component_id),
                dialects=dialects,
                limits=config.limits.decoding,
            )
            receivers[name] = _open(stack, registry, settings, context)
        yield Graph(exporters, receivers, deliveries, dialects)


def _open(stack: ExitStack, registry: Registry, settings: object, context: Context) -> object:
    kind, _, name = context.component_id.partition("/")
    factory = registry.factory(kind, name.partition("/")[0])
    try:
        return stack.enter_context(factory.open(settings, context))
    except BarographError as error:
        raise ConfigError(f"$.{kind}s.{name}: {error}") from error
    except OSError as error:
        raise ConfigError(f"$.{kind}s.{name}: {error.strerror or error}") from error
