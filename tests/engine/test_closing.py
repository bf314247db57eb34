"""When windows close, mature and are revised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from barograph.semconv import metrics
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Window

from .world import KEY, NOON, SETTINGS, at, engine_of, final, predictions, reading, rows_points, truths

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Batch

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
OBSERVATIONS = metrics.ML_WINDOW_OBSERVATIONS
LABELLED = metrics.ML_PERFORMANCE_OBSERVATIONS
MATURITY = metrics.ML_LABEL_MATURITY
LATENESS_NS = HOURLY.lateness_ns


def test_a_window_closes_when_the_watermark_is_past_its_end_and_the_lateness() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 90 * MINUTE_NS
    engine.feed([predictions([("a", NOON, 0.2), ("b", NOON + HOUR_NS + LATENESS_NS - 1, 0.2)])], now)
    assert engine.advance(now) == []
    engine.feed([predictions([("c", NOON + HOUR_NS + LATENESS_NS, 0.2)])], now)
    (window,) = engine.advance(now)
    assert (window.start_ns, window.end_ns, window.revision) == (NOON, NOON + HOUR_NS, 0)
    assert reading(window, OBSERVATIONS) == 1
    assert reading(window, metrics.ML_WINDOW_END) == (NOON + HOUR_NS) / 1e9
    assert engine.advance(now) == []


def test_the_slower_of_two_sources_holds_the_window_until_it_is_idle() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 3 * HOUR_NS
    engine.feed([predictions([("a", NOON, 0.2)], source="slow")], now)
    now += MINUTE_NS
    engine.feed([predictions([("b", NOON + 2 * HOUR_NS, 0.2)], source="fast")], now)
    assert engine.advance(now) == []
    (window,) = engine.advance(now + HOURLY.idle_ns)
    assert window.start_ns == NOON


def test_a_model_that_died_still_has_its_last_window_closed_and_its_labels_matured() -> None:
    engine = engine_of(HOURLY)
    batches: list[Batch] = [
        predictions([("a", NOON + 59 * MINUTE_NS, 0.9)]),
        truths([("a", NOON + HOUR_NS, "1")]),
    ]
    engine.feed(batches, NOON + HOUR_NS)
    silent = NOON + HOUR_NS + HOURLY.idle_ns
    assert [one.revision for one in engine.advance(silent + 4 * MINUTE_NS)] == [0]
    (matured,) = engine.advance(silent + 2 * HOUR_NS)
    assert reading(matured, LABELLED, ml__label__horizon="1h") == 1
    assert reading(matured, LABELLED, ml__label__horizon="1d") is None


def test_late_rows_revise_their_window_until_the_time_to_live_is_over() -> None:
    settings = replace(HOURLY, ttl_ns=DAY_NS)
    engine = engine_of(settings)
    now = NOON + 2 * DAY_NS
    engine.feed([predictions([("a", NOON, 0.2)]), predictions([("b", NOON + 2 * HOUR_NS, 0.2)])], now)
    assert [one.revision for one in engine.advance(now)] == [0]
    engine.feed([predictions([("late", NOON + 1, 0.2)])], now)
    (revised,) = engine.advance(now)
    assert (revised.start_ns, revised.revision, reading(revised, OBSERVATIONS)) == (NOON, 1, 2)
    engine.feed([predictions([("c", NOON + DAY_NS + 2 * MINUTE_NS, 0.2)])], now)
    engine.advance(now)
    fed = engine.feed([predictions([("too late", NOON + 2, 0.2), ("d", NOON + HOUR_NS, 0.2)])], now)
    assert (fed.accepted, fed.dropped) == (1, {Reason.LATE: 1})
    assert engine.counters[Lane.OUTCOMES, Reason.LATE] == 1


def test_late_histogram_points_revise_or_are_dropped_too() -> None:
    engine = engine_of(replace(HOURLY, ttl_ns=DAY_NS))
    now = NOON + 3 * DAY_NS
    engine.feed([rows_points(5, NOON), rows_points(5, NOON + 2 * HOUR_NS)], now)
    engine.advance(now)
    engine.feed([rows_points(7, NOON, flush=1)], now)
    (revised,) = engine.advance(now)
    assert (revised.revision, reading(revised, OBSERVATIONS)) == (1, 12)
    engine.feed([rows_points(1, NOON + 2 * DAY_NS)], now)
    engine.advance(now)
    assert engine.feed([rows_points(9, NOON, flush=2)], now).dropped == {Reason.LATE: 1}


def test_horizons_mature_together_in_one_revision_and_each_counts_its_labels() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 9 * DAY_NS
    end = NOON + HOUR_NS
    engine.feed([predictions([(name, NOON, 0.9) for name in "abcd"])], now)
    observed = [("a", end + HOUR_NS, "1"), ("b", end + HOUR_NS + 1, "1"), ("c", end + 2 * DAY_NS, "0")]
    engine.feed([truths(observed)], now)
    engine.feed([predictions([("x", end + LATENESS_NS, 0.9)])], now)
    (closed,) = engine.advance(now)
    assert reading(closed, MATURITY, ml__label__horizon="1h") is None
    engine.feed([predictions([("y", end + HOUR_NS - 1, 0.9)])], now)
    assert engine.advance(now) == []
    engine.feed([predictions([("z", end + 2 * DAY_NS, 0.9)])], now)
    matured = final(engine.advance(now))[KEY, "1h", NOON]
    assert matured.revision == 1
    assert reading(matured, LABELLED, ml__label__horizon="1h") == 1
    assert reading(matured, LABELLED, ml__label__horizon="1d") == 2
    assert reading(matured, LABELLED, ml__label__horizon="all") is None
    last = final(engine.drain(now))[KEY, "1h", NOON]
    assert reading(last, LABELLED, ml__label__horizon="all") == 3
    assert reading(last, MATURITY, ml__label__horizon="all") == 0.75


def test_a_label_revises_only_horizons_that_have_passed() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 9 * DAY_NS
    end = NOON + HOUR_NS
    engine.feed([predictions([("a", NOON, 0.9), ("b", NOON, 0.9), ("later", end + 3 * HOUR_NS, 0.9)])], now)
    engine.advance(now)
    engine.feed([truths([("a", end + 2 * HOUR_NS, "1")])], now)  # waits for the horizon of a day
    assert engine.advance(now) == []
    engine.feed([truths([("b", end + MINUTE_NS, "1")])], now)
    (revised,) = engine.advance(now)
    assert reading(revised, LABELLED, ml__label__horizon="1h") == 1


def test_labels_never_advance_the_watermark() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([("a", NOON, 0.9)]), truths([("a", NOON + 5 * DAY_NS, "1")])], NOON + 6 * DAY_NS)
    assert engine.advance(NOON + 6 * DAY_NS) == []


def test_a_label_after_the_last_horizon_of_every_window_is_late() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 20 * DAY_NS
    engine.feed([predictions([("a", NOON, 0.9)]), truths([("a", NOON + HOUR_NS + 7 * DAY_NS + 1, "1")])], now)
    window = final(engine.drain(now))[KEY, "1h", NOON]
    assert reading(window, MATURITY, ml__label__horizon="all") == 0
    assert engine.counters[Lane.FEEDBACK, Reason.LATE] == 1


def test_windows_are_let_go_after_their_last_horizon() -> None:
    engine = engine_of(HOURLY)
    now = NOON + 30 * DAY_NS
    engine.feed([predictions([("a", NOON, 0.9)])], now)
    engine.advance(now)
    engine.feed([predictions([("b", NOON + 8 * DAY_NS, 0.9)])], now)
    window = final(engine.advance(now))[KEY, "1h", NOON]
    assert reading(window, MATURITY, ml__label__horizon="all") == 0
    stats = engine.stats(now)
    assert (stats.windows, stats.panes, stats.pending) == (0, 1, 1)
    assert engine.counters[Lane.OUTCOMES, Reason.NEVER_LABELLED] == 1


def test_after_the_time_to_live_readings_stay_in_later_revisions_though_states_are_gone() -> None:
    engine = engine_of(replace(HOURLY, ttl_ns=2 * HOUR_NS))
    now = NOON + 9 * DAY_NS
    engine.feed([predictions([("a", NOON, 0.9)])], now)
    engine.feed([predictions([("b", NOON + 6 * HOUR_NS, 0.9)])], now)
    engine.advance(now)
    engine.feed([truths([("a", NOON + HOUR_NS, "1")])], now)
    (revised,) = engine.advance(now)
    assert reading(revised, OBSERVATIONS) == 1
    assert reading(revised, MATURITY, ml__label__horizon="1h") == 1


def test_event_times_ahead_of_the_clock_are_clamped_and_counted() -> None:
    engine = engine_of(HOURLY)
    ahead = NOON + 5 * DAY_NS
    engine.feed([predictions([("a", ahead, 0.9)]), rows_points(3, ahead, source="b")], NOON)
    assert engine.counters[Lane.OUTCOMES, Reason.CLAMPED] == 1
    assert engine.counters[Lane.HISTOGRAMS, Reason.CLAMPED] == 1
    assert engine.advance(NOON) == []
    assert {one.start_ns for one in engine.drain(NOON)} == {
        NOON,
        NOON + HOUR_NS,
    }  # a point is in the pane of its end


def test_a_month_closes_at_the_first_of_the_next() -> None:
    engine = engine_of(replace(SETTINGS, windows=(Window("month", 0),)))
    now = at("2024-06-01 00:00")
    engine.feed([predictions([("a", at("2024-02-29 23:59"), 0.9), ("b", at("2024-03-01 00:00"), 0.9)])], now)
    assert engine.advance(now) == []
    engine.feed([predictions([("c", at("2024-03-01 00:02"), 0.9)])], now)
    (window,) = engine.advance(now)
    assert (window.start_ns, window.end_ns) == (at("2024-02-01 00:00"), at("2024-03-01 00:00"))


def test_drain_closes_everything_once_and_the_engine_stays_usable() -> None:
    engine = engine_of(HOURLY)
    engine.feed([predictions([("a", NOON, 0.9)])], NOON + HOUR_NS)
    (window,) = engine.drain(NOON + HOUR_NS)
    assert reading(window, MATURITY, ml__label__horizon="all") == 0
    assert engine.drain(NOON + HOUR_NS) == []
    engine.feed([truths([("a", NOON + MINUTE_NS, "1")])], NOON + HOUR_NS)
    (revised,) = engine.advance(NOON + HOUR_NS)
    assert (revised.revision, reading(revised, MATURITY, ml__label__horizon="all")) == (1, 1)
