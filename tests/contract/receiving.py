"""Our receiver with a stand-in engine, and what sends to Collectors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from msgspec import UNSET, UnsetType

from barograph_processor.components.api import Context
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Auth, Config, Grpc, Http
from barograph_processor.telemetry import Telemetry
from receivers.otlp_server import Counting, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.receivers.certificates import Tls
    from real.collector import Collector

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


class Receiving(Counting):
    """Our receiver with a stand-in engine."""

    def __init__(self, endpoints: Mapping[str, str], engine: Engine, telemetry: Telemetry) -> None:
        self.grpc, self.http = endpoints["grpc"], endpoints["http"]
        self.engine = engine
        self.telemetry = telemetry

    @property
    def environ(self) -> dict[str, str]:
        """How a Collector's configuration finds it, by the name in its certificate."""
        return {
            "GRPC": f"localhost:{self.grpc.rpartition(':')[2]}",
            "HTTP": f"localhost:{self.http.rpartition(':')[2]}",
        }


@contextmanager
def receiving(tls: Tls | UnsetType = UNSET, auth: Auth | UnsetType = UNSET) -> Iterator[Receiving]:
    engine, telemetry = Engine(), Telemetry()
    config = Config(
        grpc=Grpc(endpoint="127.0.0.1:0", tls=tls), http=Http(endpoint="127.0.0.1:0", tls=tls), auth=auth
    )
    with FACTORY.open(config, Context(engine, telemetry, "receiver/otlp")) as receiver:
        yield Receiving({each.protocol: each.endpoint for each in receiver.listeners}, engine, telemetry)


def send(through: Collector, method: str, request: Any) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]  # one that is closing is never taken for a new one
    with grpc.insecure_channel(through.endpoint("otlp"), options) as channel:
        channel.unary_unary(method)(request.SerializeToString(), timeout=60)
