"""A real Collector sends to our receiver: every encoding, compression and way to prove who one is."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.errors import Retryable
from barograph.semconv import attributes as names
from barograph.semconv import processor
from barograph_processor.config.convert import Converter
from barograph_processor.engine.batch import Points, Predictions
from barograph_processor.receivers.certificates import Tls
from barograph_processor.receivers.otlp_config import Auth
from certificates import Authority
from real.collector import collector
from receivers.otlp_server import LOGS, cumulative, predictions, text

from .receiving import METRICS, TRACES, receiving, send
from .waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from real.collector import Collector

    from .receiving import Receiving

pytestmark = [pytest.mark.slow, pytest.mark.real("otelcol")]

BY_GRPC = ("none", "gzip")
BY_HTTP = ("none", "gzip", "zlib", "deflate", "zstd", "lz4")
INTAKE = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:PORT_OTLP}"}}}}
"""


def span() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        name="predict m", trace_id=bytes(range(16)), span_id=bytes(range(8)), start_time_unix_nano=1,
        end_time_unix_nano=2, attributes=[text(names.ML_MODEL_NAME, "m")],
    )  # fmt: skip
    return request


def test_every_encoding_and_compression_of_a_collector_arrives(tmp_path: Path) -> None:
    exporters = [f"otlp_grpc/{coding}" for coding in BY_GRPC] + [f"otlp_http/{coding}" for coding in BY_HTTP]
    exporters += ["otlp_http/json"]
    lines = [INTAKE, "exporters:"]
    lines += [
        f'  otlp_grpc/{coding}: {{endpoint: "${{env:GRPC}}", compression: {coding}, timeout: 1m, '
        "tls: {insecure: true}}"
        for coding in BY_GRPC
    ]
    lines += [
        f'  otlp_http/{c}: {{endpoint: "http://${{env:HTTP}}", compression: {c}, timeout: 1m}}'
        for c in BY_HTTP
    ]
    lines += [
        '  otlp_http/json: {endpoint: "http://${env:HTTP}", encoding: json, timeout: 1m}',
        "service:",
        "  pipelines:",
    ]
    lines += [
        f"    {signal}: {{receivers: [otlp], exporters: [{', '.join(exporters)}]}}"
        for signal in ("traces", "metrics", "logs")
    ]
    with receiving() as ours, collector("\n".join(lines), tmp_path, environ=ours.environ) as running:
        send(running, TRACES, span())
        send(running, LOGS, predictions("a", "b"))
        send(running, METRICS, cumulative(2**62, 2**62 + 10, 5))
        copies = len(exporters)
        wanted = {
            processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS: copies,
            processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS: 2 * copies,
            processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS: 1,  # the others are repeats of one total
        }
        until(
            lambda: all(count <= ours.counted(name) for name, count in wanted.items()),
            otherwise=lambda: f"{ {name: ours.counted(name) for name in wanted} }\n{running.said()}",
        )
        assert 0 == running.stop(), "what was under way has been sent"
    assert "Exporting failed" not in running.said()
    seen = Counter(tuple(batch.ids) for batch in ours.engine.batches if isinstance(batch, Predictions))
    assert {("a", "b"): copies} == seen
    assert 1 == sum(isinstance(batch, Points) for batch in ours.engine.batches)


def test_a_compression_that_we_do_not_know_is_refused_for_good(tmp_path: Path) -> None:
    config = (
        INTAKE
        + """
exporters:
  otlp_grpc: {endpoint: "${env:GRPC}", compression: zstd, tls: {insecure: true}}
  otlp_http: {endpoint: "http://${env:HTTP}", compression: snappy}
service: {pipelines: {logs: {receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}}
"""
    )
    with receiving() as ours, collector(config, tmp_path, environ=ours.environ) as running:
        send(running, LOGS, predictions("a"))
        until(lambda: 2 <= running.said().count("Exporting failed. Dropping data."), otherwise=running.said)
        assert "found Content-Encoding snappy, wanted one of gzip" in running.said()
        assert [] == ours.engine.batches


SECURE = (
    INTAKE
    + """
extensions: {bearertokenauth: {token: "${env:TOKEN}"}}
exporters:
  otlp_grpc:
    endpoint: "${env:GRPC}"
    tls: {ca_file: "${env:CA}", cert_file: "${env:CERT}", key_file: "${env:KEY}"}
    auth: {authenticator: bearertokenauth}
    timeout: 1m
    retry_on_failure: {initial_interval: 100ms, max_interval: 100ms, max_elapsed_time: "${env:GIVE_UP_AFTER}"}
  otlp_http:
    endpoint: "https://${env:HTTP}"
    tls: {ca_file: "${env:CA}", cert_file: "${env:CERT}", key_file: "${env:KEY}"}
    auth: {authenticator: bearertokenauth}
    timeout: 1m
    retry_on_failure: {initial_interval: 100ms, max_interval: 100ms, max_elapsed_time: "${env:GIVE_UP_AFTER}"}
service:
  extensions: [bearertokenauth]
  pipelines: {logs: {receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}
"""
)


@contextmanager
def guarded(tmp_path: Path, **changes: str) -> Iterator[tuple[Receiving, Collector]]:
    """A receiver that wants a certificate and a token, and a Collector that has both, but for `changes`."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    server, sender = authority.signed("server"), authority.signed("sender")
    stranger = other.signed("stranger")
    tls = Tls(cert_file=str(server.certificate), key_file=str(server.key), client_ca_file=str(authority.file))
    auth = Converter().to({"tokens": {"team-a": "s3cret"}}, Auth, "$")
    assert auth is not None
    environ = {"TOKEN": "s3cret", "CA": str(authority.file)}
    environ |= {"CERT": str(sender.certificate), "KEY": str(sender.key)}
    environ["GIVE_UP_AFTER"] = "2s" if changes else "1m"
    known = {"OTHER_CA": str(other.file), "CERT": str(stranger.certificate), "KEY": str(stranger.key)}
    environ |= {name: known.get(value, value) for name, value in changes.items()}
    with (
        receiving(tls, auth) as ours,
        collector(SECURE, tmp_path, environ={**ours.environ, **environ}) as running,
    ):
        yield ours, running


def test_a_collector_with_certificate_and_token_sends_for_its_tenant(tmp_path: Path) -> None:
    with guarded(tmp_path) as (ours, running):
        send(running, LOGS, predictions("a"))
        until(lambda: len(ours.engine.batches) == 2, otherwise=running.said)
    tenants = [batch.key.tenant for batch in ours.engine.batches if isinstance(batch, Predictions)]
    assert ["team-a", "team-a"] == tenants


@pytest.mark.parametrize(
    ("changes", "said", "refused"),
    [
        ({"TOKEN": "wrong"}, "Unauthenticated", 2),
        ({"CA": "OTHER_CA"}, "certificate signed by unknown authority", 0),
        ({"CERT": "CERT", "KEY": "KEY"}, "Exporting failed", 0),
    ],
    ids=["wrong token", "wrong authority", "wrong certificate"],
)
def test_a_collector_that_is_not_known_or_does_not_know_us_sends_nothing(
    tmp_path: Path, changes: dict[str, str], said: str, refused: int
) -> None:
    with guarded(tmp_path, **changes) as (ours, running):
        send(running, LOGS, predictions("a"))
        until(lambda: 2 <= running.said().count("Dropping data."), otherwise=running.said)
        assert said in running.said()
        assert [] == ours.engine.batches
        assert refused == ours.counted(processor.BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS)


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_what_was_put_off_comes_again_and_is_taken_once(tmp_path: Path, exporter: str) -> None:
    config = (
        INTAKE
        + f"""
exporters:
  otlp_grpc: {{endpoint: "${{env:GRPC}}", tls: {{insecure: true}}}}
  otlp_http: {{endpoint: "http://${{env:HTTP}}"}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [{exporter}]}}}}}}
"""
    )
    tries = Counter[str]()

    def full_twice() -> None:
        tries["feed"] += 1
        if tries["feed"] <= 2:
            raise Retryable("not now")

    with receiving() as ours, collector(config, tmp_path, environ=ours.environ) as running:
        ours.engine.before = full_twice
        send(running, LOGS, predictions("a"))
        until(lambda: ours.engine.batches, otherwise=running.said)
        assert 0 == running.stop()
    assert (3, 1) == (tries["feed"], len(ours.engine.batches))
    assert 2 == ours.counted(processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS)
