"""What the manifests start, started: an agent that reads a node's logs, a gateway, two owners."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.patterns.opening import open_service
from contract.receiving import send
from contract.shipped import GATEWAY_PORTS, LISTENING, PORTS
from contract.waiting import until
from real.collector import collector
from receivers.otlp_server import LOGS, predictions

from .manifests import configuration, embedded

if TYPE_CHECKING:
    from pathlib import Path

STAMP = "2026-01-01T12:00:00.000000000Z stdout F"


@pytest.mark.slow
@pytest.mark.real("otelcol", "otelcol-filelog")
def test_what_containers_print_and_processes_send_reaches_the_one_owner_of_each_model(tmp_path: Path) -> None:
    logs = tmp_path / "pods" / "shop_credit-0_0a1b2c3d" / "serve" / "0.log"
    logs.parent.mkdir(parents=True)
    rows = [json.dumps({"model": "credit", "id": f"a-{index}", "score": 0.25}) for index in range(6)]
    truth = json.dumps({"model": "credit", "id": "a-1", "truth": "true"})
    lines = [*rows, truth, "listening", '{"level": "info"}']
    logs.write_text("".join(f"{STAMP} {line}\n" for line in lines), encoding="utf-8")
    texts = dict(embedded())
    registry = Registry()

    def owner(name: str) -> Any:
        content = yaml.safe_load(configuration("barograph"))
        content["receivers"]["otlp"]["grpc"]["endpoint"] = "127.0.0.1:0"
        content["exporters"]["prometheus"]["endpoint"] = "127.0.0.1:0"
        content["storage"]["directory"] = str(tmp_path / name)
        return open_service(
            load(yaml.safe_dump(content), catalog=registry, environ={}), baselines=[], registry=registry
        )

    def taken() -> tuple[int, int, int]:
        """Predictions, labels and those that found each other, at both."""
        told = [each.service.summary() for each in (first, second)]
        labels = [each["labels"] for each in told]
        return (
            sum(each["predictions"] for each in told),
            sum(each["accepted"] for each in labels),
            sum(each["joined"] for each in labels),
        )

    def said() -> str:
        return f"{[each.service.summary() for each in (first, second)]}\n{gateway.said()}\n{agent.said()}"

    with owner("first") as first, owner("second") as second:
        first_at, second_at = (each.graph.receivers["otlp"].listeners[0].endpoint for each in (first, second))
        environ = {**LISTENING, "STORAGE": str(tmp_path / "queue"), "FIRST": first_at, "SECOND": second_at}
        (tmp_path / "gateway").mkdir()
        (tmp_path / "agent").mkdir()
        with collector(
            texts["gateway.yaml"], tmp_path / "gateway", ports=GATEWAY_PORTS, environ=environ
        ) as gateway:
            environ = {
                **LISTENING,
                "STORAGE": str(tmp_path / "agent-queue"),
                "NEXT": gateway.endpoint("otlp"),
                "CONTAINER_LOGS": str(tmp_path / "pods/*/*/*.log"),
            }
            with collector(
                texts["agent.yaml"], tmp_path / "agent", ports=PORTS, environ=environ, name="otelcol-filelog"
            ) as agent:
                for model in ("eta", "fraud", "churn"):
                    send(agent, LOGS, predictions("one", "two", model=model))
                # Truth found its prediction: both went to the same owner.
                until(lambda: (12, 1, 1) == taken(), otherwise=said)
                assert 0 == agent.stop()
            assert 0 == gateway.stop()
        told = [each.service.summary() for each in (first, second)]
    assert [{}, {}] == [each["dropped"] for each in told]
