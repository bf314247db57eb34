"""Edges: several of them and one engine say what one engine says that gets everything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from barograph.baseline import Baseline
from barograph_processor.engine.batch import Points, Predictions, Truths
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.relay import Relay
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, MINUTE_NS, Horizon, Window
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.encode_points import encode_points
from barograph_processor.wire.encode_rows import encode_rows

from .world import KEY, NOON, SETTINGS, contents, engine_of, figures, point, predictions, rows_points, truths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.engine.batch import Batch

    from .world import FeatureValue

LAW = replace(
    SETTINGS,
    windows=(Window("1h", HOUR_NS), Window("1d", DAY_NS)),
    horizons=(Horizon("2h", 2 * HOUR_NS), Horizon("all", 9 * DAY_NS)),
    ttl_ns=20 * DAY_NS,
)
NOW = NOON + 3 * DAY_NS
SEED = 2**64 - 1
FITTED = KEY._replace(version="4")


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Of version 4; version 3 has none."""
    rng = np.random.default_rng(3)
    score = rng.random(2_000)
    columns = {"age": rng.normal(40, 9, 2_000), "town": rng.choice(["Bern", "Graz"], 2_000)}
    output = OutputRows(scores=score, labels=[str(int(one > 0.5)) for one in score], task="binary")
    return Baseline(fit(columns, model=KEY.model, version="4", outputs=[output]))


def relay_of(edge: str, baseline: Baseline | None = None, remember: int = 10_000) -> Relay:
    """An edge."""
    baselines = [] if baseline is None else [baseline]
    return Relay(LAW, edge=edge, remember=remember, seed=SEED, baselines=baselines)


def sent(batches: Sequence[Batch]) -> list[Batch]:
    """Over the wire."""
    found: list[Batch] = []
    points = [point for batch in batches if isinstance(batch, Points) for point in batch.points]
    decoded = [decode_metrics(encode_points(points), DecodeContext())] if points else []
    rows = [batch for batch in batches if not isinstance(batch, Points)]
    data = b"".join(encode_rows(rows))
    if data:
        decoded.append(decode_logs(data, DecodeContext()))
    for one in decoded:
        assert not one.rejected
        assert not one.rows_rejected
        found += one.batches
    return found


feature = st.sampled_from([41.5, -3.0, 0.0, 1e6, float("inf"), None, "Bern", "x"])
features = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"age": feature, "town": feature}))
row = st.tuples(
    st.integers(0, 10_000),  # number
    st.integers(0, 5 * 60),  # minute
    st.sampled_from([0.1, 0.5, 0.9]),
    st.sampled_from(["a", "b"]),  # source
    st.sampled_from([KEY, FITTED]),
    features,
    st.booleans(),  # with an id
    st.sampled_from([None, "0", "1"]),  # truth
    st.booleans(),  # histograms of the source too
)
Row = tuple[int, int, float, str, object, "Mapping[str, FeatureValue] | None", bool, "str | None", bool]


def batches_of(every: Sequence[Row]) -> list[Batch]:
    """The telemetry of some rows."""
    found: list[Batch] = []
    for number, minute, score, source, key, values, named, truth, histogram in every:
        time_ns = NOON + minute * MINUTE_NS + number
        name = f"id-{number}" if named else None
        found.append(
            predictions([(name, time_ns, score)], key=key, source=source, features=[values])  # type: ignore[arg-type]
        )
        if truth is not None and named:
            found.append(truths([(name, time_ns + HOUR_NS, truth)], key=key))  # type: ignore[arg-type]
        if histogram:
            stream = StreamId(StreamKind.FEATURE_STATES, "age")
            state = CategoryCounts.of({"valid": 3})
            start_ns = NOON + minute * MINUTE_NS
            one = point(stream, state, start_ns, flush=number, source=source, key=key, item="valid")  # type: ignore[arg-type]
            found.append(Points([one]))
    return found


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    every=st.lists(row, min_size=1, max_size=25, unique_by=lambda one: one[0]),
)
def test_two_edges_and_an_engine_say_what_one_engine_says(
    data: st.DataObject, every: list[Row], baseline: Baseline
) -> None:
    batches = batches_of(every)
    expected = engine_of(LAW, baselines=[baseline])
    expected.feed(batches, NOW)
    found = engine_of(LAW, baselines=[baseline])
    edges = [relay_of("edge-1", baseline), relay_of("edge-2", baseline)]
    for batch in data.draw(st.permutations(batches)):
        edge = data.draw(st.sampled_from(edges))
        edge.feed([batch], NOW)
        is_named = isinstance(batch, Predictions) and batch.ids[0] is not None
        if is_named and data.draw(st.booleans()):
            edge.feed([batch], NOW)  # its sender didn't hear that it was taken
        if data.draw(st.booleans()):
            some = sent(edge.take_out())
            for _ in range(data.draw(st.integers(1, 2))):  # nor did the edge
                found.feed(some, NOW)
            found.advance(NOW)
    for edge in edges:
        found.feed(sent(edge.take_out()), NOW)
    assert figures(expected.drain(NOW)) == figures(found.drain(NOW))
    assert without_sums(contents(expected)) == without_sums(contents(found))


def without_sums(found: dict[tuple[object, ...], object]) -> dict[tuple[object, ...], object]:
    """Sums of exponential histograms travel as doubles, so their last digit may differ."""
    return {
        name: data[:80] if isinstance(data, bytes) and data[6:8] == b"\x02\x00" else data
        for name, data in found.items()
    }


def of_kind(batches: Sequence[Batch], kind: type) -> list[Batch]:
    """Batches of one kind."""
    return [batch for batch in batches if isinstance(batch, kind)]


def test_what_comes_singly_leaves_together() -> None:
    relay = relay_of("edge-1")
    for number in range(50):
        name = f"id-{number}"
        relay.feed([predictions([(name, NOON + number, 0.5)], features=[{"age": 1.0 * number}])], NOW)
        relay.feed([truths([(name, NOON + number, "1")]), rows_points(1, NOON, flush=number)], NOW)
    out = relay.take_out()
    assert [Points, Predictions, Truths, Points] == [type(batch) for batch in out]
    assert [50, 50, 50] == [_count(batch) for batch in out[:3]]
    assert relay.take_out() == []


def _count(batch: Batch) -> int:
    return len(batch.points) if isinstance(batch, Points) else len(batch.time_ns)


def test_a_row_that_comes_again_is_passed_on_again_and_its_features_counted_once() -> None:
    relay = relay_of("edge-1")
    batch = predictions([("a", NOON, 0.5), (None, NOON, 0.5)], features=[{"age": 1.0}, {"age": 2.0}])
    relay.feed([batch, batch], NOW)
    out = relay.take_out()
    (outcomes,) = of_kind(out, Predictions)
    assert isinstance(outcomes, Predictions)
    assert ["a", "a"] == list(outcomes.ids)
    (counted,) = of_kind(out, Points)
    assert isinstance(counted, Points)
    rows = {point.stream.kind: point.state for point in counted.points if not point.stream.name}
    assert rows[StreamKind.ROWS] == CategoryCounts.of({"": 2})  # the one without an id, as often as it came
    assert rows["feature.rows"] == CategoryCounts.of({"": 3})
    assert relay.counters == {(Lane.ROWS, Reason.DUPLICATE): 1, (Lane.OUTCOMES, Reason.NO_ID): 2}


def test_ids_are_remembered_up_to_a_number() -> None:
    relay = relay_of("edge-1", remember=80)

    def fed(name: str) -> None:
        relay.feed([predictions([(name, NOON, 0.5)], features=[{"age": 1.0}])], NOW)

    fed("first")
    for number in range(75):
        fed(f"id-{number}")
    fed("id-74")
    assert relay.counters[Lane.ROWS, Reason.DUPLICATE] == 1
    for number in range(200):
        fed(f"more-{number}")
    fed("first")
    assert relay.counters[Lane.ROWS, Reason.DUPLICATE] == 1


def test_every_flush_of_a_pane_has_a_slice_of_its_own_until_there_is_none() -> None:
    short = replace(LAW, pane_ns=3_000_000, windows=(Window("1h", HOUR_NS),))
    relay = Relay(short, edge="edge-1", remember=100, seed=SEED)
    starts = []
    for number in range(5):
        relay.feed([predictions([(f"id-{number}", NOON, 0.5)], features=[{"age": 1.0}])], NOW)
        for batch in of_kind(relay.take_out(), Points):
            assert isinstance(batch, Points)
            starts.append({one.start_ns - NOON for one in batch.points})
    assert [{0}, {1_000_000}, {2_000_000}] == starts
    assert relay.counters[Lane.ROWS, Reason.SLICE_LIMIT] == 2


def test_times_too_far_ahead_are_clamped_as_where_windows_are_made() -> None:
    relay, now_ns = relay_of("edge-1"), NOON
    ahead = predictions([("a", NOON + 2 * DAY_NS, 0.5)], features=[{"age": 1.0}])
    relay.feed([ahead], now_ns)
    expected, found = engine_of(LAW), engine_of(LAW)
    expected.feed([ahead], now_ns)
    found.feed(sent(relay.take_out()), now_ns + 10**9)  # it takes a while to get there
    assert figures(expected.drain(NOW)) == figures(found.drain(NOW))


def test_models_beyond_the_limit_are_counted() -> None:
    relay = Relay(replace(LAW, max_keys=1), edge="edge-1", remember=100, seed=SEED)
    for version in ("3", "4"):
        key = KEY._replace(version=version)
        relay.feed([predictions([("a", NOON, 0.5)], key=key, features=[{"age": 1.0}])], NOW)
    assert relay.counters == {(Lane.ROWS, Reason.KEY_LIMIT): 1}
    assert len(of_kind(relay.take_out(), Predictions)) == 2
