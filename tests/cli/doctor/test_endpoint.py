"""What the doctor says of the place that telemetry goes to: real listeners, each with its own fault."""

from __future__ import annotations

import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from msgspec import UNSET

from barograph_processor.cli.doctor.destinations import Destination, destinations, port_advice
from barograph_processor.cli.doctor.endpoint import endpoint_findings
from barograph_processor.cli.doctor.processor import processor_findings
from barograph_processor.components.api import Context
from barograph_processor.config.values import Secret
from barograph_processor.exporters.prometheus import FACTORY as PROMETHEUS
from barograph_processor.exporters.prometheus import Config as PrometheusConfig
from barograph_processor.receivers.certificates import Tls
from barograph_processor.receivers.otlp_config import Auth
from barograph_processor.telemetry import Telemetry
from certificates import Authority
from contract.receiving import Receiving, receiving
from exporters.servers import Taken, grpc_server, http_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from barograph_processor.cli.doctor.findings import Finding

WAIT_S = 60.0
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
HTTP = "http/protobuf"
TOKEN = Auth(bearer=Secret("sesame-open"))


def findings(environ: Mapping[str, str]) -> dict[str, Finding]:
    """By their first word: the signal, or the address of what answers."""
    return {each.check.split()[0]: each for each in endpoint_findings(environ, WAIT_S)}


def logs(environ: Mapping[str, str]) -> Finding:
    return findings({**environ, "OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"})["logs"]


def to(subject: Receiving, protocol: str, scheme: str = "http") -> dict[str, str]:
    address = subject.grpc if protocol == "grpc" else subject.http
    return {ENDPOINT: f"{scheme}://{address}", PROTOCOL: protocol}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def free() -> Iterator[str]:
    """An address where nothing listens: the port is held, and nobody accepts."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_where_nothing_listens_it_says_so(free: str) -> None:
    told = findings({ENDPOINT: f"http://{free}"})
    assert {"failed"} == {each.status for each in told.values()}
    assert f"nothing listens at {free}" == told["logs"].said
    assert "barograph run" in told["logs"].advice


def test_a_name_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = logs({ENDPOINT: "http://collector.invalid:4317"})
    assert ("failed", True) == (told.status, "can't be resolved" in told.said)


@pytest.mark.parametrize("protocol", ["grpc", HTTP])
def test_all_is_well_where_every_signal_is_taken(protocol: str) -> None:
    with receiving() as subject:
        told = findings(to(subject, protocol))
        assert {"ok"} == {each.status for each in told.values()}
        assert {"logs", "metrics", "traces"} <= told.keys()


def test_a_processor_says_that_it_serves() -> None:
    with receiving() as subject:
        assert "SERVING" in findings(to(subject, "grpc"))[subject.grpc].said


def test_a_collector_without_health_is_no_fault() -> None:
    with grpc_server(Taken()) as address:
        told = findings({ENDPOINT: f"http://{address}", "OTEL_TRACES_EXPORTER": "none"})
    assert ("ok", "ok", "skipped", "skipped") == (
        told["logs"].status, told["metrics"].status, told["traces"].status, told[address].status
    )  # fmt: skip


def test_a_signal_without_a_pipeline_is_told() -> None:
    with grpc_server(Taken()) as address:  # knows logs and metrics
        told = findings({ENDPOINT: f"http://{address}"})["traces"]
    assert ("failed", True) == (told.status, "it takes no traces" in told.said)
    taken = Taken()
    taken.status = 404
    with http_server(taken) as url:
        told = logs({ENDPOINT: url, PROTOCOL: HTTP})
    assert ("failed", True) == (told.status, "logs pipeline" in told.advice)


def test_grpc_sent_to_a_listener_of_http_is_recognised() -> None:
    with receiving() as subject:
        told = logs({ENDPOINT: f"http://{subject.http}", PROTOCOL: "grpc"})
    assert ("failed", "it speaks HTTP/1.1, and gRPC is sent") == (told.status, told.said)
    assert f"{PROTOCOL}={HTTP}" in told.advice


def test_http_sent_to_a_listener_of_grpc_is_recognised() -> None:
    with receiving() as subject:
        told = logs({ENDPOINT: f"http://{subject.grpc}", PROTOCOL: HTTP})
    assert ("failed", "it speaks gRPC, and HTTP/1.1 is sent") == (told.status, told.said)
    assert f"{PROTOCOL}=grpc" in told.advice


@pytest.mark.parametrize("protocol", ["grpc", HTTP])
def test_plain_text_sent_to_tls_and_the_other_way_round_are_recognised(
    protocol: str, authority: Authority
) -> None:
    pair = authority.signed("server")
    tls = Tls(cert_file=str(pair.certificate), key_file=str(pair.key))
    with receiving(tls) as subject:
        told = logs(to(subject, protocol))
        assert ("failed", "it speaks TLS, and plain text is sent") == (told.status, told.said)
        assert "https://" in told.advice
    with receiving() as subject:
        told = logs(to(subject, protocol, "https"))
        assert ("failed", True) == (told.status, "it speaks plain text" in told.said)
        assert "http://" in told.advice


@pytest.mark.parametrize("protocol", ["grpc", HTTP])
def test_certificates_that_are_not_accepted_are_explained(
    protocol: str, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    for pair, trusted, said, advice in (
        (authority.signed("server"), authority, "", ""),
        (authority.signed("server"), stranger, "certificate", CERTIFICATE),
        (authority.signed("old", expired=True), authority, "expired", "renew"),
    ):
        with receiving(Tls(cert_file=str(pair.certificate), key_file=str(pair.key))) as subject:
            told = logs({**to(subject, protocol, "https"), CERTIFICATE: str(trusted.file)})
        assert ("failed" if said else "ok") == told.status
        assert said in told.said
        assert advice in told.advice


@pytest.mark.parametrize("protocol", ["grpc", HTTP])
def test_a_wanted_certificate_of_the_sender_is_named(protocol: str, authority: Authority) -> None:
    pair, own = authority.signed("server"), authority.signed("own")
    tls = Tls(cert_file=str(pair.certificate), key_file=str(pair.key), client_ca_file=str(authority.file))
    with receiving(tls) as subject:
        environ = {**to(subject, protocol, "https"), CERTIFICATE: str(authority.file)}
        told = logs(environ)
        assert "failed" == told.status
        assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in told.advice
        environ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] = str(own.certificate)
        environ["OTEL_EXPORTER_OTLP_CLIENT_KEY"] = str(own.key)
        assert "ok" == logs(environ).status


@pytest.mark.parametrize("protocol", ["grpc", HTTP])
def test_a_token_that_is_missing_or_wrong_is_told_and_never_shown(protocol: str) -> None:
    with receiving(UNSET, TOKEN) as subject:
        environ = to(subject, protocol)
        missing = logs(environ)
        assert ("failed", True) == (missing.status, "wants to know who sends" in missing.said)
        assert f"{HEADERS}=authorization" in missing.advice
        wrong = logs({**environ, HEADERS: "authorization=Bearer%20sesame-close"})
        assert ("failed", True) == (wrong.status, "refuses the token" in wrong.said)
        assert "sesame" not in str((missing, wrong))
        assert "ok" == logs({**environ, HEADERS: "authorization=Bearer%20sesame-open"}).status


def test_what_can_not_be_sent_now_is_told_in_the_words_of_the_other_side() -> None:
    taken = Taken()
    taken.abort = lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "the disk is full")
    with grpc_server(taken) as address:
        assert "UNAVAILABLE: the disk is full" in logs({ENDPOINT: f"http://{address}"}).said


def test_a_listener_that_says_nothing_is_waited_for_and_no_longer() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        environ = {
            ENDPOINT: f"http://{address}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_EXPORTER": "none",
        }
        for protocol in ("grpc", HTTP):
            (told,) = [
                each
                for each in endpoint_findings({**environ, PROTOCOL: protocol}, 0.2)
                if each.status != "skipped"
            ]
            assert "failed" == told.status


def only(**environ: str) -> Destination:
    return next(each for each in destinations(environ) if each.signal == "logs")


def test_an_address_without_a_scheme_means_tls_as_the_exporter_reads_it() -> None:
    target = only(OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4317").target
    assert target is not None
    assert target.secure
    target = only(OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4317", OTEL_EXPORTER_OTLP_INSECURE="true").target
    assert target is not None
    assert not target.secure
    over_http = only(OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4318", OTEL_EXPORTER_OTLP_PROTOCOL=HTTP)
    assert "http://localhost:4318" in over_http.problem


def test_each_signal_goes_where_its_own_variables_say() -> None:
    environ = {
        ENDPOINT: "http://collector:4318",
        PROTOCOL: HTTP,
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:9000/in",
        "OTEL_METRICS_EXPORTER": "otlp_proto_grpc",
        "OTEL_TRACES_EXPORTER": "console",
        "BAROGRAPH_OTLP_ENDPOINT": "http://processor:4318",
    }
    assert [
        "logs to http://logs:9000/in (http/protobuf, plain text)",
        "metrics to collector:4318 (grpc, plain text)",
        "logs upstream to http://processor:4318/v1/logs (http/protobuf, plain text)",
        "metrics upstream to processor:4318 (grpc, plain text)",
    ] == [each.told for each in destinations(environ)]


@pytest.mark.parametrize(
    ("protocol", "port", "advised"),
    [("grpc", 4318, HTTP), (HTTP, 4317, "grpc"), ("grpc", 4317, ""), (HTTP, 4318, "")],
)
def test_a_port_of_the_other_protocol_is_known(protocol: str, port: int, advised: str) -> None:
    advice = port_advice(only(**{ENDPOINT: f"http://collector:{port}", PROTOCOL: protocol}))
    assert bool(advised) == bool(advice)
    assert advised in advice


@pytest.mark.parametrize(
    ("name", "value"),
    [(PROTOCOL, "http/json"), (ENDPOINT, "ftp://collector"), (CERTIFICATE, "/nowhere.pem")],
)
def test_settings_that_can_not_be_understood_fail(name: str, value: str) -> None:
    told = logs({name: value})
    assert "failed" == told.status
    assert told.advice


class Operated:
    """What an operator may ask."""

    def __init__(self, health: str = "ok", ready: str = "ready") -> None:
        self._health, self._ready = health, ready

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        raise NotImplementedError

    def health(self) -> Mapping[str, object]:
        return {"status": self._health}

    def ready(self) -> Mapping[str, object]:
        return {"status": self._ready}

    def probe(self, name: str) -> Mapping[str, object]:
        raise NotImplementedError

    def watch(self, changed: object) -> None:
        raise NotImplementedError


@contextmanager
def operated(control: Operated) -> Iterator[str]:
    context = Context(None, Telemetry(), "exporter/prometheus", control=control)
    with PROMETHEUS.open(PrometheusConfig(endpoint="127.0.0.1:0"), context) as exporter:
        yield exporter.endpoint


def test_a_processor_that_is_ready_is_ok() -> None:
    with operated(Operated()) as address:
        for written in (address, f"http://{address}"):
            assert ["ok", "ok"] == [each.status for each in processor_findings(written, WAIT_S)]


def test_a_password_in_the_address_of_a_processor_is_not_shown(free: str) -> None:
    with operated(Operated()) as address, receiving() as subject:
        for place, expected in ((address, "ok"), (subject.grpc, "ok"), (free, "failed")):
            for written in (f"http://me:sesame@{place}", f"http://me:sesame@{place.rpartition(':')[0]}"):
                told = list(processor_findings(written, WAIT_S))
                assert "sesame" not in str(told)
                if written.endswith(place):
                    assert {expected} == {each.status for each in told}


def test_why_a_processor_is_not_ready_is_told() -> None:
    with operated(Operated(ready="storage: no space left")) as address:
        health, ready = processor_findings(address, WAIT_S)
    assert ("ok", "failed", "storage: no space left") == (health.status, ready.status, ready.said)


def test_a_processor_that_is_gone_is_told(free: str) -> None:
    (told,) = processor_findings(free, WAIT_S)
    assert ("failed", True) == (told.status, "nothing listens" in told.said)


def test_the_address_of_the_receiver_will_do_for_health() -> None:
    with receiving() as subject:
        (told,) = processor_findings(subject.grpc, WAIT_S)
    assert ("ok", True) == (told.status, "SERVING" in told.said)


def test_something_else_is_no_processor() -> None:
    with http_server(Taken()) as url:
        (told,) = processor_findings(url, WAIT_S)
    assert ("failed", "what answers there is no barograph processor") == (told.status, told.said)
    assert ["failed"] == [each.status for each in processor_findings("processor", WAIT_S)]
