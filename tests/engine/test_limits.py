"""Nothing grows without bound, and every limit is counted."""

from __future__ import annotations

from dataclasses import replace

from barograph.semconv import attributes, metrics
from barograph_processor.engine.batch import Points
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts

from .world import KEY, NOON, SETTINGS, engine_of, final, point, predictions, reading, rows_points, truths

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + 20 * DAY_NS


def test_models() -> None:
    engine = engine_of(replace(HOURLY, max_keys=10))
    for number in range(50):
        key = KEY._replace(model=f"m{number}")
        fed = engine.feed([predictions([("a", NOON, 0.9)], key=key), rows_points(1, NOON, key=key)], NOW)
        assert fed.dropped == ({} if number < 10 else {Reason.KEY_LIMIT: 2})
    assert engine.stats(NOW).keys == 10


def test_models_that_are_over_make_room() -> None:
    engine = engine_of(replace(HOURLY, max_keys=1))
    engine.feed([predictions([("a", NOON, 0.9)])], NOON)
    engine.advance(NOON)
    engine.advance(NOON + 9 * DAY_NS)
    next_version = predictions([("a", NOW, 0.9)], key=KEY._replace(version="4"))
    assert engine.feed([next_version], NOW).dropped == {Reason.KEY_LIMIT: 1}
    engine.advance(NOON + 9 * DAY_NS)
    assert engine.feed([next_version], NOW).dropped == {}


def test_features_and_streams() -> None:
    engine = engine_of(replace(HOURLY, max_features=100))
    state = CategoryCounts.of({"valid": 1})
    streams = [StreamId(StreamKind.FEATURE_STATES, f"f{number}") for number in range(10_000)]
    points = [point(stream, state, NOON) for stream in streams]
    fed = engine.feed([Points(points)], NOW)
    assert (fed.accepted, fed.dropped) == (100, {Reason.FEATURE_LIMIT: 9_900})
    streams = [StreamId(StreamKind.PREDICTION_SCORE, part=f"c{number}") for number in range(5_000)]
    points = [point(stream, state, NOON) for stream in streams]
    assert engine.feed([Points(points)], NOW).dropped[Reason.STREAM_LIMIT] > 4_000


def test_features_out_of_use_make_room() -> None:
    engine = engine_of(replace(HOURLY, max_features=1))
    state = CategoryCounts.of({"valid": 1})
    engine.feed([Points([point(StreamId(StreamKind.FEATURE_STATES, "old"), state, NOON)])], NOW)
    new = Points([point(StreamId(StreamKind.FEATURE_STATES, "new"), state, NOON + 4 * DAY_NS)])
    assert engine.feed([new], NOW).dropped == {Reason.FEATURE_LIMIT: 1}
    engine.feed([rows_points(1, NOON + 4 * DAY_NS)], NOW)
    engine.advance(NOW)
    assert engine.feed([new], NOW).dropped == {}


def test_sources() -> None:
    engine = engine_of(replace(HOURLY, max_sources=5))
    for number in range(20):
        engine.feed([rows_points(1, NOON, source=f"h{number}")], NOW)
    fed = engine.feed([predictions([("a", NOON, 0.9), ("b", NOON, 0.9)], source="o")], NOW)
    assert fed.dropped == {Reason.SOURCE_LIMIT: 2}
    assert engine.counters[Lane.HISTOGRAMS, Reason.SOURCE_LIMIT] == 15


def test_segment_values() -> None:
    engine = engine_of(replace(HOURLY, segments=("region",), max_segment_values=20))
    count = 5_000
    rows = [(f"id-{number}", NOON, 0.9) for number in range(count)]
    for begin in range(0, count, 500):
        part = rows[begin : begin + 500]
        values = [f"r{number}" for number in range(begin, begin + 500)]
        engine.feed([predictions(part, segments={"region": values})], NOW)
        engine.feed([truths([(name, time_ns, "1") for name, time_ns, _ in part])], NOW)
        engine.advance(NOW)
    window = final(engine.drain(NOW))[KEY, "1h", NOON]
    matured = [dict(one.attributes) for one in window.readings if one.metric == metrics.ML_LABEL_MATURITY]
    shown = {each.get(attributes.ML_SEGMENT_VALUE) for each in matured}
    assert len(shown) == 22  # 20, __other__, and the whole window
    other = reading(
        window, metrics.ML_PERFORMANCE_OBSERVATIONS, ml__label__horizon="all", ml__segment__value="__other__"
    )
    assert other == count - 20
    assert engine.counters[Lane.OUTCOMES, Reason.SEGMENT_LIMIT] > 0


def test_panes_that_wait_are_folded_early() -> None:
    engine = engine_of(replace(HOURLY, max_panes=50))
    for pane in range(1_000):
        engine.feed([rows_points(1, NOON + pane * MINUTE_NS, source="a")], NOW)
        assert engine.stats(NOW).panes <= 50
    observed = [reading(one, metrics.ML_WINDOW_OBSERVATIONS) for one in final(engine.drain(NOW)).values()]
    assert sum(value or 0 for value in observed) == 1_000


def test_rows_that_wait_in_panes_are_folded_early() -> None:
    engine = engine_of(replace(HOURLY, max_pane_rows=10))
    for number in range(100):
        engine.feed([predictions([(f"id-{number}", NOON + number, 0.9)])], NOW)
    assert engine.keys[KEY].waiting_rows <= 10
    assert reading(final(engine.drain(NOW))[KEY, "1h", NOON], metrics.ML_WINDOW_OBSERVATIONS) == 100


def test_rows_that_stand_in_for_histograms_are_decided_early() -> None:
    engine = engine_of(replace(HOURLY, max_counted_panes=20))
    for pane in range(100):
        engine.feed([predictions([(f"id-{pane}", NOON + pane * MINUTE_NS, 0.9)])], NOW)
        engine.advance(NOW)
    assert engine.keys[KEY].counted.size <= 20
    assert engine.feed([rows_points(1, NOON)], NOW).dropped == {Reason.PANE_LIMIT: 1}
    assert reading(final(engine.drain(NOW))[KEY, "1h", NOON], metrics.ML_WINDOW_OBSERVATIONS) == 60


def test_late_rows_of_a_pane_decided_early_never_count_beside_its_histograms() -> None:
    engine = engine_of(replace(HOURLY, max_counted_panes=20, max_panes=1))
    engine.feed([rows_points(1, NOON, source="pod")], NOW)
    for pane in range(1, 50):
        engine.feed([predictions([(f"id-{pane}", NOON + pane * MINUTE_NS, 0.9)], source="pod")], NOW)
    decided = engine.keys[KEY].counted.decided
    assert decided is not None
    assert decided > NOON // MINUTE_NS
    assert {} == engine.feed([predictions([("late", NOON + 1, 0.9)], source="pod")], NOW).dropped
    assert 50 == reading(final(engine.drain(NOW))[KEY, "1h", NOON], metrics.ML_WINDOW_OBSERVATIONS)
    engine.feed([rows_points(1, NOON + 30 * DAY_NS, source="pod")], NOON + 30 * DAY_NS)
    engine.advance(NOON + 60 * DAY_NS)
    panes = [bound for seen in engine.keys[KEY].counted.histograms.values() for bound in seen.bounds]
    assert min(panes, default=decided) >= decided  # once rows are too late, nothing is remembered


def test_points_are_counted_without_repeats() -> None:
    engine = engine_of()
    for _ in range(3):
        fed = engine.feed([rows_points(2, NOON), rows_points(3, NOON, flush=1)], NOW)
        assert 2 == fed.accepted
    assert 2 == engine.stats(NOW).points
    assert 4 == engine.counters[Lane.HISTOGRAMS, Reason.DUPLICATE]


def test_windows() -> None:
    engine = engine_of(replace(HOURLY, max_windows=10))
    for hour in range(100):
        engine.feed([rows_points(1, NOON + hour * HOUR_NS, source="a")], NOW)
        engine.advance(NOW)
    assert engine.stats(NOW).windows == 10
    assert engine.counters[Lane.HISTOGRAMS, Reason.WINDOW_LIMIT] > 0


def test_slices_are_forgotten_but_never_counted_twice() -> None:
    engine = engine_of(replace(HOURLY, max_slices=100))
    batches = [rows_points(1, NOON + 2 * pane * MINUTE_NS) for pane in range(1_000)]
    engine.feed(batches, NOW)
    engine.feed(batches, NOW)
    assert engine.counters[Lane.HISTOGRAMS, Reason.SLICE_LIMIT] > 0
    observed = [reading(one, metrics.ML_WINDOW_OBSERVATIONS) for one in final(engine.drain(NOW)).values()]
    assert sum(value or 0 for value in observed) == 1_000


def test_versions_of_one_id() -> None:
    engine = engine_of(HOURLY)
    for number in range(100):
        engine.feed([predictions([("a", NOON, 0.9)], key=KEY._replace(version=str(number)))], NOW)
        engine.feed([truths([("b", NOON, "1")], version=str(number))], NOW)
    assert engine.counters[Lane.OUTCOMES, Reason.RECORD_LIMIT] == 36
    assert engine.counters[Lane.FEEDBACK, Reason.RECORD_LIMIT] == 36
