"""A closed window in words: when, how it stands, how many rows, what drifted, how well it does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from barograph.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.signals.api import Reading

SHOWN_FEATURES = 3
_COLOURS = {"ok": "32", "warning": "33", "insufficient_data": "2", "learning": "36"}
_PERFORMANCE = (
    metrics.ML_PERFORMANCE_ACCURACY,
    metrics.ML_PERFORMANCE_ROC_AUC,
    metrics.ML_PERFORMANCE_MAE,
    metrics.ML_PERFORMANCE_RMSE,
)


def text_line(window: ClosedWindow, *, colour: bool = False) -> str:
    """A window in one line: when, what, how it stands, how many rows, what drifted, how well it does."""
    name = f"{window.key.model}:{window.key.version}" + (f" {window.key.output}" if window.key.output else "")
    status = status_text(window.status, colour=colour)
    parts = [f"{moment(window.start_ns):%Y-%m-%d %H:%M}", f"{window.window:>5}", name, status]
    rows = rows_of(window.readings)
    if rows is not None:
        parts.append(f"{rows:,.0f} rows")
    parts += drift_told(window.readings)
    parts += performance_told(window.readings)
    if window.revision:
        parts.append(f"(revision {window.revision})")
    return "  ".join(parts)


def status_text(status: str, *, colour: bool) -> str:
    """A status as people read it."""
    text = status.replace("_", " ")
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if colour else text


def rows_of(readings: Sequence[Reading]) -> float | None:
    """Predictions of the window; None where they aren't known."""
    return _value(readings, metrics.ML_WINDOW_OBSERVATIONS)


def drift_told(readings: Sequence[Reading]) -> Iterator[str]:
    """How many features drifted, and the farthest of them; nothing where none can be told."""
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


def performance_told(readings: Sequence[Reading]) -> Iterator[str]:
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


def moment(time_ns: int) -> datetime:
    """A time of the engine, in UTC."""
    return datetime.fromtimestamp(time_ns / 1e9, tz=timezone.utc)
