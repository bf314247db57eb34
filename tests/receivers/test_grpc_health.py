"""The health service, as probes see it."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from barograph_processor.config.values import Duration

from .otlp_server import failing, running

LOGS = "opentelemetry.proto.collector.logs.v1.LogsService"


@pytest.mark.parametrize("service", ["", LOGS])
def test_a_server_that_runs_is_serving(service: str) -> None:
    with running() as otlp:
        answer = HealthStub(otlp.channel).Check(HealthCheckRequest(service=service), timeout=60)
    assert HealthCheckResponse.SERVING == answer.status


def test_a_service_that_is_not_there_is_not_found() -> None:
    with running() as otlp:
        stub = HealthStub(otlp.channel)
        error = failing(lambda: stub.Check(HealthCheckRequest(service="no.such.Service"), timeout=60))
    assert grpc.StatusCode.NOT_FOUND is error.code()


def test_who_watches_sees_the_end_and_does_not_hold_it_up() -> None:
    with running(stop_within=Duration("1h")) as otlp:
        watching = HealthStub(otlp.channel).Watch(HealthCheckRequest(), timeout=60)
        assert HealthCheckResponse.SERVING == next(watching).status
    seen: list[int] = []
    error = failing(lambda: seen.extend(answer.status for answer in watching))
    assert seen in ([], [HealthCheckResponse.NOT_SERVING])
    assert error.code() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
