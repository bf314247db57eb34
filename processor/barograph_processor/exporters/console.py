"""One line for each closed window: for people, or as JSON for programs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from barograph.semconv import attributes, events, metrics
from barograph_processor.components.api import Factory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.components.api import Context
    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.signals.api import Reading

SHOWN_FEATURES = 3
_COLOURS = {"ok": "32", "warning": "33", "insufficient_data": "2", "learning": "36"}
_PERFORMANCE = (
    metrics.ML_PERFORMANCE_ACCURACY,
    metrics.ML_PERFORMANCE_ROC_AUC,
    metrics.ML_PERFORMANCE_MAE,
    metrics.ML_PERFORMANCE_RMSE,
)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the console shows.

    Attributes:
        format: ``text`` for people, ``json`` for one JSON object on each line.
    """

    format: Literal["text", "json"] = "text"


class Console:
    """Writes closed windows to a stream, stdout unless said; readings in between are not shown."""

    def __init__(self, config: Config, stream: TextIO | None = None) -> None:
        self._json = config.format == "json"
        self._stream = stream or sys.stdout

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Write a line for each window."""
        colour = not self._json and self._stream.isatty()
        for window in closed:
            line = json_line(window) if self._json else text_line(window, colour=colour)
            self._stream.write(line + "\n")
        self._stream.flush()

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Nothing: every reading was shown when its window closed."""


@contextmanager
def _open(config: Config, context: Context) -> Iterator[Console]:
    del context
    yield Console(config)


FACTORY: Factory[Config, Console] = Factory(
    kind="exporter",
    name="console",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="One line for each closed window on standard output, as text or JSON.",
)


def json_line(window: ClosedWindow) -> str:
    """All of a window as one JSON object."""
    key = window.key
    return msgspec.json.encode(
        {
            "event": events.ML_WINDOW_CLOSED,
            "model": key.model,
            "version": key.version,
            "output": key.output,
            "namespace": key.namespace,
            "environment": key.environment,
            "tenant": key.tenant,
            "window": window.window,
            "start": _moment(window.start_ns).isoformat(),
            "end": _moment(window.end_ns).isoformat(),
            "revision": window.revision,
            "status": window.status,
            "baseline_id": window.baseline_id,
            "readings": [
                {"name": each.metric, "value": each.value, **dict(each.attributes)}
                for each in window.readings
            ],
        }
    ).decode()


def text_line(window: ClosedWindow, *, colour: bool = False) -> str:
    """A window in one line: when, what, how it stands, how many rows, what drifted, how well it does."""
    status = window.status.replace("_", " ")
    if colour:
        status = f"\x1b[{_COLOURS[window.status]}m{status}\x1b[0m"
    name = f"{window.key.model}:{window.key.version}" + (f" {window.key.output}" if window.key.output else "")
    parts = [f"{_moment(window.start_ns):%Y-%m-%d %H:%M}", f"{window.window:>5}", name, status]
    rows = _value(window.readings, metrics.ML_WINDOW_OBSERVATIONS)
    if rows is not None:
        parts.append(f"{rows:,.0f} rows")
    parts += _drift(window.readings)
    parts += _performance(window.readings)
    if window.revision:
        parts.append(f"(revision {window.revision})")
    return "  ".join(parts)


def _drift(readings: Sequence[Reading]) -> Iterator[str]:
    significant = {
        dict(each.attributes).get(attributes.ML_FEATURE_NAME, ""): each.value
        for each in readings
        if each.metric == metrics.ML_FEATURE_DRIFT_SIGNIFICANT
    }
    drifted = {name for name, value in significant.items() if value}
    if not significant:
        return
    sizes = sorted(
        (
            (each.value, dict(each.attributes).get(attributes.ML_FEATURE_NAME, ""))
            for each in readings
            if each.metric == metrics.ML_FEATURE_DRIFT_PSI
        ),
        reverse=True,
    )
    named = [f"{name} {value:.2f}" for value, name in sizes if name in drifted][:SHOWN_FEATURES]
    yield f"drift {len(drifted)}/{len(significant)}" + (f": {', '.join(named)}" if named else "")


def _performance(readings: Sequence[Reading]) -> Iterator[str]:
    """Of the longest horizon that has passed, over all segments."""
    overall = [each for each in readings if attributes.ML_SEGMENT_NAME not in dict(each.attributes)]
    for metric in _PERFORMANCE:
        value = _value(overall, metric)
        if value is not None:
            yield f"{metric.rpartition('.')[2]} {value:.3f}"
    maturity = _value(overall, metrics.ML_LABEL_MATURITY)
    if maturity is not None:
        yield f"labels {maturity:.0%}"


def _value(readings: Sequence[Reading], metric: str) -> float | None:
    """The last reading of a metric; horizons come in increasing order."""
    found = None
    for each in readings:
        if each.metric == metric:
            found = each.value
    return found


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, tz=timezone.utc)
