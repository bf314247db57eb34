"""A receiver on a free port with a stand-in engine behind it, and what to send to it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from msgspec import UNSET
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from barograph.semconv import attributes as names
from barograph.semconv import events, metrics
from barograph_processor.components.api import Context
from barograph_processor.engine.batch import Fed
from barograph_processor.receivers.otlp import FACTORY, OtlpReceiver
from barograph_processor.receivers.otlp_config import Config, Grpc
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch

LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class Engine:
    """An intake that remembers batches, or does what a test asks for."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.fed: list[tuple[Sequence[Batch], Position | None]] = []
        self.dropped: dict[str, int] = {}
        self.before: Callable[[], None] | None = None
        self.noted: dict[str, bytes | None] = {}

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        if self.before is not None:
            self.before()
        self.batches.extend(batches)
        self.fed.append((batches, position))
        if position is not None:
            self.noted |= position.changes
        return Fed(len(batches), self.dropped)

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        del owner
        return {}


class Counting:
    """What a receiver counts."""

    telemetry: Telemetry

    def counted(self, name: str, **attributes: str) -> float:
        """A counter's value."""
        wanted = tuple(sorted(attributes.items()))
        found = [s.value for s in self.telemetry.snapshot() if (s.name, s.attributes) == (name, wanted)]
        return found[0] if found else 0.0


class Running(Counting):
    """A receiver, its engine, and a channel to it."""

    def __init__(self, receiver: OtlpReceiver, engine: Engine, telemetry: Telemetry) -> None:
        (listener,) = receiver.listeners
        self.endpoint = listener.endpoint
        self.engine = engine
        self.telemetry = telemetry
        self.channel = grpc.insecure_channel(self.endpoint, options=[("grpc.max_send_message_length", -1)])
        self.logs = LogsServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self.metrics = MetricsServiceStub(self.channel)  # type: ignore[no-untyped-call]

    def raw(self, data: bytes, **options: Any) -> bytes:
        """Send bytes as they are."""
        response: bytes = self.channel.unary_unary(LOGS)(data, timeout=60, **options)
        return response


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    """A receiver on a free port of this machine."""
    engine, telemetry = Engine(), Telemetry()
    config = Config(grpc=Grpc(endpoint="127.0.0.1:0", **settings), http=UNSET)
    with ExitStack() as after, FACTORY.open(config, Context(engine, telemetry, "receivers/otlp")) as receiver:
        held = Running(receiver, engine, telemetry)
        after.callback(held.channel.close)  # after the receiver has stopped
        yield held


def text(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


def predictions(*ids: str, model: str = "m") -> ExportLogsServiceRequest:
    """Readable predictions; a model of ``""`` makes bad ones."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for name in ids:
        attributes = [text(names.ML_MODEL_NAME, model), text(names.ML_INFERENCE_ID, name)]
        scope.log_records.add(
            time_unix_nano=1, event_name=events.ML_INFERENCE_PREDICTION, attributes=attributes
        )
    return request


def cumulative(start: int, end: int, count: int) -> ExportMetricsServiceRequest:
    """A cumulative count of predictions."""
    request = ExportMetricsServiceRequest()
    metric = (
        request.resource_metrics.add().scope_metrics.add().metrics.add(name=metrics.ML_INFERENCE_PREDICTIONS)
    )
    metric.sum.aggregation_temporality = 2  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(
        start_time_unix_nano=start,
        time_unix_nano=end,
        as_int=count,
        attributes=[text(names.ML_MODEL_NAME, "m")],
    )
    return request


def failing(call: Callable[[], object]) -> grpc.Call:
    """The error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error


def trailers(error: grpc.Call) -> dict[str, Any]:
    """What came after the answer."""
    return dict(error.trailing_metadata() or ())
