"""The gateway's readiness probe, asked of a real Collector that can't open its queues yet."""

from __future__ import annotations

import fcntl
import urllib.error
import urllib.request
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import yaml

from contract.shipped import FOLDER, GATEWAY_PORTS, LISTENING
from contract.waiting import until
from real.collector import READY, collector, variables
from real.processes import process
from real.programs import program

from .manifests import of

if TYPE_CHECKING:
    from pathlib import Path

# A queue that another Collector still holds is waited for; by default only a second.
PATIENT = {"extensions": {"file_storage": {"timeout": "60s"}}}


def answer(url: str) -> int:
    """The status that a probe gets; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (urllib.error.URLError, TimeoutError):
        return 0


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_a_gateway_is_ready_when_its_queues_are_open_and_not_before(tmp_path: Path) -> None:
    (container,) = of("StatefulSet", "barograph-gateway")[0].containers
    path = container["readinessProbe"]["httpGet"]["path"]
    queues = tmp_path / "queue"
    nobody = "127.0.0.1:1"
    environ = {**LISTENING, "STORAGE": str(queues), "FIRST": nobody, "SECOND": nobody}
    shipped = FOLDER / "gateway.yaml"
    with collector(shipped, tmp_path, ports=GATEWAY_PORTS, environ=environ) as first:
        assert 200 == answer(f"http://{first.endpoint('health')}{path}")
        assert 0 == first.stop()
    patient = tmp_path / "patient.yaml"
    patient.write_text(yaml.safe_dump(PATIENT), encoding="utf-8")
    ports = {name: first.ports[name] for name in GATEWAY_PORTS}
    with ExitStack() as held:
        for file in queues.iterdir():
            fcntl.flock(held.enter_context(file.open("rb")), fcntl.LOCK_EX)
        with process(
            [program("otelcol"), f"--config={shipped}", f"--config={patient}"],
            log=tmp_path / "second.log",
            ports=ports,
            environ={**environ, **variables(ports)},
            waits_for=["health"],
        ) as second:
            url = f"http://{second.endpoint('health')}{path}"
            assert 503 == answer(url)
            assert READY not in second.said()
            held.close()
            until(lambda: 200 == answer(url), otherwise=second.said)
            second.wait_until_it_says(READY)
            assert 0 == second.stop()
        assert 0 == answer(url)
