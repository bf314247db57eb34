"""What a receiver says about a request that it took."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse


def rejected_points(answer: bytes) -> int:
    """Data points that were not taken, of an answer about metrics; 0 where it can't be read."""
    try:
        return int(ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points)
    except DecodeError:
        return 0


def rejected_records(answer: bytes) -> int:
    """Log records that were not taken, of an answer about logs; 0 where it can't be read."""
    try:
        return int(ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records)
    except DecodeError:
        return 0
