"""Spans and log records of an application's own, taken by the engine in its process."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult

from barograph import export_adapters, export_sdk, this_process
from barograph.export_adapters import LogAdapter, SpanAdapter
from barograph.forking import GATE
from barograph.guard import guard
from barograph.semconv import (
    PROCESSOR_SCOPE,
    READINGS_SCOPE,
    SOURCE_SCOPE,
    attributes,
    events,
    metrics,
)
from barograph.testing import CaptureSink
from barograph_processor.patterns import embedded_others
from barograph_processor.wire.decode_traces import decode_traces

from .embedding import WAIT_S, Embedding, embedding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from barograph_processor.wire.decode import DecodeContext, Decoded

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
SECOND = 1_000_000_000
ROWS = 400
CONFIG = """
windows: [1d]
labels: {within: 7d}
mappings:
  - signal: spans
    when: {name: POST /predict}
    model: credit
    version: {attribute: service.version}
    id: app.request_id
    class: app.answer
    features: app.features.*
  - signal: logs
    when: {name: loan.closed}
    model: credit
    id: app.request_id
    truth: app.outcome
"""
RESOURCE = Resource({"service.version": "7", "service.instance.id": "one"})


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    config = tmp_path / "barograph.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("BAROGRAPH_CONFIG", str(config))
    guard.reset()
    guard.strict(on=True)
    yield
    guard.strict(on=True)
    guard.reset()


@contextmanager
def tracing(processor: Any) -> Iterator[TracerProvider]:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        yield provider
    finally:
        provider.shutdown()


@contextmanager
def logged(processor: Any) -> Iterator[LoggerProvider]:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    try:
        yield provider
    finally:
        provider.shutdown()


def predict(provider: TracerProvider, count: int = ROWS, *, scope: str = "shop") -> None:
    tracer = provider.get_tracer(scope)
    for row in range(count):
        span = tracer.start_span("POST /predict", start_time=NOON + row * SECOND)
        answer = "no" if row % 4 else "yes"
        told: dict[str, Any] = {"app.request_id": f"r-{row}", "app.answer": answer, "app.features.age": row}
        if scope == SOURCE_SCOPE:
            told = {attributes.ML_MODEL_NAME: "loan", attributes.ML_MODEL_VERSION: "1"}
        span.set_attributes(told)
        span.end(end_time=NOON + row * SECOND + 1)


def close_loans(provider: LoggerProvider, count: int = ROWS, *, scope: str = "shop") -> None:
    logger = provider.get_logger(scope)
    for row in range(count):
        told = {"app.request_id": f"r-{row}", "app.outcome": "no"}
        at = NOON + row * SECOND + 60 * SECOND
        logger.emit(LogRecord(timestamp=at, event_name="loan.closed", attributes=told))


def readings(embedded: Embedding) -> dict[str, float]:
    """Figures of the one window, at the horizon of all labels where they have one."""
    (window,) = embedded.logs.windows().values()
    assert ("credit", "7") == (window[attributes.ML_MODEL_NAME], window[attributes.ML_MODEL_VERSION])
    return {
        one["name"]: one["value"]
        for one in window[attributes.ML_WINDOW_READINGS]
        if one.get(attributes.ML_LABEL_HORIZON, "all") == "all"
    }


def test_mapped_spans_and_logs_of_the_application_become_a_models_accuracy() -> None:
    with (
        embedding() as embedded,
        tracing(SimpleSpanProcessor(SpanAdapter())) as tracer,
        logged(SimpleLogRecordProcessor(LogAdapter())) as logger,
    ):
        predict(tracer)
        close_loans(logger)
        embedded.drain()
    found = readings(embedded)
    assert (ROWS, 1.0) == (found[metrics.ML_WINDOW_OBSERVATIONS], found[metrics.ML_LABEL_MATURITY])
    assert 0.75 == found[metrics.ML_PERFORMANCE_ACCURACY]
    assert {} == embedded.dropped()


def test_readable_events_and_bentomls_logs_need_no_mapping() -> None:
    columns = {
        "age": {"name": "age", "role": "feature", "type": "numerical"},
        "pred": {"name": "pred", "role": "prediction", "type": "categorical"},
        "truth": {"name": "truth", "role": "target", "type": "categorical"},
    }
    described = {"bento_name": "b", "bento_version": "7", "monitor_name": "credit", "schema": columns}
    with embedding() as embedded, logged(SimpleLogRecordProcessor(LogAdapter())) as logger:
        own, bentoml = logger.get_logger("shop"), logger.get_logger("bentoml_monitor_data")
        for row in range(200):
            told: dict[str, Any] = {
                attributes.ML_MODEL_NAME: "credit",
                attributes.ML_MODEL_VERSION: "7",
                attributes.ML_INFERENCE_ID: f"a-{row}",
                attributes.ML_PREDICTION_CLASS: "no",
            }
            at = NOON + row * SECOND
            own.emit(LogRecord(timestamp=at, event_name=events.ML_INFERENCE_PREDICTION, attributes=told))
            body: dict[str, Any] = {
                "age": float(row),
                "pred": "no",
                "truth": "no" if row % 2 else "yes",
                "timestamp": at / SECOND,
                "request_id": str(row),
                "trace_id": "1",
                "bento_meta": described,
            }
            bentoml.emit(LogRecord(timestamp=at, body=body))
        embedded.drain()
    found = readings(embedded)
    assert 400 == found[metrics.ML_WINDOW_OBSERVATIONS]
    assert 0.5 == found[metrics.ML_PERFORMANCE_ACCURACY]


def test_what_waits_in_the_sdks_own_queues_is_asked_for_before_windows_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    minute_ms = 60_000  # nothing leaves the queues by itself
    spans = BatchSpanProcessor(SpanAdapter(), schedule_delay_millis=minute_ms, max_export_batch_size=1_000)
    records = BatchLogRecordProcessor(
        LogAdapter(), schedule_delay_millis=minute_ms, max_export_batch_size=1_000
    )
    with embedding() as embedded, tracing(spans) as tracer, logged(records) as logger:
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracer)
        monkeypatch.setattr(_logs, "get_logger_provider", lambda: logger)
        predict(tracer)
        close_loans(logger)
        embedded.drain()
    assert 0.75 == readings(embedded)[metrics.ML_PERFORMANCE_ACCURACY]


def test_our_own_spans_and_results_are_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are results sent to the adapter: it is left out of the exporters that they leave by."""
    with (
        embedding() as embedded,
        tracing(SimpleSpanProcessor(SpanAdapter())) as tracer,
        logged(SimpleLogRecordProcessor(LogAdapter())) as logger,
    ):
        for scope in (SOURCE_SCOPE, READINGS_SCOPE, PROCESSOR_SCOPE):
            predict(tracer, 3, scope=scope)
        for scope in (READINGS_SCOPE, PROCESSOR_SCOPE):
            close_loans(logger, 3, scope=scope)
        embedded.drain()
        assert not embedded.engine._engine.is_there
    assert {} == embedded.logs.windows()
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "console,barograph")
    assert ["ConsoleLogRecordExporter"] == [type(one).__name__ for one in export_sdk.exporters("logs")]


def test_spans_that_nothing_means_are_counted_as_foreign() -> None:
    with embedding() as embedded, tracing(SimpleSpanProcessor(SpanAdapter())) as tracer:
        for _ in range(3):
            tracer.get_tracer("shop").start_span("GET /").end()
        embedded.drain()
    assert {("spans", "foreign"): 3} == embedded.dropped()


def test_forks_wait_until_nothing_is_being_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser has locks of its own: one that is held as a fork begins stays so in the child."""
    held = []

    def decode(request: bytes, context: DecodeContext) -> Decoded:
        held.append(GATE._lock._is_owned())  # type: ignore[attr-defined]
        return decode_traces(request, context)

    monkeypatch.setitem(embedded_others._DECODE, "traces", decode)
    with embedding() as embedded, tracing(SimpleSpanProcessor(SpanAdapter())) as tracer:
        predict(tracer, 5)
        embedded.drain()
    assert {True} == set(held)


def test_without_an_engine_it_is_said_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    before = this_process.swap_sink(CaptureSink())
    try:
        with (
            caplog.at_level(logging.WARNING, "barograph"),
            tracing(SimpleSpanProcessor(SpanAdapter())) as tracer,
        ):
            predict(tracer, 5)
        assert 5 == guard.counts()["spans", "no_engine"]
    finally:
        this_process.swap_sink(before)
    (said,) = caplog.messages
    assert "OTEL_TRACES_EXPORTER names barograph" in said
    assert "set BAROGRAPH_SINK=embedded" in said


def test_a_sink_that_fails_costs_its_records_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    guard.strict(on=False)

    def fails(*_: object) -> None:
        raise RuntimeError("no")

    with embedding() as embedded, tracing(SimpleSpanProcessor(SpanAdapter())) as tracer:
        monkeypatch.setattr(embedded.engine, "others", fails)
        predict(tracer, 5)
        assert 5 == embedded.dropped()["spans", "internal_error"]
    monkeypatch.setattr(export_adapters, "prepare", fails)
    assert SpanExportResult.SUCCESS is SpanAdapter().export([])


def test_records_beyond_the_queue_are_counted_and_the_application_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard.strict(on=False)
    adapter = SpanAdapter()
    with embedding() as embedded, tracing(SimpleSpanProcessor(adapter)) as tracer:
        monkeypatch.setattr(embedded.engine._others._lanes["traces"], "_queue_bytes", 10_000)
        gate, opened = embedded.metrics.gate, embedded.engine._engine.running
        gate.clear()  # the engine takes its time to open
        monkeypatch.setattr(embedded.engine._engine, "running", lambda *_: gate.wait(WAIT_S) and opened())
        predict(tracer)
        assert not adapter.force_flush(1)
        assert 350 < embedded.dropped()["spans", "queue_full"] < ROWS
        gate.set()
        embedded.drain()
        dropped = embedded.dropped()["spans", "queue_full"]
    assert ROWS - dropped == readings(embedded)[metrics.ML_WINDOW_OBSERVATIONS] < 50
