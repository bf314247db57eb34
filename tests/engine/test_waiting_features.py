"""Features wait to be counted together: nobody can tell when they are counted, or beside which others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from barograph.baseline import Baseline
from barograph_processor.engine import waiting_features
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.images import unpack
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Window
from barograph_processor.signals.fit import fit
from barograph_processor.stores.memory import MemoryStore

from .world import KEY, NOON, SETTINGS, contents, engine_of, figures, predictions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.batch import Predictions
    from barograph_processor.engine.images import KnownImage
    from barograph_processor.engine.results import ClosedWindow

    from .world import FeatureValue

LAW = replace(
    SETTINGS,
    windows=(Window("5m", 5 * MINUTE_NS), Window("1h", HOUR_NS)),
    horizons=(Horizon("all", 2 * HOUR_NS),),
    ttl_ns=2 * HOUR_NS,
    idle_ns=HOUR_NS,
    max_features=3,
    max_sources=3,
    learn_rows=20,
)
FITTED = KEY._replace(version="4")

value = st.sampled_from([41.5, -3.0, 0.0, 5e-324, 1e300, math.inf, math.nan, None, "Bern", "Graz", "x"])
values = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["age", "town", "new", "fourth", "fifth"]), value),
)
batch = st.builds(
    lambda begin, rows, source, key: predictions(
        [(None, NOON + (begin + late) * MINUTE_NS, 0.5) for late, _ in rows],
        key=key,
        source=source,
        features=[features for _, features in rows],
    ),
    begin=st.integers(0, 90),
    rows=st.lists(st.tuples(st.integers(0, 3), values), min_size=1, max_size=6),
    source=st.sampled_from(["a", "b", "c", "d"]),
    key=st.sampled_from([KEY, FITTED]),
)
look = st.sampled_from(["", "", "count", "stats", "snapshot", "restart"])


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Of one version; the other has none."""
    rng = np.random.default_rng(3)
    columns = {"age": rng.normal(40, 9, 500), "town": rng.choice(["Bern", "Graz"], 500)}
    return Baseline(fit(columns, model=KEY.model, version=FITTED.version, sentinels={"age": [-3.0]}))


def count(engine: Engine) -> None:
    """Count what waits."""
    for state in engine.keys.values():
        state.count_features()


def sums(counts: KnownImage) -> list[int]:
    """Sums in units, no matter whether a double or an integer holds them; leaves them out."""
    units = [int(one) for one in np.frombuffer(counts.units, "<f8")]
    for column, more in counts.large.items():
        units[column] += int.from_bytes(more, "little", signed=True)
    counts.units, counts.large = b"", {}
    return units


def image(engine: Engine) -> object:
    """A snapshot's content, whatever the order in which features and sources were first seen."""
    found = unpack(engine.snapshot(), LAW)
    summed = []
    for key in found.keys:
        for pane in key.panes:
            pane.open = {source: sorted(states) for source, states in pane.open.items()}
            summed.append({source: sums(counts) for source, counts in pane.known.items()})
        key.counted = sorted((pane, source, sorted(states)) for pane, source, states in key.counted)
        key.known.sort(key=lambda one: one[:2])
        summed += [{source: sums(counts)} for _, source, counts in key.known]
        for window in key.windows:
            window.states.sort()
        learning = key.reference.learning
        if learning is not None:
            learning.states.sort()
            learning.slices = {
                length: [(number, sorted(states)) for number, states in slices]
                for length, slices in learning.slices.items()
            }
    return found, summed


def restarted(engine: Engine, baseline: Baseline) -> Engine:
    """What goes on from a snapshot of it."""
    return Engine.restore(engine.snapshot(), LAW, store=MemoryStore(), baselines=[baseline])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), batches=st.lists(batch, min_size=1, max_size=14))
def test_when_features_are_counted_changes_nothing(
    data: st.DataObject, batches: list[Predictions], baseline: Baseline
) -> None:
    at_once, waiting = (engine_of(LAW, baselines=[baseline]) for _ in range(2))
    now_ns = NOON
    for one in batches:
        now_ns += data.draw(st.sampled_from([0, 0, 10 * MINUTE_NS, 2 * HOUR_NS]))
        assert at_once.feed([one], now_ns) == waiting.feed([one], now_ns)
        count(at_once)
        assert at_once.counters == waiting.counters
        seen = data.draw(look)
        if seen == "count":
            count(waiting)
        elif seen == "stats":
            assert at_once.stats(now_ns) == waiting.stats(now_ns)
        elif seen == "snapshot":
            assert image(at_once) == image(waiting)
        elif seen == "restart":
            at_once, waiting = (restarted(one, baseline) for one in (at_once, waiting))
        if data.draw(st.booleans()):
            assert at_once.advance(now_ns) == waiting.advance(now_ns)
        if data.draw(st.integers(0, 9)) == 0:
            assert at_once.settle(now_ns - HOUR_NS) == waiting.settle(now_ns - HOUR_NS)
    assert image(at_once) == image(waiting)
    assert at_once.drain(now_ns) == waiting.drain(now_ns)
    assert contents(at_once) == contents(waiting)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), batches=st.lists(batch, min_size=1, max_size=14))
def test_any_order_of_batches_that_wait_gives_equal_final_readings(
    data: st.DataObject, batches: list[Predictions], baseline: Baseline
) -> None:
    law = replace(LAW, ttl_ns=DAY_NS, max_features=9, max_sources=9)
    outcomes = []
    for some in (batches, data.draw(st.permutations(batches))):
        engine = engine_of(law, baselines=[baseline])
        closed: list[ClosedWindow] = []
        for one in some:
            engine.feed([one], NOON + 2 * HOUR_NS)
        outcomes.append((figures(closed + engine.drain(NOON + 2 * HOUR_NS)), contents(engine)))
    assert outcomes[0] == outcomes[1]


def rows(number: int, *, source: str = "a", key: object = KEY) -> Predictions:
    """Ten rows with one feature."""
    some: list[Mapping[str, FeatureValue]] = [{"age": float(row)} for row in range(10)]
    times = [(None, NOON + number, 0.5)] * 10
    return predictions(times, source=source, key=key, features=some)  # type: ignore[arg-type]


def test_what_waits_is_counted_when_a_key_has_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_features, "_SHARE_BYTES", 5_000)
    engine = engine_of()
    sizes = []
    for number in range(20):
        engine.feed([rows(number)], NOON)
        sizes.append(engine.keys[KEY].lane.waiting.size_bytes)
    assert max(sizes) <= 5_000
    assert min(sizes) == 0


def test_what_waits_is_counted_when_all_keys_have_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_features, "_ROOM_BYTES", 5_000)
    engine = engine_of()
    waited = 0
    for number in range(40):
        engine.feed([rows(number, key=KEY._replace(version=str(number)))], NOON)
        sizes = [state.lane.waiting.size_bytes for state in engine.keys.values()]
        assert sum(sizes) <= 5_000
        waited += sum(sizes) > 0
    assert waited > 20
    engine.drain(NOON)
    assert not any(state.lane.waiting for state in engine.keys.values())


def test_what_waits_holds_nothing_of_its_batch() -> None:
    engine = engine_of()
    batch = rows(1)
    assert batch.features is not None
    engine.feed([batch], NOON)
    batch.features.columns["age"].numbers[:] = 1e6
    engine.drain(NOON)
    window = engine.keys[KEY].table.windows[0, NOON]
    highs = [getattr(state, "high", 0.0) for state in engine.keys[KEY].gathered(window).values()]
    assert 9.0 == max(highs)


def test_values_beyond_the_limit_of_features_are_counted_when_they_come() -> None:
    engine = engine_of(replace(SETTINGS, max_features=1))
    two = predictions([(None, NOON, 0.5)], features=[{"age": 1.0, "town": "Bern"}])
    engine.feed([two], NOON)
    assert engine.keys[KEY].lane.waiting
    assert {(Lane.ROWS, Reason.FEATURE_LIMIT): 1, (Lane.OUTCOMES, Reason.NO_ID): 1} == engine.counters


def test_a_key_whose_features_wait_makes_no_room_for_another() -> None:
    engine = engine_of(replace(SETTINGS, max_keys=1))
    engine.feed([rows(1)], NOON)
    assert not engine.keys[KEY].empty
