"""What the doctor says of proxies, against what the SDK's exporters do with the same variables."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as OverHttp
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from barograph_processor.cli.doctor.destinations import destinations
from barograph_processor.cli.doctor.proxies import proxy_findings, way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.cli.doctor.findings import Finding

HEARD_S = 60.0
PROXY = "http://proxy:3128"
NOBODY = "http://127.0.0.1:1"
GRPC, HTTP = "grpc", "http/protobuf"
CASES = [
    (GRPC, "http", {"grpc_proxy": PROXY}, True),
    (GRPC, "http", {"https_proxy": PROXY}, True),
    (GRPC, "http", {"http_proxy": PROXY}, True),
    (GRPC, "https", {"http_proxy": PROXY}, True),
    (GRPC, "http", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "all_proxy": PROXY}, False),
    (GRPC, "http", {"http_proxy": PROXY, "no_proxy": "a, 127.0.0.1"}, False),
    (GRPC, "http", {"http_proxy": PROXY, "no_grpc_proxy": "other", "no_proxy": "127.0.0.1"}, True),
    (GRPC, "http", {"http_proxy": PROXY, "no_proxy": "127.0.0.0/8"}, False),
    (GRPC, "http", {"http_proxy": PROXY, "no_proxy": "*"}, True),
    (GRPC, "http", {"http_proxy": PROXY, "NO_PROXY": "127.0.0.1"}, True),
    (GRPC, "http", {"grpc_proxy": PROXY, "https_proxy": NOBODY, "http_proxy": NOBODY}, True),
    (GRPC, "http", {"https_proxy": PROXY, "http_proxy": NOBODY}, True),
    (HTTP, "http", {"http_proxy": PROXY, "HTTP_PROXY": NOBODY, "all_proxy": NOBODY}, True),
    (HTTP, "http", {"http_proxy": PROXY}, True),
    (HTTP, "http", {"HTTP_PROXY": PROXY}, True),
    (HTTP, "http", {"http_proxy": "", "HTTP_PROXY": PROXY}, False),
    (HTTP, "http", {"https_proxy": PROXY, "grpc_proxy": PROXY}, False),
    (HTTP, "https", {"https_proxy": PROXY}, True),
    (HTTP, "https", {"http_proxy": PROXY}, False),
    (HTTP, "http", {"all_proxy": PROXY}, True),
    (HTTP, "http", {"http_proxy": PROXY, "no_proxy": "127.0.0.0/8"}, False),
    (HTTP, "http", {"http_proxy": PROXY, "NO_PROXY": "*"}, False),
    (HTTP, "http", {"http_proxy": PROXY, "no_proxy": "other,.example"}, True),
]


def variables(protocol: str, endpoint: str, proxies: Mapping[str, str]) -> dict[str, str]:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    return {**told, **proxies}


def goes_by_proxy(protocol: str, endpoint: str, proxies: Mapping[str, str]) -> bool:
    """What the doctor thinks, of the proxy that isn't nobody's."""
    environ = variables(protocol, endpoint, proxies)
    targets = [(each.target, each.where[0]) for each in destinations(environ) if each.target is not None]
    (found,) = {environ.get(way(target, host, environ).proxy, "") for target, host in targets}
    assert found in {"", PROXY}
    return bool(found)


class Ear:
    """A listener that hangs up, and remembers whether anybody came."""

    def __init__(self, heard: threading.Event) -> None:
        self.came = False
        self._heard = heard
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                calling, _ = self._listening.accept()
            except OSError:
                return
            calling.close()
            self.came = True
            self._heard.set()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(HEARD_S)


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "scheme", "proxies", "by_proxy"), CASES)
def test_exporters_go_where_the_doctor_says(
    protocol: str, scheme: str, proxies: Mapping[str, str], by_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    heard = threading.Event()
    with ExitStack() as stack:
        proxy, place = Ear(heard), Ear(heard)
        stack.callback(proxy.close)
        stack.callback(place.close)
        for name, value in proxies.items():
            monkeypatch.setenv(name, value.replace("proxy:3128", proxy.address))
        endpoint = f"{scheme}://{place.address}"
        exporter = (
            OverGrpc(endpoint=endpoint, timeout=HEARD_S)
            if protocol == GRPC
            else OverHttp(endpoint=f"{endpoint}/v1/logs", timeout=HEARD_S)
        )
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        sending = threading.Thread(target=provider.get_logger("t").emit, kwargs={"event_name": "any"})
        sending.start()
        came = heard.wait(HEARD_S)
        provider.shutdown()  # it would go on trying, always the same way
        sending.join(HEARD_S)
        assert came
        assert (by_proxy, not by_proxy) == (proxy.came, place.came)
    assert by_proxy is goes_by_proxy(protocol, endpoint, proxies)


def found(protocol: str, endpoint: str, **proxies: str) -> list[Finding]:
    return list(proxy_findings(variables(protocol, endpoint, proxies)))


def test_without_variables_nothing_is_said() -> None:
    assert [] == found(GRPC, "http://collector:4317", no_proxy="localhost", http_proxy=" ")


def test_a_proxy_that_is_used_is_a_warning_that_names_the_variable_and_no_password() -> None:
    (told,) = found(GRPC, "http://collector:4317", https_proxy="http://me:sesame@proxy:3128")
    assert ("warning", "proxy to collector:4317") == (told.status, told.check)
    assert told.said.startswith("exporters go through http://proxy:3128, as https_proxy says")
    assert told.advice.endswith("add collector to no_proxy")


def test_a_proxy_that_is_not_used_is_told_with_what_would_be_read() -> None:
    (told,) = found(GRPC, "http://collector:4317", HTTP_PROXY=PROXY)
    assert "ok" == told.status
    assert "of grpc_proxy, https_proxy, http_proxy none is set, and HTTP_PROXY not read" in told.said
    (told,) = found(HTTP, "http://collector.example:4318", HTTP_PROXY=PROXY, NO_PROXY=".example")
    assert ("ok", True) == (told.status, "NO_PROXY makes an exception" in told.said)


@pytest.mark.parametrize(
    ("host", "exceptions", "by_proxy"),
    [
        ("localhost", "ocalhost", True),
        ("localhost", ".localhost", False),
        ("a.example", "EXAMPLE", False),
        ("collector", "10.0.0.0/8,none/3", True),
        ("10.1.2.3", "10.0.0.0/8", False),
    ],
)
def test_exceptions_are_whole_names_and_networks(host: str, exceptions: str, by_proxy: bool) -> None:
    for protocol in (GRPC, HTTP):
        proxies = {"http_proxy": PROXY, "no_proxy": exceptions}
        assert by_proxy is goes_by_proxy(protocol, f"http://{host}:4317", proxies)
