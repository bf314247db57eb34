"""`barograph run` as users run it: fed by the OpenTelemetry SDK, scraped, drained, stopped."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from barograph.semconv import attributes, metrics

from .processes import last_revisions, prediction, send, service, truth, value

if TYPE_CHECKING:
    from pathlib import Path

HOUR_NS = 3_600 * 10**9
START_NS = 1_357_016_400 * 10**9 // (24 * HOUR_NS) * 24 * HOUR_NS  # a midnight in 2013
HORIZON = {attributes.ML_LABEL_HORIZON: "all"}


def rows(count: int, *, hours: int) -> list[dict[str, Any]]:
    """Predictions spread evenly over time, right as often as their score says."""
    chance = random.Random(20130101)
    found = []
    for index in range(count):
        score = chance.random()
        found.append(
            {
                "id": f"a-{index}",
                "time_ns": START_NS + index * hours * HOUR_NS // count,
                "score": score,
                "predicted": "true" if score >= 0.5 else "false",
                "truth": "true" if chance.random() < score else "false",
            }
        )
    return found


def accuracy(part: list[dict[str, Any]]) -> float:
    return sum(bool(row["predicted"] == row["truth"]) for row in part) / len(part)


def test_predictions_and_truth_become_windows_metrics_and_a_summary() -> None:
    data = rows(600, hours=48)
    with service("--window", "1d", "--window", "month", "--pane", "1h") as running:
        send(running.otlp, [prediction(row) for row in data])
        send(running.otlp, [truth(row, HOUR_NS) for row in data[:-50]])
        send(running.otlp, [truth(data[0], HOUR_NS)])
        summary = running.drain()
        scraped = running.scrape()
        running.stop()
    assert 0 == running.process.returncode, running.said
    assert {
        "accepted": 550,
        "joined": 550,
        "waiting": 0,
        "duplicates": 1,
        "conflicts": 0,
        "dropped": {},
    } == summary["labels"]
    assert 600 == summary["predictions"]
    days = last_revisions(running.windows, "1d")
    assert [300.0, 300.0] == [value(day, metrics.ML_WINDOW_OBSERVATIONS) for day in days]
    first, second = data[:300], data[300:550]
    assert [accuracy(first), accuracy(second)] == pytest.approx(
        [value(day, metrics.ML_PERFORMANCE_ACCURACY, **HORIZON) for day in days]
    )
    assert [
        1.0,
        250 / 300,
    ] == pytest.approx([value(day, metrics.ML_LABEL_MATURITY, **HORIZON) for day in days])
    (month,) = last_revisions(running.windows, "month")
    assert accuracy(data[:550]) == pytest.approx(value(month, metrics.ML_PERFORMANCE_ACCURACY, **HORIZON))
    assert "ml_window_observations{" in scraped
    assert 'ml_model_name="credit"' in scraped
    assert "barograph_receiver_accepted_log_records_total" in scraped
    assert "stopped; closed 3 windows" in running.said


def test_windows_close_by_themselves_when_event_time_moves_on() -> None:
    data = rows(100, hours=25)
    with service("--window", "1d", "--pane", "1h") as running:
        send(running.otlp, [prediction(row) for row in data])
        line = running.next_line()
        running.stop()
    assert "ml.window.closed" == json.loads(line)["event"]


def test_an_orderly_stop_keeps_unfinished_windows_and_pending_predictions(tmp_path: Path) -> None:
    data = rows(200, hours=20)
    options = ("--window", "1d", "--pane", "1h", "--storage", str(tmp_path))
    with service(*options) as running:
        send(running.otlp, [prediction(row) for row in data[:120]])
        running.stop()
    assert [] == running.windows
    assert f"kept in {tmp_path}" in running.said
    with service(*options) as running:
        send(running.otlp, [prediction(row) for row in data[100:]])
        send(running.otlp, [truth(row, HOUR_NS) for row in data])
        summary = running.drain()
        running.stop()
    assert "with the unfinished windows of" in running.said
    assert {
        "accepted": 200,
        "joined": 200,
        "waiting": 0,
        "duplicates": 0,
        "conflicts": 0,
        "dropped": {},
    } == summary["labels"]
    assert {"duplicate": 20} == summary["dropped"]["outcomes"]
    (day,) = last_revisions(running.windows, "1d")
    assert 200.0 == value(day, metrics.ML_WINDOW_OBSERVATIONS)
    assert accuracy(data) == pytest.approx(value(day, metrics.ML_PERFORMANCE_ACCURACY, **HORIZON))
