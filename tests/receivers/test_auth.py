"""Tokens: who may send, whose tenant it is, and what strangers learn."""

from __future__ import annotations

import gzip
import hmac
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import pytest
import requests
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from opentelemetry._logs import LogRecord as SdkRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from barograph.semconv import attributes as names
from barograph.semconv import events, processor
from barograph_processor.cli.startup import openness
from barograph_processor.components.api import Context, Listener
from barograph_processor.components.registry import Registry
from barograph_processor.config.convert import Converter
from barograph_processor.config.load import load
from barograph_processor.config.resolve import resolved
from barograph_processor.engine.batch import Predictions
from barograph_processor.receivers.credentials import Credentials
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Auth, Config, Grpc, Http
from barograph_processor.telemetry import Telemetry

from .http_client import JSON, PROTOBUF, WAIT_S
from .otlp_server import LOGS, Counting, Engine, failing, predictions

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = predictions("a").SerializeToString()
REFUSED = processor.BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS


class Guarded(Counting):
    """A receiver that wants tokens."""

    def __init__(self, grpc_endpoint: str, http_endpoint: str, telemetry: Telemetry, engine: Engine) -> None:
        self.grpc = grpc_endpoint
        self.http = http_endpoint
        self.telemetry = telemetry
        self.engine = engine

    def by_grpc(self, *metadata: tuple[str, str], data: bytes = ONE) -> None:
        with grpc.insecure_channel(self.grpc) as channel:
            channel.unary_unary(LOGS)(data, timeout=WAIT_S, metadata=metadata)

    def by_http(self, data: bytes = ONE, content_type: str = PROTOBUF, **headers: str) -> requests.Response:
        url = f"http://{self.http}/v1/logs"
        return requests.post(url, data, headers={"Content-Type": content_type, **headers}, timeout=WAIT_S)

    @property
    def tenants(self) -> list[str]:
        return [batch.key.tenant for batch in self.engine.batches if isinstance(batch, Predictions)]


def auth(**settings: Any) -> Auth:
    found = Converter().to(settings, Auth, "$")
    assert found is not None
    return found


@contextmanager
def guarded(settings: Auth) -> Iterator[Guarded]:
    engine, telemetry = Engine(), Telemetry()
    config = Config(grpc=Grpc(endpoint="127.0.0.1:0"), http=Http(endpoint="127.0.0.1:0"), auth=settings)
    with FACTORY.open(config, Context(engine, telemetry, "receiver/otlp")) as receiver:
        by_grpc, by_http = receiver.listeners
        assert by_grpc.authenticated
        assert by_http.authenticated
        yield Guarded(by_grpc.endpoint, by_http.endpoint, telemetry, engine)


def test_the_sdks_exporters_send_with_a_token() -> None:
    headers = {"authorization": "Bearer s3cret"}
    with guarded(auth(bearer="s3cret")) as otlp:
        for exporter in (
            GrpcExporter(f"http://{otlp.grpc}", insecure=True, headers=headers),
            HttpExporter(f"http://{otlp.http}/v1/logs", headers=headers),
        ):
            provider = LoggerProvider()
            provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
            provider.get_logger("t").emit(
                SdkRecord(
                    timestamp=5,
                    event_name=events.ML_INFERENCE_PREDICTION,
                    attributes={names.ML_MODEL_NAME: "m"},
                )
            )
            provider.shutdown()
        assert ["default", "default"] == otlp.tenants
        assert 0 == otlp.counted(REFUSED)


WRONG = ["", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer S3CRET", "Basic s3cret"]


@pytest.mark.parametrize("header", WRONG)
def test_without_the_right_token_nothing_is_taken(header: str) -> None:
    with guarded(auth(bearer="s3cret")) as otlp:
        error = failing(lambda: otlp.by_grpc(("authorization", header)))
        assert grpc.StatusCode.UNAUTHENTICATED is error.code()
        answer = otlp.by_http(Authorization=header)
        status = Status.FromString(answer.content)
        assert (401, 16, "Bearer") == (answer.status_code, status.code, answer.headers["WWW-Authenticate"])
        assert error.details() == status.message
        assert "authorization: Bearer" in status.message
        assert "s3cret" not in status.message
        assert 2 == otlp.counted(REFUSED)
        assert [] == otlp.engine.batches


def test_no_header_at_all_is_refused_in_the_form_of_the_request() -> None:
    with guarded(auth(bearer="s3cret")) as otlp:
        answer = otlp.by_http(b"{}", JSON)
        assert (401, 16) == (answer.status_code, answer.json()["code"])
        assert grpc.StatusCode.UNAUTHENTICATED is failing(otlp.by_grpc).code()


def test_the_body_of_a_stranger_is_never_read() -> None:
    with guarded(auth(bearer="s3cret")) as otlp:
        large = gzip.compress(bytes(50_000_000))
        assert 401 == otlp.by_http(large, **{"Content-Encoding": "gzip"}).status_code
        error = failing(lambda: otlp.by_grpc(data=bytes(3_000_000)))
        assert grpc.StatusCode.UNAUTHENTICATED is error.code()


def test_the_word_bearer_may_be_written_in_any_case() -> None:
    with guarded(auth(bearer="s3cret")) as otlp:
        otlp.by_grpc(("authorization", "bearer s3cret"))
        assert 200 == otlp.by_http(AUTHORIZATION="BEARER  s3cret ").status_code


def test_the_tenant_comes_from_the_token() -> None:
    settings = auth(tokens={"team-a": "a-old", "team-b": ["b-old", "b-new"]}, bearer=["everybody"])
    with guarded(settings) as otlp:
        for token in ("a-old", "b-old", "b-new", "everybody"):
            otlp.by_grpc(("authorization", f"Bearer {token}"))
            assert 200 == otlp.by_http(Authorization=f"Bearer {token}").status_code
        two_each = [tenant for tenant in ("team-a", "team-b", "team-b", "default") for _ in range(2)]
        assert two_each == otlp.tenants


def test_probes_of_health_need_no_token() -> None:
    with guarded(auth(bearer="s3cret")) as otlp, grpc.insecure_channel(otlp.grpc) as channel:
        answer = HealthStub(channel).Check(HealthCheckRequest(), timeout=WAIT_S)
    assert HealthCheckResponse.SERVING == answer.status


def test_tokens_are_masked_wherever_the_configuration_is_shown() -> None:
    text = """
    receivers:
      otlp:
        grpc:
        auth:
          bearer: "${env:TOKEN}"
          tokens: {team-a: plain-token, team-b: [one-token, two-token]}
    """
    config = load(text, catalog=Registry(), environ={"TOKEN": "of-the-environment"})
    shown = msgspec.json.encode(resolved(config)).decode() + repr(config)
    assert '"tokens":{"team-a":"****","team-b":["****","****"]}' in shown
    assert '"bearer":"****"' in shown
    for token in ("plain-token", "one-token", "two-token", "of-the-environment"):
        assert token not in shown


@pytest.mark.parametrize(
    ("endpoint", "secure", "authenticated", "said"),
    [
        ("127.0.0.1:4317", False, False, ""),
        ("[::1]:4317", False, False, ""),
        ("0.0.0.0:4317", False, False, "whoever reaches this address can send"),
        ("[::]:4317", True, False, "whoever reaches this address can send"),
        ("0.0.0.0:4317", False, True, "tokens come in plain text here"),
        ("0.0.0.0:4317", True, True, ""),
    ],
)
def test_the_start_warns_of_what_others_can_do(
    endpoint: str, secure: bool, authenticated: bool, said: str
) -> None:
    warning = openness(Listener("grpc", endpoint, secure=secure, authenticated=authenticated))
    assert said == warning.partition(":")[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "found no token"),
        ({"bearer": []}, "found no token"),
        ({"bearer": ""}, "empty"),
        ({"bearer": "a\n"}, "can't be sent in a header"),
        ({"bearer": "grün"}, "can't be sent in a header"),
        ({"bearer": ["a", "a"]}, "one token twice"),
        ({"bearer": "a", "tokens": {"t": "a"}}, "one token twice"),
        ({"tokens": {"": "a"}}, "a tenant without a name"),
        ({"bearer": 7}, "wanted text"),
    ],
)
def test_tokens_that_can_not_be_meant_are_refused_without_being_shown(settings: Any, said: str) -> None:
    converter = Converter()
    assert converter.to(settings, Auth, "$.receivers.otlp.auth") is None
    (problem,) = converter.problems
    assert problem.startswith("$.receivers.otlp.auth")
    assert said in problem
    assert "grün" not in problem


def test_every_token_is_compared_whatever_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def watching(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return known == given

    monkeypatch.setattr(hmac, "compare_digest", watching)
    known = Credentials(auth(tokens={"a": "1", "b": "2", "c": "3"}))
    assert "a" == known.tenant({"authorization": "Bearer 1"})
    assert [b"1", b"2", b"3"] == compared
