"""Ground truth as the processor reads it: single or packed, joined or paired, from any kind of column."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import barograph
from barograph import this_process
from barograph.feedback import Feedback
from barograph.guard import FEEDBACK, guard
from barograph.semconv import attributes, events, metrics
from barograph_processor.engine.batch import Truths
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from instrumentation.listening import NOON, ListeningSink
from wire.otlp_requests import logs, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.points import SourceEvent


def truths(told: Sequence[SourceEvent]) -> list[dict[str, Any]]:
    """What the processor makes of events, row by row."""
    request = logs([record(one.name, dict(one.attributes), one.time_ns) for one in told])  # type: ignore[arg-type]
    decoded = decode_logs(request.SerializeToString(), DecodeContext())
    assert not decoded.rejected
    assert not decoded.rows_rejected
    rows: list[dict[str, Any]] = []
    for batch in decoded.batches:
        assert isinstance(batch, Truths)
        for row, id_ in enumerate(batch.ids):
            code = int(batch.classes.codes[row])
            found: dict[str, Any] = {
                "owner": (batch.model, batch.version, batch.output),
                "id": id_,
                "time": int(batch.time_ns[row]),
                "class": None if code < 0 else batch.classes.values[code],  # noqa: PD011 - no frame
                "value": None if np.isnan(batch.value[row]) else float(batch.value[row]),
            }
            if batch.pair is not None:
                pair = batch.pair
                code = int(pair.classes.codes[row])
                found["predicted"] = None if code < 0 else pair.classes.values[code]  # noqa: PD011 - no frame
                found["number"] = None if np.isnan(pair.value[row]) else float(pair.value[row])
                found["score"] = None if np.isnan(pair.score[row]) else float(pair.score[row])
                found["scores"] = dict(zip(pair.score_classes, pair.scores[row].tolist(), strict=True))
            rows.append(found)
    return sorted(rows, key=lambda one: (str(one["id"]), one["time"]))


def batch(sink: ListeningSink | None = None, **columns: Any) -> list[SourceEvent]:
    sink = sink or ListeningSink()
    Feedback("m", "1", sink=sink).observe_batch(**columns)
    return sink.told


@pytest.mark.parametrize(
    "column",
    [
        [True, False, True],
        [1, 0, 3],
        [1.5, -0.25, 1e300],
        ["späť", "on time", "日本"],
    ],
)
def test_packed_and_single_say_the_same(column: list[Any]) -> None:
    ids, times = ["a", "b", "ü"], [NOON, NOON + 1, NOON + 2]
    single = ListeningSink()
    for id_, value, time in zip(ids, column, times, strict=True):
        Feedback("m", "1", sink=single).observe(id=id_, value=value, time=time)
    packed = batch(ids=ids, values=column, times=times)
    assert {events.ML_GROUND_TRUTH_OBSERVED} == {one.name for one in single.told}
    assert [events.ML_GROUND_TRUTH_OBSERVED_BATCH] == [one.name for one in packed]
    assert truths(single.told) == truths(packed)
    assert 3 == len(truths(packed))


@pytest.mark.parametrize("column", [[True, False], [1, 0], [0.5, 2.0], ["x", "y"]])
@pytest.mark.parametrize("kind", [np.array, pd.Series, pl.Series, pa.array, tuple])
def test_every_kind_of_column_says_the_same_as_a_list(kind: Any, column: list[Any]) -> None:
    expected = truths(batch(ids=["a", "b"], values=column, times=[NOON, NOON]))
    assert expected == truths(batch(ids=kind(["a", "b"]), values=kind(column), times=[NOON, NOON]))


def test_the_frame_of_the_flights_is_taken_as_it_is() -> None:
    part = pd.DataFrame(
        {
            "flight_id": ["f1", "f2"],
            "late": [True, False],
            "landed": pd.to_datetime(["2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00"], utc=True),
        }
    ).iloc[0:2]
    rows = truths(batch(ids=part["flight_id"], values=part["late"], times=part["landed"]))
    assert [("f1", "true", NOON), ("f2", "false", NOON)] == [
        (one["id"], one["class"], one["time"]) for one in rows
    ]


@pytest.mark.parametrize(
    "column",
    [
        [True, None, False],
        [1.0, float("nan"), 2.0],
        [1, None, 2],
        ["x", None, "y"],
        pd.Series([True, np.nan, False], dtype=object),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([True, None, False], dtype="boolean"),
        pa.array([1, None, 2]),
        pl.Series([True, None, False]),
    ],
)
def test_missing_truths_are_left_out_and_counted(column: Any) -> None:
    rows = truths(batch(ids=["a", "b", "c"], values=column, times=[NOON] * 3))
    assert ["a", "c"] == [one["id"] for one in rows]
    assert 1 == sum(count for (lane, _), count in guard.counts().items() if lane == FEEDBACK)


def test_infinite_truths_are_left_out_and_counted() -> None:
    rows = truths(batch(ids=["a", "b"], values=[1.0, float("inf")], times=[NOON] * 2))
    assert ["a"] == [one["id"] for one in rows]
    assert 1 == sum(guard.counts().values())


def test_rows_without_an_id_are_left_out_and_counted() -> None:
    rows = truths(batch(ids=["a", None], values=[1.0, 2.0], times=[NOON] * 2))
    assert ["a"] == [one["id"] for one in rows]
    assert 1 == sum(guard.counts().values())


def test_pairs_need_no_id() -> None:
    given: dict[str, Any] = {"values": ["x", "y"], "predictions": ["x", "x"], "times": [NOON, NOON + 1]}
    rows = truths(batch(**given, score=[0.75, 0.5]))
    assert [("x", "x", 0.75), ("y", "x", 0.5)] == [
        (one["class"], one["predicted"], one["score"]) for one in rows
    ]
    scored = truths(batch(**given, scores={"x": [0.75, 0.5], "y": [0.25, 0.5]}))
    assert [{"x": 0.75, "y": 0.25}, {"x": 0.5, "y": 0.5}] == [one["scores"] for one in scored]


def test_single_and_packed_pairs_say_the_same() -> None:
    sink = ListeningSink()
    one = Feedback("m", "1", sink=sink)
    one.observe(id="a", value=2.5, prediction=2.0, time=NOON, segments={"origin": "EWR"})
    one.observe(id="b", value=1.5, prediction=1.0, time=NOON, segments={"origin": None})
    packed = batch(
        ids=["a", "b"],
        values=[2.5, 1.5],
        predictions=[2.0, 1.0],
        times=NOON,
        segments={"origin": ["EWR", None]},
    )
    assert truths(sink.told) == truths(packed)
    assert [2.0, 1.0] == [row["number"] for row in truths(packed)]


def test_whose_truth_it_is_goes_along() -> None:
    sink = ListeningSink()
    Feedback("m", output="late", sink=sink).observe(id=7, value=1, time=NOON)
    assert {
        attributes.ML_MODEL_NAME: "m",
        attributes.ML_OUTPUT_NAME: "late",
        attributes.ML_INFERENCE_ID: "7",
        attributes.ML_GROUND_TRUTH_VALUE: 1.0,
    } == sink.told[0].attributes
    assert ("m", None, "late") == truths(sink.told)[0]["owner"]


def test_a_packed_event_has_the_time_of_its_newest_row() -> None:
    assert [NOON + 5] == [one.time_ns for one in batch(ids=["a", "b"], values=[1, 2], times=[NOON + 5, NOON])]


def test_a_hundred_thousand_labels_arrive_in_events_of_limited_size() -> None:
    rows = 100_000
    told = batch(ids=[f"{row:0200d}" for row in range(rows)], values=np.ones(rows, bool), times=NOON)
    assert all(len(one.attributes[attributes.ML_BATCH_ARROW]) <= 256 * 1024 for one in told)  # type: ignore[arg-type]
    assert rows == sum(one.attributes[attributes.ML_BATCH_ROWS] for one in told)  # type: ignore[misc]
    assert rows == len(truths(told))


def test_many_threads_lose_nothing() -> None:
    sink = ListeningSink()
    feedback = Feedback("m", sink=sink)

    def report(worker: int) -> None:
        for place in range(100):
            feedback.observe(id=f"{worker}-{place}", value=True, time=NOON)
        feedback.observe_batch(ids=[f"{worker}+{place}" for place in range(50)], values=[1] * 50, times=NOON)

    threads = [threading.Thread(target=report, args=(worker,)) for worker in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert 8 * 150 == len({row["id"] for row in truths(sink.told)})


@pytest.mark.parametrize(
    "unfit",
    [
        {"values": [1, 2], "ids": ["a"]},
        {"values": [1, 2], "ids": ["a", "b"], "times": [NOON]},
        {"values": [1, 2], "ids": ["a", "b"], "score": [0.5]},
        {"values": [1, 2]},
        {"values": object(), "ids": ["a"]},
    ],
)
def test_what_does_not_fit_is_counted_and_never_raised(lenient: None, unfit: dict[str, Any]) -> None:
    assert [] == batch(**unfit)
    assert sum(guard.counts().values())


def test_an_empty_id_or_class_is_missing() -> None:
    rows = truths(batch(ids=["a", "", "c"], values=["x", "x", ""], times=[NOON] * 3))
    assert ["a"] == [one["id"] for one in rows]
    assert {(FEEDBACK, "incomplete"): 2} == guard.take()


@pytest.mark.parametrize("is_single", [True, False])
def test_impossible_predictions_are_left_out_and_counted_and_the_truths_arrive(*, is_single: bool) -> None:
    sink = ListeningSink()
    feedback = Feedback("m", "1", sink=sink)
    for prediction in ({"score": 1.5}, {"scores": {"x": 2.0, "y": 0.5}}, {"prediction": float("inf")}):
        if is_single:
            feedback.observe(id="a", value=1.5, time=NOON, **prediction)
        else:
            columns: dict[str, Any] = {
                {"prediction": "predictions"}.get(name, name): {key: [one] for key, one in fact.items()}
                if isinstance(fact, dict)
                else [fact]
                for name, fact in prediction.items()
            }
            feedback.observe_batch(ids=["a"], values=[1.5], times=NOON, **columns)
    rows = truths(sink.told)
    assert [1.5, 1.5, 1.5] == [row["value"] for row in rows]
    assert not any("score" in row for row in rows)
    assert {(FEEDBACK, "score_range"): 2, (FEEDBACK, "not_finite"): 1} == guard.take()


def test_a_pair_whose_only_score_is_impossible_is_counted_here() -> None:
    rows = truths(batch(values=["x", "y"], score=[0.5, 7.0], times=[NOON, NOON]))
    assert [0.5] == [row["score"] for row in rows]
    assert {(FEEDBACK, "score_range"): 1, (FEEDBACK, "incomplete"): 1} == guard.take()


def test_a_label_that_no_event_can_hold_is_counted_as_one() -> None:
    segments: dict[str, Any] = {f"{place:0200d}": ["x" * 256] for place in range(2_000)}
    assert [] == batch(ids=["a"], values=["x"], times=NOON, segments=segments)
    assert {(FEEDBACK, "row_too_large"): 1} == guard.take()


def test_a_process_with_feedback_alone_flushes_and_tells_what_it_dropped(lenient: None) -> None:
    class Slow(ListeningSink):
        flushes = 0

        def flush(self, timeout_s: float) -> bool:
            self.flushes += 1
            return super().flush(timeout_s)

    sink = Slow()
    before = this_process.swap_sink(sink)
    try:
        Feedback("m").observe_batch(ids=["a", None], values=["x", "y"], times=NOON)
        assert barograph.flush()
        assert 1 == sink.flushes
        told = sink.sums(
            metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON
        )
        assert {(FEEDBACK, "incomplete"): 1} == told
        assert barograph.shutdown()
        assert sink.ended
    finally:
        this_process.swap_sink(before)


def test_strict_mode_raises() -> None:
    with pytest.raises(ValueError, match="ids"):
        batch(values=[1, 2])
