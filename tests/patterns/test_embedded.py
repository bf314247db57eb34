"""The engine in the serving process: the readings of a service, and faults that stay where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

from barograph import Feedback, Monitor
from barograph.baseline import Baseline
from barograph.guard import guard
from barograph.points import SourcePoint
from barograph.semconv import PROCESSOR_SCOPE, READINGS_SCOPE, attributes, events, metrics, processor
from barograph_processor.patterns import embedded_engine, embedded_sink
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from barograph_processor.wire.decode_window import decode_window_event
from loop.circuit import Circuit

from .embedding import WAIT_S, Embedding, embedding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
HOUR = 3_600_000_000_000
ROWS = 400
CONFIG = """
windows: [1d]
labels: {within: 7d}
segments: [region]
engine: {pane: 1h}
"""


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    config = tmp_path / "barograph.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("BAROGRAPH_CONFIG", str(config))
    guard.reset()
    guard.strict(on=True)
    yield
    guard.strict(on=True)
    guard.reset()


@pytest.fixture
def lenient() -> None:
    """Production's behaviour: faults are counted."""
    guard.strict(on=False)


class Rows:
    """What a model saw, answered, and what turned out to be true."""

    def __init__(self, seed: int, shift: float = 0.0) -> None:
        random = np.random.default_rng(seed)
        self.ids = [f"row-{seed}-{number}" for number in range(ROWS)]
        self.time_ns = NOON + random.integers(0, 11 * HOUR, ROWS)
        self.features: dict[str, Any] = {
            "age": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(40 + shift, 10, ROWS)),
            "region": random.choice(["north", "south"], ROWS),
        }
        self.scores = random.random(ROWS)
        self.truth = random.random(ROWS) < self.scores

    def baseline(self) -> Baseline:
        output = OutputRows(task="binary", scores=self.scores, labels=self.truth, threshold=0.5)
        return Baseline(fit(self.features, model="m", version="1", outputs=[output], time_ns=self.time_ns))

    def go_through(self, sink: Any, baseline: Baseline | None = None) -> None:
        """Record all, and report the truth an hour later."""
        monitor = Monitor("m", "1", baseline=baseline, columns="segment=region", pane_s=3600, sink=sink)
        for part in np.array_split(np.arange(ROWS), 5):
            table = {name: column[part] for name, column in self.features.items()}
            ids = [self.ids[place] for place in part]
            monitor.record(table, scores=self.scores[part], ids=ids, times=self.time_ns[part])
        assert monitor.flush(WAIT_S)
        feedback = Feedback("m", sink=sink)
        feedback.observe_batch(ids=self.ids, values=self.truth, times=self.time_ns + HOUR)
        feedback.observe(id=self.ids[0], value=bool(self.truth[0]), time=int(self.time_ns[0] + HOUR))


Figures = dict[tuple[str, frozenset[tuple[str, Any]]], float]


def figures_of(embedded: Embedding) -> Figures:
    (window,) = embedded.logs.windows().values()
    found: Figures = {}
    for reading in window[attributes.ML_WINDOW_READINGS]:
        told = dict(reading)
        name, value = told.pop("name"), told.pop("value")
        found[name, frozenset(told.items())] = value
    return found


@pytest.mark.parametrize("known", [True, False])
def test_its_readings_are_those_of_a_service_that_got_the_same_by_otlp(*, known: bool) -> None:
    rows = Rows(2, shift=15)
    baseline = Rows(1).baseline() if known else None
    circuit = Circuit([baseline] if baseline else [])
    circuit.now_ns = int(rows.time_ns.max()) + 3 * HOUR
    rows.go_through(circuit.sink, baseline)
    (window,) = circuit.drain()
    with embedding() as embedded:
        rows.go_through(embedded.sink, baseline)
        embedded.drain()
    # The circuit's horizons are 1h and all, as the configuration's are 1h, 1d and all.
    expected = {(one.metric, frozenset(one.attributes)): one.value for one in window.readings}
    found = figures_of(embedded)
    assert expected == {name: found[name] for name in expected}
    assert {"1d"} == {dict(more)[attributes.ML_LABEL_HORIZON] for _, more in found.keys() - expected.keys()}
    if baseline is not None:
        told = next(iter(embedded.logs.windows().values()))
        assert (baseline.id, "warning") == (
            told[attributes.ML_BASELINE_ID],
            told[attributes.ML_MONITOR_STATE],
        )


def test_readings_leave_as_gauges_in_their_scope_with_the_source_in_them() -> None:
    rows = Rows(3)
    with embedding() as embedded:
        rows.go_through(embedded.sink)
        embedded.drain()
        told = embedded.metrics.readings(metrics.ML_WINDOW_OBSERVATIONS)
        assert {ROWS} == {value for _, value in told}
        assert {True} == {bool(names[attributes.ML_SOURCE_ID]) for names, _ in told}
        (record,) = embedded.logs.records
        assert events.ML_WINDOW_CLOSED == record.log_record.event_name
        assert record.instrumentation_scope is not None
        assert READINGS_SCOPE == record.instrumentation_scope.name
        assert {PROCESSOR_SCOPE, READINGS_SCOPE} == {scope for scope, *_ in embedded.metrics.figures}
        assert ROWS == embedded.metrics.newest(processor.BAROGRAPH_ENGINE_JOINED_LABELS)
        assert {("feedback", "duplicate"): 1} == embedded.dropped()


def test_without_a_baseline_a_schema_tells_what_is_wrong(tmp_path: Path) -> None:
    age, region, gone = "{min: 0, required: true}", "{values: [north]}", "{required: true}"
    schema = f"models: {{m: {{schema: {{age: {age}, region: {region}, gone: {gone}}}}}}}"
    (tmp_path / "barograph.yaml").write_text(CONFIG + schema, encoding="utf-8")
    rows = Rows(3)
    with embedding() as embedded:
        rows.go_through(embedded.sink)
        embedded.drain()
    found = {
        tuple(dict(told).values()): value
        for (name, told), value in figures_of(embedded).items()
        if name == metrics.ML_FEATURE_VIOLATION_RATIO
    }
    missing, south = np.isnan(rows.features["age"]).mean(), (rows.features["region"] == "south").mean()
    assert {
        frozenset({"age", "required"}): missing,
        frozenset({"age", "type"}): 0.0,
        frozenset({"age", "min"}): 0.0,
        frozenset({"region", "type"}): 0.0,
        frozenset({"region", "values"}): south,
        frozenset({"gone", "required"}): 1.0,
    } == {frozenset(names): value for names, value in found.items()}
    (window,) = embedded.logs.windows().values()
    assert "warning" == window[attributes.ML_MONITOR_STATE]


def test_a_windows_event_survives_the_exporters_encoding() -> None:
    rows = Rows(3)
    with embedding() as embedded:
        rows.go_through(embedded.sink)
        embedded.drain()
    (record,) = encode_logs(embedded.logs.records).resource_logs[0].scope_logs[0].log_records
    window = decode_window_event(record)
    assert len(figures_of(embedded)) == len(window.readings)
    assert ("m", "1", "1d") == (window.key.model, window.key.version, window.window)


def test_an_exporter_that_failed_gets_the_windows_again_and_the_others_dont() -> None:
    with embedding() as embedded:
        failing = type(embedded.logs)()
        failing.failures = 1
        embedded.more_logs.append(failing)
        Rows(3).go_through(embedded.sink)
        embedded.drain()
    assert 1 == len(embedded.logs.records) == len(failing.records)


def test_a_fault_in_the_engine_is_counted_and_the_rest_goes_on(
    lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Any:
        raise RuntimeError("a bug")

    with embedding() as embedded:
        Rows(3).go_through(embedded.sink)
        assert embedded.sink.flush(WAIT_S)
        with monkeypatch.context() as broken:
            broken.setattr(embedded_sink, "decode_points", fails)
            broken.setattr(embedded_sink, "decode_events", fails)
            monitor = Monitor("broken", sink=embedded.sink)
            monitor.record({"age": [1.0, 2.0]}, scores=[0.1, 0.2], ids=["a", "b"])
            assert monitor.flush(WAIT_S)
        embedded.drain()
    assert {("m", "1", "1d", NOON - 12 * HOUR)} == embedded.logs.windows().keys()
    counted = embedded.dropped()
    assert 2 == counted["outcomes", "internal_error"]
    assert 0 < counted["histograms", "internal_error"]


def test_an_engine_that_cant_be_had_is_said_once_and_all_is_counted(
    lenient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> Any:
        raise RuntimeError("no engine today")

    monkeypatch.setattr(embedded_engine, "open_service", fails)
    with embedding() as embedded:
        monitor = Monitor("m", sink=embedded.sink)
        monitor.record({"age": [1.0, 2.0]}, scores=[0.1, 0.2], ids=["a", "b"])
        assert monitor.flush(WAIT_S)  # all of it was given up
    counted = embedded.dropped()
    assert 2 == counted["outcomes", "no_engine"]
    assert 0 < counted["histograms", "no_engine"]
    assert 1 == caplog.text.count("no engine today")


def test_a_wrong_configuration_is_said_and_the_defaults_are_used(
    lenient: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "barograph.yaml").write_text("windoes: [5m]", encoding="utf-8")
    with embedding() as embedded:
        rows = Rows(3)
        rows.go_through(embedded.sink)
        embedded.drain()
    assert {"1h", "1d"} == {window for _, _, window, _ in embedded.logs.windows()}
    assert "windoes" in caplog.text
    assert 1 == embedded.dropped()["configuration", "wrong_config"]


def test_exporters_that_hang_keep_nobody_waiting_and_memory_within_bounds(
    lenient: None, tmp_path: Path
) -> None:
    (tmp_path / "barograph.yaml").write_text(CONFIG + "export: {queue: 1}", encoding="utf-8")
    carried: dict[str, Any] = {
        attributes.ML_MODEL_NAME: "m",
        attributes.ML_MODEL_VERSION: "0",
        attributes.ML_SOURCE_ID: "a",
        attributes.ML_PANE_LENGTH: 60,
    }
    with embedding() as embedded:
        embedded.metrics.gate.clear()
        assert 0 == embedded.waiting()  # the engine is open
        assert not embedded.sink.flush(0.1)
        assert embedded.metrics.reached.wait(WAIT_S)
        for day in range(4):
            start_ns = NOON + day * 24 * HOUR
            point = SourcePoint(metrics.ML_INFERENCE_PREDICTIONS, carried, start_ns, start_ns + 1, 7)
            embedded.sink.points([point])
            assert embedded.engine._points.flush(WAIT_S)
            assert not embedded.sink.drain(0.1)
            assert 1 == embedded.waiting()
        embedded.metrics.gate.set()
        embedded.drain()
    assert 3 == embedded.dropped()["windows", "queue_full"]


def test_unfinished_windows_go_on_after_a_restart_each_worker_in_a_folder_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "barograph.yaml").write_text(CONFIG + "storage: {directory: kept}", encoding="utf-8")
    with embedding() as first, embedding() as second:
        Rows(3).go_through(first.sink)
        assert first.sink.flush(WAIT_S)
        second.sink.start()
        assert second.sink.flush(WAIT_S)
    assert ["worker-0", "worker-1"] == sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert {} == first.logs.windows()
    with embedding() as third:
        third.sink.start()
        embedded_windows_of(third)
    assert [ROWS] == [
        value for (name, _), value in figures_of(third).items() if name == metrics.ML_WINDOW_OBSERVATIONS
    ]


def embedded_windows_of(embedded: Embedding) -> None:
    assert embedded.sink.flush(WAIT_S)
    assert embedded.sink.drain(WAIT_S)
