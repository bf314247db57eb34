"""What an engine in the serving process is told: ``BAROGRAPH_CONFIG``, and the variables of the source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from barograph.baseline import read_baseline
from barograph.errors import BarographError, ConfigError
from barograph.guard import CONFIGURATION, guard
from barograph.settings import Settings
from barograph_processor.config.document import parse
from barograph_processor.config.load import load
from barograph_processor.config.resolve import read_baselines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph.baseline import Baseline
    from barograph_processor.config.load import Catalog
    from barograph_processor.config.model import Config

CONFIG = "BAROGRAPH_CONFIG"
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS = 60_000
# A serving process has other uses for its memory than a service of its own has.
_PENDING_BYTES = 64 * 2**20
_QUEUE = 1_000


def embedded_config(catalog: Catalog, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of the file that ``BAROGRAPH_CONFIG`` names; every default without one.

    Receivers and exporters of the file are not for a serving process: telemetry comes from its
    monitors, and results leave by its own exporters. Nor is durability ``disk``: nobody is told that
    telemetry was taken. What the file leaves open follows the environment (pane, export interval) and
    the smaller size of a guest (queues, pending labels).

    Args:
        catalog: The components that there are.
        environ: The environment.

    Raises:
        ConfigError: The file can't be read, or says something that can't be done.
    """
    path = environ.get(CONFIG, "").strip()
    if not path:
        return _filled("", "environment", None, catalog, environ)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise ConfigError(f"{CONFIG}: {path}: {reason}; give the path of a YAML file") from error
    return _filled(text, path, Path(path).parent, catalog, environ)


def _filled(
    text: str, name: str, folder: Path | None, catalog: Catalog, environ: Mapping[str, str]
) -> Config:
    stated = parse(text, name=name)
    overrides: dict[tuple[str, ...], object] = {
        ("receivers",): {},
        ("exporters",): {},
        ("storage", "durability"): "memory",
    }
    for (section, key), value in {
        ("storage", "pending_bytes"): _PENDING_BYTES,
        ("export", "queue"): _QUEUE,
        ("export", "interval"): f"{_interval_ms(environ)}ms",
        ("engine", "pane"): f"{Settings.from_environment(environ).pane_s}s",
    }.items():
        part = stated.get(section) if isinstance(stated, dict) else None
        if part is None or (isinstance(part, dict) and key not in part):
            overrides[section, key] = value
    return load(text, name=name, folder=folder, catalog=catalog, overrides=overrides, environ=environ)


def _interval_ms(environ: Mapping[str, str]) -> int:
    try:
        interval = int(environ.get(_INTERVAL, _INTERVAL_MS))
    except ValueError:
        return _INTERVAL_MS
    return interval if interval > 0 else _INTERVAL_MS


def config_or_defaults(catalog: Catalog, environ: Mapping[str, str] = os.environ) -> Config:
    """`embedded_config`; where that can't be had it is said, and every default is used.

    Raises:
        ConfigError: In strict mode, where something is wrong.
    """
    try:
        return embedded_config(catalog, environ)
    except ConfigError as error:
        if guard.is_strict:
            raise
        guard.drop(CONFIGURATION, "wrong_config", f"{error}; the defaults are used")
        rest = {name: value for name, value in environ.items() if name != CONFIG}
        return embedded_config(catalog, rest)


def given_baselines(config: Config, environ: Mapping[str, str] = os.environ) -> list[Baseline]:
    """The baselines that the file and ``BAROGRAPH_BASELINE`` name; what can't be read is said.

    Raises:
        BarographError: In strict mode, where one can't be read.
    """
    found: list[Baseline] = []
    try:
        found += read_baselines(config)
    except ConfigError as error:
        if guard.is_strict:
            raise
        guard.drop(CONFIGURATION, "baseline_unreadable", f"no baseline of {CONFIG} is used: {error}")
    path = Settings.from_environment(environ).baseline
    if path:
        try:
            found.append(read_baseline(path))
        except (OSError, BarographError) as error:
            # The monitor that uses it counts and says the same.
            guard.warn(CONFIGURATION, "baseline_unreadable", f"the baseline {path} can't be read: {error}")
    return found
