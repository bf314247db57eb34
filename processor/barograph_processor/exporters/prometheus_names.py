"""OpenTelemetry names to Prometheus names, as the Go translators do it.

One metric has one Prometheus name, whether it is scraped from us, passes through a Collector, or
is pushed to Prometheus by OTLP.

Source: github.com/prometheus/otlptranslator, strategy `UnderscoreEscapingWithSuffixes`.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["gauge", "counter", "updowncounter", "histogram"]

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
    "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_NAME = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9]+")


def metric_name(name: str, unit: str, kind: Kind) -> str:
    """The Prometheus name of a metric.

    Args:
        name: OpenTelemetry name.
        unit: UCUM unit; annotations in braces leave no trace.
        kind: ``counter`` means monotonic.

    Raises:
        ValueError: Nothing is left of the name.

    >>> metric_name("ml.feature.missing.ratio", "1", "gauge")
    'ml_feature_missing_ratio'
    >>> metric_name("ml.telemetry.dropped", "{item}", "counter")
    'ml_telemetry_dropped_total'
    >>> metric_name("ml.inference.duration", "s", "histogram")
    'ml_inference_duration_seconds'
    """
    parts = [part for part in _NOT_NAME.split(name) if part]
    main, per = _suffixes(unit)
    main = "" if main in parts else main
    per = "" if per == "per_" else per.removesuffix("_")
    per = "" if per in parts else per
    if per:
        main = main.removesuffix("_")
    parts += [suffix for suffix in (main, per) if suffix]
    if kind == "counter":
        parts = [*(part for part in parts if part != "total"), "total"]
    if unit == "1" and kind == "gauge":
        parts = [*(part for part in parts if part != "ratio"), "ratio"]
    joined = "_".join(parts)
    if not joined.strip("_"):
        raise ValueError(f"nothing is left of the metric name {name!r}")
    return f"_{joined}" if joined[0].isdigit() else joined


def label_name(name: str) -> str:
    """The Prometheus name of an attribute.

    Raises:
        ValueError: Nothing is left of the name.

    >>> label_name("ml.feature.name")
    'ml_feature_name'
    >>> label_name("0day")
    'key_0day'
    """
    reserved = len(name) >= len("____") and name.startswith("__") and name.endswith("__")
    label = _NOT_LABEL.sub("_", name[2:-2] if reserved else name)
    label = f"__{label}__" if reserved else label
    if label[:1].isdigit():
        label = f"key_{label}"
    if not label.strip("_"):
        raise ValueError(f"nothing is left of the attribute name {name!r}")
    return label


def _suffixes(unit: str) -> tuple[str, str]:
    main, _, per = (each.strip() for each in unit.partition("/"))
    main = "" if _annotated(main) else _clean(_UNITS.get(main, main))
    per = "" if _annotated(per) else _PER.get(per, per)
    return main, _clean(f"per_{per}") if per else ""


def _annotated(unit: str) -> bool:
    return not unit or "{" in unit or "}" in unit


def _clean(suffix: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9:]", "_", suffix)).removeprefix("_")
