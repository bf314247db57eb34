"""Rows with features: what is counted, what is not, and within which bounds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph.baseline import Baseline, Feature, Header, encode_baseline
from barograph.redact import Redactor
from barograph.semconv import metrics
from barograph_processor.engine.batch import Points, Predictions
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import fit
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.stores.memory import MemoryStore

from .world import (
    KEY,
    NOON,
    SETTINGS,
    contents,
    engine_of,
    figures,
    final,
    point,
    predictions,
    reading,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.signals.api import State

    from .world import FeatureValue

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + DAY_NS
HASH = Redactor(KEY.model).hashed


def rows(
    features: Sequence[Mapping[str, FeatureValue] | None],
    *,
    begin_ns: int = NOON,
    step_ns: int = 0,
    source: str = "a",
    ids: bool = True,
) -> Predictions:
    """Predictions with these features."""
    times = [begin_ns + number * step_ns for number in range(len(features))]
    named = [(f"id-{time}-{number}" if ids else None, time, 0.5) for number, time in enumerate(times)]
    return predictions(named, features=features, source=source)


def states_of(engine: Engine, kind: str, name: str, start_ns: int = NOON) -> State | None:
    """A stream of an hour, whatever its basis."""
    engine.drain(NOW)
    window = engine.keys[KEY].table.windows[0, start_ns]
    found = [
        state
        for stream, state in engine.keys[KEY].gathered(window).items()
        if (stream.kind, stream.name) == (kind, name)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def counts(engine: Engine, kind: str, name: str) -> dict[str, int] | None:
    """The counts by name of a stream."""
    state = states_of(engine, kind, name)
    assert state is None or isinstance(state, CategoryCounts)
    return None if state is None else dict(state.counts)


def given(*features: Feature) -> Baseline:
    """A baseline that says no more than these features."""
    return Baseline(
        encode_baseline(Header(model=KEY.model, version=KEY.version, rows=1, features=features), [])
    )


def test_without_a_baseline_numbers_and_texts_are_told_apart_by_what_most_values_are() -> None:
    engine = engine_of(HOURLY)
    engine.feed(
        [rows([{"age": 40.0, "town": "Bern"}, {"age": "old", "town": 3.0}, {"age": -2.5, "town": "Graz"}])],
        NOW,
    )
    assert states_of(engine, StreamKind.FEATURE_VALUE, "age") == ExponentialHistogram.zero(10).observe(
        np.array([40.0, -2.5])
    )
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "age") is None
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 2, "invalid": 1}
    assert states_of(engine, StreamKind.FEATURE_VALUE, "town") is None
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "town") == {HASH("Bern"): 1, HASH("Graz"): 1}
    assert counts(engine, StreamKind.FEATURE_STATES, "town") == {"valid": 2, "invalid": 1}


def test_what_a_row_lacks_is_missing_and_what_comes_without_features_is_not() -> None:
    engine = engine_of(HOURLY)
    engine.feed([rows([{"age": 40.0}, {"age": None}, {}, None, {"age": math.inf}, {"empty": None}])], NOW)
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 1, "missing": 3, "invalid": 1}
    assert counts(engine, StreamKind.FEATURE_STATES, "empty") == {"missing": 5}
    assert counts(engine, StreamKind.ROWS, "") == {"": 6}


def test_a_feature_that_only_another_pane_has_is_missing_in_this_one() -> None:
    engine = engine_of(HOURLY)
    engine.feed([rows([{"age": 40.0}, {"town": "Bern"}], step_ns=MINUTE_NS)], NOW)
    engine.advance(NOW)
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 1, "missing": 1}
    assert counts(engine, StreamKind.FEATURE_STATES, "town") == {"valid": 1, "missing": 1}


def test_with_a_baseline_only_its_features_are_counted_and_absent_ones_are_missing() -> None:
    age = Feature(name="age", kind="number", edges=(30.0, 40.0), low=20.0, high=50.0, grid=2.0**-20)
    town = Feature(name="town", kind="category", categories=("Bern", "3"))
    baseline = given(age, town)
    engine = engine_of(HOURLY, baselines=[baseline])
    engine.feed(
        [
            rows([{"age": 40.0, "town": "Bern", "shoe": 42.0}, {"age": 60.0, "town": "Graz"}, {"town": 3.0}]),
            rows([{}, {"age": "old", "town": math.inf}], begin_ns=NOON + 1),
        ],
        NOW,
    )
    state = states_of(engine, StreamKind.FEATURE_VALUE, "age")
    assert state == ExplicitHistogram.zero((30.0, 40.0)).observe(np.array([40.0, 60.0]))
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {
        "valid": 2, "missing": 2, "invalid": 1, "above": 1,
    }  # fmt: skip
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "town") == {"Bern": 1, "3": 1, HASH("Graz"): 1}
    assert counts(engine, StreamKind.FEATURE_STATES, "town") == {
        "valid": 2, "unseen": 1, "missing": 1, "invalid": 1,
    }  # fmt: skip
    assert states_of(engine, StreamKind.FEATURE_STATES, "shoe") is None


def test_a_baseline_without_features_counts_them_in_exponential_buckets_under_its_id() -> None:
    baseline = given()
    engine = engine_of(HOURLY, baselines=[baseline])
    engine.feed([rows([{"age": 40.0}])], NOW)
    engine.drain(NOW)
    (window,) = engine.keys[KEY].table.windows.values()
    state = engine.keys[KEY].gathered(window)[StreamId(StreamKind.FEATURE_VALUE, "age", basis=baseline.id)]
    assert state == ExponentialHistogram.zero(10).observe(np.array([40.0]))


def test_hashes_are_those_of_the_sources_and_hashed_or_clear_categories_stay() -> None:
    settings = replace(HOURLY, hash_key="secret", clear=frozenset({"region"}))
    engine = engine_of(settings)
    engine.feed([rows([{"town": "Bern", "region": "north", "hashed": HASH("x")}])], NOW)
    secret = Redactor(KEY.model, key="secret").hashed
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "town") == {secret("Bern"): 1}
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "region") == {"north": 1}
    assert counts(engine, StreamKind.FEATURE_CATEGORIES, "hashed") == {HASH("x"): 1}


@pytest.mark.parametrize("baselined", [True, False])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_prediction_with_and_without_features_counts_once_and_its_features_once(
    order: tuple[int, int], *, baselined: bool
) -> None:
    age = Feature(name="age", kind="number", edges=(30.0,), grid=1.0)
    engine = engine_of(HOURLY, baselines=[given(age)] if baselined else [])
    with_features = predictions([("a", NOON, 0.2)], features=[{"age": 40.0}])
    both = [with_features, predictions([("a", NOON, 0.2)], source="b")]
    for _ in range(2):
        assert engine.feed([both[at] for at in order], NOW).accepted == 2
    assert counts(engine, StreamKind.ROWS, "") == {"": 1}
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 1}
    assert engine.counters == {(Lane.OUTCOMES, Reason.DUPLICATE): 3 if order == (0, 1) else 2}


def test_rows_without_an_id_are_counted_as_they_come() -> None:
    engine = engine_of(HOURLY)
    for _ in range(2):
        engine.feed([rows([{"age": 40.0}, {"age": 41.0}], ids=False)], NOW)
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 4}


def test_a_prediction_whose_features_are_known_waits_for_its_label_like_any_other() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([("a", NOON, 0.2)], features=[{"age": 1.0}])], NOW)
    late = NOON + 60 * DAY_NS
    engine.feed([predictions([("b", late, 0.2)])], late)
    engine.advance(late)
    assert engine.counters == {(Lane.OUTCOMES, Reason.NEVER_LABELLED): 1}


@pytest.mark.parametrize("baselined", [True, False])
@pytest.mark.parametrize("first", ["rows", "histograms"])
@pytest.mark.parametrize("folded", [True, False])
def test_histograms_take_the_place_of_features_by_source_pane_and_kind(
    first: str, *, baselined: bool, folded: bool
) -> None:
    age = Feature(name="age", kind="number", edges=(30.0,), grid=1.0)
    baseline = given(age)
    engine = engine_of(HOURLY, baselines=[baseline] if baselined else [])
    basis = baseline.id if baselined else ""
    stream = StreamId(StreamKind.FEATURE_STATES, "age", basis=basis)
    pieces: dict[str, Batch] = {
        "rows": rows([{"age": 40.0}, {"age": 41.0}, {"age": 42.0}], step_ns=MINUTE_NS),
        "histograms": Points([point(stream, CategoryCounts.of({"valid": 7}), NOON, item="valid")]),
    }
    engine.feed([pieces.pop(first)], NOW)
    if folded:
        engine.feed([predictions([("clock", NOON + 3 * HOUR_NS, 0.2)])], NOW)
        engine.advance(NOW)
    engine.feed(list(pieces.values()), NOW)
    assert counts(engine, StreamKind.FEATURE_STATES, "age") == {"valid": 9}
    value = states_of(engine, StreamKind.FEATURE_VALUE, "age")
    assert isinstance(value, ExplicitHistogram | ExponentialHistogram)
    assert value.rows == 3  # of this kind, no histogram came


def test_features_stay_counted_when_their_time_to_live_is_over() -> None:
    for baselines in ([], [given(Feature(name="age", kind="number", edges=(30.0,), grid=1.0))]):
        engine = engine_of(replace(HOURLY, ttl_ns=2 * HOUR_NS), baselines=baselines)
        engine.feed([rows([{"age": 40.0}, {"age": None}, None])], NOW)
        engine.feed([predictions([("b", NOON + 4 * HOUR_NS, 0.2)])], NOW)
        closed = engine.advance(NOW)
        counted = engine.keys[KEY].counted
        assert (counted.size, counted.known, counted.feature_bytes) == (0, {}, 0)
        missing = reading(final(closed)[KEY, "1h", NOON], metrics.ML_FEATURE_MISSING_RATIO)
        assert missing == 0.5


def test_a_baseline_is_learned_from_rows() -> None:
    settings = replace(HOURLY, learn_rows=400, ttl_ns=9 * DAY_NS)
    engine = engine_of(settings)
    rng = np.random.default_rng(5)
    for hour in range(4):
        shift = 30.0 if hour == 3 else 0.0
        some: list[Mapping[str, FeatureValue]] = [
            {"age": value + shift, "town": town}
            for value, town in zip(rng.normal(40, 9, 200), rng.choice(["Bern", "Graz"], 200), strict=True)
        ]
        engine.feed([rows(some, begin_ns=NOON + hour * HOUR_NS, step_ns=10**9)], NOW)
        engine.advance(NOW)
    closed = final(engine.drain(NOW))
    (learned,) = engine.new_baselines()
    assert {("age", "number"), ("town", "category")} == {
        (one.name, one.kind) for one in learned.header.features
    }
    psi = [
        reading(
            closed[KEY, "1h", NOON + hour * HOUR_NS], metrics.ML_FEATURE_DRIFT_PSI, ml__feature__name="age"
        )
        for hour in range(4)
    ]
    assert psi[:2] == [None, None]
    assert psi[2] is not None
    assert psi[3] is not None
    assert psi[2] < 0.2
    assert psi[3] > 1.0


def test_a_feature_that_vanishes_after_learning_is_missing() -> None:
    engine = engine_of(replace(HOURLY, learn_rows=2))
    engine.feed([rows([{"age": 40.0, "town": "Bern"}] * 2)], NOW)
    engine.feed([rows([{"town": "Bern"}] * 3, begin_ns=NOON + 2 * HOUR_NS)], NOW)
    closed = final(engine.drain(NOW))
    window = closed[KEY, "1h", NOON + 2 * HOUR_NS]
    assert reading(window, metrics.ML_FEATURE_MISSING_RATIO, ml__feature__name="age") == 1.0


def test_features_beyond_the_limit_are_counted_as_dropped() -> None:
    engine = engine_of(replace(HOURLY, max_features=2))
    engine.feed([rows([{"a": 1.0, "b": 1.0, "c": "x"}, {"a": 2.0, "c": None, "d": 3.0}])], NOW)
    assert engine.counters == {(Lane.ROWS, Reason.FEATURE_LIMIT): 2}
    assert counts(engine, StreamKind.FEATURE_STATES, "b") == {"valid": 1, "missing": 1}
    assert states_of(engine, StreamKind.FEATURE_STATES, "c") is None
    described = [Feature(name=name, kind="number", edges=(1.0,)) for name in ("a", "b", "c")]
    engine = engine_of(replace(HOURLY, max_features=2), baselines=[given(*described)])
    engine.feed([rows([{"a": 1.0, "b": 1.0, "c": 1.0}] * 5)], NOW)
    assert engine.counters == {(Lane.ROWS, Reason.FEATURE_LIMIT): 5}


@pytest.mark.parametrize("baselined", [True, False])
def test_memory_of_features_is_bounded_and_nothing_is_lost(*, baselined: bool) -> None:
    age = Feature(name="age", kind="number", edges=tuple(float(edge) for edge in range(60)), grid=1.0)
    bounded = replace(HOURLY, max_feature_bytes=50_000)
    engine = engine_of(bounded, baselines=[given(age)] if baselined else [])
    state = None
    for hour in range(40):
        engine.feed(
            [rows([{"age": 30.0}] * 60, begin_ns=NOON + hour * HOUR_NS, step_ns=MINUTE_NS)],
            NOW + 40 * HOUR_NS,
        )
        state = engine.keys[KEY]
        assert state.waiting_bytes <= 60_000
        assert state.counted.feature_bytes <= 60_000
    assert state is not None
    assert state.counted.decided is not None
    engine.drain(NOW + 40 * HOUR_NS)
    rows_of_hours = [
        sum(
            one.rows
            for stream, one in state.gathered(window).items()
            if stream.name == "age" and isinstance(one, ExplicitHistogram | ExponentialHistogram)
        )
        for window in state.table.windows.values()
    ]
    assert rows_of_hours == [60] * 40


def test_ten_thousand_categories_of_one_feature_are_counted_in_bounded_memory() -> None:
    engine = engine_of(HOURLY)
    for part in range(5):
        some: list[Mapping[str, FeatureValue]] = [{"word": f"{part}-{number}"} for number in range(2_000)]
        engine.feed([rows(some, begin_ns=NOON + part)], NOW)
        engine.keys[KEY].count_features()
        (pane,) = engine.keys[KEY].panes.values()
        assert all(counts.size_bytes < 1_000_000 for counts in pane.features.values())
    state = states_of(engine, StreamKind.FEATURE_CATEGORIES, "word")
    words = [HASH(f"{part}-{number}") for part in range(5) for number in range(2_000)]
    assert state == CategoryCounts.of(dict.fromkeys(words, 1))


def test_a_batch_of_many_panes_and_one_pane_of_many_batches_are_the_same() -> None:
    rng = np.random.default_rng(2)
    values: list[Mapping[str, FeatureValue]] = [
        {"age": float(value), "town": str(town)}
        for value, town in zip(rng.normal(40, 1e3, 300), rng.integers(0, 9, 300), strict=True)
    ]
    content = fit(
        {"age": rng.normal(40, 9, 500), "town": ["1", "2"] * 250}, model=KEY.model, version=KEY.version
    )
    for baselines in ([], [Baseline(content)]):
        whole, cut = engine_of(HOURLY, baselines=baselines), engine_of(HOURLY, baselines=baselines)
        every = rows(values, step_ns=MINUTE_NS // 4)
        whole.feed([every], NOW)
        for at in rng.permutation(300).tolist():
            one = predictions([(every.ids[at], int(every.time_ns[at]), 0.5)], features=[values[at]])
            cut.feed([one], NOW)
        assert figures(whole.drain(NOW)) == figures(cut.drain(NOW))
        assert contents(whole) == contents(cut)


@pytest.mark.parametrize("advanced", [True, False])
def test_features_survive_a_restart_folded_or_not(*, advanced: bool) -> None:
    age = Feature(name="age", kind="number", edges=(30.0,), grid=1.0)
    town = Feature(name="town", kind="category", categories=("Bern",))
    some: list[Mapping[str, FeatureValue] | None] = [
        {"age": 40.0, "town": "Bern"}, {"age": 1e300, "town": "Graz"}, {"age": "x"}, None, {"age": -1e300},
    ]  # fmt: skip
    for baselines in ([], [given(age, town)]):
        engine = engine_of(HOURLY, baselines=baselines)
        engine.feed([rows(some, step_ns=MINUTE_NS // 2)], NOW)
        if advanced:
            engine.feed([predictions([("clock", NOON + 3 * HOUR_NS, 0.2)])], NOW)
            engine.advance(NOW)
        again = Engine.restore(engine.snapshot(), HOURLY, store=MemoryStore(), baselines=baselines)
        assert again.snapshot() == engine.snapshot()
        more = rows(some, begin_ns=NOON + 1)
        for one in (engine, again):
            one.feed([more], NOW)
        assert figures(again.drain(NOW)) == figures(engine.drain(NOW))
        assert contents(again) == contents(engine)


@pytest.mark.parametrize("advanced", [True, False])
def test_what_was_counted_by_a_baseline_is_kept_when_another_is_given(*, advanced: bool) -> None:
    old, new = (given(Feature(name="age", kind="number", edges=(edge,), grid=1.0)) for edge in (30.0, 50.0))
    for before, after in (([old], [new]), ([old], []), ([], [new])):
        engine = engine_of(HOURLY, baselines=before)
        engine.feed([rows([{"age": 40.0}])], NOW)
        if advanced:
            engine.feed([predictions([("clock", NOON + 3 * HOUR_NS, 0.2)])], NOW)
            engine.advance(NOW)
        again = Engine.restore(engine.snapshot(), HOURLY, store=MemoryStore(), baselines=after)
        again.feed([rows([{"age": 41.0}, {"age": 42.0}], begin_ns=NOON + 1)], NOW)
        again.drain(NOW)
        window = again.keys[KEY].table.windows[0, NOON]
        valid = {
            stream.basis: state.counts
            for stream, state in again.keys[KEY].gathered(window).items()
            if stream.kind == StreamKind.FEATURE_STATES and isinstance(state, CategoryCounts)
        }
        expected = {
            one.id if one else "": {observed.VALID: rows_of}
            for one, rows_of in ((_first(before), 1), (_first(after), 2))
        }
        assert valid == expected


def _first(baselines: list[Baseline]) -> Baseline | None:
    return baselines[0] if baselines else None
