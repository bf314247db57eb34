"""gRPC's health service, for the probes of orchestrators and load balancers.

Source: gRPC Health Checking Protocol, ``grpc.health.v1``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import grpc

    from barograph_processor.components.api import Control

PREFIX: Final = "/grpc.health.v1.Health/"


class Health(HealthServicer):  # type: ignore[misc]  # has no types
    """Says SERVING of the whole server and of each service while telemetry is taken, until it stops."""

    def __init__(self, server: grpc.Server, services: Iterable[str], control: Control | None = None) -> None:
        super().__init__()
        self._services = ("", *services)
        self._watching: set[grpc.ServicerContext] = set()
        self._changing = threading.Lock()
        self._tell(ready=True)
        if control is not None:
            control.watch(lambda ready: self._tell(ready=ready))
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def Watch(  # noqa: N802  # the method's name on the wire
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.ServicerContext,
        send_response_callback: Callable[[Any], None] | None = None,
    ) -> Any:  # noqa: ANN401  # as the library has it
        """Tell each change; remembered, so that a watcher doesn't hold up the end."""
        with self._changing:
            self._watching.add(context)
        context.add_callback(lambda: self._left(context))
        return super().Watch(request, context, send_response_callback)

    def stop(self) -> None:
        """Say NOT_SERVING from now on, and hang up on those who watch."""
        self.enter_graceful_shutdown()
        with self._changing:
            watching = list(self._watching)
        for context in watching:
            context.cancel()

    def _tell(self, *, ready: bool) -> None:
        response = health_pb2.HealthCheckResponse
        for service in self._services:
            self.set(service, response.SERVING if ready else response.NOT_SERVING)

    def _left(self, context: grpc.ServicerContext) -> None:
        with self._changing:
            self._watching.discard(context)
