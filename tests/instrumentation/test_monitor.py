"""Calls, spans, outputs, identity, panes: what leaves the process for what was done."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from barograph.baseline import Output
from barograph.errors import ConfigError
from barograph.semconv import attributes, metrics
from barograph.semconv import spans as declared_spans

from .listening import NOON, ListeningSink, baseline, monitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    import barograph

MINUTE = 60 * 10**9


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def heard(watch: barograph.Monitor, sink: ListeningSink) -> ListeningSink:
    assert watch.flush()
    return sink


def classes(sink: ListeningSink) -> dict[Any, int]:
    return dict(sink.sums(metrics.ML_PREDICTION_CLASSES, attributes.ML_CLASS_NAME))


def test_a_with_block_is_a_span_a_duration_and_a_row(spans: InMemorySpanExporter) -> None:
    sink = ListeningSink()
    watch = monitor(sink, task="binary")
    with watch.predict({"a": 1.0}, ids="a-17", system="scikit-learn") as call:
        inner = trace.get_current_span()
        call.outputs("yes", scores=0.9)
    assert call.span is inner
    (span,) = spans.get_finished_spans()
    assert "predict m" == span.name
    assert trace.SpanKind.INTERNAL == span.kind
    assert {
        attributes.ML_MODEL_NAME: "m",
        attributes.ML_MODEL_VERSION: "1",
        attributes.ML_OPERATION_NAME: "predict",
        attributes.ML_TASK_TYPE: "binary",
        attributes.ML_SYSTEM_NAME: "scikit-learn",
        attributes.ML_BATCH_ROWS: 1,
        attributes.ML_INFERENCE_ID: "a-17",
    } == dict(span.attributes or {})
    heard(watch, sink)
    assert (1, {"yes": 1}) == (sink.rows(), classes(sink))
    (duration,) = sink.of(metrics.ML_INFERENCE_DURATION)
    assert "predict" == duration.attributes[attributes.ML_OPERATION_NAME]
    assert 1 == sum(duration.data.counts)  # type: ignore[union-attr]


def test_a_call_that_raises_marks_its_span_and_counts_no_row(spans: InMemorySpanExporter) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    with pytest.raises(KeyError), watch.predict({"a": 1.0}):
        raise KeyError("feature store")
    (span,) = spans.get_finished_spans()
    assert "KeyError" == (span.attributes or {})["error.type"]
    assert trace.StatusCode.ERROR == span.status.status_code
    heard(watch, sink)
    assert 0 == sink.rows()
    (duration,) = sink.of(metrics.ML_INFERENCE_DURATION)
    assert "KeyError" == duration.attributes["error.type"]


def test_start_and_stop_work_across_threads(spans: InMemorySpanExporter) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    before = context.get_current()
    call = watch.start(np.zeros((3, 2)))
    other = threading.Thread(daemon=True, target=call.stop, args=([1, 0, 1],))
    other.start()
    other.join(60)
    call.stop([1, 1, 1])
    call.fail(ValueError("too late"))
    heard(watch, sink)
    assert ({"1": 2, "0": 1}, 1) == (classes(sink), len(spans.get_finished_spans()))
    context.attach(before)


def test_watched_functions_answer_as_before(spans: InMemorySpanExporter) -> None:
    sink = ListeningSink()
    watch = monitor(sink)

    class Service:
        @watch.watch(ids="key", returns="scores", operation="score")
        def score(self, rows: list[list[float]], *, key: list[str]) -> list[float]:
            """Scores."""
            return [0.25 for _ in rows]

    @watch.watch
    async def later(rows: dict[str, float]) -> str:
        await asyncio.sleep(0)
        if rows["a"] < 0:
            raise ValueError(rows)
        return "yes"

    assert [0.25, 0.25] == Service().score([[1.0], [2.0]], key=["p", "q"])
    assert "yes" == asyncio.run(later({"a": 1.0}))
    with pytest.raises(ValueError, match="-1"):
        asyncio.run(later({"a": -1.0}))
    assert "Scores." == Service.score.__doc__
    heard(watch, sink)
    assert ({"0": 2, "yes": 1}, 3) == (classes(sink), sink.rows())
    assert ["score m", "later m", "later m"] == [span.name for span in spans.get_finished_spans()]


def test_nested_spans_belong_to_the_call(spans: InMemorySpanExporter) -> None:
    watch = monitor(ListeningSink())
    tracer = trace.get_tracer_provider().get_tracer("test")
    with watch.predict({"a": 1.0}) as call, tracer.start_as_current_span("feature store") as inner:
        call.outputs(1)
    assert call.span.get_span_context().span_id == inner.parent.span_id  # type: ignore[attr-defined]


def test_the_class_is_the_likelier_one_unless_there_is_a_threshold() -> None:
    scores = np.array([0.5, 0.500001, 0.3, np.nan, 0.29])
    sink, other, columns = ListeningSink(), ListeningSink(), ListeningSink()
    settings: dict[str, Any] = {"classes": ["no", "yes"]}
    watch = monitor(sink, **settings)
    watch.record(np.zeros((5, 1)), scores=scores)
    assert {"no": 3, "yes": 1} == classes(heard(watch, sink))
    watch = monitor(other, threshold=0.3, **settings)
    watch.record(np.zeros((5, 1)), scores=scores)
    assert {"no": 1, "yes": 3} == classes(heard(watch, other))
    watch = monitor(columns, **settings)
    watch.record(np.zeros((5, 1)), scores=np.column_stack([1 - scores, scores]))
    assert {"no": 3, "yes": 1} == classes(heard(watch, columns))
    (score,) = columns.of(metrics.ML_PREDICTION_SCORE)
    assert "yes" == score.attributes[attributes.ML_CLASS_NAME]


def test_the_baseline_names_classes_positive_and_threshold() -> None:
    sink = ListeningSink()
    output = Output(
        task="binary", classes=("late", "punctual"), positive="late", threshold=0.2, score_edges=(0.5,)
    )
    watch = monitor(sink, baseline=baseline(outputs=[output]))
    watch.record(None, scores=np.array([[0.2, 0.8], [0.1, 0.9]]))
    assert {"late": 1, "punctual": 1} == classes(heard(watch, sink))
    (score,) = sink.of(metrics.ML_PREDICTION_SCORE)
    assert ("late", [2, 0]) == (score.attributes[attributes.ML_CLASS_NAME], list(score.data.counts))  # type: ignore[union-attr]


def test_many_classes_have_a_histogram_each_up_to_twenty(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(np.zeros((2, 1)), scores=np.eye(30)[[3, 25]])
    heard(watch, sink)
    assert {"3": 1, "25": 1} == classes(sink)
    assert 20 == len(sink.of(metrics.ML_PREDICTION_SCORE))
    assert 20 == sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_REASON)["too_many_classes"]


def test_predicted_numbers_are_told_from_classes() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(np.zeros((3, 1)), np.array([1.0, -2.0, np.nan]))
    heard(watch, sink)
    (value,) = sink.of(metrics.ML_PREDICTION_VALUE)
    assert ([1], [1]) == (value.data.positive, value.data.negative)  # type: ignore[union-attr]
    assert {} == classes(sink)
    integers, stated = ListeningSink(), ListeningSink()
    watch = monitor(integers)
    watch.record(np.zeros((2, 1)), np.array([3, 4]))
    assert {"3": 1, "4": 1} == classes(heard(watch, integers))
    watch = monitor(stated, task="regression")
    watch.record(np.zeros((2, 1)), np.array([3, 4]))
    assert {} == classes(heard(watch, stated))


def test_several_outputs_have_a_name_each_and_features_are_counted_once() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record({"a": 1.0}, {"eta": 12.5, "late": "no"}, scores={"late": 0.25})
    watch.record([{"a": 1.0}, {"a": 2.0}], {"eta": [1.0, 2.0], "late": ["yes", "no"]})
    heard(watch, sink)
    predictions = {
        point.attributes.get(attributes.ML_OUTPUT_NAME, ""): point.data
        for point in sink.of(metrics.ML_INFERENCE_PREDICTIONS)
    }
    assert {"": 3, "eta": 3, "late": 3} == predictions
    assert {("a", "valid"): 3} == dict(sink.states())
    assert {("late", "no"): 2, ("late", "yes"): 1} == dict(
        sink.sums(metrics.ML_PREDICTION_CLASSES, attributes.ML_OUTPUT_NAME, attributes.ML_CLASS_NAME)
    )


def test_columns_of_an_array_are_outputs() -> None:
    sink = ListeningSink()
    watch = monitor(sink, baseline=baseline(outputs=[Output(name=n, task="regression") for n in ("u", "v")]))
    watch.record(None, np.array([[1.0, 2.0], [3.0, 4.0]]))
    heard(watch, sink)
    assert {"u", "v"} == {
        p.attributes[attributes.ML_OUTPUT_NAME] for p in sink.of(metrics.ML_PREDICTION_VALUE)
    }


def test_rows_belong_to_the_pane_of_their_event_time() -> None:
    sink = ListeningSink()
    watch = monitor(sink, columns="time=when,id=key,segment=where")
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    frame = pd.DataFrame(
        {
            "when": [
                noon,
                noon - timedelta(minutes=3),
                noon + timedelta(seconds=59),
                noon - timedelta(seconds=121),
            ],
            "key": [1, 2, 3, 4],
            "where": ["n", "s", "n", "s"],
            "a": [1.0, 2.0, 3.0, 4.0],
        }
    )
    watch.record(frame, [1, 0, 1, 0])
    heard(watch, sink)
    panes = {point.start_ns: point.data for point in sink.of(metrics.ML_INFERENCE_PREDICTIONS)}
    assert {NOON: 2, NOON - 3 * MINUTE: 2} == panes
    assert {"a", "where"} == {name for name, _ in sink.states()}
    by_pane = {point.start_ns: point.data.total for point in sink.of(metrics.ML_FEATURE_VALUE)}  # type: ignore[union-attr]
    assert {NOON: 4.0, NOON - 3 * MINUTE: 6.0} == by_pane


def test_panes_that_event_time_has_left_are_due_and_many_open_ones_are_flushed() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    recorder = watch._recorder
    watch.record({"a": 1.0}, times=NOON - 10 * MINUTE)
    watch.record({"a": 1.0}, times=NOON - 9 * MINUTE)
    recorder.drain()
    assert [NOON - 10 * MINUTE] == recorder.due()
    watch.record(np.zeros((100, 1)), times=NOON - MINUTE * np.arange(100))
    recorder.drain()
    assert 32 == len(recorder.open_panes())
    heard(watch, sink)
    assert 102 == sink.rows()
    assert [] == recorder.open_panes()


def test_a_row_from_the_future_does_not_make_the_present_past() -> None:
    watch = monitor(ListeningSink())
    recorder = watch._recorder
    watch.record({"a": 1.0})
    watch.record({"a": 1.0}, times=NOON + 10_000 * MINUTE)
    recorder.drain()
    assert [] == [pane for pane in recorder.due() if pane > NOON]
    assert watch.flush()


def test_two_monitors_of_one_model_never_use_a_slice_twice() -> None:
    sink = ListeningSink()
    first, second = monitor(sink), monitor(sink)
    for watch in (first, second, first):
        watch.record({"a": 1.0})
        assert watch.flush()
    starts = [point.start_ns for point in sink.of(metrics.ML_INFERENCE_PREDICTIONS)]
    assert [NOON, NOON + 10**6, NOON + 2 * 10**6] == starts


@pytest.mark.parametrize("threads", [8])
def test_nothing_is_lost_with_many_threads(threads: int) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    row = np.array([1.0, 2.0])

    def serve(name: int) -> None:
        for place in range(1_000):
            if place % 10:
                watch.record(row, name)
            else:
                watch.record(np.tile(row, (3, 1)), [name] * 3)

    workers = [threading.Thread(target=serve, args=(name,)) for name in range(threads)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    heard(watch, sink)
    assert {str(name): 1_200 for name in range(threads)} == classes(sink)
    assert {("x0", "valid"): 1_200 * threads, ("x1", "valid"): 1_200 * threads} == dict(sink.states())
    assert 0 == sink.sums(metrics.ML_TELEMETRY_DROPPED).total()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_only_its_own_rows_as_a_source_of_its_own() -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record({"a": 1.0})
    assert watch.flush()
    before = len(sink.heard)
    watch.record({"a": 1.0})
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        del sink.heard[:]
        watch.record({"a": 2.0})
        watch.record({"a": 2.0})
        done = watch.flush()
        sources = {point.attributes[attributes.ML_SOURCE_ID] for point in sink.heard}
        os.write(writer, f"{done} {sink.rows()} {sources.pop()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    flushed, rows, source = os.read(reader, 1_000).decode().split()
    os.close(reader)
    os.close(writer)
    assert ("True", "2") == (flushed, rows)
    assert source not in {point.attributes[attributes.ML_SOURCE_ID] for point in sink.heard}
    heard(watch, sink)
    assert 2 == sink.rows()
    assert len(sink.heard) > before


def test_wrong_arguments_are_said_in_strict_mode() -> None:
    with pytest.raises(ConfigError, match="divisor of a day"):
        monitor(ListeningSink(), pane_s=61)
    with pytest.raises(ConfigError, match="wanted one of id, time"):
        monitor(ListeningSink(), columns={"key": "x"})
    with pytest.raises(ConfigError, match="can't be read"):
        monitor(ListeningSink(), baseline="/nowhere.baseline")
    with pytest.raises(ConfigError, match="wanted a parameter"):
        monitor(ListeningSink()).watch(ids="nothing")(lambda rows: rows)


def test_baggage_is_read_from_the_callers_context() -> None:
    sink = ListeningSink()
    watch = monitor(sink, outcomes="readable")
    token = context.attach(baggage.set_baggage(attributes.ML_INFERENCE_ID, "trip-1"))
    watch.record({"a": 1.0}, "yes", scores=0.75)
    context.detach(token)
    watch.record({"a": 1.0}, "yes")
    heard(watch, sink)
    assert 1 == len(sink.told)


def test_whatever_leaves_is_declared_in_the_registry(spans: InMemorySpanExporter, lenient: None) -> None:
    sink = ListeningSink()
    output = Output(task="multiclass", classes=("x", "y", "z"), score_edges=(0.5,))
    watch = monitor(sink, baseline=baseline(outputs=[output]))
    with watch.predict({"a": 9.0, "b": -999.0, "c": "new"}, ids="i", system="own") as call:
        call.outputs(scores=[0.1, 0.2, 0.7])
    watch.start({"a": "text"}).fail(ValueError("no"))
    watch.record({"a": None}, {"eta": 1.5})
    watch.record(np.zeros((1, 9)))
    heard(watch, sink)
    emitted = {point.metric for point in sink.heard}
    lanes = ("ml.inference.", "ml.feature.", "ml.prediction.")
    source = {name for name in metrics.METRICS if name.startswith(lanes)}
    ours = {name for name in source if ".drift." not in name and ".ratio" not in name}
    assert ours - {metrics.ML_FEATURE_ROWS} <= emitted
    for point in sink.heard:
        assert set(point.attributes) <= set(metrics.METRICS[point.metric].attributes)
    for span in spans.get_finished_spans():
        assert set(span.attributes or {}) <= set(declared_spans.SPANS[declared_spans.ML_INFERENCE].attributes)


def test_the_text_of_an_error_stays_in_the_process(spans: InMemorySpanExporter) -> None:
    monitor(ListeningSink()).start({"income": 2712.5}).fail(ValueError("could not convert 2712.5"))
    (ended,) = spans.get_finished_spans()
    assert "ValueError" == (ended.attributes or {})[attributes.ERROR_TYPE]
    assert "2712.5" not in ended.to_json()


def test_segments_beyond_the_limit_are_counted(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink, outcomes="readable")
    watch.record({"a": [1.0, 2.0]}, [1, 0], ids=["x", "y"], segments={f"s{n}": ["p", "q"] for n in range(23)})
    assert watch.flush()
    assert 20 == len(cast("dict[str, str]", sink.told[0].attributes[attributes.ML_SEGMENTS]))
    reasons = (attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON)
    assert 6 == sink.sums(metrics.ML_TELEMETRY_DROPPED, *reasons)["outcomes", "too_many_segments"]
