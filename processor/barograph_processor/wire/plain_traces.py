"""A few spans, read or checked as `decode_traces` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from barograph.semconv import READINGS_SCOPE, SOURCE_SCOPE
from barograph.semconv import attributes as names
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.plain import (
    REQUEST_MOST_BYTES,
    NotPlain,
    Resource,
    number,
    objects,
    wanted,
)
from barograph_processor.wire.plain_mapped import Carried, PlainMapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    from barograph_processor.wire.descriptors import Lane
    from barograph_processor.wire.identity import Owner

SPANS_MOST: Final = 64
"""More are quicker read as columns."""
_WANTED: Final = frozenset((*identity.NAMES, names.ML_BATCH_ROWS))


def decode_plain(data: bytes, context: DecodeContext) -> Decoded | None:
    """What `decode_traces` gives; None where that is left to the columns."""
    if len(data) > REQUEST_MOST_BYTES:
        return None
    try:
        return _decode(data, context)
    except NotPlain:
        return None


def _decode(data: bytes, context: DecodeContext) -> Decoded:
    lane: Lane = "foreign_traces" if context.dialects else "traces"
    request = cast("ExportTraceServiceRequest", objects(lane, data))
    decoded = Decoded()
    owners: set[Owner] = set()
    mapped: PlainMapped | None = None
    for per_resource in request.resource_spans:
        resource = Resource(per_resource.resource.attributes, context.limits.max_name_length)
        for per_scope in per_resource.scope_spans:
            scope, spans = per_scope.scope.name, per_scope.spans
            decoded.accepted += len(spans)
            if decoded.accepted > SPANS_MOST:
                raise NotPlain
            if scope == READINGS_SCOPE:
                decoded.ignored[reasons.OWN_READINGS] += len(spans)
                continue
            if context.dialects and spans and scope != SOURCE_SCOPE:
                mapped = mapped or PlainMapped(context)
                for span in spans:
                    mapped.take(Carried(span, scope, resource))
                continue
            for span in spans:
                found = wanted(span.attributes, _WANTED)
                if _names_model(found) or resource.names_model:
                    owners.add(resource.owner(found))
                    _check_rows(found.get(names.ML_BATCH_ROWS))
                else:
                    decoded.ignored[reasons.FOREIGN] += 1
    if len(owners) > context.limits.max_keys:
        raise NotPlain
    decoded.batches += [] if mapped is None else mapped.batches()
    decoded.ignored = +decoded.ignored
    return decoded


def _names_model(found: Mapping[str, AnyValue]) -> bool:
    value = found.get(names.ML_MODEL_NAME)
    return value is not None and value.WhichOneof("value") is not None


def _check_rows(rows: AnyValue | None) -> None:
    """How many rows a call had is a whole number, where it is stated."""
    if rows is not None and (rows.WhichOneof("value") not in {None, "int_value"} or number(rows) < 0):
        raise NotPlain
