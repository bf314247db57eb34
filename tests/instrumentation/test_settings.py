"""The environment says what monitors need; what it says wrongly costs only itself."""

from __future__ import annotations

import pytest

from barograph.errors import ConfigError
from barograph.guard import guard
from barograph.monitor import Monitor
from barograph.settings import Settings

from .listening import ListeningSink

RIGHT = [
    ("MODEL", "credit:3", "model", "credit"),
    ("MODEL", "credit : 3:1", "version", "3:1"),
    ("MODEL", "credit", "version", "0"),
    ("BASELINE", " credit.baseline ", "baseline", "credit.baseline"),
    ("COLUMNS", "id=a,segment=b,segment=c", "columns", "id=a,segment=b,segment=c"),
    ("PANE", "60", "pane_s", 60),
    ("PANE", "1m", "pane_s", 60),
    ("PANE", "1h", "pane_s", 3_600),
    ("PANE", "1d", "pane_s", 86_400),
    ("THRESHOLD", "0", "threshold", 0.0),
    ("THRESHOLD", "0.3", "threshold", 0.3),
    ("POSITIVE", "late", "positive", "late"),
    ("OUTCOMES", "Readable", "outcomes", "readable"),
    ("ROWS", "all", "rows", 1.0),
    ("ROWS", "Off", "rows", 0.0),
    ("ROWS", "0.1", "rows", 0.1),
    ("REDACT", "ssn=drop", "redact", "ssn=drop"),
    ("CLEAR", "region, channel,", "clear", ("region", "channel")),
    ("CLEAR", "*", "clear", ("*",)),
    ("HASH_KEY", "k", "hash_key", "k"),
]
WRONG = [
    ("MODEL", ":3"),
    ("COLUMNS", "who=a"),
    ("COLUMNS", "id"),
    ("PANE", "0"),
    ("PANE", "7m"),
    ("PANE", "2d"),
    ("PANE", "-60"),
    ("PANE", "soon"),
    ("THRESHOLD", "1.5"),
    ("THRESHOLD", "nan"),
    ("THRESHOLD", "half"),
    ("OUTCOMES", "none"),
    ("ROWS", "most"),
    ("ROWS", "-1"),
]


@pytest.mark.parametrize(("variable", "text", "name", "expected"), RIGHT)
def test_a_variable_is_read(variable: str, text: str, name: str, expected: object) -> None:
    assert expected == getattr(Settings.from_environment({f"BAROGRAPH_{variable}": text}), name)


@pytest.mark.parametrize("environ", [{}, {"BAROGRAPH_MODEL": "", "BAROGRAPH_PANE": "  "}])
def test_nothing_said_is_the_defaults(environ: dict[str, str]) -> None:
    assert Settings() == Settings.from_environment(environ)


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_a_wrong_value_is_said_counted_and_replaced_by_the_default(
    lenient: None, caplog: pytest.LogCaptureFixture, variable: str, text: str
) -> None:
    found = Settings.from_environment({f"BAROGRAPH_{variable}": text, "BAROGRAPH_POSITIVE": "late"})
    assert Settings(positive="late") == found
    assert [1] == [count for (lane, _), count in guard.counts().items() if lane == "configuration"]
    (line,) = caplog.messages
    assert f"BAROGRAPH_{variable}" in line
    assert "got" in line
    assert "wanted" in line


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_a_wrong_value_raises_in_strict_mode(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"BAROGRAPH_{variable}: .*got .*wanted"):
        Settings.from_environment({f"BAROGRAPH_{variable}": text})


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Settings.from_environment({"BAROGRAPH_HASH_KEY": "secret"}))


def test_both_sets_of_arguments_make_a_monitor() -> None:
    settings = Settings.from_environment({"BAROGRAPH_PANE": "1h", "BAROGRAPH_THRESHOLD": "0.3"})
    sink = ListeningSink()
    for arguments in (settings.named_arguments(), settings.shared_arguments()):
        watch = Monitor("m", "1", sink=sink, **arguments)
        watch.record([1.0], scores=[0.4])
        assert watch.flush()
    assert 2 == sink.rows()
    assert {"baseline", "threshold", "positive"} == (
        settings.named_arguments().keys() - settings.shared_arguments().keys()
    )
