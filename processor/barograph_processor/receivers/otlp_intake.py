"""OTLP requests into the engine, whatever carried them: decode, feed, count, answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from barograph.errors import Permanent, Retryable
from barograph.semconv import attributes as names
from barograph.semconv import metrics, processor
from barograph_processor.engine.batch import Points
from barograph_processor.engine.reasons import Reason
from barograph_processor.wire.decode import DEFAULT_TENANT, DecodeContext, Decoded
from barograph_processor.wire.decode_logs import decode_columns as decode_log_columns
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_columns as decode_metric_columns
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_columns as decode_span_columns
from barograph_processor.wire.decode_traces import decode_traces
from barograph_processor.wire.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from barograph_processor.components.api import Intake, Position
    from barograph_processor.engine.batch import Batch
    from barograph_processor.receivers.cumulative import CumulativeStreams
    from barograph_processor.telemetry import Telemetry
    from barograph_processor.wire.decode import Dialect

Signal: TypeAlias = Literal["traces", "metrics", "logs"]


class _Kind(NamedTuple):
    """What differs between the signals."""

    decode: Callable[[bytes, DecodeContext], Decoded]
    respond: Callable[[int, str], bytes]
    lane: str
    accepted: str
    refused: str
    failed: str


def _traces_response(rejected: int, message: str) -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def _metrics_response(rejected: int, message: str) -> bytes:
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def _logs_response(rejected: int, message: str) -> bytes:
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


_KINDS: Final[Mapping[Signal, _Kind]] = {
    "traces": _Kind(
        decode_traces,
        _traces_response,
        "spans",
        processor.BAROGRAPH_RECEIVER_ACCEPTED_SPANS,
        processor.BAROGRAPH_RECEIVER_REFUSED_SPANS,
        processor.BAROGRAPH_RECEIVER_FAILED_SPANS,
    ),
    "metrics": _Kind(
        decode_metrics,
        _metrics_response,
        "histograms",
        processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS,
        processor.BAROGRAPH_RECEIVER_REFUSED_METRIC_POINTS,
        processor.BAROGRAPH_RECEIVER_FAILED_METRIC_POINTS,
    ),
    "logs": _Kind(
        decode_logs,
        _logs_response,
        "events",
        processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS,
        processor.BAROGRAPH_RECEIVER_REFUSED_LOG_RECORDS,
        processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS,
    ),
}
_COLUMNS: Final = (decode_log_columns, decode_metric_columns, decode_span_columns)


class OtlpIntake:
    """Takes OTLP requests from any number of threads."""

    def __init__(
        self,
        intake: Intake,
        telemetry: Telemetry,
        streams: CumulativeStreams,
        limits: Limits | None = None,
        *,
        dialects: Sequence[Dialect] = (),
    ) -> None:
        """Begin.

        Args:
            intake: Where batches go.
            telemetry: Where items are counted.
            streams: The cumulative streams that are known, which feed the same intake.
            limits: How much a request may hold.
            dialects: What reads spans and log records of others.
        """
        self._intake = intake
        self._telemetry = telemetry
        self._limits = limits or Limits()
        self._dialects = dialects
        self._streams = streams
        for decode in (*(kind.decode for kind in _KINDS.values()), *_COLUMNS):
            decode(b"", DecodeContext())  # so that no sender waits for what is loaded late
        for kind in _KINDS.values():  # so that rates can be told from the first request on
            for name in (kind.accepted, kind.refused, kind.failed):
                telemetry.add(name, 0)
        telemetry.add(processor.BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS, 0)

    def export(
        self,
        signal: Signal,
        data: bytes,
        *,
        tenant: str = DEFAULT_TENANT,
    ) -> bytes:
        """Take one request.

        Args:
            signal: Which request it is.
            data: Its bytes, decompressed.
            tenant: From authentication.

        Returns:
            The bytes of the signal's response, with a partial success where items were refused for good.

        Raises:
            Permanent: The bytes are no such request; sending them again is pointless.
            Retryable: The engine can't take them now; nothing of the request was taken.
        """
        kind = _KINDS[signal]
        try:
            decoded = kind.decode(data, DecodeContext(tenant, self._limits, self._dialects))
            dropped = self._feed(decoded, None)
        except Retryable:
            self._telemetry.add(kind.refused, decoded.accepted + decoded.rejected.total())
            raise
        except Exception:
            self._telemetry.add(kind.failed)
            raise
        self._count(kind, decoded)
        return self._answer(kind, decoded, dropped)

    def export_together(self, requests: Sequence[tuple[Signal, bytes]], position: Position) -> list[str]:
        """Take some requests and how far the receiver has come with them: all of it, or nothing.

        Args:
            requests: As of `export`; there may be none.
            position: Kept together with what they hold.

        Returns:
            What was wrong with each of them that is no such request; it is counted, the others are taken.

        Raises:
            Retryable: The engine can't take them now; nothing of them was taken.
        """
        decoded: list[tuple[_Kind, Decoded]] = []
        broken: list[tuple[_Kind, str]] = []
        for signal, data in requests:
            kind = _KINDS[signal]
            try:
                context = DecodeContext(limits=self._limits, dialects=self._dialects)
                decoded.append((kind, kind.decode(data, context)))
            except Permanent as error:
                broken.append((kind, str(error)))
        whole = next((each for _, each in decoded if each.cumulative), Decoded())
        whole.batches = [batch for _, each in decoded for batch in each.batches]
        try:
            self._feed(whole, position)
        except Retryable:
            for kind, each in decoded:
                self._telemetry.add(kind.refused, each.accepted + each.rejected.total())
            raise
        for kind, each in decoded:
            self._count(kind, each)
        for kind, _ in broken:
            self._telemetry.add(kind.failed)
        return [why for _, why in broken]

    def failed(self, signal: Signal) -> None:
        """Count a request that could not even be given to the decoders."""
        self._telemetry.add(_KINDS[signal].failed)

    def unauthenticated(self) -> None:
        """Count a request from somebody unknown."""
        self._telemetry.add(processor.BAROGRAPH_RECEIVER_UNAUTHENTICATED_REQUESTS)

    def _feed(self, decoded: Decoded, position: Position | None) -> Mapping[str, int]:
        """Give batches to the engine; returns what it refused for a cause."""
        if decoded.cumulative:
            fed = self._streams.feed(decoded, position)
        elif decoded.batches or position is not None:
            fed = self._intake.feed(decoded.batches, position)
        else:
            return {}
        return {
            reason: count for reason, count in fed.dropped.items() if reason != Reason.DUPLICATE and count
        }

    def _count(self, kind: _Kind, decoded: Decoded) -> None:
        self._telemetry.add(kind.accepted, decoded.accepted)
        for reason, count in (decoded.ignored + decoded.rejected + decoded.rows_rejected).items():
            labels = {names.ML_TELEMETRY_LANE: kind.lane, names.ML_TELEMETRY_REASON: reason}
            self._telemetry.add(metrics.ML_TELEMETRY_DROPPED, count, **labels)

    @staticmethod
    def _answer(kind: _Kind, decoded: Decoded, dropped: Mapping[str, int]) -> bytes:
        """The response; ``b""`` is a full success.

        What the engine dropped counts as refused items where every item is one row; rows of packed
        events can't be told as a number of items, so those are in the message alone.
        """
        rejected = decoded.rejected.total()
        message = decoded.message
        if dropped:
            told = ", ".join(f"{count} as {reason}" for reason, count in Counter(dropped).most_common())
            message = f"{message}; rows or points not counted: {told}".lstrip("; ")
            if _rows(decoded.batches) <= decoded.accepted - decoded.ignored.total():
                rejected += sum(dropped.values())
        return kind.respond(rejected, message) if message else b""


def _rows(batches: Sequence[Batch]) -> int:
    return sum(len(batch.points) if isinstance(batch, Points) else len(batch.ids) for batch in batches)
