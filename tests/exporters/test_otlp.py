"""The OTLP exporter against real servers: what arrives, what is tried again, what never is."""

from __future__ import annotations

import dataclasses
import gzip
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from barograph.errors import ConfigError, Permanent, Retryable
from barograph.semconv import attributes, metrics
from barograph_processor.components.api import Context
from barograph_processor.components.delivery import RetryLater
from barograph_processor.config.values import Duration, Secret
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow, CurrentReading
from barograph_processor.exporters import otlp
from barograph_processor.exporters.otlp_grpc import GrpcSender
from barograph_processor.exporters.otlp_http import HttpSender
from barograph_processor.exporters.otlp_target import Config, target_of
from barograph_processor.signals.api import Reading
from barograph_processor.telemetry import Telemetry
from certificates import Authority

from .servers import Taken, grpc_server, hasty_server, http_server

if TYPE_CHECKING:
    from pathlib import Path

KEY = Key("default", "", "", "credit", "3", "")
WINDOW = ClosedWindow(KEY, "1d", 0, 86_400 * 10**9, 0, "ok", None, (Reading(metrics.ML_LABEL_DELAY, 60.0),))
READING = CurrentReading(KEY, "1d", None, Reading(metrics.ML_LABEL_DELAY, 60.0), 1, ended=False)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "PROTOCOL", "HEADERS", "METRICS_ENDPOINT", "LOGS_ENDPOINT"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)


def send(config: Config, telemetry: Telemetry) -> None:
    with otlp.FACTORY.open(config, Context(None, telemetry, "exporter/otlp")) as exporter:
        exporter.windows([WINDOW])
        exporter.readings([READING], 5)


def test_over_grpc_events_readings_and_telemetry_arrive() -> None:
    taken, telemetry = Taken(), Telemetry(3)
    telemetry.add(
        metrics.ML_TELEMETRY_DROPPED,
        2,
        **{attributes.ML_TELEMETRY_LANE: "outcomes", attributes.ML_TELEMETRY_REASON: "late"},
    )
    with grpc_server(taken) as endpoint:
        send(
            Config(endpoint=endpoint, headers={"Authorization": Secret("Bearer x")}, compression="gzip"),
            telemetry,
        )
    (logs_path, logs, sent), (metrics_path, readings, _), (_, own, _) = taken.requests
    assert "/opentelemetry.proto.collector.logs.v1.LogsService/Export" == logs_path
    assert "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" == metrics_path
    assert "Bearer x" == sent["authorization"]
    record = ExportLogsServiceRequest.FromString(logs).resource_logs[0].scope_logs[0].log_records[0]
    assert "ml.window.closed" == record.event_name
    scope = ExportMetricsServiceRequest.FromString(readings).resource_metrics[0].scope_metrics[0]
    assert ["ml.label.delay"] == [metric.name for metric in scope.metrics]
    (metric,) = ExportMetricsServiceRequest.FromString(own).resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.sum.data_points
    assert (
        metric.name, point.as_int, point.start_time_unix_nano, point.time_unix_nano,
    ) == ("ml.telemetry.dropped", 2, 3, 5)  # fmt: skip


def test_over_http_the_same_arrives_compressed() -> None:
    taken = Taken()
    with http_server(taken) as endpoint:
        config = Config(
            endpoint=endpoint, protocol="http/protobuf", compression="gzip", headers={"X-Key": Secret("1")}
        )
        send(config, Telemetry())
    assert ["/v1/logs", "/v1/metrics", "/v1/metrics"] == [path for path, _, _ in taken.requests]
    _, data, headers = taken.requests[0]
    assert (
        headers["content-encoding"], headers["x-key"], headers["content-type"],
    ) == ("gzip", "1", "application/x-protobuf")  # fmt: skip
    assert 1 == len(ExportLogsServiceRequest.FromString(gzip.decompress(data)).resource_logs)


def test_with_timestamps_of_windows_each_reading_is_sent_once_at_the_end_of_its_window() -> None:
    taken = Taken()
    with grpc_server(taken) as endpoint:
        config = Config(endpoint=endpoint, timestamps="window")
        with otlp.FACTORY.open(config, Context(None, Telemetry(), "exporter/otlp")) as exporter:
            exporter.windows([WINDOW, dataclasses.replace(WINDOW, end_ns=2 * WINDOW.end_ns)])
            exporter.readings([READING], 5)
    logs, readings, own = (data for _, data, _ in taken.requests)
    records = ExportLogsServiceRequest.FromString(logs).resource_logs[0].scope_logs[0].log_records
    assert [WINDOW.end_ns, 2 * WINDOW.end_ns] == [record.time_unix_nano for record in records]
    (metric,) = ExportMetricsServiceRequest.FromString(readings).resource_metrics[0].scope_metrics[0].metrics
    points = [(point.time_unix_nano, point.as_double) for point in metric.gauge.data_points]
    assert [(WINDOW.end_ns, 60.0), (2 * WINDOW.end_ns, 60.0)] == points
    assert b"ml.label.delay" not in own


def test_what_a_backend_rejects_is_counted() -> None:
    taken, telemetry = Taken(), Telemetry()
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = 1
    taken.response = response.SerializeToString()
    with grpc_server(taken) as endpoint:
        send(Config(endpoint=endpoint), telemetry)
    counted = {
        dict(sample.attributes)[attributes.ML_TELEMETRY_LANE]: sample.value for sample in telemetry.snapshot()
    }
    assert 2 == counted["readings"]


def retry_info(context: grpc.ServicerContext, code: grpc.StatusCode, *, go: bool) -> None:
    info = RetryInfo(retry_delay=DurationMessage(seconds=7))
    if go:
        detail = AnyMessage()
        detail.Pack(info)
        status = Status(code=code.value[0], message="busy", details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    else:
        context.set_trailing_metadata((("google.rpc.retryinfo-bin", info.SerializeToString()),))
    context.abort(code, "busy")


@pytest.mark.parametrize("go", [True, False])
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_busy_grpc_server_says_when_to_come_back(code: grpc.StatusCode, *, go: bool) -> None:
    taken = Taken()
    taken.abort = lambda context: retry_info(context, code, go=go)
    with grpc_server(taken) as endpoint, pytest.raises(RetryLater) as caught:
        GrpcSender(target_of(Config(endpoint=endpoint), "metrics", {})).send(b"")
    assert 7.0 == caught.value.after_s


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, Retryable),
        (grpc.StatusCode.DATA_LOSS, Retryable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Permanent),
        (grpc.StatusCode.INVALID_ARGUMENT, Permanent),
        (grpc.StatusCode.UNAUTHENTICATED, Permanent),
    ],
)
def test_grpc_errors_are_retryable_as_the_specification_says(
    code: grpc.StatusCode, error: type[Exception]
) -> None:
    taken = Taken()
    taken.abort = lambda context: context.abort(code, "no")
    with grpc_server(taken) as endpoint, pytest.raises(error, match=f"answered {code.name}: no"):
        GrpcSender(target_of(Config(endpoint=endpoint), "metrics", {})).send(b"")


@pytest.mark.parametrize(
    ("status", "error"), [(503, Retryable), (429, Retryable), (400, Permanent), (302, Permanent)]
)
def test_http_errors_are_retryable_as_the_specification_says(status: int, error: type[Exception]) -> None:
    taken = Taken()
    taken.status = status
    taken.response = Status(message="no such thing").SerializeToString()
    taken.headers = {"Location": "http://127.0.0.1:9/elsewhere"}
    with http_server(taken) as endpoint, pytest.raises(error, match=f"HTTP {status}: no such thing"):
        HttpSender(target_of(Config(endpoint=endpoint, protocol="http/protobuf"), "metrics", {})).send(b"")


def test_a_busy_http_server_says_when_to_come_back() -> None:
    taken = Taken()
    taken.status = 503
    taken.headers = {"Retry-After": "9"}
    with http_server(taken) as endpoint, pytest.raises(RetryLater) as caught:
        HttpSender(target_of(Config(endpoint=endpoint, protocol="http/protobuf"), "metrics", {})).send(b"")
    assert 9.0 == caught.value.after_s


def test_a_target_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(Retryable):
        HttpSender(target_of(Config(endpoint="127.0.0.1:1", protocol="http/protobuf"), "logs", {})).send(b"")
    config = Config(endpoint="127.0.0.1:1", timeout=Duration("1s"))
    with pytest.raises(Retryable):
        GrpcSender(target_of(config, "logs", {})).send(b"")


def test_a_certificate_that_is_not_taken_is_no_reason_to_give_up_tls(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "theirs")
    for pair in (ours.signed("old", expired=True), theirs.signed("other")):
        with grpc_server(Taken(), pair=pair) as endpoint:
            config = Config(endpoint=f"https://{endpoint}", ca_file=str(ours.file), timeout=Duration("5s"))
            with pytest.raises(Retryable) as caught:
                GrpcSender(target_of(config, "metrics", {})).send(b"")
        said = str(caught.value)
        assert "CERTIFICATE_VERIFY_FAILED" in said
        assert "insecure" not in said
        assert "in date, for this name, and signed by an authority in ca_file" in said


def test_where_one_side_speaks_tls_and_the_other_does_not_it_is_said(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for pair, scheme, said in (
        (None, "https", "if it speaks plain text, write http://"),
        (authority.signed("ours"), "http", "if it speaks TLS, write https://"),
    ):
        with grpc_server(Taken(), pair=pair) as endpoint:
            config = Config(endpoint=f"{scheme}://{endpoint}", timeout=Duration("5s"))
            with pytest.raises(Retryable, match=said):
                GrpcSender(target_of(config, "metrics", {})).send(b"")


def test_an_answer_that_breaks_off_says_whose_it_was() -> None:
    with hasty_server(b"HTTP/1.0 400 Bad Request\r\n\r\n") as endpoint, pytest.raises(Permanent) as caught:
        HttpSender(target_of(Config(endpoint=endpoint, protocol="http/protobuf"), "metrics", {})).send(b"")
    assert f"{endpoint}/v1/metrics answered HTTP 400" in str(caught.value)


def test_requests_stay_under_the_limit_of_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MAX_REQUEST_BYTES", 2_000)
    taken = Taken()
    with grpc_server(taken) as endpoint:
        context = Context(None, Telemetry(), "exporter/otlp")
        with otlp.FACTORY.open(Config(endpoint=endpoint), context) as exporter:
            exporter.windows([WINDOW] * 50)
    assert all(len(data) <= 2_000 for _, data, _ in taken.requests)
    records = [
        record
        for _, data, _ in taken.requests
        for record in ExportLogsServiceRequest.FromString(data).resource_logs[0].scope_logs[0].log_records
    ]
    assert 50 == len(records)


@pytest.mark.parametrize(
    ("config", "environ", "endpoint", "secure"),
    [
        (Config(), {}, "localhost:4317", False),
        (Config(endpoint="collector:4317"), {}, "collector:4317", True),
        (Config(endpoint="collector"), {}, "collector:4317", True),
        (Config(endpoint="collector:4317", insecure=True), {}, "collector:4317", False),
        (Config(endpoint="http://collector:4317"), {}, "collector:4317", False),
        (Config(endpoint="https://localhost:4317"), {}, "localhost:4317", True),
        (Config(endpoint="[::1]:4317"), {}, "[::1]:4317", False),
        (Config(), {"ENDPOINT": "https://far:9"}, "far:9", True),
        (Config(), {"ENDPOINT": "http://far:9", "METRICS_ENDPOINT": "http://other:8"}, "other:8", False),
        (Config(endpoint="near:1"), {"ENDPOINT": "http://far:9", "INSECURE": "true"}, "near:1", False),
        (Config(protocol="http/protobuf"), {}, "http://localhost:4318/v1/metrics", False),
        (
            Config(),
            {"PROTOCOL": "http/protobuf", "ENDPOINT": "https://far/otlp"},
            "https://far/otlp/v1/metrics",
            True,
        ),
        (Config(protocol="http/protobuf"), {"METRICS_ENDPOINT": "https://far/m"}, "https://far/m", True),
    ],
)
def test_targets_follow_the_configuration_then_the_environment(
    config: Config, environ: dict[str, str], endpoint: str, *, secure: bool
) -> None:
    target = target_of(
        config, "metrics", {f"OTEL_EXPORTER_OTLP_{key}": value for key, value in environ.items()}
    )
    assert (endpoint, secure) == (target.endpoint, target.secure)


def test_headers_timeout_and_compression_come_from_the_environment() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,X-Other=2",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "gzip",
    }
    target = target_of(Config(), "metrics", environ)
    assert (
        target.headers,
        target.timeout_s,
        target.gzip,
    ) == ((("api-key", "a b"), ("x-other", "2")), 2.5, True)
    assert not target_of(Config(), "logs", environ).gzip


@pytest.mark.parametrize(
    ("config", "environ", "said"),
    [
        (Config(endpoint="ftp://x"), {}, "wanted host:port, http://host:port or https://host:port"),
        (Config(endpoint="x:99999"), {}, "wanted a port from 1 to 65535"),
        (Config(endpoint=":4317"), {}, "wanted host:port, such as"),
        (Config(), {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "wanted one of grpc, http/protobuf"),
        (Config(), {"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "wanted a number of milliseconds"),
        (Config(ca_file="/nowhere.pem"), {}, "does not exist"),
    ],
)
def test_what_can_not_be_a_target_says_so(config: Config, environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        target_of(config, "metrics", environ)
