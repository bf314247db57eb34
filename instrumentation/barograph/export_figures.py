"""Figures of an engine in this process through the SDK's exporters: gauges, and counters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from barograph.export_sdk import resource, scope
from barograph.semconv import SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Figure(NamedTuple):
    """One number at one time.

    Attributes:
        metric: Its name; unit and description are those of the first figure of that name.
        unit: As the registry has it.
        brief: What it means.
        attributes: Whose it is.
        value: The number.
        time_ns: When it is told, Unix nanoseconds.
        start_ns: Since when a counter counts; None: it is a gauge.
    """

    metric: str
    unit: str
    brief: str
    attributes: Mapping[str, str]
    value: float
    time_ns: int
    start_ns: int | None = None


def send_figures(exporter: MetricExporter, by_scope: Mapping[str, Sequence[Figure]]) -> bool:
    """Export the figures of some scopes at once; False where that failed."""
    told = [ScopeMetrics(scope(name), _metrics(some), SCHEMA_URL) for name, some in by_scope.items()]
    data = MetricsData([ResourceMetrics(resource(), told, "")])
    with suppress_instrumentation():
        return exporter.export(data) is MetricExportResult.SUCCESS


def _metrics(figures: Sequence[Figure]) -> list[Metric]:
    by_name: dict[tuple[str, bool], list[Figure]] = {}
    for figure in figures:
        by_name.setdefault((figure.metric, figure.start_ns is None), []).append(figure)
    made = []
    for (name, is_gauge), some in by_name.items():
        points = [_point(figure) for figure in some]
        cumulative = AggregationTemporality.CUMULATIVE
        data = Gauge(points) if is_gauge else Sum(points, cumulative, is_monotonic=True)
        made.append(Metric(name, some[0].brief, some[0].unit, data))
    return made


def _point(figure: Figure) -> NumberDataPoint:
    attributes: Any = figure.attributes
    start: Any = figure.start_ns  # a gauge has none, whatever the SDK's annotation says
    return NumberDataPoint(attributes, start, figure.time_ns, figure.value)
