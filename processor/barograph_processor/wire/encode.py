"""Readings and closed windows as OTLP export requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK,
    Metric,
    NumberDataPoint,
)

from barograph.semconv import READINGS_SCOPE, SCHEMA_URL, events
from barograph.semconv import attributes as names
from barograph_processor.signals.declared import about
from barograph_processor.wire.reading_attributes import READING_NAME, READING_VALUE, reading_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from barograph_processor.engine.results import ClosedWindow, CurrentReading
    from barograph_processor.signals.api import Reading


def encode_readings(
    current: Sequence[CurrentReading], now_ns: int | None, resource: Mapping[str, str]
) -> bytes:
    """Current readings as gauges, one metric a name; ended series get a point without a value.

    Args:
        current: The readings.
        now_ns: Time of the points: readings are repeated, their window's times are in its event. None: the
            end of each reading's window.
        resource: The processor's resource attributes.

    Returns:
        An ExportMetricsServiceRequest.
    """
    request = ExportMetricsServiceRequest()
    carrier = request.resource_metrics.add(schema_url=SCHEMA_URL)
    carrier.resource.attributes.extend(_texts(resource.items()))
    scope = carrier.scope_metrics.add(schema_url=SCHEMA_URL)
    scope.scope.name = READINGS_SCOPE
    by_name: dict[str, Metric] = {}
    for each in current:
        name = each.reading.metric
        metric = by_name.get(name)
        if metric is None:
            known = about(name)
            metric = by_name[name] = scope.metrics.add(name=name, unit=known.unit, description=known.brief)
        metric.gauge.data_points.append(_point(each, each.end_ns if now_ns is None else now_ns))
    return request.SerializeToString()


def encode_windows(
    closed: Sequence[ClosedWindow], resource: Mapping[str, str], now_ns: int | None = None
) -> bytes:
    """Closed windows as ``ml.window.closed`` events.

    Args:
        closed: The windows.
        resource: The processor's resource attributes.
        now_ns: When they were observed to be closed, the records' time: backends refuse old ones.
            Without it the window's end stands in.

    Returns:
        An ExportLogsServiceRequest.
    """
    request = ExportLogsServiceRequest()
    carrier = request.resource_logs.add(schema_url=SCHEMA_URL)
    carrier.resource.attributes.extend(_texts(resource.items()))
    scope = carrier.scope_logs.add(schema_url=SCHEMA_URL)
    scope.scope.name = READINGS_SCOPE
    for window in closed:
        scope.log_records.append(_event(window, window.end_ns if now_ns is None else now_ns))
    return request.SerializeToString()


def _point(current: CurrentReading, now_ns: int) -> NumberDataPoint:
    point = NumberDataPoint(time_unix_nano=now_ns)
    point.attributes.extend(
        _texts(reading_attributes(current.key, current.window, current.baseline_id).items())
    )
    point.attributes.extend(_texts(current.reading.attributes))
    if current.ended:
        point.flags = DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    else:
        point.as_double = current.reading.value
    return point


def _event(window: ClosedWindow, now_ns: int) -> LogRecord:
    record = LogRecord(
        time_unix_nano=now_ns,
        observed_time_unix_nano=now_ns,
        event_name=events.ML_WINDOW_CLOSED,
        severity_number=SEVERITY_NUMBER_INFO,
    )
    record.attributes.extend(
        _texts(reading_attributes(window.key, window.window, window.baseline_id).items())
    )
    for name, number in (
        (names.ML_WINDOW_START, window.start_ns),
        (names.ML_WINDOW_END, window.end_ns),
        (names.ML_WINDOW_REVISION, window.revision),
    ):
        record.attributes.append(KeyValue(key=name, value=AnyValue(int_value=number)))
    record.attributes.extend(_texts([(names.ML_MONITOR_STATE, window.status)]))
    readings = ArrayValue(values=[AnyValue(kvlist_value=_reading(each)) for each in window.readings])
    record.attributes.append(KeyValue(key=names.ML_WINDOW_READINGS, value=AnyValue(array_value=readings)))
    return record


def _reading(reading: Reading) -> KeyValueList:
    entries = _texts([(READING_NAME, reading.metric)])
    entries.append(KeyValue(key=READING_VALUE, value=AnyValue(double_value=reading.value)))
    return KeyValueList(values=[*entries, *_texts(reading.attributes)])


def _texts(pairs: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in pairs]
