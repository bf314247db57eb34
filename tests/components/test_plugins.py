"""What other packages add is found, checked, used, and told by name where it can't be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from barograph.errors import ConfigError
from barograph_processor.components.plugin_signals import signals_of
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.signals import codec, declared
from barograph_processor.signals.api import Reading, View
from barograph_processor.signals.catalog import SIGNALS
from barograph_processor.telemetry import Telemetry

from .packages import SIGNAL, write_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from barograph_processor.signals.api import Signal

EMPTY = View({}, None, 60.0, 7)
ROWS = {"barograph_signal": {"rows.again": "acme_rows:ROWS"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages are installed while the test runs."""
    monkeypatch.setattr(declared, "_declared", {})
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("acme", "other")):
            del sys.modules[name]


def signals(text: str = "") -> list[Signal]:
    """The signals of other packages, with a configuration."""
    registry = Registry.installed()
    config = load(text, catalog=registry, environ={})
    plugins = registry.without(config.plugins.exclude).plugins
    return [signal for signal in signals_of(plugins, Telemetry()) if signal not in SIGNALS]


def test_a_signal_of_an_installed_package_is_used_and_its_metric_is_known(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, ROWS)
    (signal,) = signals()
    assert [Reading("acme.rows", 7.0)] == list(signal.readings(EMPTY))
    assert "{row}" == declared.about("acme.rows").unit


def test_a_class_is_made_into_a_signal(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, {"barograph_signal": {"rows.again": "acme_rows:Rows"}})
    (signal,) = signals()
    assert ("rows.again", "window") == (signal.name, signal.scope)


@pytest.mark.parametrize(
    ("module", "points", "said"),
    [
        ("import no_such_library", {}, "No module named 'no_such_library'"),
        ("1 / 0", {}, "ZeroDivisionError"),
        ("", {}, "AttributeError"),
        ("ROWS = object()", {}, "is no signal: it has no name, scope, metrics, readings"),
        (f"{SIGNAL}\nROWS = Rows(name='rows')", {}, "it calls itself 'rows'"),
        (f"{SIGNAL}\nROWS = Rows(scope='panes')", {}, "its scope is 'panes', wanted window or labels"),
        (f"{SIGNAL}\nROWS = Rows(metrics=())", {}, "wanted one Metric at least"),
        (f"{SIGNAL}\nROWS = Rows(metrics=('acme.rows',))", {}, "wanted one Metric at least"),
        (SIGNAL.replace("acme.rows", "ml.rows"), {}, "begin with your own"),
        (SIGNAL.replace("def readings", "def figures"), {}, "it has no readings"),
        (f"{SIGNAL}\nclass ROWS:\n    def __init__(self, size): pass", {}, "making one failed: TypeError"),
        (f"{SIGNAL}\nRows.observe = lambda self, rows: {{}}", {}, "list the types of its states as `states`"),
        (f"{SIGNAL}\nRows.states = (1,)", {}, "1 is no type of states"),
        (f"{SIGNAL}\nclass Few:\n    KIND = 3\nRows.states = (Few,)", {}, "state kind 3 is not a plugin's"),
        (SIGNAL, {"barograph_signal": {"quality": "acme_rows:ROWS"}}, "itself has the signal quality"),
        (SIGNAL, {"barograph_signal_2": {"rows": "acme_rows:ROWS"}}, "no plug-ins of the group"),
        (SIGNAL, {"barograph_exporter": {"otlp": "acme_rows:ROWS"}}, "itself has the exporter otlp"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_stops_the_start_with_the_package_the_reason_and_the_way_out(
    folder: Path, module: str, points: Mapping[str, Mapping[str, str]], said: str
) -> None:
    points = points or ROWS
    write_package(folder, "acme-rows", module, points)
    with pytest.raises(ConfigError) as caught:
        signals()
    message = str(caught.value)
    assert said in message
    assert "of acme-rows 1.2 (acme_rows:ROWS)" in message
    ((group, ((name, _),)),) = [(group, tuple(entries.items())) for group, entries in points.items()]
    way_out = f"plugins: {{exclude: [{group.removeprefix('barograph_')}/{name}]}}"
    assert way_out in message
    assert [] == signals(way_out)


STATE = """
class Few:
    KIND = 4_321

    @classmethod
    def read(cls, parameters, content):
        return cls()


Rows.states = (Few,)
"""


def test_the_states_of_a_signal_can_be_read_once_it_is_loaded(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL + STATE, ROWS)
    assert 4_321 not in codec.kinds()
    signals()
    assert 4_321 in codec.kinds()


def test_two_states_may_not_have_one_number(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL + STATE, ROWS)
    other = (SIGNAL + STATE).replace("rows.again", "more").replace("acme.rows", "acme.more")
    write_package(folder, "other-rows", other, {"barograph_signal": {"more": "other_rows:ROWS"}})
    with pytest.raises(ConfigError, match=r"state kind 4321 is taken .* use another number"):
        signals()


def test_every_problem_is_told_at_once(folder: Path) -> None:
    write_package(folder, "acme-rows", "1 / 0", ROWS)
    write_package(folder, "acme-gone", "", {"barograph_signal": {"gone": "acme_nowhere:GONE"}})
    with pytest.raises(ConfigError) as caught:
        signals()
    assert 2 == len(str(caught.value).splitlines())


def test_of_two_packages_with_one_name_neither_silently_wins(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, ROWS)
    write_package(folder, "other-rows", SIGNAL, {"barograph_signal": {"rows.again": "other_rows:ROWS"}})
    with pytest.raises(
        ConfigError, match=r"other-rows 1\.2 .*: acme-rows 1\.2 has .*exclude: \[other-rows\]"
    ):
        signals()
    for text in ("Acme_Rows", "other-rows"):
        assert 1 == len(signals(f"plugins: {{exclude: [{text}]}}"))


def test_two_signals_may_not_mean_different_things_by_one_metric(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, ROWS)
    module = SIGNAL.replace("rows.again", "more").replace("{row}", "{item}")
    write_package(folder, "other-rows", module, {"barograph_signal": {"more": "other_rows:ROWS"}})
    with pytest.raises(ConfigError, match=r"acme\.rows.*declared already"):
        signals()


def test_excluding_what_is_not_installed_changes_nothing(folder: Path) -> None:
    write_package(folder, "acme-rows", SIGNAL, ROWS)
    assert 1 == len(signals("plugins: {exclude: [signal/elsewhere, other]}"))


EXPORTER = '''
from contextlib import contextmanager

import msgspec

from barograph_processor.components.api import Factory


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it shouts.

    Attributes:
        loud: Whether it does.
    """

    loud: bool = True


SEEN = []


class Shout:
    def windows(self, closed):
        SEEN.extend(closed)

    def readings(self, current, now_ns):
        SEEN.extend(current)


@contextmanager
def _open(config, context):
    yield Shout()


SHOUT = Factory("exporter", "shout", Config, _open, "alpha", "Shouts.")
'''


def test_a_component_of_another_package_is_configured_like_ours(folder: Path) -> None:
    write_package(folder, "acme-shout", EXPORTER, {"barograph_exporter": {"shout": "acme_shout:SHOUT"}})
    config: Any = load("exporters: {shout/at-night: {loud: false}}", catalog=Registry.installed(), environ={})
    assert config.exporters["shout/at-night"].loud is False
    with pytest.raises(ConfigError, match=r"exporters\.shout\.lout: unknown key; did you mean loud"):
        load("exporters: {shout: {lout: 1}}", catalog=Registry.installed(), environ={})


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("SHOUT = 3", "wanted a barograph_processor.components.api.Factory"),
        (EXPORTER.replace('"shout"', '"shut"'), "it calls itself exporter 'shut'"),
        (f"{EXPORTER}\nSHOUT = Factory('exporter', 'shout', dict, _open, 'alpha', '')", "msgspec.Struct"),
    ],
)
def test_a_component_that_is_broken_is_told_where_it_is_named_and_harms_nobody_else(
    folder: Path, module: str, said: str
) -> None:
    write_package(folder, "acme-shout", module, {"barograph_exporter": {"shout": "acme_shout:SHOUT"}})
    assert ["prometheus"] == list(load("exporters: {prometheus: {}}", catalog=Registry.installed()).exporters)
    with pytest.raises(ConfigError, match=r"the exporter 'shout' of acme-shout 1\.2") as caught:
        load("exporters: {shout: {}}", catalog=Registry.installed())
    assert said in str(caught.value)


def test_a_component_that_is_left_out_is_unknown_and_gives_way_to_one_of_its_name(folder: Path) -> None:
    write_package(folder, "acme-shout", "1 / 0", {"barograph_exporter": {"shout": "acme_shout:SHOUT"}})
    write_package(folder, "other-shout", EXPORTER, {"barograph_exporter": {"shout": "other_shout:SHOUT"}})
    registry = Registry.installed()
    with pytest.raises(ConfigError, match="which is no exporter"):
        load("{exporters: {shout: {}}, plugins: {exclude: [exporter/shout]}}", catalog=registry)
    config = load("{exporters: {shout: {}}, plugins: {exclude: [acme-shout]}}", catalog=registry)
    assert ["shout"] == list(config.exporters)
    assert "Shouts." == registry.without(config.plugins.exclude).factory("exporter", "shout").summary
