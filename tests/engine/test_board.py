"""Which readings repeat, and when they end."""

from __future__ import annotations

from barograph.semconv import attributes
from barograph_processor.engine.board import Board
from barograph_processor.engine.results import ClosedWindow
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS
from barograph_processor.signals.api import Reading

from .world import KEY, NOON

GRACE_NS = 5 * MINUTE_NS
WALL = NOON + 40 * HOUR_NS


def window(
    hour: int, readings: dict[str, float], *, revision: int = 0, baseline: str | None = None
) -> ClosedWindow:
    """A window of an hour; ``name@1d`` is a reading of the horizon of a day."""
    made = []
    for name, value in readings.items():
        metric, _, horizon = name.partition("@")
        made.append(Reading(metric, value, ((attributes.ML_LABEL_HORIZON, horizon),) if horizon else ()))
    start_ns = NOON + hour * HOUR_NS
    return ClosedWindow(KEY, "1h", start_ns, start_ns + HOUR_NS, revision, "ok", baseline, tuple(made))


def shown(board: Board, now_ns: int) -> set[tuple[str, float, bool]]:
    """Metric (with horizon), value, ended."""
    return {
        ("@".join([one.reading.metric, *dict(one.reading.attributes).values()]), one.reading.value, one.ended)
        for one in board.current(now_ns)
    }


def test_readings_repeat_until_one_length_and_the_grace_have_passed_then_end_once() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1})], WALL)
    for wait in (0, MINUTE_NS, HOUR_NS + GRACE_NS - 1):
        assert shown(board, WALL + wait) == {("psi", 0.1, False)}
    assert shown(board, WALL + HOUR_NS + GRACE_NS) == {("psi", 0.1, True)}
    assert shown(board, WALL + HOUR_NS + GRACE_NS) == set()


def test_the_next_window_replaces_and_what_it_does_not_continue_ends_once() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1, "ks": 0.2})], WALL)
    board.update([window(1, {"psi": 0.3})], WALL + HOUR_NS)
    assert shown(board, WALL + HOUR_NS) == {("psi", 0.3, False), ("ks", 0.2, True)}
    assert shown(board, WALL + HOUR_NS) == {("psi", 0.3, False)}


def test_a_revision_changes_values_but_does_not_live_longer() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1})], WALL)
    board.update([window(0, {"psi": 0.2}, revision=1)], WALL + 50 * MINUTE_NS)
    assert shown(board, WALL + 50 * MINUTE_NS) == {("psi", 0.2, False)}
    assert shown(board, WALL + HOUR_NS + GRACE_NS) == {("psi", 0.2, True)}
    board.update([window(0, {"psi": 0.4}, revision=2)], WALL + 3 * HOUR_NS)
    assert shown(board, WALL + 3 * HOUR_NS) == set()


def test_a_revision_of_an_older_window_is_not_shown() -> None:
    board = Board(GRACE_NS)
    board.update([window(1, {"psi": 0.3}), window(0, {"psi": 0.1}, revision=4)], WALL)
    assert shown(board, WALL) == {("psi", 0.3, False)}


def test_each_horizon_shows_its_own_newest_window() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1}), window(1, {"psi": 0.2})], WALL)
    board.update([window(0, {"psi": 0.1, "accuracy@1h": 0.9}, revision=1)], WALL)
    assert shown(board, WALL) == {("psi", 0.2, False), ("accuracy@1h", 0.9, False)}
    board.update([window(1, {"psi": 0.2, "accuracy@1h": 0.8}, revision=1)], WALL)
    board.update([window(0, {"psi": 0.1, "accuracy@1h": 0.9, "accuracy@1d": 0.7}, revision=2)], WALL)
    newest = {("psi", 0.2, False), ("accuracy@1h", 0.8, False), ("accuracy@1d", 0.7, False)}
    assert shown(board, WALL) == newest


def test_another_baseline_is_another_series() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1}, baseline="old")], WALL)
    board.update([window(1, {"psi": 0.3}, baseline="new")], WALL)
    found = {(one.baseline_id, one.reading.value, one.ended) for one in board.current(WALL)}
    assert found == {("old", 0.1, True), ("new", 0.3, False)}


def test_a_series_that_comes_back_before_it_was_ended_does_not_end() -> None:
    board = Board(GRACE_NS)
    board.update([window(0, {"psi": 0.1})], WALL)
    board.update([window(1, {"ks": 0.1})], WALL)
    board.update([window(2, {"psi": 0.4})], WALL)
    assert shown(board, WALL) == {("psi", 0.4, False), ("ks", 0.1, True)}
