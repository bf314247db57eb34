"""What the types of a configuration can't say: how its values must fit together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import UNSET

from barograph_processor.config.endpoints import endpoint_problems
from barograph_processor.engine.settings import DAY_NS, LONGEST_NS
from barograph_processor.wire.mapping import problems as mapping_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.config.model import Config, FeatureSchema
    from barograph_processor.config.values import Duration, WindowName


OUR_STORES = ("memory", "disk")


def problems_of(config: Config, environ: Mapping[str, str]) -> list[str]:
    """One line for each thing that doesn't fit, with its path."""
    return [
        *_times(config),
        *_windows(config.windows, "$.windows", config),
        *_models(config),
        *_storage(config),
        *_mappings(config),
        *endpoint_problems(config, environ),
    ]


def _times(config: Config) -> Iterator[str]:
    if not _divides_a_day(config.engine.pane):
        yield f"$.engine.pane: found {config.engine.pane}, wanted a divisor of a day such as 1m, 5m or 1h"
    positive = {
        "$.export.interval": config.export.interval,
        "$.engine.ttl": config.engine.ttl,
        "$.engine.idle": config.engine.idle,
        "$.labels.within": config.labels.within,
    }
    if config.forward is not UNSET:
        positive["$.forward.interval"] = config.forward.interval
    for path, duration in positive.items():
        yield from _positive(path, duration)
    if config.engine.ttl.ns < config.engine.lateness.ns:
        yield (
            f"$.engine.ttl: found {config.engine.ttl}, wanted at least the lateness "
            f"({config.engine.lateness}): data is late only after it"
        )


def _divides_a_day(pane: Duration) -> bool:
    return pane.ns > 0 and DAY_NS % pane.ns == 0


def _positive(path: str, duration: Duration) -> Iterator[str]:
    if duration.ns <= 0:
        yield f"{path}: found {duration}, wanted more than nothing"
    elif duration.ns > LONGEST_NS:
        yield f"{path}: found {duration}, wanted {LONGEST_NS // DAY_NS}d at most"


def _windows(windows: Sequence[WindowName], path: str, config: Config) -> Iterator[str]:
    if not windows:
        yield f"{path}: found an empty list, wanted at least one window such as 1d"
    pane = config.engine.pane
    for index, name in enumerate(windows):
        if _divides_a_day(pane) and name.window.length_ns % pane.ns:
            yield f"{path}[{index}]: found {name}, wanted a multiple of the pane ($.engine.pane is {pane})"
        if name in windows[:index]:
            yield f"{path}[{index}]: found {name}, which is in the list already"


def _models(config: Config) -> Iterator[str]:
    for name, model in config.models.items():
        path = f"$.models.{name}"
        if model.windows is not None:
            yield from _windows(model.windows, f"{path}.windows", config)
        if model.labels is not None:
            yield from _positive(f"{path}.labels.within", model.labels.within)
        for feature, schema in model.schema.items():
            yield from _schema(schema, f"{path}.schema.{feature}")
        for index, file in enumerate(model.baselines):
            yield from _local(file, f"{path}.baseline" + (f"[{index}]" if len(model.baselines) > 1 else ""))
    for index, file in enumerate(config.baselines):
        yield from _local(file, f"$.baselines[{index}]")


def _schema(schema: FeatureSchema, path: str) -> Iterator[str]:
    bounds = [bound for bound in (schema.min, schema.max) if bound is not None]
    if not all(map(math.isfinite, bounds)):
        yield f"{path}: found a bound that is not finite, wanted a number; leave out what has no bound"
    elif bounds != sorted(bounds):
        yield f"{path}.max: found {schema.max:g}, wanted at least the min ({schema.min:g})"
    if bounds and schema.kind == "category":
        yield f"{path}: found min or max, wanted neither: categories have no order; list them as values"
    if schema.values is not None and (schema.kind == "number" or bounds):
        yield f"{path}.values: found values of a number, wanted min and max, or type: category"
    if schema.values == ():
        yield f"{path}.values: found an empty list, wanted at least one category"


def _mappings(config: Config) -> Iterator[str]:
    for index, mapping in enumerate(config.mappings):
        yield from mapping_problems(mapping, f"$.mappings[{index}]")


def _local(file: str, path: str) -> Iterator[str]:
    if "://" in file:
        yield f"{path}: found {file!r}, wanted the path of a local file; copy the object there first"


def _storage(config: Config) -> Iterator[str]:
    if len(config.stores) > 1:
        yield f"$.stores: found {', '.join(config.stores)}, wanted one at most"
    for name in config.stores:
        if name in OUR_STORES:
            yield f"$.stores.{name}: it is chosen by $.storage.directory; leave it out"
        elif config.storage.durability == "disk":
            yield (
                f"$.stores.{name}: found durability disk, wanted memory: checkpoints hold what our own "
                f"stores hold, not what another package's does"
            )
    if config.storage.durability == "disk" and config.storage.directory is None:
        yield (
            "$.storage.directory: found nothing, wanted a local folder: durability disk needs one for its "
            "journal and checkpoints (--storage DIR)"
        )
    yield from _positive("$.storage.sync_every", config.storage.sync_every)
    yield from _positive("$.storage.checkpoint_every", config.storage.checkpoint_every)
    if config.storage.directory is not None and "://" in config.storage.directory:
        yield f"$.storage.directory: found {config.storage.directory!r}, wanted a local folder"
