"""`BAROGRAPH_SINK`: which sinks there are, what each gets, and that no plug-in's fault is shared."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from barograph import export, sinks, this_process
from barograph.errors import ConfigError
from barograph.guard import guard
from barograph.identity import Identity
from barograph.points import ExplicitBuckets, SourceEvent, SourcePoint
from barograph.routing import Routed
from barograph.semconv import attributes, events, metrics
from barograph.worker import WORKER

from .listening import ListeningSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MINE = Identity("m", "1")
OF_A_POINT = MINE.point_attributes("a-source", 60)
ROWS = SourcePoint(metrics.ML_INFERENCE_PREDICTIONS, OF_A_POINT, 0, 1, 3)
TOOK = SourcePoint(
    metrics.ML_INFERENCE_DURATION, OF_A_POINT, 0, 1, ExplicitBuckets((1.0,), (2, 1), 3.0, 0.5, 1.5)
)
PACKED = SourceEvent(
    events.ML_INFERENCE_PREDICTION_BATCH,
    1,
    MINE.attributes() | {attributes.ML_BATCH_ROWS: 7, attributes.ML_BATCH_ARROW: b""},
)


class Plugin(ListeningSink):
    """A sink of a third party's; the newest one is kept."""

    newest: Plugin

    def __init__(self, metric_exporters: object, log_exporters: object) -> None:
        super().__init__()
        self.given = (metric_exporters, log_exporters)
        self.drained = self.forked = False
        Plugin.newest = self

    def drain(self, timeout_s: float) -> bool:
        self.drained = timeout_s >= 0
        return True

    def after_fork(self) -> None:
        self.forked = True


class Broken(ListeningSink):
    """Fails at everything."""

    def points(self, points: Sequence[SourcePoint]) -> None:
        raise RuntimeError("a bug")

    def events(self, events: Sequence[SourceEvent]) -> None:
        raise RuntimeError("a bug")

    def flush(self, timeout_s: float) -> bool:
        raise RuntimeError("a bug")

    def shutdown(self, timeout_s: float) -> None:
        raise RuntimeError("a bug")


def raising(*_: object) -> Any:
    raise RuntimeError("a bug at the start")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Entry points as if packages with them were installed."""

    def install(**targets: str) -> None:
        found = [EntryPoint(name, value, sinks.GROUP) for name, value in targets.items()]
        monkeypatch.setattr(sinks, "entry_points", lambda *, group: found if group == sinks.GROUP else [])

    return install


@pytest.fixture
def fresh() -> Iterator[None]:
    """No sink of the process so far."""
    before = this_process.swap_sink(None)
    yield
    this_process.swap_sink(before)


def chosen(monkeypatch: pytest.MonkeyPatch, named: str) -> Any:
    monkeypatch.setenv(sinks.VARIABLE, named)
    this_process.prepare()
    return this_process.default_sink()


HERE = f"{__name__}"


def test_without_a_word_telemetry_goes_to_the_exporters(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(chosen(monkeypatch, ""), export.ExporterSink)
    this_process.swap_sink(None)
    assert isinstance(chosen(monkeypatch, " OTLP "), export.ExporterSink)


def test_a_sink_is_found_by_its_entry_point_and_knows_the_exporters(
    fresh: None, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(third=f"{HERE}:Plugin")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    sink = chosen(monkeypatch, "third")
    sink.points([ROWS])
    assert [ROWS] == Plugin.newest.heard
    make_metrics, _ = Plugin.newest.given
    assert callable(make_metrics)
    assert [] == make_metrics()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no.such.module:sink", "raised ModuleNotFoundError"),
        (f"{HERE}:raising", "a bug at the start"),
        (f"{HERE}:nothing", "raised AttributeError"),
    ],
)
def test_a_plugin_that_cant_be_had_is_said_and_its_predictions_are_counted(
    fresh: None,
    installed: Callable[..., None],
    lenient: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    target: str,
    said: str,
) -> None:
    installed(third=target)
    sink = chosen(monkeypatch, "third")
    sink.points([ROWS, ROWS])
    sink.events([PACKED])
    assert {
        ("configuration", "no_sink"): 1,
        ("histograms", "no_sink"): 2,
        ("outcomes", "no_sink"): 7,
    } == guard.take()
    assert said in caplog.text
    assert "BAROGRAPH_SINK: third" in caplog.text


def test_an_unknown_sink_is_told_with_those_that_there_are(
    fresh: None, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(third=f"{HERE}:Plugin")
    with pytest.raises(ConfigError, match=r"BAROGRAPH_SINK: thrid: .*wanted one of otlp, third"):
        chosen(monkeypatch, "thrid")


def test_what_is_for_people_leaves_by_the_exporters_and_the_rest_by_the_named_sink() -> None:
    exporters, named = ListeningSink(), ListeningSink()
    routed = Routed(exporters, {"third": named}, exports_all=False)
    routed.points([ROWS, TOOK])
    routed.events([PACKED])
    assert ([TOOK], []) == (exporters.heard, exporters.told)
    assert ([ROWS], [PACKED]) == (named.heard, named.told)


def test_with_otlp_beside_it_the_exporters_get_everything_once() -> None:
    exporters, named = ListeningSink(), ListeningSink()
    routed = Routed(exporters, {"third": named}, exports_all=True)
    routed.points([ROWS, TOOK])
    routed.events([PACKED])
    assert [TOOK, ROWS] == exporters.heard
    assert [ROWS] == named.heard
    assert [PACKED] == exporters.told == named.told


def test_what_fails_in_one_sink_reaches_the_others(lenient: None) -> None:
    exporters = ListeningSink()
    routed = Routed(exporters, {"broken": Broken()}, exports_all=True)
    routed.points([ROWS])
    routed.events([PACKED])
    assert not routed.flush(1.0)
    routed.shutdown(1.0)
    assert ([ROWS], [PACKED]) == (exporters.heard, exporters.told)
    assert exporters.ended
    assert {("histograms", "internal_error"): 4} == guard.take()


def test_the_process_drains_and_forks_what_can_be(
    fresh: None, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(third=f"{HERE}:Plugin")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    chosen(monkeypatch, "otlp,third")
    assert WORKER.drain(5.0)
    this_process._process.after_fork()
    assert (True, True) == (Plugin.newest.drained, Plugin.newest.forked)


def test_the_engines_telemetry_may_go_elsewhere_than_the_applications(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sinks.ENDPOINT, "http://me:secret@127.0.0.1:1")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    sink = chosen(monkeypatch, "")
    assert isinstance(sink, Routed)
    (upstream,) = sink.named.values()
    assert isinstance(upstream, export.ExporterSink)
    (metric_exporter,) = upstream._exporters.get("metrics")
    (log_exporter,) = upstream._exporters.get("logs")
    assert "http://me:secret@127.0.0.1:1/v1/metrics" == metric_exporter._endpoint
    assert "http://me:secret@127.0.0.1:1/v1/logs" == log_exporter._endpoint
    assert "none, the default endpoint; upstream http://127.0.0.1:1" == sinks.destination()
    exporters = sink.parts[-1]
    assert isinstance(exporters, export.ExporterSink)
    assert [] == exporters._exporters.get("metrics")
    sink.shutdown(1.0)
