"""What ``barograph`` means in ``OTEL_TRACES_EXPORTER`` and ``OTEL_LOGS_EXPORTER``.

Exporters that hand the spans and log records which an application makes by its own code to the engine
in its process. They hold nothing: what is handed over waits in the engine's bounded queues, so that they
may stand behind any processor of the SDK and survive a fork.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from barograph.guard import CONFIGURATION, EVENTS, SPANS, guard
from barograph.routing import OtherSignal, takers
from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE, SOURCE_SCOPE
from barograph.this_process import default_sink, prepare, present_sink
from barograph.worker import WORKER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

# Our spans stand for predictions that the engine has already, and results are no input.
_OWN_SPANS: Final = frozenset({SOURCE_SCOPE, READINGS_SCOPE, PROCESSOR_SCOPE})
_OWN_RECORDS: Final = frozenset({READINGS_SCOPE, PROCESSOR_SCOPE})
_LANES: Final = {"traces": SPANS, "logs": EVENTS}
_made: set[OtherSignal] = set()

# The SDK imports this module before it makes its providers, whose last records come when they are shut
# down at exit. What is registered first runs last, so the engine is there to take them.
WORKER.register_exit()


class SpanAdapter(SpanExporter):
    """Hands spans to the engine of this process. Never raises, never waits."""

    def __init__(self) -> None:
        _begin("traces")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand over; what can't be taken is counted, and sending it again would change nothing."""
        _hand_over("traces", [each for each in spans if _scope(each.instrumentation_scope) not in _OWN_SPANS])
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the engine has everything; False where that takes longer."""
        return _flushed(timeout_millis)

    def shutdown(self) -> None:
        """Nothing: what was handed over is counted all the same."""


class LogAdapter(LogRecordExporter):
    """Hands log records to the engine of this process. Never raises, never waits."""

    def __init__(self) -> None:
        _begin("logs")

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Hand over; what can't be taken is counted, and sending it again would change nothing."""
        _hand_over("logs", [each for each in batch if _scope(each.instrumentation_scope) not in _OWN_RECORDS])
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the engine has everything; False where that takes longer."""
        return _flushed(timeout_millis)

    def shutdown(self) -> None:
        """Nothing: what was handed over is counted all the same."""


def encoded(signal: OtherSignal, records: Sequence[object]) -> bytes:
    """Spans or log records of the SDK as the request that its exporters would send."""
    given: Sequence[object] = records
    if signal == "traces":
        return encode_spans(given).SerializeToString()  # type: ignore[arg-type] # what an adapter was given
    return encode_logs(given).SerializeToString()  # type: ignore[arg-type] # likewise


def flush_providers(timeout_s: float) -> bool:
    """Have the SDK hand over what waits in its own queues; False where that takes longer.

    It waits for its other exporters meanwhile, one of which may hang: it is left behind then.
    """
    if not _made or timeout_s <= 0:
        return True
    flushing = threading.Thread(target=_flush_providers, name="barograph-providers", daemon=True)
    try:
        flushing.start()
    except RuntimeError:  # the interpreter is ending, and the providers have been shut down
        return True
    flushing.join(timeout_s)
    return not flushing.is_alive()


def _flush_providers() -> None:
    providers = {"traces": trace.get_tracer_provider, "logs": _logs.get_logger_provider}
    for signal in tuple(_made):
        flush = getattr(providers[signal](), "force_flush", None)
        try:
            if flush is not None:
                flush()
        except Exception as error:  # noqa: BLE001 - a processor of others may raise anything
            guard.background_fault(_LANES[signal], error)


def _begin(signal: OtherSignal) -> None:
    """What goes wrong while the SDK is set up would leave the application without any telemetry."""
    try:
        _made.add(signal)
        prepare()
    except Exception as error:  # noqa: BLE001 - see above
        guard.background_fault(CONFIGURATION, error)


def _scope(scope: InstrumentationScope | None) -> str:
    return scope.name if scope is not None else ""


def _hand_over(signal: OtherSignal, records: Sequence[object]) -> None:
    if not records:
        return
    lane = _LANES[signal]
    try:
        found = takers(default_sink())
        WORKER.start()
        for taker in found:
            taker.others(signal, records)
    except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
        guard.background_fault(lane, error, len(records))
        return
    if not found:
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        guard.drop(
            lane,
            "no_engine",
            f"{variable} names barograph, but no engine runs in this process: set BAROGRAPH_SINK=embedded",
            len(records),
        )


def _flushed(timeout_millis: int) -> bool:
    sink = present_sink()
    return sink is None or all(taker.flush_others(timeout_millis / 1_000) for taker in takers(sink))
