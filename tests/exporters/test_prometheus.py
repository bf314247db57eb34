"""What a scrape sees, and what the small HTTP interface refuses."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from barograph.errors import ConfigError, Retryable
from barograph.semconv import attributes, metrics
from barograph.semconv.metrics import Metric
from barograph_processor.components.api import Context
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import CurrentReading
from barograph_processor.exporters.prometheus import FACTORY, Config
from barograph_processor.signals import declared
from barograph_processor.signals.api import Reading
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from barograph_processor.exporters.prometheus import Prometheus

KEY = Key("default", "shop", "", "credit", "3", "")


class Operator:
    """A control that remembers what it was asked."""

    def __init__(self) -> None:
        self.drained: list[float] = []
        self.status = "ok"
        self.readiness = "ready"

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        self.drained.append(timeout_s)
        if timeout_s < 1:
            raise TimeoutError("2 windows are left")
        return {"windows": 2}

    def health(self) -> Mapping[str, object]:
        return {"status": self.status}

    def ready(self) -> Mapping[str, object]:
        return {"status": self.readiness}

    def probe(self, name: str) -> Mapping[str, object]:
        return {"asked": name}

    def watch(self, changed: Callable[[bool], None]) -> None:
        changed(True)


@contextmanager
def running(operator: Operator | None = None, telemetry: Telemetry | None = None) -> Iterator[Prometheus]:
    context = Context(None, telemetry or Telemetry(), "exporter/prometheus", operator)
    with FACTORY.open(Config(endpoint="127.0.0.1:0"), context) as exporter:
        yield exporter


def ask(exporter: Prometheus, method: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(exporter.endpoint, timeout=60)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def current(metric: str, value: float, feature: str = "", *, ended: bool = False) -> CurrentReading:
    labels = ((attributes.ML_FEATURE_NAME, feature),) if feature else ()
    return CurrentReading(KEY, "1d", "abc", Reading(metric, value, labels), 0, ended)


def test_it_opens_without_asking_the_network_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("socket.getfqdn", asked.append)
    with running():
        assert [] == asked


def test_a_scrape_has_readings_and_telemetry_by_the_names_of_the_translator() -> None:
    telemetry = Telemetry()
    telemetry.add(
        metrics.ML_TELEMETRY_DROPPED,
        4,
        **{attributes.ML_TELEMETRY_LANE: "outcomes", attributes.ML_TELEMETRY_REASON: "late"},
    )
    with running(telemetry=telemetry) as exporter:
        exporter.readings(
            [
                current(metrics.ML_FEATURE_DRIFT_PSI, 0.25, 'a "b"\\c'),
                current(metrics.ML_FEATURE_MISSING_RATIO, 0.5, "age"),
                current(metrics.ML_LABEL_DELAY, 60.0),
            ],
            1,
        )
        status, body = ask(exporter, "GET", "/metrics")
    samples = {
        sample.name: (sample.labels, sample.value)
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    identity = {
        "ml_model_name": "credit",
        "ml_model_version": "3",
        "service_namespace": "shop",
        "ml_window_name": "1d",
        "ml_baseline_id": "abc",
    }
    assert 200 == status
    assert {
        "ml_feature_drift_psi": ({**identity, "ml_feature_name": 'a "b"\\c'}, 0.25),
        "ml_feature_missing_ratio": ({**identity, "ml_feature_name": "age"}, 0.5),
        "ml_label_delay_seconds": (identity, 60.0),
        "ml_telemetry_dropped_total": ({"ml_telemetry_lane": "outcomes", "ml_telemetry_reason": "late"}, 4.0),
    } == samples
    assert "# TYPE ml_feature_drift_psi gauge" in body
    assert "# HELP ml_feature_drift_psi Population stability index" in body


def test_a_series_that_ended_is_gone_from_the_next_scrape() -> None:
    with running() as exporter:
        exporter.readings([current(metrics.ML_LABEL_DELAY, 60.0)], 1)
        exporter.readings([current(metrics.ML_LABEL_DELAY, 60.0, ended=True)], 2)
        assert (200, "") == ask(exporter, "GET", "/metrics")


def test_openmetrics_is_spoken_to_those_who_ask_for_it() -> None:
    with running() as exporter:
        _, body = ask(exporter, "GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert body.endswith("# EOF\n")


def test_health_says_what_is_wrong() -> None:
    operator = Operator()
    with running(operator) as exporter:
        assert 200 == ask(exporter, "GET", "/healthz")[0]
        operator.status = "engine: failed"
        assert (503, '{"status": "engine: failed"}') == ask(exporter, "GET", "/healthz")


def test_readiness_says_why_telemetry_is_not_taken() -> None:
    operator = Operator()
    with running(operator) as exporter:
        assert (200, '{"status": "ready"}') == ask(exporter, "GET", "/readyz")
        operator.readiness = "stopping"
        assert (503, '{"status": "stopping"}') == ask(exporter, "GET", "/readyz")
        assert 200 == ask(exporter, "GET", "/healthz")[0]


def test_a_drain_that_the_storage_refuses_says_so() -> None:
    class Failing(Operator):
        def drain(self, timeout_s: float) -> Mapping[str, object]:
            raise Retryable("the journal can't be written")

    with running(Failing()) as exporter:
        assert (503, "the journal can't be written\n") == ask(exporter, "POST", "/-/drain")


def test_drain_answers_with_the_summary() -> None:
    operator = Operator()
    with running(operator) as exporter:
        status, body = ask(exporter, "POST", "/-/drain?timeout=7")
    assert (status, json.loads(body)) == (200, {"windows": 2})
    assert [7.0] == operator.drained


@pytest.mark.parametrize(
    ("path", "headers", "status", "said"),
    [
        ("/-/drain?timeout=0.5", {}, 504, "2 windows are left"),
        ("/-/drain?timeout=soon", {}, 400, "wanted a number of seconds"),
        ("/-/drain", {"Origin": "http://example.com"}, 403, "never from a web page"),
        ("/metrics", {}, 404, "nothing to POST to"),
    ],
)
def test_what_can_not_be_done_says_why(path: str, headers: dict[str, str], status: int, said: str) -> None:
    with running(Operator()) as exporter:
        answered, body = ask(exporter, "POST", path, **headers)
    assert status == answered
    assert said in body


def test_draining_by_get_is_no_draining() -> None:
    operator = Operator()
    with running(operator) as exporter:
        assert 404 == ask(exporter, "GET", "/-/drain")[0]
    assert [] == operator.drained


def test_beyond_this_machine_draining_is_refused() -> None:
    operator = Operator()
    context = Context(None, Telemetry(), "exporter/prometheus", operator)
    with FACTORY.open(Config(endpoint="0.0.0.0:0"), context) as exporter:
        exporter.endpoint = exporter.endpoint.replace("0.0.0.0", "127.0.0.1")
        status, body = ask(exporter, "POST", "/-/drain")
    assert (status, "bound to 127.0.0.1" in body) == (403, True)
    assert [] == operator.drained


def test_a_port_that_is_taken_says_what_to_do() -> None:
    context = Context(None, Telemetry(), "exporter/prometheus")
    with running() as exporter:
        again = FACTORY.open(Config(endpoint=exporter.endpoint), context)
        with pytest.raises(ConfigError, match="stop what listens there, or choose another"):
            again.__enter__()


def test_a_metric_of_another_package_is_described_as_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_declared", {})
    declared.declare([Metric("acme.answer.age", "gauge", "s", "How old answers are.", ())])
    current = [
        CurrentReading(KEY, "1d", None, Reading(name, 1.5), 0, ended=False)
        for name in ("acme.answer.age", "acme.uninstalled")
    ]
    with running() as exporter:
        exporter.readings(current, 0)
        _, body = ask(exporter, "GET", "/metrics")
    assert "# HELP acme_answer_age_seconds How old answers are.\n" in body
    assert "acme_answer_age_seconds{" in body
    assert "\nacme_uninstalled{" in body


def test_what_arrived_of_a_probe_is_told() -> None:
    with running(Operator()) as exporter:
        assert (200, '{"asked": "doctor-1 ?"}') == ask(exporter, "GET", "/-/probe/doctor-1%20%3F")
    with running() as exporter:
        assert 404 == ask(exporter, "GET", "/-/probe/doctor-1")[0]
