"""Points as sources send them: what an edge passes on, and what it counted itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from barograph.semconv import SCHEMA_URL, SOURCE_SCOPE
from barograph.semconv import attributes as names
from barograph_processor.engine.open_features import FEATURE_ROWS, NUMBER
from barograph_processor.engine.settings import SECOND_NS
from barograph_processor.signals.counts import OTHER, CategoryCounts
from barograph_processor.signals.declared import about
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.wire import identity
from barograph_processor.wire.points import EDGES, STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.proto.metrics.v1.metrics_pb2 import ScopeMetrics

    from barograph_processor.engine.batch import Key, Point

_METRIC_OF: Final = {stream.kind: name for name, stream in STREAMS.items()}


def encode_points(points: Sequence[Point]) -> bytes:
    """Delta points as an ExportMetricsServiceRequest; `decode_metrics` gives equal ones.

    Sums of histograms are rounded to doubles; a sum that none can hold is left out.
    """
    request = ExportMetricsServiceRequest()
    scopes: dict[tuple[str, str], tuple[ScopeMetrics, dict[tuple[str, str], Metric]]] = {}
    for point in points:
        place = (point.key.namespace, point.key.environment)
        if place not in scopes:
            carrier = request.resource_metrics.add(schema_url=SCHEMA_URL)
            carrier.resource.attributes.extend(texts(resource_of(point.key)))
            scope = carrier.scope_metrics.add(schema_url=SCHEMA_URL)
            scope.scope.name = SOURCE_SCOPE
            scopes[place] = (scope, {})
        _add(point, *scopes[place])
    return request.SerializeToString()


def resource_of(key: Key) -> dict[str, str]:
    """The parts of the key that are the resource's."""
    return {identity.SERVICE_NAMESPACE: key.namespace, identity.ENVIRONMENT: key.environment}


def identity_of(key: Key, source: str) -> dict[str, str]:
    """The parts of the key that are an item's, and its source."""
    return {
        names.ML_MODEL_NAME: key.model,
        names.ML_MODEL_VERSION: key.version,
        names.ML_OUTPUT_NAME: key.output,
        names.ML_SOURCE_ID: source,
    }


def texts(pairs: Mapping[str, str]) -> list[KeyValue]:
    """Texts as attributes, empty ones left out."""
    return [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in pairs.items() if text]


def _add(point: Point, scope: ScopeMetrics, metrics: dict[tuple[str, str], Metric]) -> None:
    name = _METRIC_OF[point.stream.kind]
    held = _held(point)
    metric = metrics.get((name, held))
    if metric is None:
        known = about(name)
        metric = metrics[name, held] = scope.metrics.add(name=name, unit=known.unit, description=known.brief)
        data = getattr(metric, held)
        data.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
        if held == "sum":
            data.is_monotonic = True
    data_points = getattr(metric, held).data_points
    if isinstance(point.state, CategoryCounts):
        data_points.extend(_counts(point, point.state))
    elif isinstance(point.state, ExplicitHistogram):
        data_points.append(_explicit(point, point.state))
    elif isinstance(point.state, ExponentialHistogram):
        data_points.append(_exponential(point, point.state))


def _held(point: Point) -> str:
    if isinstance(point.state, CategoryCounts):
        return "sum"
    return "histogram" if isinstance(point.state, ExplicitHistogram) else "exponential_histogram"


def _attributes(point: Point, item: str) -> list[KeyValue]:
    stream = STREAMS[_METRIC_OF[point.stream.kind]]
    basis = "" if point.stream.basis.startswith(EDGES) else point.stream.basis
    pairs = {
        **identity_of(point.key, point.source),
        names.ML_EDGE_ID: point.edge,
        names.ML_BASELINE_ID: basis,
    }
    found = texts(pairs)
    for wanted, text in (
        (stream.name, point.stream.name),
        (stream.part, point.stream.part),
        (stream.item, item),
    ):
        if wanted is not None and (text or wanted[1]):
            found.append(KeyValue(key=wanted[0], value=AnyValue(string_value=text)))
    if point.pane_ns:
        seconds = point.pane_ns // SECOND_NS
        found.append(KeyValue(key=names.ML_PANE_LENGTH, value=AnyValue(int_value=seconds)))
    return found


def _counts(point: Point, state: CategoryCounts) -> Iterator[NumberDataPoint]:
    """A point a name: that is how sources count. A feature that holds nothing yet is told by a point of 0."""
    counts = {**state.counts, OTHER: state.other} if state.other else state.counts
    if not counts and point.stream.kind == FEATURE_ROWS:
        counts = {NUMBER: 0}
    for item, rows in counts.items():
        yield NumberDataPoint(
            attributes=_attributes(point, item),
            start_time_unix_nano=point.start_ns,
            time_unix_nano=point.end_ns,
            as_int=rows,
        )


def _explicit(point: Point, state: ExplicitHistogram) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=_attributes(point, ""),
        start_time_unix_nano=point.start_ns,
        time_unix_nano=point.end_ns,
        count=state.rows,
        explicit_bounds=state.edges.tolist(),
        bucket_counts=state.counts.tolist(),
        sum=_finite(float(state.total)),
        min=_finite(state.low),
        max=_finite(state.high),
    )


def _exponential(point: Point, state: ExponentialHistogram) -> ExponentialHistogramDataPoint:
    sides = ExponentialHistogramDataPoint.Buckets
    return ExponentialHistogramDataPoint(
        attributes=_attributes(point, ""),
        start_time_unix_nano=point.start_ns,
        time_unix_nano=point.end_ns,
        count=state.rows,
        scale=state.scale,
        zero_count=state.zero_count,
        positive=sides(offset=state.positive_offset, bucket_counts=state.positive.tolist()),
        negative=sides(offset=state.negative_offset, bucket_counts=state.negative.tolist()),
        sum=_finite(float(state.total)),
        min=_finite(state.low),
        max=_finite(state.high),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
