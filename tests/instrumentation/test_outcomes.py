"""Predictions with ids, as the processor reads them: packed and readable are the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph import packing
from barograph.guard import OUTCOMES, guard
from barograph.identity import Identity
from barograph.outcomes import Outcomes
from barograph.semconv import attributes, events, metrics
from barograph_processor.engine.batch import Predictions
from barograph_processor.engine.deciding import with_classes
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from instrumentation.listening import NOON, ListeningSink, monitor
from wire.otlp_requests import logs, record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import SourceEvent

MINE = Identity("m", "1", "late")


def predictions(told: Sequence[SourceEvent]) -> list[dict[str, Any]]:
    """What the processor makes of events, row by row, missing values left out."""
    request = logs([record(one.name, dict(one.attributes), one.time_ns) for one in told])  # type: ignore[arg-type]
    decoded = decode_logs(request.SerializeToString(), DecodeContext())
    assert not decoded.rejected
    assert not decoded.rows_rejected
    rows: list[dict[str, Any]] = []
    for batch in decoded.batches:
        assert isinstance(batch, Predictions)
        batch = with_classes(batch, None)  # noqa: PLW2901  # as the engine takes it
        for row, id_ in enumerate(batch.ids):
            found: dict[str, Any] = {
                "key": batch.key,
                "source": batch.source,
                "id": id_,
                "time": int(batch.time_ns[row]),
                "score": float(batch.score[row]),
                "value": float(batch.value[row]),
            }
            for name, texts in (("class", batch.classes), *batch.segments.items()):
                code = int(texts.codes[row])
                found[name] = None if code < 0 else texts.values[code]
            found |= dict(zip(batch.score_classes, batch.scores[row].tolist(), strict=True))
            rows.append({k: v for k, v in found.items() if v is not None and v == v})  # noqa: PLR0124
    return sorted(rows, key=lambda one: str(one["id"]))


def sent(parts: Sequence[dict[str, Any]], form: str = "packed") -> list[SourceEvent]:
    sink = ListeningSink()
    outcomes = Outcomes(MINE, sink, form=form)
    for part in parts:
        outcomes.add(**part)
    outcomes.flush()
    return sink.told


text = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5))
share = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 0.5]), st.floats(0, 1))
number = st.one_of(st.just(float("nan")), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def parts(draw: Callable[[Any], Any]) -> dict[str, Any]:
    rows = draw(st.integers(1, 8))

    def column(of: Any) -> Any:
        return draw(st.lists(of, min_size=rows, max_size=rows))

    part: dict[str, Any] = {
        "ids": column(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)),
        "time_ns": np.array(column(st.integers(1, 2**62)), np.int64),
    }
    if draw(st.booleans()):
        part["classes"] = column(text)
    if draw(st.booleans()):
        part["score"] = np.array(column(share))
    if draw(st.booleans()):
        named = draw(st.permutations(["c0", "c1", "c2"]))[: draw(st.integers(2, 3))]
        part["scores"] = {name: np.array(column(share)) for name in named}
    if draw(st.booleans()):
        part["value"] = np.array(column(number))
    if draw(st.booleans()):
        part["segments"] = {f"s{place}": column(text) for place in range(draw(st.integers(1, 2)))}
    return part


def ordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@given(st.lists(parts(), min_size=1, max_size=4))
def test_packed_and_readable_are_the_same_rows(given_parts: list[dict[str, Any]]) -> None:
    packed, readable = sent(given_parts), sent(given_parts, "readable")
    assert {events.ML_INFERENCE_PREDICTION_BATCH} == {one.name for one in packed}
    assert {events.ML_INFERENCE_PREDICTION} == {one.name for one in readable}
    assert ordered(predictions(packed)) == ordered(predictions(readable))
    assert sum(len(part["ids"]) for part in given_parts) == len(predictions(packed))


def test_small_calls_share_an_event() -> None:
    calls = [
        {"ids": [str(place)], "time_ns": np.array([NOON + place]), "classes": ["x"]} for place in range(500)
    ]
    told = sent(calls)
    assert [(500, NOON + 499)] == [(one.attributes[attributes.ML_BATCH_ROWS], one.time_ns) for one in told]
    assert 500 == len(predictions(told))


def test_identity_and_source_go_along() -> None:
    (row,) = predictions(sent([{"ids": ["a"], "time_ns": np.array([NOON]), "value": np.array([2.5])}]))
    assert ("m", "1", "late") == row["key"][3:]
    assert 32 == len(row["source"])


def test_a_hundred_thousand_rows_with_long_ids_arrive_in_events_of_limited_size() -> None:
    rows = 100_000
    part = {
        "ids": [f"{row:0200d}" for row in range(rows)],
        "time_ns": NOON + np.arange(rows),
        "score": np.linspace(0, 1, rows),
    }
    told = sent([part])
    assert all(len(one.attributes[attributes.ML_BATCH_ARROW]) <= 256 * 1024 for one in told)  # type: ignore[arg-type]
    assert rows == len(predictions(told))


def test_many_rows_leave_without_a_flush() -> None:
    sink = ListeningSink()
    outcomes = Outcomes(MINE, sink)
    for first in range(0, 100_000, 1_000):
        ids = [str(first + place) for place in range(1_000)]
        outcomes.add(ids=ids, time_ns=np.full(1_000, NOON), classes=["x"] * 1_000)
    assert sink.told


def test_without_nanoarrow_rows_go_out_readable_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(packing, "available", lambda: False)
    part: dict[str, Any] = {"ids": ["a", "b"], "time_ns": np.array([NOON, NOON]), "classes": ["x", "y"]}
    for _ in range(3):
        told = sent([part])
    assert [events.ML_INFERENCE_PREDICTION] * 2 == [one.name for one in told]
    assert 1 == sum("barograph[otlp]" in line for line in caplog.messages)


@pytest.mark.parametrize("form", ["packed", "readable"])
def test_of_equal_scores_the_class_does_not_depend_on_other_rows(form: str) -> None:
    scores = {"b": np.array([np.nan, 0.5]), "a": np.array([0.5, 0.5]), "c": np.array([0.0, 0.25])}
    (_, row) = predictions(sent([{"ids": ["1", "2"], "time_ns": np.full(2, NOON), "scores": scores}], form))
    assert "a" == row["class"]


@pytest.mark.parametrize("form", ["packed", "readable"])
def test_impossible_numbers_are_left_out_and_counted_and_the_rows_arrive(lenient: None, form: str) -> None:
    part: dict[str, Any] = {
        "ids": ["a", "b", "c", "d"],
        "time_ns": np.full(4, NOON),
        "score": np.array([0.5, 1.5, -np.inf, 1 + 1e-9]),
        "scores": {"x": np.array([0.25, -2.0, 0.5, 0.5]), "y": np.array([0.75, 0.5, np.inf, np.nan])},
        "value": np.array([np.inf, 1.0, -np.inf, np.nan]),
    }
    rows = predictions(sent([part], form))
    assert [0.5, None, None, 1.0] == [row.get("score") for row in rows]
    assert [0.25, None, None, 0.5] == [row.get("x") for row in rows]
    assert ["y", None, None, None] == [row.get("class") for row in rows]
    assert [None, 1.0, None, None] == [row.get("value") for row in rows]
    assert {(OUTCOMES, "score_range"): 4, (OUTCOMES, "not_finite"): 2} == guard.take()


def test_what_no_encoding_has_is_cleaned_in_both_forms() -> None:
    part: dict[str, Any] = {
        "ids": ["a\ud800"],
        "time_ns": np.array([NOON]),
        "classes": ["é\udfff"],
        "segments": {"s\ud800\0": ["\ud800v"]},
    }
    packed, readable = predictions(sent([part])), predictions(sent([part], "readable"))
    assert packed == readable
    assert ("a?", "é?", "?v") == (
        packed[0]["id"],
        packed[0]["class"],
        packed[0]["s?\N{REPLACEMENT CHARACTER}"],
    )


def test_an_empty_id_is_none(lenient: None) -> None:
    sink = ListeningSink()
    watch = monitor(sink)
    for ids in (["a", ""], [""]):
        watch.record({"a": [1.0] * len(ids)}, ["x"] * len(ids), ids=ids)
    assert watch.flush()
    assert ["a"] == [row["id"] for row in predictions(sink.told)]
    reasons = sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_REASON)
    assert {"no_id": 2} == reasons


def test_an_empty_flush_sends_nothing() -> None:
    assert [] == sent([])
