"""The console tells a window in one line, for people and for programs."""

from __future__ import annotations

import io
import json

from barograph.semconv import attributes, metrics
from barograph_processor.engine.batch import Key
from barograph_processor.engine.results import ClosedWindow
from barograph_processor.exporters.console import Config, Console
from barograph_processor.exporters.window_text import text_line
from barograph_processor.signals.api import Reading

DAY = 86_400 * 10**9


def feature(metric: str, name: str, value: float) -> Reading:
    return Reading(metric, value, ((attributes.ML_FEATURE_NAME, name),))


WINDOW = ClosedWindow(
    Key("default", "", "prod", "credit", "3", ""), "1d", 15_000 * DAY, 15_001 * DAY, 2, "warning", "abc",
    (
        Reading(metrics.ML_WINDOW_OBSERVATIONS, 1024.0),
        feature(metrics.ML_FEATURE_DRIFT_PSI, "age", 0.1),
        feature(metrics.ML_FEATURE_DRIFT_PSI, "income, net", 0.4),
        feature(metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "age", 0.0),
        feature(metrics.ML_FEATURE_DRIFT_SIGNIFICANT, "income, net", 1.0),
        Reading(metrics.ML_PERFORMANCE_ACCURACY, 0.75, ((attributes.ML_LABEL_HORIZON, "1h"),)),
        Reading(metrics.ML_PERFORMANCE_ACCURACY, 0.8125, ((attributes.ML_LABEL_HORIZON, "all"),)),
        Reading(
            metrics.ML_PERFORMANCE_ACCURACY, 0.5,
            ((attributes.ML_LABEL_HORIZON, "all"), (attributes.ML_SEGMENT_NAME, "region")),
        ),
        Reading(metrics.ML_LABEL_MATURITY, 0.5, ((attributes.ML_LABEL_HORIZON, "all"),)),
    ),
)  # fmt: skip


def test_people_see_when_what_how_many_what_drifted_and_how_well_it_does() -> None:
    expected = (
        "2011-01-26 00:00     1d  credit:3  warning  1,024 rows  drift 1/2: income, net 0.40  "
        "accuracy 0.812  labels 50%  (revision 2)"
    )
    assert expected == text_line(WINDOW)


def test_off_a_terminal_there_are_no_colours() -> None:
    stream = io.StringIO()
    Console(Config(), stream).windows([WINDOW])
    assert "\x1b" not in stream.getvalue()
    assert "\x1b[33mwarning\x1b[0m" in text_line(WINDOW, colour=True)


def test_a_window_without_readings_is_told_too() -> None:
    empty = ClosedWindow(
        Key("default", "", "", "m", "0", "eta"), "month", 0, 1, 0, "insufficient_data", None, ()
    )
    assert "1970-01-01 00:00  month  m:0 eta  insufficient data" == text_line(empty)


def test_programs_get_one_json_object_a_line() -> None:
    stream = io.StringIO()
    Console(Config(format="json"), stream).windows([WINDOW, WINDOW])
    first, second = stream.getvalue().splitlines()
    assert first == second
    found = json.loads(first)
    assert (found["model"], found["start"], found["revision"]) == ("credit", "2011-01-26T00:00:00+00:00", 2)
    assert {"name": metrics.ML_FEATURE_DRIFT_PSI, "value": 0.1, attributes.ML_FEATURE_NAME: "age"} in found[
        "readings"
    ]
