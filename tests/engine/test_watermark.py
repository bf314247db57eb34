"""How event time advances."""

from __future__ import annotations

from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS
from barograph_processor.engine.watermark import Watermark

from .world import NOON

IDLE_NS = 2 * MINUTE_NS
TODAY = NOON + 700 * DAY_NS


def test_the_slowest_source_and_lane_holds_it() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("a", "outcomes", time_ns=NOON + HOUR_NS, now_ns=TODAY)
    mark.observe("a", "histograms", time_ns=NOON + 2 * HOUR_NS, now_ns=TODAY)
    mark.observe("b", "outcomes", time_ns=NOON, now_ns=TODAY)
    assert mark.advance(TODAY) == NOON


def test_an_idle_source_lets_go() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("slow", "outcomes", time_ns=NOON, now_ns=TODAY)
    mark.observe("fast", "outcomes", time_ns=NOON + HOUR_NS, now_ns=TODAY + IDLE_NS)
    assert mark.advance(TODAY + IDLE_NS) == NOON
    assert mark.advance(TODAY + IDLE_NS + 1) == NOON + HOUR_NS


def test_it_never_goes_back() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("a", "outcomes", time_ns=NOON + HOUR_NS, now_ns=TODAY)
    mark.advance(TODAY)
    mark.observe("b", "outcomes", time_ns=NOON, now_ns=TODAY)
    assert mark.advance(TODAY) == NOON + HOUR_NS


def test_with_every_source_idle_it_runs_on_at_the_clocks_speed() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("a", "outcomes", time_ns=NOON, now_ns=TODAY)
    assert mark.advance(TODAY + IDLE_NS + DAY_NS) == NOON + DAY_NS


def test_an_event_from_the_future_counts_as_now() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("a", "outcomes", time_ns=NOON + HOUR_NS, now_ns=NOON)
    assert mark.advance(NOON) == NOON


def test_after_a_restart_silence_counts_from_then() -> None:
    before = Watermark(IDLE_NS)
    before.observe("a", "outcomes", time_ns=NOON, now_ns=TODAY)
    before.advance(TODAY)
    mark = Watermark(IDLE_NS)
    mark.load(before.time_ns, before.entries())
    mark.wake(TODAY + 3 * DAY_NS)
    assert mark.advance(TODAY + 3 * DAY_NS) == NOON
    assert mark.advance(TODAY + 3 * DAY_NS + IDLE_NS + 5) == NOON + 5


def test_sources_that_are_gone_are_forgotten() -> None:
    mark = Watermark(IDLE_NS)
    mark.observe("old", "outcomes", time_ns=NOON, now_ns=TODAY)
    mark.observe("new", "outcomes", time_ns=NOON + DAY_NS, now_ns=TODAY + HOUR_NS)
    assert mark.forget_before(NOON + HOUR_NS, TODAY + HOUR_NS) == ["old"]
    assert mark.sources() == {"new"}
