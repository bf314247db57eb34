"""From a model that drifts through Prometheus and Alertmanager to whoever is told, by what is shipped."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

import children
from barograph.baseline import Baseline
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Points
from barograph_processor.engine.settings import HOUR_NS
from barograph_processor.patterns.opening import open_service
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.fit import fit
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.telemetry import Telemetry
from engine.world import KEY, NOON, point, rows_point
from real.alertmanager import alertmanager
from real.programs import program
from real.prometheus import prometheus

from .shipped import FOLDER
from .waiting import until
from .webhook import Notice, webhook

if TYPE_CHECKING:
    from pathlib import Path

    from .webhook import Webhook

ROUTES = FOLDER / "alertmanager" / "alertmanager.yaml"
RULES = FOLDER / "rules" / "alerting.yaml"
RECEIVERS = {"critical": "on_call", "warning": "channel", "info": "log"}
ROWS = 600
CONFIG = """
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
windows: [1h]
export: {interval: 1s}
"""


def known() -> Baseline:
    """A model of one feature, between 0 and 600."""
    return Baseline(fit({"age": np.arange(float(ROWS))}, model=KEY.model, version=KEY.version, outputs=[]))


def hour(of: Baseline, number: int, shift: float = 0.0) -> Points:
    """What a source counts in an hour, with the feature moved."""
    ages = ExplicitHistogram.zero(of.header.features[0].edges).observe(np.arange(float(ROWS)) + shift)
    at = NOON + number * HOUR_NS
    return Points([
        rows_point(ROWS, at),
        point(StreamId(StreamKind.FEATURE_VALUE, "age", "", of.id), ages, at),
        point(
            StreamId(StreamKind.FEATURE_STATES, "age", "", of.id), CategoryCounts.of({"valid": ROWS}), at
        ),
    ])  # fmt: skip


def impatient(folder: Path, told: Webhook) -> Path:
    """The shipped routes to a webhook of ours; with no waiting at all, the first of a group may go alone."""
    content: Any = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
    content["route"] |= {"group_wait": "2s", "group_interval": "1s"}
    for receiver in content["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = f"{told.url}/{receiver['name']}"
    derived = folder / ROUTES.name
    derived.write_text(yaml.safe_dump(content), encoding="utf-8")
    return derived


@pytest.mark.slow
@pytest.mark.real("prometheus", "alertmanager")
def test_a_drift_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    rules = tmp_path / RULES.name
    rules.write_text(
        RULES.read_text(encoding="utf-8").replace("interval: 1m", "interval: 1s"), encoding="utf-8"
    )
    baseline, registry = known(), Registry()
    settings = load(CONFIG, catalog=registry, environ={})
    with ExitStack() as stack:
        told = stack.enter_context(webhook())
        running = stack.enter_context(
            open_service(settings, baselines=[baseline], registry=registry, telemetry=Telemetry())
        )
        exporter: Any = running.graph.exporters["prometheus"]
        notifier = stack.enter_context(alertmanager(tmp_path / "alertmanager", impatient(tmp_path, told)))
        asked = stack.enter_context(
            prometheus(
                tmp_path / "prometheus",
                scrape={"barograph": exporter.endpoint},
                rules=[rules],
                alertmanagers=[notifier.endpoint],
                every_s=5,  # a scrape that comes too late ends the alert
            )
        )
        until(asked.alertmanagers, otherwise=asked.said)

        def said() -> str:
            found = [(each["metric"], each["value"]) for each in asked.query("ml_monitor_status")]
            return f"{told.notices}\n{found}\n{notifier.said()}"

        running.service.feed([hour(baseline, 0, shift=ROWS / 2)])
        running.service.feed([hour(baseline, 2)])  # so the first is over
        running.service.tick()
        until(lambda: told.notices, otherwise=said)
        running.service.feed([hour(baseline, 4)])
        running.service.tick()
        until(lambda: told.notices[-1].status == "resolved", otherwise=said)
    labels = {
        "alertname": "BarographModelWarning",
        "severity": "warning",
        "service_namespace": "shop",
        "deployment_environment_name": "prod",
        "ml_model_name": "credit",
        "ml_model_version": "3",
        "ml_baseline_id": baseline.id,
        "ml_window_name": "1h",
        "ml_monitor_state": "warning",
        "job": "barograph",
        "instance": exporter.endpoint,
    }
    annotations = {
        "summary": "credit 3: something differs significantly from the baseline in 1h",
        "description": "Its dashboard names the features. Drift alone says nothing of performance.",
    }
    assert [
        Notice("channel", "firing", labels, annotations),
        Notice("channel", "resolved", labels, annotations),
    ] == told.notices


IDENTITY = {
    "barograph_tenant": "lending",
    "service_namespace": "shop",
    "deployment_environment_name": "prod",
    "ml_model_name": "credit",
    "ml_model_version": "3",
    "ml_output_name": "",
}


def alert(name: str, severity: str, **labels: str) -> dict[str, str]:
    """The labels of an alert of a model."""
    return {"alertname": name, "severity": severity, **IDENTITY, **labels}


@pytest.mark.slow
@pytest.mark.real("alertmanager")
def test_who_is_called_for_performance_is_not_told_of_that_models_drift_as_well(tmp_path: Path) -> None:
    """Of another model's, version's, environment's or output's they are."""
    page = alert("BarographPerformanceFell", "critical", figure="accuracy")
    quiet = alert("BarographModelWarning", "warning")
    others = [alert("BarographModelWarning", "warning", **{name: "another"}) for name in IDENTITY]
    with webhook() as told, alertmanager(tmp_path / "alertmanager", impatient(tmp_path, told)) as running:
        running.tell([page])
        until(lambda: told.notices, otherwise=running.said)
        running.tell([quiet, *others])
        until(lambda: len(told.notices) > len(others), otherwise=lambda: f"{told.notices}\n{running.said()}")
        states = [(each["labels"], each["status"]["state"]) for each in running.alerts()]
    assert [quiet] == [_filled(labels) for labels, state in states if state == "suppressed"]
    found = [(each.receiver, _filled(each.labels)) for each in told.notices]
    assert ("on_call", page) == found[0]
    assert len(others) == len(found) - 1
    assert all(("channel", each) in found for each in others)


def _filled(labels: dict[str, str]) -> dict[str, str]:
    """Labels as they were told: one without a value is none to Alertmanager."""
    return {**dict.fromkeys(IDENTITY, ""), **labels}


@pytest.mark.slow
@pytest.mark.real("alertmanager")
def test_without_a_processor_nobody_is_told_that_each_model_is_silent(tmp_path: Path) -> None:
    absent = {"alertname": "BarographAbsent", "severity": "critical"}
    silent = [alert("BarographModelSilent", "warning", ml_model_name=name) for name in ("credit", "price")]
    other = alert("BarographModelWarning", "warning")
    with webhook() as told, alertmanager(tmp_path / "alertmanager", impatient(tmp_path, told)) as running:
        running.tell([absent])
        until(lambda: told.notices, otherwise=running.said)
        running.tell([*silent, other])
        until(lambda: len(told.notices) == 2, otherwise=running.said)
        states = sorted((each["labels"]["alertname"], each["status"]["state"]) for each in running.alerts())
    assert [
        ("BarographAbsent", "active"),
        ("BarographModelSilent", "suppressed"),
        ("BarographModelSilent", "suppressed"),
        ("BarographModelWarning", "active"),
    ] == states
    assert ["BarographAbsent", "BarographModelWarning"] == [each.labels["alertname"] for each in told.notices]


@pytest.mark.slow
@pytest.mark.real("alertmanager")
def test_one_notification_tells_what_is_wrong_with_one_model(tmp_path: Path) -> None:
    """All its windows and figures together; another model, version or trouble apart."""
    fell = [
        alert("BarographPerformanceFell", "critical", figure=figure, ml_window_name=window)
        for figure in ("accuracy", "roc_auc")
        for window in ("1h", "1d")
    ]
    grouped = [name for name in IDENTITY if name != "ml_output_name"]
    others = [alert("BarographPerformanceFell", "critical", **{name: "another"}) for name in grouped]
    others.append(alert("BarographEngineFails", "critical"))
    with ExitStack() as stack:
        told = stack.enter_context(webhook())
        routes = impatient(tmp_path, told)
        running = stack.enter_context(alertmanager(tmp_path / "alertmanager", routes))
        running.tell([*fell, *others])
        until(lambda: len(told.notices) >= len(fell) + len(others), otherwise=running.said)
    assert sorted(_grouping(each) for each in [fell[0], *others]) == sorted(map(_grouping, told.groups))


def _grouping(labels: dict[str, str]) -> list[str]:
    return [labels["alertname"], *(labels[name] for name in IDENTITY if name != "ml_output_name")]


@pytest.mark.slow
@pytest.mark.real("alertmanager")
@pytest.mark.parametrize(
    ("severity", "told_of_the_end"), [("critical", True), ("warning", True), ("info", False)]
)
def test_an_end_is_told_to_whom_the_beginning_woke(
    tmp_path: Path, severity: str, told_of_the_end: bool
) -> None:
    """The next alert of the group comes after it, so that an end which isn't told is seen not to be."""
    first, second = (alert("Any", severity, ml_window_name=window) for window in ("1h", "1d"))
    with webhook() as told, alertmanager(tmp_path / "alertmanager", impatient(tmp_path, told)) as running:
        running.tell([first])
        until(lambda: told.notices, otherwise=running.said)
        running.tell([first], ended=True)
        running.tell([second])
        until(
            lambda: "1d" in {each.labels["ml_window_name"] for each in told.notices}, otherwise=running.said
        )
    found = [(each.labels["ml_window_name"], each.status) for each in told.notices]
    assert {RECEIVERS[severity]} == {each.receiver for each in told.notices}
    assert ("1h", "firing") == found[0]
    assert ("1d", "firing") in found
    assert told_of_the_end is (("1h", "resolved") in found)


@pytest.mark.slow
@pytest.mark.real("amtool")
def test_the_routes_are_those_of_alertmanager_and_know_every_severity() -> None:
    def amtool(*arguments: str) -> str:
        command: list[str | Path] = [program("amtool"), *arguments]
        done = children.run(command)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    assert "SUCCESS" in amtool("check-config", str(ROUTES))
    found = {
        severity: amtool("config", "routes", "test", f"--config.file={ROUTES}", f"severity={severity}")
        for severity in RECEIVERS
    }
    assert RECEIVERS == {severity: receiver.strip() for severity, receiver in found.items()}


def test_routes_speak_of_alerts_and_severities_that_there_are() -> None:
    alerts = [
        rule
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    assert RECEIVERS.keys() == {rule["labels"]["severity"] for rule in alerts}
    content: Any = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
    spoken = {
        matcher
        for rule in content["inhibit_rules"]
        for side in ("source_matchers", "target_matchers")
        for matcher in rule[side]
    }
    assert spoken <= {f'alertname="{rule["alert"]}"' for rule in alerts}


def test_who_is_woken_waits_least_and_is_reminded_most() -> None:
    content: Any = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
    assert "30s" == content["route"]["group_wait"]
    routes = {each["receiver"]: each for each in content["route"]["routes"]}
    reminded = [
        routes["on_call"]["repeat_interval"],
        content["route"]["repeat_interval"],
        routes["log"]["repeat_interval"],
    ]
    assert ["4h", "1d", "7d"] == reminded
    addresses = {each["name"]: each["webhook_configs"][0]["url"] for each in content["receivers"]}
    assert {name: url.rpartition("/")[2] for name, url in addresses.items()} == {
        name: name for name in addresses
    }
