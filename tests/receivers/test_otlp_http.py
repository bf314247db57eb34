"""OTLP/HTTP as clients see it: every status and body on the wire, and what reaches the engine."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord as SdkRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from barograph.errors import Permanent, Retryable
from barograph.semconv import attributes as names
from barograph.semconv import events, metrics, processor
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Points, Predictions
from barograph_processor.engine.reasons import Reason

from .http_client import JSON, PROTOBUF, HttpRunning, http_running
from .otlp_server import predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONE = predictions("a").SerializeToString()
ONE_JSON = json_format.MessageToJson(predictions("a")).encode()


@pytest.fixture
def otlp() -> Iterator[HttpRunning]:
    with http_running() as held:
        yield held


def zstd(data: bytes, coding: str = "zstd") -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, coding) as stream:
        stream.write(data)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def failed(otlp: HttpRunning) -> float:
    return otlp.counted(processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_sdks_three_exporters_reach_the_engine(otlp: HttpRunning, compression: Compression) -> None:
    to = f"http://{otlp.endpoint}/v1"
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{to}/traces", compression=compression)))
    with tracing.get_tracer("t").start_as_current_span("predict", attributes={names.ML_MODEL_NAME: "m"}):
        pass
    logging = LoggerProvider()
    logging.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(f"{to}/logs", compression=compression))
    )
    attributes: dict[str, Any] = {
        names.ML_MODEL_NAME: "m",
        names.ML_PREDICTION_SCORES: {"a": 0.25, "b": 0.75},
    }
    logging.get_logger("t").emit(
        SdkRecord(timestamp=5, event_name=events.ML_INFERENCE_PREDICTION, attributes=attributes)
    )
    exporter = OTLPMetricExporter(
        f"{to}/metrics",
        compression=compression,
        preferred_temporality={SdkCounter: AggregationTemporality.DELTA},
    )
    metering = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)])
    metering.get_meter("t").create_counter(metrics.ML_INFERENCE_PREDICTIONS).add(
        7, {names.ML_MODEL_NAME: "m"}
    )
    for provider in (tracing, logging, metering):
        provider.shutdown()
    event, points = otlp.engine.batches
    assert isinstance(event, Predictions)
    assert ("a", "b") == event.score_classes
    assert isinstance(points, Points)
    assert points.points[0].key.model == "m"
    assert 1 == otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS)
    assert 1 == otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS)
    assert 1 == otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("", lambda data: data),
        ("identity", lambda data: data),
        ("gzip", gzip.compress),
        ("gzip", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("zlib", zlib.compress),
        ("zstd", zstd),
        ("lz4", lambda data: zstd(data, "lz4")),
    ],
)
def test_whatever_collectors_compress_with_is_understood(
    otlp: HttpRunning, coding: str, packed: Callable[[bytes], bytes]
) -> None:
    answer = otlp.logs(packed(ONE), content_encoding=coding)
    assert (200, b"", PROTOBUF) == (answer.status, answer.body, answer.content_type)
    (batch,) = otlp.engine.batches
    assert isinstance(batch, Predictions)
    assert ("a",) == tuple(batch.ids)


def test_json_is_answered_in_json(otlp: HttpRunning) -> None:
    answer = otlp.logs(ONE_JSON, "application/json; charset=utf-8")
    assert (200, b"{}", JSON) == (answer.status, answer.body, answer.content_type)
    assert 1 == len(otlp.engine.batches)


def test_bad_items_are_a_partial_success_in_both_forms(otlp: HttpRunning) -> None:
    request = predictions("a", "b")
    request.MergeFrom(predictions("c", model=""))
    answer = otlp.logs(request.SerializeToString())
    told = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (200, 1) == (answer.status, told.rejected_log_records)
    answer = otlp.logs(json_format.MessageToJson(request).encode(), JSON)
    assert {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": told.error_message}} == answer.json
    assert "ml.model.name is missing" in told.error_message
    labels = {names.ML_TELEMETRY_LANE: "events", names.ML_TELEMETRY_REASON: "no_model"}
    assert 2 == otlp.counted(metrics.ML_TELEMETRY_DROPPED, **labels)


def test_what_the_engine_drops_for_a_cause_is_told(otlp: HttpRunning) -> None:
    otlp.engine.dropped = {Reason.LATE: 2, Reason.DUPLICATE: 1}
    answer = otlp.logs(predictions("a", "b", "c").SerializeToString())
    told = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (2, "rows or points not counted: 2 as late") == (told.rejected_log_records, told.error_message)


@pytest.mark.parametrize(
    ("body", "content_type", "coding", "said"),
    [
        (b"\x0a\x05ab", PROTOBUF, "", "isn't an OTLP logs request in protobuf"),
        (b"{", JSON, "", "isn't an OTLP logs request in JSON"),
        (ONE, JSON, "", "isn't an OTLP logs request in JSON"),
        (ONE, PROTOBUF, "gzip", "isn't gzip"),
        (gzip.compress(ONE)[:-10], PROTOBUF, "gzip", "ends in the middle"),
        (zlib.compress(ONE), PROTOBUF, "gzip", "isn't gzip"),
        (ONE, PROTOBUF, "zstd", "isn't zstd"),
        (zstd(ONE)[:-4], PROTOBUF, "zstd", "zstd"),
        (ONE, PROTOBUF, "lz4", "isn't lz4"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_a_bad_request(
    otlp: HttpRunning, body: bytes, content_type: str, coding: str, said: str
) -> None:
    answer = otlp.logs(body, content_type, content_encoding=coding)
    assert (400, content_type) == (answer.status, answer.content_type)
    status = Status.FromString(answer.body) if content_type == PROTOBUF else None
    code, message = (status.code, status.message) if status else (answer.json["code"], answer.json["message"])
    assert 3 == code
    assert said in message
    assert 1 == failed(otlp)
    assert [] == otlp.engine.batches


def test_pressure_is_503_and_says_when_to_come_back() -> None:
    with http_running(retry_after=Duration("1500ms")) as otlp:

        def full() -> None:
            raise Retryable("the queue is full")

        otlp.engine.before = full
        answer = otlp.logs(ONE)
        status = Status.FromString(answer.body)
        detail = RetryInfo()
        assert status.details[0].Unpack(detail)
        assert (503, "2", PROTOBUF) == (answer.status, answer.headers["retry-after"], answer.content_type)
        assert (14, "the queue is full", 1_500) == (
            status.code,
            status.message,
            detail.retry_delay.ToMilliseconds(),
        )
        answer = otlp.logs(ONE_JSON, JSON)
        assert (503, "2", 14) == (answer.status, answer.headers["retry-after"], answer.json["code"])
        assert "1.500s" == answer.json["details"][0]["retryDelay"]
        assert 2 == otlp.counted(processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS)


def test_the_sdk_sends_again_what_was_put_off() -> None:
    with http_running(retry_after=Duration("1s")) as otlp:
        tries = Counter[str]()

        def full_once() -> None:
            tries["feed"] += 1
            if tries["feed"] == 1:
                raise Retryable("not now")

        otlp.engine.before = full_once
        logging = LoggerProvider()
        logging.add_log_record_processor(
            SimpleLogRecordProcessor(OTLPLogExporter(f"http://{otlp.endpoint}/v1/logs"))
        )
        logging.get_logger("t").emit(
            SdkRecord(
                timestamp=5, event_name=events.ML_INFERENCE_PREDICTION, attributes={names.ML_MODEL_NAME: "m"}
            )
        )
        logging.shutdown()
        assert (2, 1) == (tries["feed"], len(otlp.engine.batches))


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "zstd", "lz4"])
def test_too_much_is_413_before_and_after_decompression(coding: str, content_type: str) -> None:
    large = predictions("x" * 200_000)
    body = (
        large.SerializeToString() if content_type == PROTOBUF else json_format.MessageToJson(large).encode()
    )
    packed = {
        "": body,
        "gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "zstd": zstd(body),
        "lz4": zstd(body, "lz4"),
    }[coding]
    with http_running(max_receive_bytes=100_000) as otlp:
        answer = otlp.logs(packed, content_type, content_encoding=coding)
        code = Status.FromString(answer.body).code if content_type == PROTOBUF else answer.json["code"]
        assert (413, 8, None) == (answer.status, code, answer.headers.get("retry-after"))
        assert 1 == failed(otlp)
        assert 200 == otlp.logs(ONE).status


def test_a_fault_of_our_own_is_500_and_the_server_lives(
    otlp: HttpRunning, caplog: pytest.LogCaptureFixture
) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    otlp.engine.before = fault
    answer = otlp.logs(ONE_JSON, JSON)
    assert (500, 13) == (answer.status, answer.json["code"])
    assert "ZeroDivisionError" in caplog.text
    assert 1 == failed(otlp)
    otlp.engine.before = None
    assert 200 == otlp.logs(ONE).status


def test_what_the_engine_can_never_take_is_a_bad_request(otlp: HttpRunning) -> None:
    def never() -> None:
        raise Permanent("no")

    otlp.engine.before = never
    assert 400 == otlp.logs(ONE).status


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml", "application/jsonx"])
def test_another_content_type_is_415(otlp: HttpRunning, content_type: str) -> None:
    answer = otlp.logs(ONE, content_type)
    assert (415, "text/plain; charset=utf-8") == (answer.status, answer.content_type)
    assert b"wanted application/x-protobuf or application/json" in answer.body
    assert 1 == failed(otlp)


def test_another_coding_is_415_and_says_which_are_known(otlp: HttpRunning) -> None:
    answer = otlp.logs(ONE, content_encoding="snappy")
    assert (415, "gzip, deflate, zlib, zstd, lz4") == (answer.status, answer.headers["accept-encoding"])
    assert "found Content-Encoding snappy" in Status.FromString(answer.body).message


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_possible(otlp: HttpRunning, method: str) -> None:
    answer = otlp.request(method, "/v1/traces")
    assert (405, "POST") == (answer.status, answer.headers["allow"])
    assert (
        b"" if method == "HEAD" else f"{method} isn't possible here; POST OTLP requests\n".encode()
    ) == answer.body


@pytest.mark.parametrize("path", ["/", "/v1/trace", "/v1/traces/", "/v1development/profiles", "/metrics"])
def test_there_is_nothing_elsewhere(otlp: HttpRunning, path: str) -> None:
    assert 404 == otlp.post(path, ONE).status
    assert 404 == otlp.request("GET", path).status


def test_a_query_is_no_part_of_the_path(otlp: HttpRunning) -> None:
    assert 200 == otlp.post("/v1/logs?a=b", ONE).status


def test_an_empty_body_is_an_empty_request(otlp: HttpRunning) -> None:
    assert 200 == otlp.logs(b"").status
    assert 400 == otlp.logs(b"", JSON).status


def test_a_person_can_send_truth_with_nothing_but_curl(otlp: HttpRunning) -> None:
    """The journey "truth that comes later", in the fewest words that OTLP allows."""
    record = {
        "timeUnixNano": "1700000000000000000",
        "eventName": events.ML_GROUND_TRUTH_OBSERVED,
        "attributes": [
            {"key": names.ML_MODEL_NAME, "value": {"stringValue": "credit"}},
            {"key": names.ML_INFERENCE_ID, "value": {"stringValue": "a-17"}},
            {"key": names.ML_GROUND_TRUTH_VALUE, "value": {"stringValue": "default"}},
        ],
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    assert {} == otlp.logs(body, JSON).json
    assert ["Truths"] == [type(batch).__name__ for batch in otlp.engine.batches]
