"""TLS of both servers, with certificates of the test's own: trusted, foreign, expired, missing, renewed."""

from __future__ import annotations

import shutil
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest
import requests
from msgspec import UNSET, UnsetType
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from barograph.errors import ConfigError
from barograph.semconv import attributes as names
from barograph.semconv import processor
from barograph_processor.components.api import Context
from barograph_processor.config.values import Duration
from barograph_processor.receivers.certificates import Tls
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Config, Grpc, Http
from barograph_processor.telemetry import Telemetry
from certificates import Authority

from .http_client import PROTOBUF, WAIT_S, everything
from .otlp_server import LOGS, Counting, Engine, predictions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from certificates import Pair

ONE = predictions("a").SerializeToString()


class Secured(Counting):
    """A receiver with TLS at both servers."""

    def __init__(self, grpc_endpoint: str, http_endpoint: str, telemetry: Telemetry, engine: Engine) -> None:
        self.grpc = grpc_endpoint
        self.http = http_endpoint
        self.telemetry = telemetry
        self.engine = engine

    def by_grpc(self, ca: Path, pair: Pair | None = None) -> str:
        """``ok``, or the code of the error."""
        certificate, key = pair.read() if pair else (None, None)
        trusted = grpc.ssl_channel_credentials(ca.read_bytes(), key, certificate)
        with grpc.secure_channel(f"localhost:{self.grpc.rpartition(':')[2]}", trusted) as channel:
            call = channel.unary_unary(LOGS).future(ONE, timeout=WAIT_S)
            return "ok" if call.exception() is None else str(call.code().name)

    def by_http(self, ca: Path, pair: Pair | None = None) -> str:
        """``ok``, or the kind of the error."""
        try:
            answer = requests.post(
                f"https://{self.http}/v1/logs", ONE, headers={"Content-Type": PROTOBUF},
                verify=str(ca), cert=(str(pair.certificate), str(pair.key)) if pair else None, timeout=WAIT_S,
            )  # fmt: skip
        except requests.exceptions.ConnectionError as error:
            return type(error).__name__
        assert 200 == answer.status_code
        return "ok"


class Files(NamedTuple):
    """What the tests have at hand."""

    authority: Authority
    server: Pair
    sender: Pair


@pytest.fixture
def files(tmp_path: Path) -> Files:
    authority = Authority(tmp_path)
    return Files(authority, authority.signed("server"), authority.signed("sender"))


@contextmanager
def secured(pair: Pair, client_ca: Path | None = None, **http: Any) -> Iterator[Secured]:
    tls = Tls(
        cert_file=str(pair.certificate),
        key_file=str(pair.key),
        client_ca_file=str(client_ca) if client_ca else None,
    )
    engine, telemetry = Engine(), Telemetry()
    config = Config(
        grpc=Grpc(endpoint="127.0.0.1:0", tls=tls), http=Http(endpoint="127.0.0.1:0", tls=tls, **http)
    )
    with FACTORY.open(config, Context(engine, telemetry, "receiver/otlp")) as receiver:
        by_grpc, by_http = receiver.listeners
        assert by_grpc.secure
        assert by_http.secure
        assert (client_ca is not None) == by_grpc.authenticated == by_http.authenticated
        yield Secured(by_grpc.endpoint, by_http.endpoint, telemetry, engine)


def test_the_sdks_exporters_send_over_tls(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # stronger than what is said
        monkeypatch.delenv(variable, raising=False)
    with secured(files.server) as otlp:
        exporters = (
            GrpcExporter(
                f"https://localhost:{otlp.grpc.rpartition(':')[2]}",
                credentials=grpc.ssl_channel_credentials(files.authority.file.read_bytes()),
            ),
            HttpExporter(f"https://{otlp.http}/v1/traces", certificate_file=str(files.authority.file)),
        )
        for exporter in exporters:
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            with provider.get_tracer("t").start_as_current_span(
                "predict", attributes={names.ML_MODEL_NAME: "m"}
            ):
                pass
            provider.shutdown()
        assert 2 == otlp.counted(processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS)


def test_who_trusts_another_authority_does_not_send(files: Files, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    with secured(files.server) as otlp:
        assert ("UNAVAILABLE", "SSLError") == (otlp.by_grpc(other.file), otlp.by_http(other.file))
        assert ("ok", "ok") == (otlp.by_grpc(files.authority.file), otlp.by_http(files.authority.file))


def test_an_expired_certificate_is_seen_by_senders(files: Files) -> None:
    expired = files.authority.signed("expired", expired=True)
    with secured(expired) as otlp:
        found = otlp.by_grpc(files.authority.file), otlp.by_http(files.authority.file)
        assert ("UNAVAILABLE", "SSLError") == found


def test_senders_must_show_a_certificate_where_an_authority_is_given(files: Files, tmp_path: Path) -> None:
    ca = files.authority.file
    strangers = [
        None,
        Authority(tmp_path, "other").signed("stranger"),
        files.authority.signed("old", expired=True),
    ]
    with secured(files.server, ca) as otlp:
        assert ("ok", "ok") == (otlp.by_grpc(ca, files.sender), otlp.by_http(ca, files.sender))
        for stranger in strangers:
            assert "UNAVAILABLE" == otlp.by_grpc(ca, stranger)
            assert otlp.by_http(ca, stranger) in {"SSLError", "ConnectionError"}
        assert 2 == len(otlp.engine.batches)


def test_plain_text_to_a_tls_port_gets_nothing_and_harms_nobody(files: Files) -> None:
    with secured(files.server) as otlp:
        host, _, port = otlp.http.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=WAIT_S) as connection:
            connection.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            try:
                said = everything(connection)
            except ConnectionResetError:
                said = b""
        assert b"HTTP" not in said
        with grpc.insecure_channel(otlp.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(LOGS)(ONE, timeout=WAIT_S)
        assert isinstance(caught.value, grpc.Call)
        assert grpc.StatusCode.UNAVAILABLE is caught.value.code()
        assert ("ok", "ok") == (otlp.by_grpc(files.authority.file), otlp.by_http(files.authority.file))


def test_tls_to_a_plain_port_is_answered_as_no_http(files: Files) -> None:
    with FACTORY.open(
        Config(grpc=UNSET, http=Http(endpoint="127.0.0.1:0")), Context(Engine(), Telemetry(), "receiver/otlp")
    ) as receiver:
        otlp = Secured("", receiver.listeners[0].endpoint, Telemetry(), Engine())
        assert "SSLError" == otlp.by_http(files.authority.file)


def test_a_handshake_that_never_ends_is_cut_off(files: Files) -> None:
    with secured(files.server, head_timeout=Duration("50ms")) as otlp:
        host, _, port = otlp.http.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=WAIT_S) as connection:
            assert b"" == everything(connection)


@pytest.mark.filterwarnings("ignore:.*TLS.*is deprecated:DeprecationWarning")
def test_old_versions_of_tls_are_not_spoken(files: Files) -> None:
    context = ssl.create_default_context(cafile=str(files.authority.file))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with secured(files.server) as otlp:
        host, _, port = otlp.http.rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=WAIT_S) as connection,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_a_large_body_that_is_refused_is_answered_over_tls(files: Files) -> None:
    with secured(files.server, max_receive_bytes=1_024) as otlp:
        answer = requests.post(
            f"https://{otlp.http}/v1/logs", bytes(3_000_000), headers={"Content-Type": PROTOBUF},
            verify=str(files.authority.file), timeout=WAIT_S,
        )  # fmt: skip
        assert 413 == answer.status_code


def test_renewed_certificates_are_used_for_new_connections(files: Files, tmp_path: Path) -> None:
    new = Authority(tmp_path, "new")
    with secured(files.server) as otlp:
        old = files.authority.file
        assert ("ok", "ok") == (otlp.by_grpc(old), otlp.by_http(old))
        renewed = new.signed("renewed")
        shutil.copy(renewed.certificate, files.server.certificate)
        shutil.copy(renewed.key, files.server.key)
        assert ("ok", "ok") == (otlp.by_grpc(new.file), otlp.by_http(new.file))
        assert ("UNAVAILABLE", "SSLError") == (otlp.by_grpc(old), otlp.by_http(old))


def test_a_sender_s_authority_may_be_renewed_too(files: Files, tmp_path: Path) -> None:
    new = Authority(tmp_path, "new")
    trusted = tmp_path / "trusted.pem"
    shutil.copy(files.authority.file, trusted)
    ca = files.authority.file
    with secured(files.server, trusted) as otlp:
        assert ("ok", "ok") == (otlp.by_grpc(ca, files.sender), otlp.by_http(ca, files.sender))
        shutil.copy(new.file, trusted)
        sender = new.signed("newer")
        assert ("ok", "ok") == (otlp.by_grpc(ca, sender), otlp.by_http(ca, sender))
        assert "UNAVAILABLE" == otlp.by_grpc(ca, files.sender)


def test_files_that_can_not_be_used_leave_the_old_ones_in_place(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    with secured(files.server) as otlp:
        files.server.key.write_text("half of a k")
        for _ in range(3):
            assert ("ok", "ok") == (otlp.by_grpc(files.authority.file), otlp.by_http(files.authority.file))
        files.server.key.unlink()
        assert "ok" == otlp.by_http(files.authority.file)
    said = [record.getMessage() for record in caplog.records]
    assert [True, True, True] == ["the old ones stay" in each for each in said], (
        "one each, and one for the loss"
    )


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("missing", r"http\.tls\.cert_file: .*no-such\.pem: No such file"),
        ("mismatch", r"http\.tls\.cert_file: .*are no certificate and its key"),
        ("no certificate", r"http\.tls\.cert_file: .*are no certificate and its key"),
        ("no authority", r"http\.tls\.client_ca_file: .*holds no certificates"),
    ],
)
def test_files_that_can_not_be_used_stop_the_start(
    files: Files, tmp_path: Path, broken: str, message: str
) -> None:
    certificate, key = files.server
    ca: Path | UnsetType = UNSET
    text = tmp_path / "text.pem"
    text.write_text("hello")
    if broken == "missing":
        certificate = tmp_path / "no-such.pem"
    elif broken == "mismatch":
        key = files.sender.key
    elif broken == "no certificate":
        certificate = text
    else:
        ca = text
    tls = Tls(cert_file=str(certificate), key_file=str(key), client_ca_file=None if ca is UNSET else str(ca))
    config = Config(grpc=UNSET, http=Http(endpoint="127.0.0.1:0", tls=tls))
    with (
        pytest.raises(ConfigError, match=message),
        FACTORY.open(config, Context(Engine(), Telemetry(), "receiver/otlp")),
    ):
        pass
