"""Which sinks a process has: what ``BAROGRAPH_SINK`` names.

A name is ``otlp``, the exporters of the OpenTelemetry environment or the place that
``BAROGRAPH_OTLP_ENDPOINT`` names, or that of an entry point in the
group ``barograph_sink``: something that is called as `ExporterSink` is, with what makes the
application's exporters, and gives a `Sink`. Such a sink may also have ``start()``, which is called
when the first prediction was recorded, ``drain(timeout_s) -> bool``, which closes all that it holds
open, and ``after_fork()``, which is called in a forked child.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from barograph.errors import BarographError, ConfigError
from barograph.export import ExporterSink, from_environment
from barograph.guard import CONFIGURATION, guard
from barograph.routing import Routed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import Sink

VARIABLE = "BAROGRAPH_SINK"
ENDPOINT = "BAROGRAPH_OTLP_ENDPOINT"
GROUP = "barograph_sink"
OTLP = "otlp"


def sink_names() -> tuple[str, ...]:
    """What ``BAROGRAPH_SINK`` names, ``otlp`` where it names nothing.

    >>> sink_names()
    ('otlp',)
    """
    names = (name.strip().lower() for name in os.environ.get(VARIABLE, "").split(","))
    return tuple(dict.fromkeys(filter(None, names))) or (OTLP,)


def chosen_sink(
    metric_exporters: Callable[[], Sequence[Any]], log_exporters: Callable[[], Sequence[Any]]
) -> Sink:
    """The sink of the process, as ``BAROGRAPH_SINK`` says.

    A sink that can't be had is said once and stands for nothing: predictions take no way that nobody
    asked for. Where no other is named they are counted as dropped.

    Args:
        metric_exporters: Makes the application's exporters of metrics.
        log_exporters: The same for log records.

    Raises:
        ConfigError: In strict mode, where a sink can't be had.
    """
    names = sink_names()
    upstream = os.environ.get(ENDPOINT, "").strip()
    exporters = ExporterSink(metric_exporters, log_exporters)
    named: dict[str, Sink] = {}
    for name in names:
        if name == OTLP:
            if upstream:
                named[name] = ExporterSink(
                    from_environment("metrics", upstream), from_environment("logs", upstream)
                )
            continue
        try:
            named[name] = _opened(name, metric_exporters, log_exporters)
        except Exception as error:  # whatever a plug-in raises, serving must not notice
            message = f"{VARIABLE}: {name}: {error}"
            if guard.is_strict:
                raise ConfigError(message) from error
            guard.drop(CONFIGURATION, "no_sink", f"{message}; predictions don't go there")
    if not named and names == (OTLP,):
        return exporters
    return Routed(exporters, named, exports_all=OTLP in names and not upstream)


def destination() -> str:
    """Where telemetry goes, for people; passwords in addresses are left out."""
    names = sink_names()
    exporter = os.environ.get("OTEL_METRICS_EXPORTER", "otlp")
    variables = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    endpoint = next(filter(None, map(os.environ.get, variables)), "the default endpoint")
    upstream = os.environ.get(ENDPOINT, "").strip()
    told = [f"{exporter}, {masked(endpoint)}"]
    if upstream and OTLP in names:
        told.append(f"upstream {masked(upstream)}")
    told += [name for name in names if name != OTLP]
    return "; ".join(told)


def masked(address: str) -> str:
    """An address without the password that it may carry.

    >>> masked("https://me:secret@collector:4317")
    'https://collector:4317'
    """
    return re.sub("//[^/@]*@", "//", address)


def _opened(
    name: str, metric_exporters: Callable[[], Sequence[Any]], log_exporters: Callable[[], Sequence[Any]]
) -> Sink:
    entries = entry_points(group=GROUP)
    found = next((entry for entry in entries if entry.name == name), None)
    if found is None:
        known = ", ".join(sorted({OTLP, *(entry.name for entry in entries)}))
        raise ConfigError(f"there is no such sink; wanted one of {known}")
    try:
        open_sink: Callable[..., Sink] = found.load()
        return open_sink(metric_exporters, log_exporters)
    except BarographError:
        raise
    except Exception as error:
        raise ConfigError(f"{found.value} raised {type(error).__name__}: {error}") from error
