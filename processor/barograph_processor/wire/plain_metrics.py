"""Delta points, as the batch that `decode_metrics` makes of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from barograph.errors import StateError
from barograph.semconv import READINGS_SCOPE
from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Point, Points
from barograph_processor.engine.settings import DAY_NS, SECOND_NS
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.content_columns import SCALES, RefusedPoint
from barograph_processor.wire.contents import ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.plain import NotPlain, Resource, objects, text, wanted
from barograph_processor.wire.points import (
    DELTA,
    LATEST_NS,
    NO_RECORDED_VALUE,
    NOT_MONITORED,
    STREAMS,
    TEXTS,
    basis_of,
    stream_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import (
        ExponentialHistogramDataPoint,
        HistogramDataPoint,
        Metric,
        NumberDataPoint,
    )

    from barograph_processor.engine.batch import Key
    from barograph_processor.wire.identity import Owner
    from barograph_processor.wire.points import Stream

    DataPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint
    Content = SumContent | ExplicitContent | ExponentialContent

REQUEST_MOST_BYTES: Final = 256 * 1024
POINTS_MOST: Final = 400
"""More are quicker read as columns."""
_WANTED: Final = frozenset((*identity.NAMES, *TEXTS, names.ML_PANE_LENGTH))
_DAY_S: Final = DAY_NS // SECOND_NS


def decode_plain(data: bytes, context: DecodeContext) -> Decoded | None:
    """What `decode_metrics` gives; None where that is left to the columns."""
    if len(data) > REQUEST_MOST_BYTES:
        return None
    try:
        return _Metrics(context).decode(data)
    except (NotPlain, RefusedPoint, StateError, OverflowError):
        return None


class _Metrics:
    """The metrics of a request."""

    def __init__(self, context: DecodeContext) -> None:
        self._context = context
        self._limits = context.limits
        self._decoded = Decoded()
        self._keys: dict[Owner, Key] = {}
        self._points: dict[str, list[Point]] = {
            "sum": [],
            "histogram": [],
            "exponential_histogram": [],
        }  # in the order of the columns

    def decode(self, data: bytes) -> Decoded:
        """All of them."""
        request = cast("ExportMetricsServiceRequest", objects("metrics", data))
        decoded = self._decoded
        for per_resource in request.resource_metrics:
            resource = Resource(per_resource.resource.attributes, self._limits.max_name_length)
            for per_scope in per_resource.scope_metrics:
                own = per_scope.scope.name == READINGS_SCOPE
                for metric in per_scope.metrics:
                    self._take(metric, resource, own=own)
        points = [point for some in self._points.values() for point in some]
        if points:
            decoded.batches.append(Points(points))
        decoded.ignored = +decoded.ignored
        return decoded

    def _take(self, metric: Metric, resource: Resource, *, own: bool) -> None:
        held = metric.WhichOneof("data")
        if held is None:
            return
        data = getattr(metric, held)
        decoded, count = self._decoded, len(data.data_points)
        decoded.accepted += count
        if decoded.accepted > POINTS_MOST:
            raise NotPlain
        stream = STREAMS.get(metric.name)
        if own:
            decoded.ignored[reasons.OWN_READINGS] += count
        elif stream is None:
            known = metric.name in NOT_MONITORED
            decoded.ignored[reasons.NOT_MONITORED if known else reasons.FOREIGN] += count
        elif count:
            if held not in self._points or data.aggregation_temporality != DELTA:
                raise NotPlain
            self._points[held] += self._read(data.data_points, stream, held, resource)

    def _read(
        self, points: Iterable[DataPoint], stream: Stream, held: str, resource: Resource
    ) -> Iterable[Point]:
        """The points of a metric."""
        content_of: Callable[[DataPoint, str], Content] = getattr(self, f"_{held}")
        for point in points:
            found = wanted(point.attributes, _WANTED)
            owner = resource.owner(found)
            texts = {name: self._text(name, found) for name in TEXTS}
            pane_ns = _pane_ns(found.get(names.ML_PANE_LENGTH))
            start_ns, end_ns = point.start_time_unix_nano, point.time_unix_nano
            if not start_ns <= end_ns <= LATEST_NS or not end_ns or point.flags & NO_RECORDED_VALUE:
                raise NotPlain
            if not start_ns or start_ns == end_ns:
                start_ns = end_ns - 1
            of, item = stream_of(stream, texts, buckets=held != "sum")
            content = content_of(point, item)
            if isinstance(content, ExplicitContent) and not of.basis:
                of = of._replace(basis=basis_of(content.edges))
            edge = texts[names.ML_EDGE_ID] or ""
            key = self._key(owner)
            yield Point(key, owner.source, of, item, start_ns, end_ns, pane_ns, content.state(), edge)

    def _key(self, owner: Owner) -> Key:
        key = self._keys.get(owner)
        if key is None:
            key = self._keys[owner] = owner.key(self._context.tenant)
            if len(self._keys) > self._limits.max_keys:
                raise NotPlain
        return key

    def _text(self, name: str, found: Mapping[str, AnyValue]) -> str | None:
        value = found.get(name)
        if value is None:
            return None
        told = text(value)
        if told is not None and len(told) > self._limits.max_name_length:
            raise NotPlain
        return told if name == names.ML_FEATURE_CATEGORY else told or None

    def _sum(self, point: NumberDataPoint, item: str) -> SumContent:
        kind = point.WhichOneof("value")
        if kind is None or (kind == "as_double" and not point.as_double.is_integer()):
            raise NotPlain
        count = point.as_int if kind == "as_int" else int(point.as_double)
        if count < 0:
            raise NotPlain
        return SumContent(item, count)

    def _histogram(self, point: HistogramDataPoint, item: str) -> ExplicitContent:
        del item
        counts = self._counts(point.bucket_counts)
        edges = np.array([*point.explicit_bounds], np.float64)
        if len(counts) != len(edges) + 1 or point.count != int(counts.sum()):
            raise NotPlain
        return ExplicitContent(edges, counts, *_moments(point))

    def _exponential_histogram(self, point: ExponentialHistogramDataPoint, item: str) -> ExponentialContent:
        del item
        positive = self._counts(point.positive.bucket_counts)
        negative = self._counts(point.negative.bucket_counts)
        counted = point.zero_count + int(positive.sum()) + int(negative.sum())
        many = len(positive) + len(negative) > self._limits.max_buckets
        if many or point.scale not in SCALES or point.count != counted:
            raise NotPlain
        return ExponentialContent(
            point.scale,
            point.zero_count,
            point.positive.offset,
            positive,
            point.negative.offset,
            negative,
            *_moments(point),
        )

    def _counts(self, counts: Iterable[int]) -> NDArray[np.int64]:
        listed = [*counts]
        made = np.array(listed, np.int64)  # what has no room there is no count
        if len(listed) > self._limits.max_buckets or min(listed, default=0) < 0:
            raise NotPlain
        return made


def _moments(
    point: HistogramDataPoint | ExponentialHistogramDataPoint,
) -> tuple[float | None, float | None, float | None]:
    """Sum, least and greatest, None where not stated."""
    return (
        _finite(point.sum) if point.HasField("sum") else None,
        _finite(point.min) if point.HasField("min") else None,
        _finite(point.max) if point.HasField("max") else None,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _pane_ns(value: AnyValue | None) -> int:
    """The pane length that a point states, 0 where it states none."""
    kind = None if value is None else value.WhichOneof("value")
    if value is None or kind is None:
        return 0
    if kind != "int_value" or not 1 <= value.int_value <= _DAY_S or _DAY_S % value.int_value:
        raise NotPlain
    return value.int_value * SECOND_NS
