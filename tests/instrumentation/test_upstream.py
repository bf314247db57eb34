"""A dead, silent, slow or refusing upstream: serving goes on, memory is bounded, losses are counted."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from .upstreams import COUNTING, finished, nothing, printed, silence, started, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = pytest.mark.slow

ROWS = 20_000
# Every answer of the model is given before telemetry is asked after; what is lost has its reason.
SERVING = f"""{COUNTING}
import json, time
import barograph
from barograph import this_process

monitor = barograph.Monitor("m", "1", feature_names=["a", "b"])
begun = time.perf_counter()
for number in range({ROWS} // 100):
    ids = [f"id-{{number}}-{{row}}" for row in range(100)]
    monitor.record([[1.0, 2.0]] * 100, scores=[0.5] * 100, ids=ids)
print("served", time.perf_counter() - begun, flush=True)
sent = barograph.flush(0.2)
ended = time.perf_counter()
complete = barograph.shutdown(TIMEOUT)
print(json.dumps({{
    "sent": sent, "complete": complete, "seconds": time.perf_counter() - ended,
}}))
this_process.default_sink().flush(30.0)  # what is in flight ends, one way or the other
print(json.dumps([[*key, count] for key, count in dropped.items()]))
"""
SHORT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2"}


@contextmanager
def refusing() -> Iterator[int]:
    with upstream(lambda _: grpc.StatusCode.RESOURCE_EXHAUSTED) as (_, port):
        yield port


@contextmanager
def unavailable() -> Iterator[int]:
    with upstream(lambda _: grpc.StatusCode.UNAVAILABLE) as (_, port):
        yield port


@contextmanager
def denying() -> Iterator[int]:
    with upstream(lambda _: grpc.StatusCode.PERMISSION_DENIED) as (_, port):
        yield port


PLACES = [nothing, silence, refusing, unavailable, denying]


@pytest.mark.parametrize("place", PLACES, ids=lambda one: one.__name__)
def test_predictions_are_served_and_what_is_lost_is_counted(
    place: Callable[[], AbstractContextManager[int]],
) -> None:
    with place() as port:
        lines = finished(SERVING.replace("TIMEOUT", "4.0"), port, **SHORT)
    print(lines)
    assert lines[0].startswith("served")
    ended = json.loads(lines[1])
    assert (False, False) == (ended["sent"], ended["complete"])
    found = lost(lines)
    assert ROWS == sum(count for (lane, _), count in found.items() if lane == "outcomes")
    assert {reason for _, reason in found} <= {"export_failed", "shutdown", "queue_full"}
    assert {"histograms", "outcomes"} == {lane for lane, _ in found}


def lost(lines: list[str]) -> dict[tuple[str, str], int]:
    return {(lane, reason): count for lane, reason, count in json.loads(lines[-1])}


def test_what_an_upstream_refuses_for_a_while_arrives_once_it_takes_again() -> None:
    with upstream(lambda number: grpc.StatusCode.UNAVAILABLE if number < 3 else grpc.StatusCode.OK) as (
        found,
        port,
    ):
        lines = finished(SERVING.replace("TIMEOUT", "120.0"), port)
    assert {} == lost(lines)
    assert ROWS == found.predictions().total()
    assert ROWS == len(found.ids()) == len(set(found.ids()))


def test_a_slow_upstream_gets_everything_after_all_were_served() -> None:
    gate = threading.Event()
    with upstream(gate=gate) as (found, port), started(SERVING.replace("TIMEOUT", "120.0"), port) as child:
        assert child.line().startswith("served")
        assert not found.metrics
        gate.set()
        lines = printed(child)
    assert {} == lost(lines)
    assert ROWS == found.predictions().total()
    assert ROWS == len(found.ids()) == len(set(found.ids()))
