"""The OTLP receiver as clients see it: every status on the wire, and what reaches the engine."""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from msgspec import UNSET
from opentelemetry._logs import LogRecord as SdkRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from barograph.errors import ConfigError, Permanent, Retryable
from barograph.semconv import attributes as names
from barograph.semconv import events, metrics, processor
from barograph_processor.components.api import Context
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Points, Predictions
from barograph_processor.engine.reasons import Reason
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Config, Grpc, Http
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
    from opentelemetry.util.types import AnyValue


from .otlp_server import LOGS, Engine, Running, cumulative, failing, predictions, running, trailers


@pytest.fixture
def otlp() -> Iterator[Running]:
    with running() as held:
        yield held


def test_the_sdks_three_exporters_reach_the_engine(otlp: Running) -> None:
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(otlp.endpoint, insecure=True)))
    with tracing.get_tracer("t").start_as_current_span("predict", attributes={names.ML_MODEL_NAME: "m"}):
        pass
    logging = LoggerProvider()
    logging.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(otlp.endpoint, insecure=True)))
    attributes: dict[str, AnyValue] = {
        names.ML_MODEL_NAME: "m",
        names.ML_PREDICTION_SCORES: {"a": 0.25, "b": 0.75},
    }
    logging.get_logger("t").emit(
        SdkRecord(timestamp=5, event_name=events.ML_INFERENCE_PREDICTION, attributes=attributes)
    )
    exporter = OTLPMetricExporter(
        otlp.endpoint, insecure=True, preferred_temporality={SdkCounter: AggregationTemporality.DELTA}
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    metering = MeterProvider([reader])
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
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS) == 1
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS) == 1
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS) == 1


def test_every_counter_is_there_before_the_first_request(otlp: Running) -> None:
    counted = {sample.name: sample.value for sample in otlp.telemetry.snapshot() if sample.monotonic}
    wanted = {
        name
        for name in processor.METRICS
        if re.match(r"barograph_receiver_(accepted|refused|failed|unauthenticated)_", name)
    }
    assert 10 == len(wanted)
    assert dict.fromkeys(wanted, 0.0) == counted


def test_the_decoders_are_ready_before_anybody_sends() -> None:
    descriptors._parser.cache_clear()
    with running():
        assert 3 == descriptors._parser.cache_info().currsize


def test_gzip_is_understood(otlp: Running) -> None:
    response = otlp.logs.Export(predictions("a"), compression=grpc.Compression.Gzip)
    assert not response.HasField("partial_success")
    assert len(otlp.engine.batches) == 1


def test_a_full_success_is_an_empty_response(otlp: Running) -> None:
    assert otlp.raw(predictions("a").SerializeToString()) == b""
    assert otlp.raw(b"") == b""


def test_bad_items_are_a_partial_success_and_the_others_are_taken(otlp: Running) -> None:
    request = predictions("a", "b")
    request.MergeFrom(predictions("c", model=""))
    response = otlp.logs.Export(request)
    assert response.partial_success.rejected_log_records == 1
    assert "ml.model.name is missing" in response.partial_success.error_message
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS) == 2
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS) == 0, "nothing was put off"
    labels = {names.ML_TELEMETRY_LANE: "events", names.ML_TELEMETRY_REASON: "no_model"}
    assert otlp.counted(metrics.ML_TELEMETRY_DROPPED, **labels) == 1


def test_what_the_engine_drops_for_a_cause_is_told_and_a_repeat_is_not(otlp: Running) -> None:
    otlp.engine.dropped = {Reason.LATE: 2, Reason.DUPLICATE: 1}
    response = otlp.logs.Export(predictions("a", "b", "c"))
    assert response.partial_success.rejected_log_records == 2
    assert response.partial_success.error_message == "rows or points not counted: 2 as late"
    otlp.engine.dropped = {Reason.DUPLICATE: 1}
    assert not otlp.logs.Export(predictions("a")).HasField("partial_success")


def test_bytes_that_are_no_request_are_an_invalid_argument(otlp: Running) -> None:
    error = failing(lambda: otlp.raw(b"\x0a\x05ab"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "isn't an OTLP logs request" in (error.details() or "")
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS) == 1


def test_pressure_is_unavailable_with_retry_info_in_both_trailers() -> None:
    with running(retry_after=Duration("1500ms")) as otlp:

        def full() -> None:
            raise Retryable("the queue is full")

        otlp.engine.before = full
        error = failing(lambda: otlp.logs.Export(predictions("a", "b")))
        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "the queue is full")
        told = RetryInfo.FromString(trailers(error)["google.rpc.retryinfo-bin"])
        assert told.retry_delay.ToMilliseconds() == 1_500
        status = Status.FromString(trailers(error)["grpc-status-details-bin"])
        detail = RetryInfo()
        assert status.details[0].Unpack(detail)
        assert (14, told) == (status.code, detail)
        assert otlp.counted(processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS) == 2
        assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS) == 0


def test_the_sdk_sends_again_what_was_put_off() -> None:
    with running(retry_after=Duration("50ms")) as otlp:
        tries = Counter[str]()

        def full_once() -> None:
            tries["feed"] += 1
            if tries["feed"] == 1:
                raise Retryable("not now")

        otlp.engine.before = full_once
        logging = LoggerProvider()
        logging.add_log_record_processor(
            SimpleLogRecordProcessor(OTLPLogExporter(otlp.endpoint, insecure=True))
        )
        logging.get_logger("t").emit(
            SdkRecord(
                timestamp=5, event_name=events.ML_INFERENCE_PREDICTION, attributes={names.ML_MODEL_NAME: "m"}
            )
        )
        logging.shutdown()
        assert (2, 1) == (tries["feed"], len(otlp.engine.batches))


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_oversize_is_resource_exhausted_without_retry_info(compression: grpc.Compression) -> None:
    with running(max_receive_bytes=100_000) as otlp:
        error = failing(
            lambda: otlp.raw(predictions("x" * 200_000).SerializeToString(), compression=compression)
        )
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} & set(trailers(error))
        otlp.raw(predictions("a").SerializeToString(), compression=compression)
        assert len(otlp.engine.batches) == 1


def test_a_fault_of_our_own_is_internal_and_the_server_lives(
    otlp: Running, caplog: pytest.LogCaptureFixture
) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    otlp.engine.before = fault
    error = failing(lambda: otlp.logs.Export(predictions("a")))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "ZeroDivisionError" in caplog.text
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS) == 1
    otlp.engine.before = None
    otlp.logs.Export(predictions("a"))
    assert len(otlp.engine.batches) == 1


def test_what_the_engine_can_never_take_is_an_invalid_argument(otlp: Running) -> None:
    def never() -> None:
        raise Permanent("no")

    otlp.engine.before = never
    assert failing(lambda: otlp.logs.Export(predictions("a"))).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_another_method_is_unimplemented(otlp: Running) -> None:
    error = failing(
        lambda: otlp.channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Import")(b"")
    )
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_cumulative_count_put_off_is_not_lost(otlp: Running) -> None:
    begun = 2**62
    otlp.metrics.Export(cumulative(begun, begun + 10, 5))

    def full() -> None:
        raise Retryable("not now")

    otlp.engine.before = full
    failing(lambda: otlp.metrics.Export(cumulative(begun, begun + 20, 12)))
    otlp.engine.before = None
    otlp.metrics.Export(cumulative(begun, begun + 20, 12))
    otlp.metrics.Export(cumulative(begun, begun + 20, 12))
    states = [p.state for b in otlp.engine.batches if isinstance(b, Points) for p in b.points]
    assert [state.total for state in states if isinstance(state, CategoryCounts)] == [5, 7]
    labels = {names.ML_TELEMETRY_LANE: "histograms", names.ML_TELEMETRY_REASON: "cumulative_repeat"}
    assert otlp.counted(metrics.ML_TELEMETRY_DROPPED, **labels) == 1


def test_stopping_answers_requests_under_way_and_takes_no_more() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(60)

    def release_when_refused(endpoint: str) -> None:
        with grpc.insecure_channel(endpoint) as channel:
            try:
                while True:
                    channel.unary_unary(LOGS)(b"", timeout=60)
            except grpc.RpcError as error:
                refused.append(error.code())
            release.set()

    answers: list[ExportLogsServiceResponse] = []
    refused: list[grpc.StatusCode] = []
    with running() as otlp:
        otlp.engine.before = wait
        sender = threading.Thread(
            daemon=True, target=lambda: answers.append(otlp.logs.Export(predictions("a"), timeout=60))
        )
        sender.start()
        assert entered.wait(60)
        other = threading.Thread(daemon=True, target=release_when_refused, args=(otlp.endpoint,))
        other.start()
    sender.join(60)
    other.join(60)
    assert (1, 1) == (len(answers), len(otlp.engine.batches))
    assert len(refused) == 1
    assert refused[0] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}, (
        "OTLP clients send both again"
    )
    assert otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS) == 1


def test_many_senders_at_once_lose_nothing(otlp: Running) -> None:
    def send(sender: int) -> None:
        for i in range(20):
            otlp.logs.Export(predictions(f"{sender}-{i}-a", f"{sender}-{i}-b"))

    senders = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join(60)
    taken = {name for batch in otlp.engine.batches if isinstance(batch, Predictions) for name in batch.ids}
    assert {f"{n}-{i}-{x}" for n in range(8) for i in range(20) for x in "ab"} == taken


def test_a_port_in_use_says_what_to_do(otlp: Running) -> None:
    config = Config(grpc=Grpc(endpoint=otlp.endpoint), http=UNSET)
    context = Context(Engine(), Telemetry(), "receivers/otlp")
    with (
        pytest.raises(ConfigError, match=r"in use.*receivers\.otlp\.grpc\.endpoint"),
        FACTORY.open(config, context),
    ):
        pass


@pytest.mark.parametrize("endpoint", ["localhost", "localhost:port", "localhost:70000", ""])
def test_an_endpoint_without_a_port_is_refused(endpoint: str) -> None:
    context = Context(Engine(), Telemetry(), "receivers/otlp")
    with (
        pytest.raises(ConfigError, match="wanted host:port"),
        FACTORY.open(Config(grpc=Grpc(endpoint=endpoint), http=UNSET), context),
    ):
        pass


def test_by_default_only_this_machine_is_listened_to() -> None:
    assert Grpc().endpoint == "127.0.0.1:4317"
    assert Http().endpoint == "127.0.0.1:4318"
