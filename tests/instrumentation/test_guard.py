"""Whatever goes wrong in here, serving code does not notice, and it is counted."""

from __future__ import annotations

import logging
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import barograph
import children
from barograph.batches import Item
from barograph.freezing import freeze
from barograph.guard import HISTOGRAMS, Guard, guard
from barograph.queues import ItemQueue
from barograph.semconv import attributes, metrics
from barograph.worker import WORKER

from .listening import ListeningSink, monitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourcePoint


class Hostile:
    """Raises wherever it can."""

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise RuntimeError("no array today")


class HostileText(str):
    """A feature value that can't be compared."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash today")


def dropped(sink: ListeningSink) -> dict[Any, int]:
    return dict(
        sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON)
    )


def test_an_exception_inside_the_callers_object_is_survived_and_counted(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record(Hostile(), 1)
    with watch.predict(Hostile()) as call:
        call.outputs(1, scores=Hostile())
    watch.record({"a": HostileText("x")}, 1)
    watch.record({"a": "x"}, HostileText("y"))
    assert watch.flush()
    assert {(HISTOGRAMS, "internal_error"): 3} == dropped(sink)
    assert 3 == sink.rows()
    assert {("a", "valid"): 1, ("a", "invalid"): 1} == dict(sink.states())


def test_strict_mode_raises_where_it_happens() -> None:
    watch = monitor(ListeningSink())
    with pytest.raises(RuntimeError, match="no array today"):
        watch.record(Hostile(), 1)


def test_strict_mode_raises_what_happens_in_the_background_at_the_next_flush() -> None:
    watch = monitor(BrokenSink())
    watch.record({"a": 1.0})
    with pytest.raises(OSError, match="no network today"):
        watch.flush()


def test_one_line_is_logged_however_often_it_happens(lenient: None, caplog: pytest.LogCaptureFixture) -> None:
    watch = monitor(ListeningSink())
    with caplog.at_level(logging.WARNING, "barograph"):
        for _ in range(50):
            watch.record(Hostile())
    assert 1 == len(caplog.records)


class BrokenSink(ListeningSink):
    def points(self, points: Sequence[SourcePoint]) -> None:
        raise OSError("no network today")


def test_a_sink_that_raises_does_not_end_the_background_thread(lenient: None) -> None:
    watch = monitor(BrokenSink())
    for _ in range(3):
        watch.record({"a": 1.0})
        watch.flush()
    assert guard.counts()[HISTOGRAMS, "internal_error"] >= 3


def item(features: object) -> Item:
    return Item(freeze(features), None, None, None, None, None, 0, None)


def test_the_queue_is_bounded_by_items_and_by_bytes(lenient: None) -> None:
    small = ItemQueue(lambda: None, max_items=3)
    assert [True, True, True, False] == [small.put(item(np.zeros(2))) for _ in range(4)]
    assert {(HISTOGRAMS, "queue_full"): 1} == guard.take()
    large = ItemQueue(lambda: None, max_bytes=300_000)
    assert [True, False, True] == [large.put(item(np.zeros((rows, 20)))) for rows in (1_000, 1_000, 500)]
    assert {(HISTOGRAMS, "queue_full"): 1_000} == guard.take()
    large.done(large.take(10))
    assert large.put(item(np.zeros((10_000, 20))))


def test_counts_are_taken_once() -> None:
    counts = Guard()
    counts.dropped("a", "b", 2)
    counts.dropped("a", "b")
    counts.dropped("a", "b", 0)
    assert {("a", "b"): 3} == counts.take()
    assert {} == counts.take()


def test_records_after_the_end_are_dropped_and_counted(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    watch.record({"a": 1.0})
    assert barograph.shutdown()
    assert sink.ended
    watch.record({"a": 1.0})
    assert 1 == sink.rows()
    assert {(HISTOGRAMS, "shutdown"): 1} == guard.take()
    later = ListeningSink()
    again = monitor(later)
    again.record({"a": 1.0})
    assert again.flush()
    assert 1 == later.rows()


def test_what_comes_between_the_last_drain_and_the_end_is_counted(
    lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    flush = WORKER.flush

    def late(timeout_s: float, *, is_last: bool = False) -> bool:
        done = flush(timeout_s, is_last=is_last)
        watch._recorder.queue.put(item(np.ones((3, 2))))  # by a thread that had seen it open
        return done

    monkeypatch.setattr(WORKER, "flush", late)
    assert barograph.shutdown()
    assert (0, {(HISTOGRAMS, "shutdown"): 3}) == (sink.rows(), guard.take())


def test_a_monitor_that_is_gone_is_flushed_and_forgotten() -> None:
    sink = ListeningSink()
    before = len(WORKER._recorders)
    monitor(sink).record({"a": 1.0})
    assert barograph.flush()
    assert 1 == sink.rows()
    assert before >= len(WORKER._recorders)


def test_what_was_recorded_is_sent_when_the_process_ends() -> None:
    program = """
        import sys
        import barograph

        class Sink:
            def points(self, points): print(*sorted({p.metric for p in points}))
            def events(self, events): pass
            def flush(self, timeout_s): return True
            def shutdown(self, timeout_s): print("ended")

        barograph.Monitor("m", sink=Sink()).record({"a": 1.0}, 1)
        sys.exit(3)
    """
    ended = children.run([sys.executable, "-c", textwrap.dedent(program)])
    assert 3 == ended.returncode, ended.stderr
    lines = ended.stdout.splitlines()
    assert metrics.ML_INFERENCE_PREDICTIONS in lines[0].split()
    assert "ended" in lines


def test_importing_is_light() -> None:
    program = """
        import sys
        import barograph
        barograph.Monitor
        heavy = {"pandas", "polars", "pyarrow", "scipy", "sklearn", "grpc", "opentelemetry.sdk", "nanoarrow"}
        print(sorted(heavy & set(sys.modules)))
    """
    shown = children.run([sys.executable, "-c", textwrap.dedent(program)])
    assert 0 == shown.returncode, shown.stderr
    assert "[]" == shown.stdout.strip()
