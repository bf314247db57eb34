"""The requests of a probe: one prediction with its truth, and its count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from barograph.semconv import SCHEMA_URL, SOURCE_SCOPE, attributes, events, metrics
from barograph_processor.engine.probes import PROBE_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PANE_S: Final = 60
_MS: Final = 1_000_000
_ANSWER: Final = "true"


def logs_request(name: str, now_ns: int) -> bytes:
    """A prediction and its truth.

    Args:
        name: Id of the prediction, which no other probe has.
        now_ns: Unix nanoseconds.
    """
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(_attributes({"service.name": PROBE_MODEL}))
    scope = resource.scope_logs.add(schema_url=SCHEMA_URL)
    scope.scope.name = SOURCE_SCOPE
    model = {attributes.ML_MODEL_NAME: PROBE_MODEL, attributes.ML_INFERENCE_ID: name}
    said = {
        events.ML_INFERENCE_PREDICTION: {
            **model,
            attributes.ML_MODEL_VERSION: "0",
            attributes.ML_PREDICTION_CLASS: _ANSWER,
            attributes.ML_SOURCE_ID: name,
        },
        events.ML_GROUND_TRUTH_OBSERVED: {**model, attributes.ML_GROUND_TRUTH_VALUE: _ANSWER},
    }
    for event, values in said.items():
        record = scope.log_records.add(
            event_name=event, time_unix_nano=now_ns, observed_time_unix_nano=now_ns
        )
        record.attributes.extend(_attributes(values))
    return request.SerializeToString()


def metrics_request(name: str, now_ns: int) -> bytes:
    """That there was one prediction, as sources count them."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(_attributes({"service.name": PROBE_MODEL}))
    scope = resource.scope_metrics.add(schema_url=SCHEMA_URL)
    scope.scope.name = SOURCE_SCOPE
    declared = metrics.METRICS[metrics.ML_INFERENCE_PREDICTIONS]
    metric = scope.metrics.add(name=metrics.ML_INFERENCE_PREDICTIONS, unit=declared.unit)
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    metric.sum.is_monotonic = True
    pane_ns = now_ns // (_PANE_S * 1000 * _MS) * (_PANE_S * 1000 * _MS)
    point = metric.sum.data_points.add(
        start_time_unix_nano=pane_ns, time_unix_nano=pane_ns + _MS, as_int=1
    )  # the first slice of a pane
    values: dict[str, str | int] = {
        attributes.ML_MODEL_NAME: PROBE_MODEL,
        attributes.ML_MODEL_VERSION: "0",
        attributes.ML_SOURCE_ID: name,
        attributes.ML_PANE_LENGTH: _PANE_S,
    }
    point.attributes.extend(_attributes(values))
    return request.SerializeToString()


def left_out(signal: str, response: bytes) -> str:
    """What a partial success says; ``""`` where everything was taken."""
    kind = ExportLogsServiceResponse if signal == "logs" else ExportMetricsServiceResponse
    try:
        told = kind.FromString(response).partial_success
    except Exception:  # noqa: BLE001  # no response of OTLP; it said OK all the same
        return ""
    count = getattr(told, "rejected_log_records", 0) or getattr(told, "rejected_data_points", 0)
    return f"{told.error_message or 'no reason given'}" if count else ""


def _attributes(values: Mapping[str, str | int]) -> Iterator[KeyValue]:
    for key, value in values.items():
        attribute = KeyValue(key=key)
        if isinstance(value, int):
            attribute.value.int_value = value
        else:
            attribute.value.string_value = value
        yield attribute
