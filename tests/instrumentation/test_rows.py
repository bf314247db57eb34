"""Rows with their features: who is sent, in which form, and what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from opentelemetry import baggage, context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs.export import LogRecordExportResult

from barograph import packing
from barograph.export import ExporterSink
from barograph.guard import OUTCOMES, ROWS, guard
from barograph.monitor import Monitor
from barograph.redact import Redactor
from barograph.sampling import is_drawn
from barograph.semconv import attributes, events
from barograph_processor.engine.batch import FeatureColumn, Predictions
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.in_process import decode_events
from wire.otlp_requests import logs, record

from .forms import FORMS, OUTPUT, PREDICTION, ROW_FORMS
from .forms import ROWS as FIVE
from .listening import NOON, ListeningSink, baseline, monitor
from .row_reading import features, told_rows

IDS = [f"id-{place}" for place in range(5)]
HASHED = Redactor("m").hashed("z")
# What leaves of the five rows: the baseline knows x, y and 3, so z is hashed.
EXPECTED = {
    "id-0": {"a": 1.0, "b": 2.5, "c": "x"},
    "id-1": {"a": 1.5, "b": None, "c": "y"},
    "id-2": {"a": -999.0, "b": 9.0, "c": HASHED},
    "id-3": {"a": 0.25, "b": 3.0, "c": None},
    "id-4": {"a": 3.0, "b": 1.0, "c": "3"},
}


def recorded(
    *calls: tuple[Any, Any, Any], sink: ListeningSink | None = None, **settings: Any
) -> ListeningSink:
    sink = sink or ListeningSink()
    watch = monitor(sink, **({"baseline": baseline(outputs=[OUTPUT]), "rows": "all"} | settings))
    for given, prediction, ids in calls:
        watch.record(given, prediction, ids=ids)
    assert watch.flush()
    return sink


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
@pytest.mark.parametrize("form", FORMS)
def test_a_batch_in_any_form_leaves_with_the_same_features(form: str, outcomes: str) -> None:
    sink = recorded((FORMS[form], PREDICTION, IDS), outcomes=outcomes)
    assert EXPECTED == features(sink.told)
    assert dict(zip(IDS, PREDICTION, strict=True)) == {
        id_: row[attributes.ML_PREDICTION_CLASS] for id_, row in told_rows(sink.told).items()
    }


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
@pytest.mark.parametrize("form", ROW_FORMS)
def test_single_rows_in_any_form_leave_with_the_same_features(form: str, outcomes: str) -> None:
    calls = [(ROW_FORMS[form](place), PREDICTION[place], IDS[place]) for place in range(5)]
    assert EXPECTED == features(recorded(*calls, outcomes=outcomes).told)


def test_a_numpy_row_leaves_under_the_baselines_names() -> None:
    known = baseline(features=baseline().header.features[:2])
    sink = recorded((np.array([1.0, np.nan]), "x", "id-0"), baseline=known)
    assert {"id-0": {"a": 1.0, "b": None}} == features(sink.told)


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_without_a_baseline_every_category_is_hashed(outcomes: str) -> None:
    sink = recorded(({"a": True, "c": "x"}, "yes", "id-0"), baseline=None, outcomes=outcomes)
    assert {"id-0": {"a": 1.0, "c": Redactor("m").hashed("x")}} == features(sink.told)
    sink = recorded(
        ({"a": 2, "c": "x"}, "yes", "id-0"), baseline=None, outcomes=outcomes, clear=("c",), hash_key="k"
    )
    assert {"id-0": {"a": 2.0, "c": "x"}} == features(sink.told)


@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_the_processor_reads_what_was_sent(outcomes: str, *, in_process: bool) -> None:
    invalid = {"a": "text", "b": 1.0, "c": ["a", "list"]}
    sink = recorded(([*FIVE, invalid], [*PREDICTION, "no"], [*IDS, "id-5"]), outcomes=outcomes)
    if in_process:
        decoded = decode_events(sink.told, {}, DecodeContext())
    else:
        request = logs([record(one.name, dict(one.attributes), one.time_ns) for one in sink.told])  # type: ignore[arg-type]
        decoded = decode_logs(request.SerializeToString(), DecodeContext())
    assert (not decoded.rejected, not decoded.rows_rejected) == (True, True)
    found: dict[str | None, dict[str, Any]] = {}
    for batch in decoded.batches:
        assert isinstance(batch, Predictions)
        assert batch.features is not None
        for row, id_ in enumerate(batch.ids):
            found[id_] = {name: _value(column, row) for name, column in batch.features.columns.items()}
    assert EXPECTED | {"id-5": {"a": np.inf, "b": 1.0, "c": np.inf}} == found


def _value(column: FeatureColumn, row: int) -> Any:
    if column.texts is not None:
        codes, texts = column.texts.codes, column.texts.values  # noqa: PD011 - no frame
        if codes[row] >= 0:
            return texts[codes[row]]
    number = float(column.numbers[row])
    return None if np.isnan(number) else number


def test_nothing_is_said_of_rows_unless_asked() -> None:
    sink = recorded((FIVE, PREDICTION, IDS), rows="off")
    assert set(IDS) == set(told_rows(sink.told))
    assert {} == features(sink.told)


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_each_id_leaves_once_and_only_those_drawn_have_features_and_a_rate(outcomes: str) -> None:
    ids = [f"id-{place}" for place in range(100)]
    drawn = {one for one in ids if is_drawn(one, 0.3)}
    assert 20 < len(drawn) < 40
    sink = recorded((FIVE * 20, PREDICTION * 20, ids), rows=0.3, outcomes=outcomes)
    rows = told_rows(sink.told)
    assert set(ids) == set(rows)
    assert drawn == set(features(sink.told))
    assert {True: {0.3}, False: {None}} == {
        is_in: {row.get(attributes.ML_SAMPLING_RATE) for id_, row in rows.items() if (id_ in drawn) == is_in}
        for is_in in (True, False)
    }
    assert set(PREDICTION) == {row[attributes.ML_PREDICTION_CLASS] for row in rows.values()}


def test_the_rate_of_all_is_not_stated() -> None:
    (event,) = recorded((FIVE, PREDICTION, IDS)).told
    assert attributes.ML_SAMPLING_RATE not in event.attributes


def test_without_outcomes_only_the_drawn_leave() -> None:
    ids = [f"id-{place}" for place in range(100)]
    sink = recorded((FIVE * 20, PREDICTION * 20, ids), rows=0.3, outcomes="off")
    assert {one for one in ids if is_drawn(one, 0.3)} == set(told_rows(sink.told)) == set(features(sink.told))


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_invalid_values_stay_invalid_beside_valid_ones(outcomes: str) -> None:
    given = {
        "a": [1.0, float("inf"), float("-inf"), "text", 10**400],
        "b": [None, 1.0, 2.0, 3.0, float("nan")],
        "c": ["x", ["a", "list"], "y", float("inf"), None],
    }
    sink = recorded((given, PREDICTION, IDS), outcomes=outcomes)
    assert {
        "id-0": {"a": 1.0, "b": None, "c": "x"},
        "id-1": {"a": np.inf, "b": 1.0, "c": np.inf},
        "id-2": {"a": np.inf, "b": 2.0, "c": "y"},
        "id-3": {"a": np.inf, "b": 3.0, "c": np.inf},
        "id-4": {"a": np.inf, "b": None, "c": None},
    } == features(sink.told)
    assert {("a", "valid"): 1, ("a", "invalid"): 4, ("c", "valid"): 2, ("c", "invalid"): 2} == {
        (name, state): count
        for (name, state), count in sink.states().items()
        if name != "b" and state in ("valid", "invalid")
    }


def test_columns_that_say_who_and_when_are_no_features() -> None:
    frame = pd.DataFrame({"who": IDS, "at": [NOON] * 5, "household": 1, "region": list("nnsse"), "a": 1.0})
    sink = ListeningSink()
    watch = monitor(sink, columns="id=who,time=at,group=household,segment=region", rows="all", clear="*")
    watch.record(frame, ["x"] * 5)
    assert watch.flush()
    assert {"id-0": {"a": 1.0, "region": "n"}}.items() <= features(sink.told).items()
    assert {"region": "n"} == told_rows(sink.told)["id-0"][attributes.ML_SEGMENTS]


def test_rows_without_an_id_are_not_sent_and_counted(lenient: None) -> None:
    sink = recorded((FIVE, PREDICTION, None), (FIVE, PREDICTION, ["a", None, "", "b", None]))
    assert {"a", "b"} == set(features(sink.told))
    assert {(ROWS, "no_id"): 5, (OUTCOMES, "no_id"): 3} == {
        key: count for key, count in dropped(sink).items() if key[1] == "no_id"
    }


def dropped(sink: ListeningSink) -> dict[tuple[str, str], int]:
    found = sink.sums("ml.telemetry.dropped", attributes.ML_TELEMETRY_LANE, attributes.ML_TELEMETRY_REASON)
    return dict(found) | guard.counts()


def test_an_id_in_the_baggage_is_an_id() -> None:
    sink = ListeningSink()
    watch = monitor(sink, rows="all", baseline=baseline())
    token = context.attach(baggage.set_baggage(attributes.ML_INFERENCE_ID, "id-0"))
    try:
        watch.record(FIVE[0], "yes")
    finally:
        context.detach(token)
    assert watch.flush()
    assert {"id-0": EXPECTED["id-0"]} == features(sink.told)


def test_features_leave_without_a_prediction_and_once_for_several_outputs() -> None:
    sink = recorded((FIVE[:1], None, ["id-0"]))
    assert {"id-0": EXPECTED["id-0"]} == features(sink.told)
    sink = recorded(
        ([FIVE[0]] * 2, {"eta": [1.5, 2.5], "fare": [7.0, 8.0]}, ["id-0", "id-1"]), baseline=baseline()
    )
    by_output: dict[Any, list[Any]] = {}
    for event in sink.told:
        by_output.setdefault(event.attributes.get(attributes.ML_OUTPUT_NAME), []).append(event)
    assert {None, "eta", "fare"} == set(by_output)
    assert {"id-0", "id-1"} == set(features(by_output[None]))
    assert {} == features(by_output["eta"]) == features(by_output["fare"])
    assert 1.5 == told_rows(by_output["eta"])["id-0"][attributes.ML_PREDICTION_VALUE]


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_events_keep_to_their_size_whatever_the_rows_hold(lenient: None, outcomes: str) -> None:
    wide = {f"feature {place}": np.full(400, float(place)) for place in range(500)}
    texts = {f"text {place}": ["é" * 255 + str(row % 7) for row in range(400)] for place in range(3)}
    ids = [f"id-{row}" for row in range(400)]
    sink = recorded((wide | texts, ["x"] * 400, ids), baseline=None, clear="*", outcomes=outcomes)
    found = features(sink.told)
    assert {503} == {len(row) for row in found.values()}
    assert set(ids) == set(found)
    if outcomes == "packed":
        sizes = [len(event.attributes[attributes.ML_BATCH_ARROW]) for event in sink.told]  # type: ignore[arg-type]
        assert max(sizes) <= packing.MAX_EVENT_BYTES
    assert {} == dropped(sink)


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_requests_keep_to_their_size(outcomes: str) -> None:
    sizes: list[int] = []

    class Exporter:
        def export(self, told: Any) -> LogRecordExportResult:
            sizes.append(encode_logs(told).ByteSize())
            return LogRecordExportResult.SUCCESS

        def shutdown(self) -> None:
            """Nothing to end."""

    sink = ExporterSink(tuple, lambda: (Exporter(),))
    watch = Monitor("m", "1", sink=sink, rows="all", clear="*", outcomes=outcomes, clock=lambda: NOON)  # type: ignore[arg-type]
    wide = {f"feature {place:03} ü": np.full(400, float(place)) for place in range(300)}
    texts = {f"text {place:03}": ["€" * 250] * 400 for place in range(20)}
    watch.record(wide | texts, ["x"] * 400, ids=[f"id-{row}" for row in range(400)])
    assert watch.flush(60.0)
    sink.shutdown(1.0)
    assert max(sizes) <= 3 * 2**20
    assert len(sizes) >= 2


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_a_row_too_large_for_an_event_leaves_without_its_features(lenient: None, outcomes: str) -> None:
    given = {f"{place:0200d}": ["x" * 250] * 2 for place in range(600)} | {"a": [1.0, 2.0]}
    sink = recorded((given, ["yes", "no"], IDS[:2]), baseline=None, clear="*", outcomes=outcomes)
    rows = told_rows(sink.told)
    assert ["yes", "no"] == [rows[one][attributes.ML_PREDICTION_CLASS] for one in IDS[:2]]
    assert {} == features(sink.told)
    assert {(ROWS, "row_too_large"): 2 * 601} == dropped(sink)


def test_features_beyond_the_bounds_stay_behind_and_are_counted(lenient: None) -> None:
    given = {"n" * 257: [1.0]} | {f"f{place}": [1.0] for place in range(1_902)}
    sink = recorded((given, ["x"], ["id-0"]), baseline=None, outcomes="readable")
    (row,) = features(sink.told).values()
    assert {f"f{place}" for place in range(1_900)} == set(row)
    assert {(ROWS, "too_many_features"): 3} == dropped(sink)


def test_many_rows_leave_without_a_flush_and_are_not_all_held() -> None:
    sink = ListeningSink()
    watch = monitor(sink, rows="all")
    rows = 30_000
    watch.record(np.ones((rows, 100)), np.zeros(rows), ids=[str(row) for row in range(rows)])
    assert watch.flush()
    sizes = [event.attributes[attributes.ML_BATCH_ROWS] for event in sink.told]
    assert rows == sum(sizes)  # type: ignore[arg-type]
    lane = watch._recorder._lanes[""]._outcomes
    assert lane is not None
    assert 0 == lane._waiting_cells


def test_rows_are_events_of_the_same_names() -> None:
    assert {events.ML_INFERENCE_PREDICTION_BATCH} == {
        event.name for event in recorded((FIVE, PREDICTION, IDS)).told
    }
    assert {events.ML_INFERENCE_PREDICTION} == {
        event.name for event in recorded((FIVE, PREDICTION, IDS), outcomes="readable").told
    }
