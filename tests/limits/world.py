"""A receiver and an engine with a configuration, without sockets: what is sent, told and counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from barograph.semconv import attributes as names
from barograph.semconv import metrics
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS
from barograph_processor.receivers.cumulative import CumulativeStreams
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.telemetry import Telemetry
from wire.otlp_requests import TIME_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.components.api import Position
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.results import ClosedWindow

NOW_NS = TIME_NS + 3 * DAY_NS


class World:
    """A processor at a moment that stands still."""

    def __init__(self, text: str = "") -> None:
        config = load(text, catalog=Registry(), environ={})
        self.telemetry = Telemetry()
        self.engine = Engine(
            settings_for(config, None), store=MemoryStore(max_bytes=config.storage.pending_bytes)
        )
        decoding = config.limits.decoding
        streams = CumulativeStreams(self, NOW_NS, max_streams=decoding.max_cumulative_streams)
        self._intake = OtlpIntake(self, self.telemetry, streams, decoding)

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        assert position is None
        return self.engine.feed(batches, NOW_NS)

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        return {}

    def send(self, request: ExportLogsServiceRequest | ExportMetricsServiceRequest) -> tuple[int, str]:
        """How many items were refused, and what is told about it."""
        data = request.SerializeToString()
        self.engine.advance(NOW_NS)  # as the service does between requests
        if isinstance(request, ExportLogsServiceRequest):
            told = ExportLogsServiceResponse.FromString(self._intake.export("logs", data)).partial_success
            return told.rejected_log_records, told.error_message
        answer = ExportMetricsServiceResponse.FromString(self._intake.export("metrics", data)).partial_success
        return answer.rejected_data_points, answer.error_message

    def drain(self) -> list[ClosedWindow]:
        """Every window."""
        self.engine.advance(NOW_NS)
        return self.engine.drain(NOW_NS)

    @property
    def dropped(self) -> dict[str, int]:
        """Everything that was not taken as it came, by reason."""
        found: Counter[str] = Counter()
        for sample in self.telemetry.snapshot():
            if sample.name == metrics.ML_TELEMETRY_DROPPED:
                found[dict(sample.attributes)[names.ML_TELEMETRY_REASON]] += int(sample.value)
        for (_, reason), count in self.engine.counters.items():
            found[reason] += count
        return dict(found)
