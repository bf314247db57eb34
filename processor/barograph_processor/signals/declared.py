"""What is known of the names of metrics: the registry's, and what signals of other packages declare.

The table only grows, and a name never gets another meaning while the process lives, so what it says
of a name that readings carry doesn't depend on when it is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from barograph.errors import ConfigError
from barograph.semconv import attributes
from barograph.semconv.metrics import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GAUGE: Final = "gauge"
OUR_ROOTS: Final = ("ml", "barograph", "otel")
"""First parts of names that only the registry, or OpenTelemetry itself, gives meaning to."""

ADDED: Final = frozenset(
    {
        attributes.ML_MODEL_NAME,
        attributes.ML_MODEL_VERSION,
        attributes.ML_OUTPUT_NAME,
        attributes.ML_WINDOW_NAME,
        attributes.ML_BASELINE_ID,
        attributes.ML_LABEL_HORIZON,
        attributes.ML_SEGMENT_NAME,
        attributes.ML_SEGMENT_VALUE,
        attributes.ML_SOURCE_ID,
        attributes.BAROGRAPH_TENANT,
        "service.namespace",
        "deployment.environment.name",
    }
)
"""Attributes that every reading gets where they apply; a signal neither declares nor sets them."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_LONGEST_NAME: Final = 200
_UNIT: Final = re.compile(r"[!-~]{1,63}")

_declared: dict[str, Metric] = {}


def about(name: str) -> Metric:
    """What is known of a metric; of a name that nobody declares, nothing but that it is a gauge.

    That is what a window's readings of a signal become that was uninstalled since.

    >>> about("ml.window.end").unit
    's'
    >>> about("acme.no_such.figure").unit
    ''
    """
    return METRICS.get(name) or _declared.get(name) or Metric(name, GAUGE, "", "", ())


def declare(metrics: Iterable[Metric]) -> None:
    """Let the exporters know what a signal of another package emits. Saying the same again is allowed.

    Raises:
        ConfigError: Something of it can't be; nothing was declared then. One line for each problem.
    """
    table = dict(_declared)
    problems: list[str] = []
    for metric in metrics:
        problems += problems_of(metric)
        problems += _clashes(metric, table.values())
        table.setdefault(metric.name, metric)
    if problems:
        raise ConfigError("\n".join(problems))
    _declared.update(table)


def problems_of(metric: Metric) -> Iterator[str]:
    """Why a metric can't be declared, one line for each reason."""
    name = metric.name
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        yield (
            f"metric {name!r}: wanted at least two parts of a-z, 0-9 and _, with dots between them, such as "
            f"acme.prediction.entropy"
        )
    elif _flat(name).partition("_")[0] in OUR_ROOTS:
        yield f"metric {name!r}: names that begin with {', '.join(OUR_ROOTS)} are taken; begin with your own"
    if metric.instrument != GAUGE:
        yield f"metric {name!r}: the instrument is {metric.instrument!r}, wanted {GAUGE!r}, as readings are"
    if not _UNIT.fullmatch(metric.unit):
        yield f"metric {name!r}: the unit is {metric.unit!r}, wanted UCUM such as s, By or {{ratio}}"
    if not metric.brief.strip():
        yield f"metric {name!r}: it has no brief; one sentence says what it measures"
    for attribute in metric.attributes:
        if attribute in ADDED:
            yield f"metric {name!r}: the attribute {attribute} is added to every reading; leave it out"
        elif not _NAME.fullmatch(attribute):
            yield f"metric {name!r}: the attribute {attribute!r} is no name such as acme.prediction.group"


def _clashes(metric: Metric, others: Iterable[Metric]) -> Iterator[str]:
    for other in others:
        if _flat(other.name) == _flat(metric.name) and other != metric:
            yield (
                f"metric {metric.name!r}: it is declared already, as {other.name} in {other.unit}: "
                f"{other.brief}"
            )


def _flat(name: str) -> str:
    """Names that differ in their separators alone are one name to Prometheus."""
    return "_".join(part for part in re.split(r"[._]+", name) if part)
