"""Puts an edge together from its configuration, and takes it apart again."""

from __future__ import annotations

import logging
import os
import secrets
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from barograph.errors import ConfigError
from barograph_processor.clock import SystemClock
from barograph_processor.components.graph import open_graph
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.relay import Relay
from barograph_processor.exporters.otlp import sender_to
from barograph_processor.exporters.otlp_target import Config as TargetConfig
from barograph_processor.exporters.otlp_target import target_of
from barograph_processor.patterns.forward_beginning import beginning
from barograph_processor.patterns.forwarder import LEAVING_S, Forwarder
from barograph_processor.patterns.kept import open_kept
from barograph_processor.patterns.outbox import Outbox
from barograph_processor.stores.files import SystemFiles
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.clock import Clock
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.components.graph import Graph
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.forward import Forward
    from barograph_processor.config.model import Config
    from barograph_processor.config.values import Duration
    from barograph_processor.patterns.outbox import Sender, Signal

FOLDER: Final = "forward"
_SIGNALS: Final[Sequence[Signal]] = ("metrics", "logs")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """An edge that runs.

    Attributes:
        config: What it was told.
        forwarder: Its intake and control.
        graph: Its components.
        baselines: On whose edges it counts.
        endpoint: Where it passes things on to.
        interval: How often.
        left: What an earlier run left: requests and batches; None where there is no storage.
    """

    config: Config
    forwarder: Forwarder
    graph: Graph
    baselines: Sequence[Baseline]
    endpoint: str
    interval: Duration
    left: tuple[int, int] | None


@contextmanager
def open_forwarding(
    config: Config,
    *,
    baselines: Sequence[Baseline],
    registry: Registry,
    telemetry: Telemetry | None = None,
    clock: Clock | None = None,
) -> Iterator[Forwarding]:
    """Run an edge for as long as the context lasts.

    Leaving stops intake and passes on what can be within a few seconds; the rest stays in the storage
    directory, or is counted as dropped where there is none.

    Raises:
        ConfigError: A component or the storage directory can't be used, or there is no endpoint.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or Telemetry(clock.now_ns())
    registry = registry.without(config.plugins.exclude)
    forward = config.forward
    if forward is UNSET:
        raise ConfigError("$.forward: found nothing, wanted the endpoint of the processor that makes windows")
    files = SystemFiles()
    with ExitStack() as stack:
        folder: Path | None = None
        if config.storage.directory is not None:
            folder = stack.enter_context(open_kept(Path(config.storage.directory))).directory / FOLDER
        relay = Relay(
            settings_for(config, None),
            edge=uuid.uuid4().hex,
            remember=forward.remember,
            seed=secrets.randbits(64),
            baselines=baselines,
        )
        always = config.storage.durability == "disk" and config.storage.sync == "always"
        begun = stack.enter_context(beginning(relay, folder, files, clock, always=always))
        outbox = Outbox(
            _senders(forward, stack), telemetry, clock, most_bytes=forward.queue_bytes, sent=begun.log.sent
        )
        forwarder = Forwarder(
            relay,
            begun.log,
            outbox,
            telemetry,
            clock,
            interval_s=forward.interval.seconds,
            positions=begun.positions,
        )
        stack.callback(_leave, outbox, keeps=folder is not None)
        outbox.put(begun.parcels)

        @contextmanager
        def start(deliveries: Sequence[Delivery]) -> Iterator[Forwarder]:
            with forwarder.running(deliveries, config.export.interval.seconds):
                yield forwarder

        graph = stack.enter_context(
            open_graph(config, registry=registry, telemetry=telemetry, start=start, control=forwarder)
        )
        stack.callback(forwarder.stopping)  # first of all on leaving: probes see it before intake ends
        yield Forwarding(config, forwarder, graph, baselines, forward.endpoint, forward.interval, begun.left)


def _senders(forward: Forward, stack: ExitStack) -> dict[Signal, Sender]:
    told = TargetConfig(
        endpoint=forward.endpoint,
        protocol=forward.protocol,
        headers=forward.headers,
        compression=forward.compression,
        insecure=forward.insecure,
        timeout=forward.timeout,
        ca_file=forward.ca_file,
        cert_file=forward.cert_file,
        key_file=forward.key_file,
    )
    senders: dict[Signal, Sender] = {}
    for signal in _SIGNALS:
        try:
            senders[signal] = sender_to(target_of(told, signal, os.environ))
        except ConfigError as error:
            raise ConfigError(f"$.forward: {error}") from error
        stack.callback(senders[signal].close)
    return senders


def _leave(outbox: Outbox, *, keeps: bool) -> None:
    outbox.close(LEAVING_S)
    if keeps:
        return
    lost = outbox.give_up()
    if lost:
        _log.warning("forward: stopped with %s requests that could not be passed on", f"{lost:,}")
