"""From files, columns and a configuration to a batch that can run."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from barograph_processor.components.dialects import open_dialects
from barograph_processor.components.plugin_signals import signals_of
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.engine import Engine
from barograph_processor.files.formats import format_of
from barograph_processor.patterns.batch import TableBatch, rows_alone, timeless
from barograph_processor.patterns.batch_otlp import OtlpBatch
from barograph_processor.patterns.batch_tables import Request, Tables, open_tables
from barograph_processor.patterns.engines import Engines, groups_of
from barograph_processor.stores.disk import DiskStore
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.decode import DecodeContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from barograph.baseline import Baseline
    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config
    from barograph_processor.engine.settings import PendingStore, Settings
    from barograph_processor.patterns.batch import Batch

__all__ = ["Opened", "Request", "open_batch"]

SMALL_BYTES: Final = 64 * 2**20
"""Files up to this size wait in memory for their labels, larger ones on disk."""
_UNLIMITED_BYTES: Final = 2**62


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch that can run, and what was made of the request.

    Attributes:
        batch: The batch.
        tables: The tables in it; None where there are none.
        telemetry: Files of OTLP.
    """

    batch: Batch
    tables: Tables | None
    telemetry: Sequence[Path]


@contextmanager
def open_batch(
    request: Request,
    config: Config,
    *,
    baselines: Sequence[Baseline],
    folder: Path,
    registry: Registry,
) -> Iterator[Opened]:
    """Open every file and see that columns, files and baseline fit together.

    Args:
        request: What is to be read.
        config: Windows, segments, tasks and limits.
        baselines: Those that the configuration names.
        folder: For what does not fit into memory; empty, and the caller's to remove.
        registry: Dialects and signals that there are.

    Raises:
        ConfigError: They don't fit, or a file can't be read.
    """
    files = dict.fromkeys([*request.predictions, *request.labels])
    telemetry = [path for path in files if format_of(path) == "otlp"]
    tables = _tables(request, config, baselines, telemetry)
    counted = Telemetry()
    registry = registry.without(config.plugins.exclude)
    signals = signals_of(registry.plugins, counted)
    with ExitStack() as stack:
        batch: Batch
        if telemetry:
            size = sum(path.stat().st_size for path in files)
            engines = Engines(
                (
                    group,
                    Engine(
                        _told(timeless(group.settings), request, tables),
                        store=stack.enter_context(_store(folder / f"pending-{number}", size)),
                        baselines=baselines,
                        signals=signals,
                    ),
                )
                for number, group in enumerate(groups_of(config))
            )
            dialects = open_dialects(stack, config, registry, counted)
            context = DecodeContext(limits=config.limits.decoding, dialects=dialects)
            batch = OtlpBatch(engines, telemetry, tables, counted=counted, context=context)
        else:
            assert tables is not None
            settings = timeless(settings_for(config, tables.owner.model), dated_labels=tables.dated_labels)
            settings = _told(settings if tables.baseline is None else rows_alone(settings), request, tables)
            engine = Engine(settings, store=MemoryStore(), baselines=baselines, signals=signals)
            batch = TableBatch(engine, predictions=tables.predictions, labels=tables.labels, folder=folder)
        yield Opened(batch, tables, telemetry)


def _tables(
    request: Request, config: Config, baselines: Sequence[Baseline], telemetry: Sequence[Path]
) -> Tables | None:
    rows = replace(
        request,
        predictions=[path for path in request.predictions if path not in telemetry],
        labels=[path for path in request.labels if path not in telemetry],
    )
    if not rows.predictions and not rows.labels:
        return None
    return open_tables(rows, config, baselines, alone=not telemetry)


def _told(settings: Settings, request: Request, tables: Tables | None) -> Settings:
    """Settings with what was asked for of the models."""
    segments = tuple(request.asked.segments) or settings.segments
    settings = replace(settings, segments=segments)
    if tables is not None and tables.task is not None:
        settings = replace(settings, tasks={**settings.tasks, tables.owner.model: tables.task})
    return settings


@contextmanager
def _store(folder: Path, size_bytes: int) -> Iterator[PendingStore]:
    """Where predictions and labels wait; nothing ever has to leave."""
    if size_bytes <= SMALL_BYTES:
        yield MemoryStore(_UNLIMITED_BYTES)
        return
    store = DiskStore(folder, _UNLIMITED_BYTES)
    try:
        yield store
    finally:
        store.close()
