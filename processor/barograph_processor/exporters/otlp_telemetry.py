"""The processor's own telemetry as an OTLP request, and the resource that it all comes from."""

from __future__ import annotations

import uuid
from functools import cache
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
)

from barograph.semconv import PROCESSOR_SCOPE
from barograph_processor.telemetry import about

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.telemetry import Sample, Telemetry


def resource_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Resource attributes: our own, then ``OTEL_RESOURCE_ATTRIBUTES``, then ``OTEL_SERVICE_NAME``."""
    resource = {
        "service.name": "barograph",
        "service.version": version("barograph"),
        "service.instance.id": _instance(),
    }
    for part in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, separator, value = part.partition("=")
        if separator and key.strip():
            resource[key.strip()] = unquote(value.strip())
    if environ.get("OTEL_SERVICE_NAME"):
        resource["service.name"] = environ["OTEL_SERVICE_NAME"]
    return resource


@cache
def _instance() -> str:
    return str(uuid.uuid4())


def encode_telemetry(telemetry: Telemetry, now_ns: int, resource: Mapping[str, str]) -> bytes:
    """Every counter (cumulative) and gauge of the processor at `now_ns`, as an export request."""
    request = ExportMetricsServiceRequest()
    carrier = request.resource_metrics.add()
    carrier.resource.attributes.extend(_attributes(resource.items()))
    scope = carrier.scope_metrics.add()
    scope.scope.name = PROCESSOR_SCOPE
    scope.scope.version = version("barograph")
    for name, samples in groupby(telemetry.snapshot(), key=lambda sample: sample.name):
        scope.metrics.append(_metric(name, list(samples), telemetry.start_ns, now_ns))
    return request.SerializeToString()


def _metric(name: str, samples: list[Sample], start_ns: int, now_ns: int) -> Metric:
    unit, brief = about(name)
    metric = Metric(name=name, unit=unit, description=brief)
    monotonic = samples[0].monotonic
    points = [_point(sample, start_ns if monotonic else 0, now_ns) for sample in samples]
    if monotonic:
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        metric.sum.data_points.extend(points)
    else:
        metric.gauge.data_points.extend(points)
    return metric


def _point(sample: Sample, start_ns: int, now_ns: int) -> NumberDataPoint:
    point = NumberDataPoint(start_time_unix_nano=start_ns, time_unix_nano=now_ns)
    point.attributes.extend(_attributes(sample.attributes))
    if sample.monotonic and sample.value.is_integer():
        point.as_int = int(sample.value)
    else:
        point.as_double = sample.value
    return point


def _attributes(pairs: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in pairs]
