"""An empty text is no value, however it came."""

from __future__ import annotations

import numpy as np

from barograph_processor.engine.empty_texts import without_empty_texts
from barograph_processor.engine.reasons import Lane
from barograph_processor.engine.relay import Relay

from .world import NOON, SETTINGS, contents, engine_of, predictions

ROWS = [("a", NOON, 0.1), ("b", NOON, 0.3), ("c", NOON, 0.7)]


def test_empty_segments_and_features_are_missing() -> None:
    with_empty = predictions(
        ROWS, segments={"region": ["north", "", None]}, features=[{"town": ""}, {"town": "b"}, {"town": 3.0}]
    )
    without = predictions(
        ROWS,
        segments={"region": ["north", None, None]},
        features=[{"town": None}, {"town": "b"}, {"town": 3.0}],
    )
    assert [-1, 1, -1] == without_empty_texts(with_empty).features.columns["town"].texts.codes.tolist()  # type: ignore[union-attr]
    states = []
    for batch in (with_empty, without):
        engine = engine_of(SETTINGS)
        engine.feed([batch], NOON)
        engine.drain(NOON)
        states.append(contents(engine))
    assert states[1] == states[0]


def test_an_edge_counts_them_as_missing_too() -> None:
    sent = []
    for town in ("", None):
        relay = Relay(SETTINGS, edge="edge", remember=10, seed=1)
        relay.feed([predictions(ROWS, features=[{"town": town}, {"town": "b"}, None])], NOON)
        assert not relay.counters.get((Lane.ROWS, "invalid"))
        (points,) = (one for one in relay.take_out() if hasattr(one, "points"))
        sent.append({(one.stream, one.state.to_bytes()) for one in points.points})
    assert sent[1] == sent[0]


def test_without_empty_texts_nothing_is_copied() -> None:
    batch = predictions(
        ROWS, segments={"region": ["north", None, None]}, features=[{"town": "b"}, None, None]
    )
    assert batch is without_empty_texts(batch)
    assert np.array_equal(batch.score, without_empty_texts(batch).score)
