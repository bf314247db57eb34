"""Short ways to write OTLP requests in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, Union

import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

Value: TypeAlias = Union[str, bool, int, float, bytes, "list[Value]", "Mapping[str, Value]", None]
TIME_NS = 1_700_000_000_000_000_000


def any_value(value: Value) -> AnyValue:  # noqa: PLR0911  # one return per type
    """A Python value as AnyValue; None is one without a value."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
    if value is None:
        return AnyValue()
    return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))


def key_values(pairs: Mapping[str, Value]) -> list[KeyValue]:
    """A mapping as attributes."""
    return [KeyValue(key=name, value=any_value(value)) for name, value in pairs.items()]


def record(event: str, attributes: Mapping[str, Value], time_ns: int = TIME_NS) -> LogRecord:
    """A log record that is an event."""
    return LogRecord(time_unix_nano=time_ns, event_name=event, attributes=key_values(attributes))


def logs(
    records: Iterable[LogRecord], resource: Mapping[str, Value] | None = None, scope: str = "barograph"
) -> ExportLogsServiceRequest:
    """A request of one resource and scope."""
    request = ExportLogsServiceRequest()
    carrier = request.resource_logs.add()
    carrier.resource.attributes.extend(key_values(resource or {}))
    scoped = carrier.scope_logs.add(log_records=records)
    scoped.scope.name = scope
    return request


def metrics(
    held: Iterable[Metric], resource: Mapping[str, Value] | None = None, scope: str = "barograph"
) -> ExportMetricsServiceRequest:
    """A request of one resource and scope."""
    request = ExportMetricsServiceRequest()
    carrier = request.resource_metrics.add()
    carrier.resource.attributes.extend(key_values(resource or {}))
    scoped = carrier.scope_metrics.add(metrics=held)
    scoped.scope.name = scope
    return request


def arrow(columns: Mapping[str, pa.Array], compression: str | None = None) -> bytes:
    """Columns as one Arrow IPC stream."""
    table = pa.table(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data
