"""`Config` to what the engine is told, and the baselines that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from barograph.baseline import read_baseline
from barograph.errors import ConfigError, StateError
from barograph.redact import Redactor
from barograph_processor.config.values import as_text
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Horizon, Settings
from barograph_processor.signals.schema_rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.config.model import Config
    from barograph_processor.config.values import Duration

_HORIZONS = (Horizon("1h", HOUR_NS), Horizon("1d", DAY_NS), Horizon("7d", 7 * DAY_NS))


def horizons(within: Duration) -> tuple[Horizon, ...]:
    """The usual horizons that are shorter than `within`, then ``all``."""
    return (*(each for each in _HORIZONS if each.length_ns < within.ns), Horizon("all", within.ns))


def settings_for(config: Config, model: str | None) -> Settings:
    """What the engine is told about a model; with None, about every model that the file doesn't name."""
    named = config.models.get(model) if model is not None else None
    windows = named.windows if named is not None and named.windows is not None else config.windows
    labels = named.labels if named is not None and named.labels is not None else config.labels
    segments = named.segments if named is not None and named.segments is not None else config.segments
    engine, limits = config.engine, config.limits
    return Settings(
        windows=tuple(name.window for name in windows),
        pane_ns=engine.pane.ns,
        lateness_ns=engine.lateness.ns,
        ttl_ns=engine.ttl.ns,
        idle_ns=engine.idle.ns,
        future_skew_ns=engine.future_skew.ns,
        horizons=horizons(labels.within),
        segments=segments,
        max_keys=limits.keys,
        max_features=limits.features,
        max_sources=limits.sources,
        max_segment_values=limits.segment_values,
        max_windows=limits.windows,
        max_panes=limits.panes,
        max_pane_rows=limits.pane_rows,
        max_counted_panes=limits.counted_panes,
        max_feature_bytes=limits.feature_bytes,
        max_slices=limits.slices,
        learn_rows=engine.learn_rows,
        clear=frozenset(config.categories.clear),
        hash_key="" if config.categories.hash_key is None else config.categories.hash_key.reveal(),
        tasks={name: each.task for name, each in config.models.items() if each.task is not None},
        rules={name: _rules(name, config) for name, each in config.models.items() if each.schema},
    )


def _rules(model: str, config: Config) -> dict[str, Rule]:
    """The schema of a model, with its categories as they may come: by name, or by keyed hash."""
    key = config.categories.hash_key
    redactor = Redactor(model, key=None if key is None else key.reveal())
    return {
        name: Rule(
            kind=schema.kind,
            low=schema.min,
            high=schema.max,
            required=schema.required,
            values=None
            if schema.values is None
            else frozenset((*schema.values, *map(redactor.hashed, schema.values))),
            tolerance=schema.tolerance,
        )
        for name, schema in config.models[model].schema.items()
    }


def read_baselines(config: Config) -> list[Baseline]:
    """The baselines that the configuration names.

    Raises:
        ConfigError: A file is missing or damaged, or belongs to another model; one line each.
    """
    found: dict[str, Baseline] = {}
    problems: list[str] = []
    for path, file, model in _named(config):
        try:
            baseline = read_baseline(Path(file))
        except OSError as error:
            problems.append(f"{path}: {file}: {error.strerror}; make one with `barograph baseline fit`")
            continue
        except StateError as error:
            problems.append(f"{path}: {file}: {error}")
            continue
        if model is not None and baseline.header.model != model:
            problems.append(
                f"{path}: {file} is a baseline of the model {baseline.header.model!r}, wanted one of "
                f"{model!r}; fit it with --model {model}"
            )
        task = config.models[baseline.header.model].task if baseline.header.model in config.models else None
        tasks = {output.task for output in baseline.header.outputs}
        if task is not None and tasks and task not in tasks:
            problems.append(
                f"{path}: {file} was fitted for {', '.join(sorted(tasks))}, the configuration says {task}"
            )
        found[baseline.id] = baseline
    problems += _same_version(list(found.values()))
    if problems:
        raise ConfigError("\n".join(problems))
    return list(found.values())


def _named(config: Config) -> Iterator[tuple[str, str, str | None]]:
    for name, model in config.models.items():
        for index, file in enumerate(model.baselines):
            yield f"$.models.{name}.baseline" + (f"[{index}]" if len(model.baselines) > 1 else ""), file, name
    for index, file in enumerate(config.baselines):
        yield f"$.baselines[{index}]", file, None


def _same_version(baselines: Sequence[Baseline]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for baseline in baselines:
        identity = (baseline.header.model, baseline.header.version)
        if identity in seen:
            yield (
                f"$.models: two baselines are for {identity[0]} version {identity[1]} "
                f"({seen[identity][:12]} and {baseline.id[:12]}); keep one"
            )
        seen[identity] = baseline.id


def resolved(config: Config) -> dict[str, object]:
    """The whole configuration as plain values, every default written out, secrets masked."""
    plain: dict[str, object] = msgspec.to_builtins(config, enc_hook=as_text)
    models: dict[str, object] = {}
    for name, model in config.models.items():
        full = msgspec.structs.replace(
            model,
            windows=config.windows if model.windows is None else model.windows,
            labels=model.labels or config.labels,
            segments=config.segments if model.segments is None else model.segments,
        )
        models[name] = msgspec.to_builtins(full, enc_hook=as_text)
    plain["models"] = models
    return plain
