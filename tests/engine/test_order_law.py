"""The law of the engine: final readings depend on the data, not on its order, cutting or repetition."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barograph.baseline import Baseline
from barograph_processor.engine.batch import Points
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.stores.memory import MemoryStore

from .world import (
    KEY,
    NOON,
    SETTINGS,
    contents,
    engine_of,
    features_of,
    feed_all,
    figures,
    point,
    predictions,
    rows_point,
    truths,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import Settings

    from .world import FeatureValue

NOW = NOON + 3 * DAY_NS
NEXT_VERSION = KEY._replace(version="4")
LAW = replace(
    SETTINGS,
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS), Window("month", 0)),
    horizons=(Horizon("2h", 2 * HOUR_NS), Horizon("all", 60 * DAY_NS)),
    ttl_ns=20 * DAY_NS,
    segments=("region",),
    max_segment_values=2,
)
SEARCH = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


class Row(NamedTuple):
    """One prediction and when its truth becomes known."""

    number: int
    minute: int
    score: float
    source: str
    version: int
    region: str | None
    delay_h: int | None
    truth: str
    pair: bool
    features: Mapping[str, FeatureValue] | None = None
    bare: bool = False


feature = st.sampled_from([41.5, -3.0, 0.0, 1e300, math.inf, math.nan, None, "Bern", "Graz", "x"])
row = st.builds(
    Row,
    number=st.integers(0, 10_000),
    minute=st.integers(0, 40 * 60),
    score=st.sampled_from([0.1, 0.3, 0.5, 0.9]),
    source=st.sampled_from(["histograms", "outcomes", "both"]),
    version=st.sampled_from([3, 4]),
    region=st.sampled_from(["north", "south", "east", "west", None]),
    delay_h=st.sampled_from([None, 0, 1, 5, 30, 2_000]),
    truth=st.sampled_from(["0", "1"]),
    pair=st.booleans(),
    features=st.one_of(
        st.none(), st.fixed_dictionaries({}, optional={"age": feature, "town": feature, "new": feature})
    ),
    bare=st.booleans(),
)
rows = st.lists(row, min_size=1, max_size=40, unique_by=lambda one: one.number)


def batches_of(every: list[Row]) -> list[Batch]:
    """The telemetry of some rows, as small as it can be cut."""
    found: list[Batch] = []
    panes: dict[tuple[str, int, int], list[Row]] = {}
    for one in every:
        key = KEY if one.version == 3 else NEXT_VERSION
        time_ns = NOON + one.minute * MINUTE_NS + one.number
        name = f"id-{one.number}"
        predicted = predictions(
            [(name, time_ns, one.score)], key=key, source=one.source, segments={"region": [one.region]}
        )
        if one.source != "histograms" and (one.bare or one.features is None):
            found.append(predicted)
        if one.source != "histograms" and one.features is not None:
            found.append(replace(predicted, features=features_of([one.features])))
        if one.source != "outcomes":
            panes.setdefault((one.source, one.version, one.minute), []).append(one)
        if one.delay_h is not None:
            observed = (name, time_ns + one.delay_h * HOUR_NS, one.truth)
            stated = key.version if one.number % 2 else None
            found.append(truths([observed], version=stated, pair=predicted if one.pair else None, key=key))
    for (source, version, minute), together in panes.items():
        key = KEY if version == 3 else NEXT_VERSION
        start_ns = NOON + minute * MINUTE_NS
        scores = np.array([one.score for one in together])
        found.append(
            Points(
                [
                    rows_point(len(together), start_ns, source=source, key=key),
                    point(
                        StreamId(StreamKind.PREDICTION_SCORE, part="1"),
                        ExponentialHistogram.zero().observe(scores),
                        start_ns,
                        source=source,
                        key=key,
                    ),
                    point(
                        StreamId(StreamKind.FEATURE_STATES, "age"),
                        CategoryCounts.of({"valid": len(together)}),
                        start_ns,
                        item="valid",
                        source=source,
                        key=key,
                    ),
                ]
            )
        )
    return found


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """A baseline of version 3; version 4 has none."""
    rng = np.random.default_rng(3)
    score = rng.random(2_000)
    labels = (rng.random(2_000) < score).astype(int)
    content = fit(
        {"age": rng.normal(40, 9, 2_000), "town": rng.choice(["Bern", "Graz"], 2_000)},
        model=KEY.model,
        version=KEY.version,
        outputs=[OutputRows(scores=score, labels=[str(each) for each in labels], task="binary")],
    )
    return Baseline(content)


def outcome(engine: Engine, closed: list[ClosedWindow]) -> tuple[object, object]:
    """What an engine says in the end, and all that it says it from."""
    return figures(closed + engine.drain(NOW)), contents(engine)


def outcome_at_once(batches: list[Batch], law: Settings, baseline: Baseline) -> tuple[object, object]:
    """The same of an engine that was fed in one go."""
    engine = engine_of(law, baselines=[baseline])
    engine.feed(batches, NOW)
    return outcome(engine, [])


@SEARCH
@given(data=st.data(), every=rows)
def test_any_order_and_repetition_and_pace_gives_equal_final_readings(
    data: st.DataObject, every: list[Row], baseline: Baseline
) -> None:
    batches = batches_of(every)
    expected = outcome_at_once(batches, LAW, baseline)
    repeated = data.draw(st.lists(st.sampled_from(batches), max_size=10))
    engine = engine_of(LAW, baselines=[baseline])
    closed: list[ClosedWindow] = []
    for batch in data.draw(st.permutations(batches + repeated)):
        engine.feed([batch], NOW)
        if data.draw(st.booleans()):
            closed += engine.advance(NOW)
    assert outcome(engine, closed) == expected


@SEARCH
@given(data=st.data(), every=rows)
def test_a_restart_at_any_moment_gives_equal_final_readings(
    data: st.DataObject, every: list[Row], baseline: Baseline
) -> None:
    batches = batches_of(every)
    expected = outcome_at_once(batches, LAW, baseline)
    engine = engine_of(LAW, baselines=[baseline])
    closed: list[ClosedWindow] = []
    for batch in batches:
        engine.feed([batch], NOW)
        event = data.draw(st.sampled_from(["", "advance", "restart"]))
        if event == "advance":
            closed += engine.advance(NOW)
        elif event == "restart":
            engine = Engine.restore(engine.snapshot(), LAW, store=MemoryStore(), baselines=[baseline])
    assert outcome(engine, closed) == expected


@SEARCH
@given(data=st.data(), every=rows, learn_rows=st.integers(1, 40), give=st.booleans())
def test_a_restored_engine_closes_the_same_windows_at_the_same_moments(
    data: st.DataObject, every: list[Row], learn_rows: int, give: bool, baseline: Baseline
) -> None:
    law = replace(LAW, learn_rows=learn_rows, idle_ns=HOUR_NS)
    given_ones = [baseline] if give else []
    engine = engine_of(law, baselines=given_ones)
    restored = engine_of(law, baselines=given_ones)
    now_ns = NOON
    moments = []
    for batch in batches_of(every):
        moments += [(one.moment(), one.snapshot()) for one in (engine, restored)]
        now_ns += data.draw(st.sampled_from([0, MINUTE_NS, 2 * HOUR_NS, DAY_NS]))
        step = data.draw(st.sampled_from(["feed", "feed", "feed and advance", "feed and drain", "restart"]))
        if step == "restart":
            learned = restored.new_baselines()
            restored = Engine.restore(
                engine.snapshot(), law, store=MemoryStore(), baselines=[*given_ones, *learned]
            )
        for one in (engine, restored):
            one.feed([batch], now_ns)
        if "advance" in step:
            assert engine.advance(now_ns) == restored.advance(now_ns)
        elif "drain" in step:
            assert engine.drain(now_ns) == restored.drain(now_ns)
    assert contents(engine) == contents(restored)
    assert engine.snapshot() == restored.snapshot()
    assert engine.drain(now_ns) == restored.drain(now_ns)
    for moment, at_once in moments:  # what became of the engine since doesn't matter
        assert at_once == moment()


@SEARCH
@given(data=st.data(), every=rows, learn_rows=st.integers(1, 30))
def test_what_is_learned_does_not_depend_on_the_order(
    data: st.DataObject, every: list[Row], learn_rows: int, baseline: Baseline
) -> None:
    law = replace(LAW, learn_rows=learn_rows)
    batches = batches_of(every)
    expected = outcome_at_once(batches, law, baseline)
    engine = engine_of(law, baselines=[baseline])
    feed_all(engine, data.draw(st.permutations(batches)), NOW)
    engine = Engine.restore(engine.snapshot(), law, store=MemoryStore(), baselines=[baseline])
    assert outcome(engine, []) == expected


def test_a_drained_engine_takes_more_and_says_the_same_as_one_that_was_not(baseline: Baseline) -> None:
    every = [
        Row(number, number * 7, 0.1 * (number % 9), "both", 3, "north", number % 4, "1", pair=False)
        for number in range(1, 60)
    ]
    batches = batches_of(every)
    engine = engine_of(LAW, baselines=[baseline])
    feed_all(engine, batches[::2], NOW)
    closed = engine.drain(NOW)
    feed_all(engine, batches[1::2], NOW)
    assert outcome(engine, closed) == outcome_at_once(batches, LAW, baseline)
