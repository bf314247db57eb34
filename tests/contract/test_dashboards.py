"""Every query of the dashboards and rules gives data in a real Prometheus that holds real readings."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import yaml

import children
from barograph.semconv import attributes
from barograph_processor.components.reasons import Reason as Leaving
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.batch import Texts
from barograph_processor.engine.reasons import Reason
from barograph_processor.engine.settings import DAY_NS
from barograph_processor.patterns.forward_opening import open_forwarding
from barograph_processor.patterns.opening import open_service
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire import reasons
from engine.models import ROWS, baseline, histograms, outcomes
from engine.world import KEY
from generate import load as load_registry
from panels import Names
from real.programs import program
from real.prometheus import prometheus

from .shipped import FOLDER
from .waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from barograph.baseline import Baseline, Task
    from barograph_processor.engine.batch import Batch
    from real.prometheus import Prometheus

BOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
UNIT_TESTS = FOLDER / "rules" / "tests" / "alerting.test.yaml"
CONFIG = """
receivers: {otlp: {http: {endpoint: "127.0.0.1:0"}}}
exporters:
  prometheus: {endpoint: "127.0.0.1:0"}
  otlp: {endpoint: "http://127.0.0.1:1"}
windows: [1d]
segments: [region]
export: {interval: 1s}
storage: {directory: DIRECTORY, durability: disk, checkpoint_every: 1s}
models:
  binary: {schema: &rules {age: {min: 0, max: 100, required: true}, town: {values: [Bern]}}}
  multiclass: {schema: *rules}
  regression: {schema: *rules}
"""
EDGE = """
receivers: {otlp: {http: {endpoint: "127.0.0.1:0"}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
forward: {endpoint: "http://OWNER", protocol: http/protobuf, interval: 1s}
"""
# What Grafana puts in place of a variable; each query has to give data for one choice of them at least.
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
CHOICES = [{"model": task, "feature": feature} for task in TASKS for feature in ("age", "town")]
FIXED = {
    "version": ".*", "environment": ".*", "tenant": ".*", "window": "1d", "horizon": "all",
    "__rate_interval": "10s", "__range": "1m",
}  # fmt: skip
SELECTOR = re.compile(r"\b([a-z_][a-z0-9_]+)(?:\{[^}]*\})?")


REGISTRY = load_registry()
NAMES = Names(REGISTRY)
METRICS = {NAMES.metric(metric.name) for metric in REGISTRY.metrics}


class Expression(NamedTuple):
    """A query with the place that it stands in."""

    place: str
    text: str


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in BOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            yield f"{path.stem}: {panel['title']}", panel


def rules() -> Iterator[dict[str, str]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def expressions() -> list[Expression]:
    """Queries of panels and recording rules, and every series that an alert looks at."""
    found = [
        Expression(place, target["expr"]) for place, panel in panels() for target in panel.get("targets", [])
    ]
    for rule in rules():
        if "record" in rule:
            found.append(Expression(rule["record"], rule["expr"]))
        else:
            matches = SELECTOR.finditer(rule["expr"])
            found += [Expression(rule["alert"], each[0]) for each in matches if each[1] in METRICS]
    return found


def filled(text: str, choice: Mapping[str, str]) -> str:
    for name, value in sorted({**FIXED, **choice}.items(), reverse=True):
        text = text.replace(f"${name}", value)
    return text


def test_boards_are_sound_and_every_reading_stands_on_one() -> None:
    shown = " ".join(target["expr"] for _, panel in panels() for target in panel.get("targets", []))
    told = [metric for metric in REGISTRY.metrics if metric.origin in {"readings", "processor"}]
    assert [] == [each.name for each in told if not re.search(rf"\b{NAMES.metric(each.name)}\b", shown)]
    for path in BOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells
        known = {each["name"] for each in board["templating"]["list"]} | {"__rate_interval", "__range"}
        used = set(
            re.findall(r"\$\{?([a-z_]+)", json.dumps([panel.get("targets") for panel in board["panels"]]))
        )
        assert used <= known
        assert board["uid"] == f"barograph-{path.stem}"


def test_links_find_their_labels_and_the_variables_of_the_board_they_open() -> None:
    """Grafana has labels as columns of a row in tables, with the series in other panels."""
    variables = {}
    for path in BOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        variables[f"/d/{board['uid']}"] = {each["name"] for each in board["templating"]["list"]}
    seen = set()
    for place, panel in panels():
        holder = "__data.fields" if panel["type"] == "table" else "__field.labels"
        for url in re.findall(r'"url": "(/d/[^"]*)"', json.dumps(panel)):
            target, _, query = url.partition("?")
            kept = set(re.findall(r"\$\{([a-z]+):queryparam\}", query))
            given = dict(re.findall(r"var-([a-z]+)=\$\{([^}]*)\}", query))
            assert kept | set(given) <= variables[target], place
            assert given, place
            for label in given.values():
                assert label.startswith(f"{holder}.ml_"), place
            seen.add(panel["type"])
    assert {"table", "timeseries"} == seen


def test_what_is_told_of_one_model_is_not_mixed_with_another_tenants_or_outputs() -> None:
    """Whatever is summed up by model is summed up by all that a key consists of."""
    parts = (
        attributes.BAROGRAPH_TENANT, attributes.SERVICE_NAMESPACE, attributes.DEPLOYMENT_ENVIRONMENT_NAME,
        attributes.ML_MODEL_NAME, attributes.ML_MODEL_VERSION, attributes.ML_OUTPUT_NAME,
    )  # fmt: skip
    wanted = {NAMES.label(part) for part in parts}
    texts = [target["expr"] for _, panel in panels() for target in panel.get("targets", [])]
    texts += [rule["expr"] for rule in rules()]
    by = {found for text in texts for found in re.findall(r"\bby \(([^)]*)\)", text)}
    of_models = [labels.split(", ") for labels in by if NAMES.label(attributes.ML_MODEL_NAME) in labels]
    assert of_models
    assert [set()] * len(of_models) == [wanted - set(labels) for labels in of_models]
    routes = yaml.safe_load((FOLDER / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8"))
    assert wanted - {NAMES.label(attributes.ML_OUTPUT_NAME)} <= set(routes["route"]["group_by"])
    assert wanted <= set(routes["inhibit_rules"][0]["equal"])


def test_reasons_that_an_alert_passes_over_exist() -> None:
    (lost,) = [rule["expr"] for rule in rules() if rule.get("alert") == "BarographTelemetryLost"]
    found = re.search(r'!~"([^"]+)"', lost)
    assert found is not None
    known = {
        value
        for home in (Reason, Leaving, reasons)
        for value in vars(home).values()
        if isinstance(value, str)
    }
    assert set() == set(found[1].split("|")) - known


def promtool(*arguments: str | Path) -> None:
    done = children.run([program("promtool"), *arguments])
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.real("promtool")
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_are_those_of_prometheus(path: Path) -> None:
    promtool("check", "rules", path)


@pytest.mark.slow
@pytest.mark.real("promtool")
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", UNIT_TESTS)
    tested: dict[str, set[bool]] = {}
    for test in yaml.safe_load(UNIT_TESTS.read_text(encoding="utf-8"))["tests"]:
        for each in test.get("alert_rule_test", []):
            tested.setdefault(each["alertname"], set()).add(bool(each.get("exp_alerts")))
    assert {name: {True, False} for name in {rule["alert"] for rule in rules() if "alert" in rule}} == tested


@pytest.mark.slow
@pytest.mark.real("prometheus")
def test_every_query_gives_data(tmp_path: Path) -> None:
    quick = []
    for path in RULES:  # evaluated every second instead of every minute
        copy = tmp_path / path.name
        copy.write_text(
            path.read_text(encoding="utf-8").replace("interval: 1m", "interval: 1s"), encoding="utf-8"
        )
        quick.append(copy)
    with ExitStack() as stack:
        baselines, batches = everything()
        registry = Registry()
        running = stack.enter_context(
            open_service(
                load(CONFIG.replace("DIRECTORY", str(tmp_path / "state")), catalog=registry, environ={}),
                baselines=baselines,
                registry=registry,
                telemetry=Telemetry(),
            )
        )
        exporter: Any = running.graph.exporters["prometheus"]
        receiver: Any = running.graph.receivers["otlp"]
        edge = stack.enter_context(
            open_forwarding(
                load(EDGE.replace("OWNER", receiver.listeners[-1].endpoint), catalog=registry, environ={}),
                baselines=baselines,
                registry=registry,
                telemetry=Telemetry(),
            )
        )
        at_edge: Any = edge.graph.exporters["prometheus"]
        for batch in batches:
            running.service.feed([batch])
            running.service.feed([batch])  # counted as repeats
        edge.forwarder.feed([batches[-1]])
        running.service.tick()
        late, _ = outcomes(TASKS[0], KEY._replace(model=TASKS[0]))
        running.service.feed([replace(late, time_ns=late.time_ns - 40 * DAY_NS)])
        scraped = stack.enter_context(
            prometheus(
                tmp_path / "prometheus",
                scrape={"barograph": exporter.endpoint, "edge": at_edge.endpoint},
                rules=quick,
            )
        )
        with pytest.raises(TimeoutError, match="still has"):  # the other exporter reaches nobody
            running.service.drain(1)
        missing = expressions()

        def all_there() -> bool:
            missing[:] = [each for each in missing if not gives(scraped, each)]
            return not missing

        until(all_there, otherwise=lambda: "\n".join(f"{each.place}: {each.text}" for each in missing))


def everything() -> tuple[list[Baseline], list[Batch]]:
    """Baselines, histograms, predictions and truth of a model of each kind."""
    baselines: list[Baseline] = []
    batches: list[Batch] = []
    regions = {"region": Texts(np.arange(ROWS, dtype=np.int32) % 2, ("north", "south"))}
    for task in TASKS:
        key = KEY._replace(model=task)
        known = baseline(task, key)
        baselines.append(known)
        batches += [histograms(known, key), *outcomes(task, key, regions)]
    return baselines, batches


def gives(where: Prometheus, expression: Expression) -> bool:
    return any(where.query(text) for text in {filled(expression.text, choice) for choice in CHOICES})
