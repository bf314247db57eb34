"""Which signal a request in protobuf holds, where nothing beside its bytes tells.

The three requests have one shape down to their records: resources, scopes, records. Records differ in the
fields that they have of fixed 64 bits: times of a log record are fields 1 and 11, of a span 7 and 8; a metric
has none, its points do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from barograph.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.wire.otlp_json import Lane

_VARINT: Final = 0
_FIXED_64: Final = 1
_BYTES: Final = 2
_FIXED_32: Final = 5
_RESOURCES: Final = 1
_SCOPES: Final = 2
_RECORDS: Final = 2
_LOG_TIMES: Final = frozenset((1, 11))
_SPAN_TIMES: Final = frozenset((7, 8))
_VARINT_BITS: Final = 63


def lane_of(request: bytes) -> Lane:
    """The signal of an export request, by its first record; ``logs`` where there is no record at all.

    >>> from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    >>> request = ExportTraceServiceRequest()
    >>> _ = request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=1)
    >>> lane_of(request.SerializeToString())
    'traces'

    Raises:
        Permanent: The bytes are no protobuf message.
    """
    view = memoryview(request)
    for resource in _inside(view, _RESOURCES):
        for scope in _inside(resource, _SCOPES):
            for record in _inside(scope, _RECORDS):
                times = {number for number, kind, _ in _fields(record) if kind == _FIXED_64}
                if times & _LOG_TIMES:
                    return "logs"
                return "traces" if times & _SPAN_TIMES else "metrics"
    return "logs"


def _inside(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (data for number, kind, data in _fields(message) if number == wanted and kind == _BYTES)


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Number, wire type and content of each field; the content is empty but for bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        size = 0
        if kind == _VARINT:
            _, place = _varint(message, place)
        elif kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in {_FIXED_64, _FIXED_32}:
            place += 8 if kind == _FIXED_64 else 4
        else:
            raise Permanent("it isn't OTLP: the bytes are no protobuf message")
        if place + size > len(message):
            raise Permanent("it isn't OTLP: the bytes are no protobuf message, or are cut short")
        yield tag >> 3, kind, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift <= _VARINT_BITS:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the highest bit: more follows
            return value, place
        shift += 7
    raise Permanent("it isn't OTLP: the bytes are no protobuf message, or are cut short")
