"""The law of the rows lane: with a baseline, rows give the states that the source's own histograms give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from barograph.baseline import Baseline
from barograph.batches import Item
from barograph.freezing import freeze
from barograph.guard import guard
from barograph.identity import Identity
from barograph.outputs import OutputSpec
from barograph.recorder import Recorder, RecorderSettings
from barograph.redact import Redactor
from barograph.schema import Roles
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Window
from barograph_processor.signals.fit import fit
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from loop.circuit import Circuit
from wire.otlp_requests import TIME_NS, logs, record

from .world import SETTINGS, contents, figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.engine.engine import Engine

Row = tuple[int, dict[str, Any]]

BEGIN = TIME_NS - TIME_NS % DAY_NS
NOW = BEGIN + 2 * DAY_NS
LAW = replace(
    SETTINGS, windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)), horizons=(Horizon("all", DAY_NS),)
)
SOURCE = "source-1"

usual = st.one_of(st.floats(-30, 90), st.sampled_from([-1.0, 0.0, 7, 13.9, 75.0, True, False]))
odd = st.sampled_from([float("nan"), float("inf"), 1e6, 1e300, -1e300, 5e-324, None, "forty", "", -1.0])
numbers = st.one_of(usual, odd)
categories = st.sampled_from(
    ["Bern", "Graz", "", "elsewhere", "x" * 300, "3", 3, 2.5, float("nan"), None, 1e300]
)
clean = st.fixed_dictionaries({"age": usual, "crowded": usual, "constant": usual, "town": categories})
dirty = st.fixed_dictionaries(
    {},
    optional={"age": numbers, "crowded": numbers, "constant": numbers, "town": categories, "other": numbers},
)
times = st.one_of(
    st.integers(0, 3 * 60 * 60).map(lambda second: BEGIN + second * 10**9),
    st.integers(BEGIN, BEGIN + MINUTE_NS),
)
row: st.SearchStrategy[Row] = st.tuples(times, st.one_of(clean, dirty))
clean_row: st.SearchStrategy[Row] = st.tuples(times, clean)
rows: st.SearchStrategy[list[Row]] = st.one_of(
    st.lists(row, min_size=1, max_size=30), st.lists(clean_row, min_size=1, max_size=30)
)


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    guard.reset()
    guard.strict(on=True)
    yield
    guard.strict(on=False)
    guard.reset()


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    rng = np.random.default_rng(3)
    count = 2_000
    columns = {
        "age": np.where(rng.random(count) < 0.1, -1.0, rng.normal(40, 9, count)),
        "crowded": np.exp(rng.normal(0, 6, count)),
        "constant": np.full(count, 7.0),
        "town": rng.choice(["Bern", "Graz", "Linz", "3"], count),
    }
    times = BEGIN - DAY_NS + rng.integers(0, DAY_NS, count)
    return Baseline(fit(columns, model="m", version="1", sentinels={"age": [-1.0]}, time_ns=times))


def by_histograms(parts: list[list[Row]], baseline: Baseline) -> Engine:
    """What the engine holds when the source counts."""
    circuit = Circuit([baseline], LAW)
    circuit.now_ns = NOW
    recorder = Recorder(
        RecorderSettings(
            Identity("m", "1", baseline_id=baseline.id),
            OutputSpec(None),
            baseline,
            None,
            Roles(),
            Redactor("m"),
            MINUTE_NS // 10**9,
            60.0,
            clock=lambda: NOW,
        ),
        sink=lambda: circuit.sink,
        source_id=lambda: SOURCE,
        wake=lambda: None,
    )
    for part in parts:
        features, times = [one for _, one in part], [time for time, _ in part]
        recorder.put(Item(freeze(features), None, None, None, freeze(times), None, NOW, None))
        recorder.drain()
    recorder.flush(recorder.open_panes())
    assert circuit.sink.flush(10.0)
    return circuit.engine


def by_rows(parts: list[list[Row]], baseline: Baseline, *, advance: bool = False) -> Engine:
    """What it holds when the source sends rows."""
    circuit = Circuit([baseline], LAW)
    for part in parts:
        records = [
            record(
                events.ML_INFERENCE_PREDICTION,
                {
                    names.ML_MODEL_NAME: "m",
                    names.ML_MODEL_VERSION: "1",
                    names.ML_SOURCE_ID: SOURCE,
                    names.ML_FEATURES: features,
                },
                time,
            )
            for time, features in part
        ]
        decoded = decode_logs(logs(records).SerializeToString(), DecodeContext())
        assert not decoded.rejected
        circuit.engine.feed(decoded.batches, NOW)
        if advance:
            circuit.engine.advance(NOW)
    return circuit.engine


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), every=rows)
def test_rows_and_histograms_of_the_same_predictions_make_the_same_states(
    data: st.DataObject, every: list[Row], baseline: Baseline
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, 29))))
    parts = [part for part in (every[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)) if part]
    expected = by_histograms([every], baseline)
    found = by_rows(data.draw(st.permutations(parts)), baseline, advance=data.draw(st.booleans()))
    assert figures(expected.drain(NOW)) == figures(found.drain(NOW))
    assert contents(expected) == contents(found)
