"""Slim OTLP: the messages and fields that decoding reads, turned into Arrow columns by ptars.

The fields' numbers and types are taken from opentelemetry-proto. What isn't listed is skipped
on the wire. A message-typed field without a shape of its own is declared as bytes, which has the
same wire type: its presence stays visible, so nothing nested too deeply becomes null unseen.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import ptars
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from barograph.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

Lane: TypeAlias = Literal["logs", "metrics", "traces", "foreign_traces", "maps"]
Shape: TypeAlias = "tuple[type[Message], dict[str, str]]"

_PANIC: Final = "PanicException"
_OPAQUE: Final = ""
_SCALARS: Final = ("string_value", "bool_value", "int_value", "double_value", "array_value", "bytes_value")
_POINT: Final = ("start_time_unix_nano", "time_unix_nano", "flags")


def _fields(*names: str, **shapes: str) -> dict[str, str]:
    return {**dict.fromkeys(names, _OPAQUE), **shapes}


_COMMON: Final[dict[str, Shape]] = {
    "Resource": (resource_pb2.Resource, _fields(attributes="LeafEntry")),
    "Scope": (common_pb2.InstrumentationScope, _fields("name")),
    "LeafEntry": (common_pb2.KeyValue, _fields("key", value="Leaf")),
    "Leaf": (common_pb2.AnyValue, _fields(*_SCALARS, "kvlist_value")),
}
_MAPS: Final[dict[str, Shape]] = {
    "Entry": (common_pb2.KeyValue, _fields("key", value="Value")),
    "Value": (common_pb2.AnyValue, _fields(*_SCALARS, kvlist_value="Map")),
    "Map": (common_pb2.KeyValueList, _fields(values="LeafEntry")),
}
_LOGS: Final[dict[str, Shape]] = {
    "Request": (logs_service_pb2.ExportLogsServiceRequest, _fields(resource_logs="PerResource")),
    "PerResource": (logs_pb2.ResourceLogs, _fields(resource="Resource", scope_logs="PerScope")),
    "PerScope": (logs_pb2.ScopeLogs, _fields(scope="Scope", log_records="Record")),
    "Record": (
        logs_pb2.LogRecord,
        _fields("time_unix_nano", "observed_time_unix_nano", "event_name", attributes="Entry", body="Value"),
    ),
    **_MAPS,
    **_COMMON,
}
_TRACES: Final[dict[str, Shape]] = {
    "Request": (trace_service_pb2.ExportTraceServiceRequest, _fields(resource_spans="PerResource")),
    "PerResource": (trace_pb2.ResourceSpans, _fields(resource="Resource", scope_spans="PerScope")),
    "PerScope": (trace_pb2.ScopeSpans, _fields(scope="Scope", spans="Span")),
    "Span": (
        trace_pb2.Span,
        _fields("trace_id", "span_id", "start_time_unix_nano", "end_time_unix_nano", attributes="LeafEntry"),
    ),
    **_COMMON,
}
# As spans of others are read: their names, and attributes that hold maps.
_FOREIGN_TRACES: Final[dict[str, Shape]] = {
    **_TRACES,
    "Span": (
        trace_pb2.Span,
        _fields("name", "start_time_unix_nano", "end_time_unix_nano", attributes="Entry"),
    ),
    **_MAPS,
}
_METRICS: Final[dict[str, Shape]] = {
    "Request": (metrics_service_pb2.ExportMetricsServiceRequest, _fields(resource_metrics="PerResource")),
    "PerResource": (metrics_pb2.ResourceMetrics, _fields(resource="Resource", scope_metrics="PerScope")),
    "PerScope": (metrics_pb2.ScopeMetrics, _fields(scope="Scope", metrics="Metric")),
    "Metric": (
        metrics_pb2.Metric,
        _fields(
            "name",
            gauge="Other",
            summary="Other",
            sum="Sum",
            histogram="Histogram",
            exponential_histogram="Exponential",
        ),
    ),
    "Other": (metrics_pb2.Gauge, _fields(data_points="Opaque")),
    "Opaque": (metrics_pb2.NumberDataPoint, _fields("flags")),
    "Sum": (metrics_pb2.Sum, _fields("aggregation_temporality", "is_monotonic", data_points="Number")),
    "Number": (metrics_pb2.NumberDataPoint, _fields(*_POINT, "as_double", "as_int", attributes="LeafEntry")),
    "Histogram": (metrics_pb2.Histogram, _fields("aggregation_temporality", data_points="Buckets")),
    "Buckets": (
        metrics_pb2.HistogramDataPoint,
        _fields(
            *_POINT, "count", "sum", "min", "max", "bucket_counts", "explicit_bounds", attributes="LeafEntry"
        ),
    ),
    "Exponential": (
        metrics_pb2.ExponentialHistogram,
        _fields("aggregation_temporality", data_points="ExponentialBuckets"),
    ),
    "ExponentialBuckets": (
        metrics_pb2.ExponentialHistogramDataPoint,
        _fields(
            *_POINT,
            "count",
            "sum",
            "min",
            "max",
            "scale",
            "zero_count",
            "zero_threshold",
            positive="Side",
            negative="Side",
            attributes="LeafEntry",
        ),
    ),
    "Side": (metrics_pb2.ExponentialHistogramDataPoint.Buckets, _fields("offset", "bucket_counts")),
    **_COMMON,
}
_SHAPES: Final[dict[str, dict[str, Shape]]] = {
    "logs": _LOGS,
    "metrics": _METRICS,
    "traces": _TRACES,
    "foreign_traces": _FOREIGN_TRACES,
    "maps": {**_COMMON, "Request": (common_pb2.KeyValueList, _fields(values="LeafEntry"))},
}


def slim_descriptor(lane: Lane) -> Descriptor:
    """The slim request message of one signal."""
    package = f"barograph.slim.{lane}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, (message, fields) in _SHAPES[lane].items():
        _add_message(file, name, cast("Descriptor", message.DESCRIPTOR), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: Descriptor = pool.FindMessageTypeByName(f"{package}.Request")
    return found


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, source: Descriptor, fields: dict[str, str]
) -> None:
    full = descriptor_pb2.DescriptorProto()
    source.CopyToProto(full)
    slim = file.message_type.add(name=name)
    oneofs: dict[int, int] = {}
    for field in full.field:
        if field.name not in fields:
            continue
        kept = slim.field.add()
        kept.CopyFrom(field)
        if field.HasField("oneof_index"):
            if field.oneof_index not in oneofs:
                oneofs[field.oneof_index] = len(oneofs)
                slim.oneof_decl.add(name=full.oneof_decl[field.oneof_index].name)
            kept.oneof_index = oneofs[field.oneof_index]
        if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE:
            shape = fields[field.name]
            kept.ClearField("type_name")
            if shape == _OPAQUE:
                kept.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            else:
                kept.type_name = f".{file.package}.{shape}"
        elif field.type == descriptor_pb2.FieldDescriptorProto.TYPE_ENUM:
            kept.ClearField("type_name")
            kept.type = descriptor_pb2.FieldDescriptorProto.TYPE_INT32


@cache
def _parser(lane: Lane) -> Callable[[list[bytes]], pa.RecordBatch]:
    descriptor = slim_descriptor(lane)
    parser: Callable[[list[bytes]], pa.RecordBatch]
    parser = ptars.HandlerPool([descriptor.file]).get_for_message(descriptor).list_to_record_batch
    return parser


def parse_maps(undecoded: list[bytes]) -> pa.ListArray:
    """The entries of maps that were left undecoded, a list for each.

    Raises:
        Permanent: One isn't a KeyValueList.
    """
    return _parsed("maps", undecoded).column(0)


def parse(lane: Lane, data: bytes) -> pa.RecordBatch:
    """Turn one request into a record batch of one row.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    return _parsed(lane, [data])


def _parsed(lane: Lane, messages: list[bytes]) -> pa.RecordBatch:
    try:
        return _parser(lane)(messages)
    except ValueError as error:
        raise _refused(lane, error) from error
    except BaseException as error:
        # A length that overflows makes the decoder panic; as no Exception, that would leave the
        # request without an answer.
        if type(error).__name__ != _PANIC:
            raise
        raise _refused(lane, error) from error


def rewritten(lane: Lane, data: bytes) -> bytes:
    """A request as protobuf writes it: of what may be there once, the last.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    try:
        return slim_message(lane).FromString(data).SerializeToString()
    except DecodeError as error:
        raise _refused(lane, error) from error


@cache
def slim_message(lane: Lane) -> type[Message]:
    """The slim request message of one signal as a class of protobuf's objects."""
    return GetMessageClass(slim_descriptor(lane))


def _refused(lane: Lane, error: BaseException) -> Permanent:
    signal = "" if lane == "maps" else f" {lane.removeprefix('foreign_')}"
    return Permanent(f"the body isn't an OTLP{signal} request in protobuf: {error}")
