"""What a monitor hands to its sink, taken in the process that it runs in: nothing is encoded.

`decode_points` and `decode_events` give what `decode_metrics` and `decode_logs` would give of the
same telemetry sent by OTLP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from barograph.classes import class_text
from barograph.errors import StateError
from barograph.points import ExplicitBuckets, ExponentialBuckets
from barograph.semconv import SOURCE_SCOPE
from barograph.semconv import attributes as names
from barograph_processor.engine.batch import Point, Points
from barograph_processor.engine.settings import SECOND_NS
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.content_columns import RefusedPoint
from barograph_processor.wire.contents import ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.decode import Decoded
from barograph_processor.wire.decode_logs import decode_records
from barograph_processor.wire.nesting import Items
from barograph_processor.wire.points import STATES, STREAMS, basis_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import PointData, SourceEvent, SourcePoint
    from barograph_processor.wire.contents import Content
    from barograph_processor.wire.decode import DecodeContext
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.points import Stream

Resource = Mapping[str, object]

_SCALARS: Final = [
    ("string_value", pa.string()),
    ("bool_value", pa.bool_()),
    ("int_value", pa.int64()),
    ("double_value", pa.float64()),
    ("bytes_value", pa.binary()),
    ("array_value", pa.binary()),
]
_LEAVES: Final = pa.list_(
    pa.struct([("key", pa.string()), ("value", pa.struct([*_SCALARS, ("kvlist_value", pa.binary())]))])
)
_MAPS: Final = pa.struct([("values", _LEAVES)])
_ATTRIBUTES: Final = pa.list_(
    pa.struct([("key", pa.string()), ("value", pa.struct([*_SCALARS, ("kvlist_value", _MAPS)]))])
)
_RECORDS: Final = pa.struct(
    [
        ("time_unix_nano", pa.uint64()),
        ("observed_time_unix_nano", pa.uint64()),
        ("event_name", pa.string()),
        ("attributes", _ATTRIBUTES),
    ]
)
# Their presence is all that decoding looks at.
_OPAQUE: Final = b""
_KINDS: Final = (
    (str, "string_value"),
    (bool, "bool_value"),
    (int, "int_value"),
    (float, "double_value"),
    (bytes, "bytes_value"),
)
_INT64: Final = range(-(2**63), 2**63)


def decode_events(events: Sequence[SourceEvent], resource: Resource, context: DecodeContext) -> Decoded:
    """Take a monitor's or a feedback's events.

    Args:
        events: In any order.
        resource: Attributes of the process's resource.
        context: As for bytes.
    """
    column = pa.array(
        [
            {
                "time_unix_nano": max(event.time_ns, 0),
                "observed_time_unix_nano": 0,
                "event_name": event.name,
                "attributes": _entries(event.attributes, nested=True),
            }
            for event in events
        ],
        _RECORDS,
    )
    nobodys = np.zeros(len(events), np.int64)
    resources = pa.array([_entries(resource, nested=False)], _LEAVES)
    scopes = pa.array([SOURCE_SCOPE], pa.string())
    only = np.zeros(1, np.int64)
    return decode_records(
        Items(column, nobodys, resources, nobodys.astype(bool), scopes, nobodys, only), context
    )


def decode_points(points: Sequence[SourcePoint], resource: Resource, context: DecodeContext) -> Decoded:
    """Take a monitor's delta points; those that nothing is computed from are passed over.

    Args:
        points: In any order.
        resource: Attributes of the process's resource.
        context: As for bytes.
    """
    decoded = Decoded()
    taken: list[Point] = []
    for point in points:
        stream = STREAMS.get(point.metric)
        if stream is None:
            decoded.ignored[reasons.NOT_MONITORED] += 1
            continue
        try:
            taken.append(_point(point, stream, resource, context))
        except RefusedPoint as error:
            decoded.rejected[error.reason] += 1
        except StateError:
            decoded.rejected[reasons.BAD_BUCKETS] += 1
    decoded.accepted = len(points) - decoded.rejected.total()
    if taken:
        decoded.batches.append(Points(taken))
    return decoded


def _point(point: SourcePoint, stream: Stream, resource: Resource, context: DecodeContext) -> Point:
    limits = context.limits
    owner = _owner(point.attributes, resource, limits)
    item = _named(stream.item, point, limits)
    content = _content(point.data, item, limits)
    if isinstance(content, SumContent) is stream.buckets:
        raise RefusedPoint(reasons.WRONG_INSTRUMENT)
    if stream.kind == StreamKind.FEATURE_STATES and item not in STATES:
        raise RefusedPoint(reasons.BAD_STATE)
    basis = "" if stream.kind == StreamKind.ROWS else _text(point.attributes, names.ML_BASELINE_ID, limits)
    if isinstance(content, ExplicitContent) and not basis:
        basis = basis_of(content.edges)
    pane_s = point.attributes.get(names.ML_PANE_LENGTH, 0)
    return Point(
        key=owner.key(context.tenant),
        source=owner.source,
        stream=StreamId(
            stream.kind, _named(stream.name, point, limits), _named(stream.part, point, limits), basis
        ),
        item=item,
        start_ns=point.start_ns,
        end_ns=point.end_ns,
        pane_ns=pane_s * SECOND_NS if isinstance(pane_s, int) else 0,
        state=content.state(),
    )


def _owner(attributes: Resource, resource: Resource, limits: Limits) -> identity.Owner:
    """Whose a point is; points of monitors always name model, version and source."""
    model = _text(attributes, names.ML_MODEL_NAME, limits)
    if not model:
        raise RefusedPoint(reasons.NO_MODEL)
    environment = _text(resource, identity.ENVIRONMENT, limits)
    return identity.Owner(
        namespace=_text(resource, identity.SERVICE_NAMESPACE, limits),
        environment=environment or _text(resource, identity.ENVIRONMENT_BEFORE_1_27, limits),
        model=model,
        version=_text(attributes, names.ML_MODEL_VERSION, limits) or None,
        output=_text(attributes, names.ML_OUTPUT_NAME, limits),
        source=_text(attributes, names.ML_SOURCE_ID, limits),
    )


def _named(wanted: tuple[str, str] | None, point: SourcePoint, limits: Limits) -> str:
    if wanted is None:
        return ""
    name, reason = wanted
    text = _text(point.attributes, name, limits)
    if not text and (name != names.ML_FEATURE_CATEGORY or name not in point.attributes):
        raise RefusedPoint(reason)
    return text


def _text(attributes: Resource, name: str, limits: Limits) -> str:
    value = attributes.get(name)
    text = value if isinstance(value, str) else class_text(value) or ""
    if len(text) > limits.max_name_length:
        raise RefusedPoint(reasons.NAME_TOO_LONG)
    return text


def _content(data: PointData, item: str, limits: Limits) -> Content:
    if isinstance(data, ExplicitBuckets):
        counts = _counts(data.counts, limits)
        edges = np.array(data.edges, np.float64)
        if len(counts) != len(edges) + 1:
            raise RefusedPoint(reasons.BAD_BUCKETS)
        return ExplicitContent(edges, counts, *map(_finite, (data.total, data.low, data.high)))
    if isinstance(data, ExponentialBuckets):
        return ExponentialContent(
            data.scale,
            data.zero_count,
            data.positive_offset,
            _counts(data.positive, limits),
            data.negative_offset,
            _counts(data.negative, limits),
            *map(_finite, (data.total, data.low, data.high)),
        )
    if data < 0:
        raise RefusedPoint(reasons.NEGATIVE_COUNT)
    return SumContent(item, data)


def _counts(counts: Sequence[int], limits: Limits) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if len(counts) > limits.max_buckets:
        raise RefusedPoint(reasons.TOO_MANY_BUCKETS)
    return np.array(counts, np.int64)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _entries(attributes: Resource, *, nested: bool) -> list[dict[str, object]]:
    return [{"key": name, "value": _value(value, nested=nested)} for name, value in attributes.items()]


def _value(value: object, *, nested: bool) -> dict[str, object]:
    """An attribute's value as OTLP has it; what is nested too deeply keeps its kind alone."""
    if isinstance(value, int) and value not in _INT64:
        value = float(value)
    for kind, field in _KINDS:
        if isinstance(value, kind):
            return {field: value}
    if isinstance(value, Mapping):
        return {"kvlist_value": {"values": _entries(value, nested=False)} if nested else _OPAQUE}
    return {} if value is None else {"array_value": _OPAQUE}
