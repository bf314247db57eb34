"""Batches survive as bytes, with everything that is in them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import StateError
from barograph_processor.engine.batch import (
    FeatureColumn,
    Features,
    KnownTruth,
    Points,
    Predictions,
    Texts,
    Truths,
)
from barograph_processor.engine.batch_bytes import (
    FeaturesImage,
    KnownTruthImage,
    PredictionsImage,
    TextsImage,
    TruthsImage,
    decode_batches,
    encode_batches,
)
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram

from .world import KEY, NOON, point, rows_point, texts

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLES = [0.0, -0.0, 0.1, 1.0, float("nan"), float("inf"), 5e-324]
TIMES = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=()), max_size=4)  # lone surrogates among them


def column(rows: int) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(DOUBLES), min_size=rows, max_size=rows).map(
        lambda values: np.array(values, np.float64)
    )


def names(rows: int) -> st.SearchStrategy[Texts]:
    return st.lists(st.sampled_from(["a", "é", "", None]), min_size=rows, max_size=rows).map(texts)


@st.composite
def features(draw: Callable[[Any], Any], rows: int) -> Features | None:
    if not draw(st.booleans()):
        return None
    columns = {
        name: FeatureColumn(draw(column(rows)), draw(st.none() | names(rows)))
        for name in draw(st.sets(st.sampled_from(["age", "größe"])))
    }
    return Features(columns, draw(st.none() | flags(rows)))


def flags(rows: int) -> st.SearchStrategy[Any]:
    return st.lists(st.booleans(), min_size=rows, max_size=rows).map(lambda each: np.array(each, np.bool_))


@st.composite
def known_truth(draw: Callable[[Any], Any], rows: int) -> KnownTruth:
    times = np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64)
    return KnownTruth(draw(flags(rows)), times, draw(names(rows)), draw(column(rows)))


@st.composite
def some_predictions(draw: Callable[[Any], Any], rows: int) -> Predictions:
    classes = tuple(draw(st.sets(st.sampled_from(["x", "y", "z"]))))
    scores = np.array([draw(column(rows)) for _ in classes]).reshape(len(classes), rows).T
    return Predictions(
        key=KEY._replace(output=draw(st.sampled_from(["", "second"]))),
        source=draw(st.sampled_from(["a", "b"])),
        ids=draw(st.lists(st.none() | TEXT, min_size=rows, max_size=rows)),
        time_ns=np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64),
        classes=draw(names(rows)),
        score=draw(column(rows)),
        scores=scores,
        score_classes=classes,
        value=draw(column(rows)),
        segments={name: draw(names(rows)) for name in draw(st.sets(st.sampled_from(["region", "sex"])))},
        features=draw(features(rows)),
        truth=draw(st.none() | known_truth(rows)),
    )


@st.composite
def some_truths(draw: Callable[[Any], Any]) -> Truths:
    rows = draw(st.integers(0, 3))
    return Truths(
        tenant="default",
        model="credit",
        version=draw(st.sampled_from([None, "3"])),
        output="",
        ids=draw(st.lists(st.none() | TEXT, min_size=rows, max_size=rows)),
        time_ns=np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64),
        classes=draw(names(rows)),
        value=draw(column(rows)),
        pair=draw(st.none() | some_predictions(rows)),
    )


def plain(value: object) -> object:
    """Arrays by kind, shape and bytes, so that NaN equals NaN and -0.0 doesn't equal 0.0."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, (Predictions, Truths, Features, FeatureColumn, KnownTruth, Texts)):
        return type(value), [plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return list(value) if isinstance(value, (list, tuple)) else value


BATCHES = st.lists(st.integers(0, 3).flatmap(some_predictions) | some_truths(), max_size=3)


@given(batches=BATCHES)
def test_predictions_and_truths_come_back_bit_by_bit(batches: list[Predictions | Truths]) -> None:
    assert [plain(batch) for batch in batches] == [
        plain(batch) for batch in decode_batches(encode_batches(batches))
    ]


def test_points_of_any_keys_sources_and_states_come_back() -> None:
    feature = StreamId(StreamKind.FEATURE_VALUE, "age", basis="b1")
    values = np.array([-1.0, 0.5, 3.0])
    points = [
        rows_point(3, NOON),
        rows_point(2**60, NOON, flush=1, source="b", key=KEY._replace(version="4")),
        rows_point(3, NOON)._replace(edge="edge-1"),
        point(feature, ExplicitHistogram.zero([0.0, 1.0]).observe(values), NOON, pane_ns=0),
        point(feature._replace(basis=""), ExponentialHistogram.zero().observe(values), NOON, source="b"),
        point(
            StreamId(StreamKind.FEATURE_STATES, "age"), CategoryCounts.of({"valid": 1}), NOON, item="valid"
        ),
    ]
    assert [Points(points), Points([])] == decode_batches(encode_batches([Points(points), Points([])]))


def test_a_field_that_is_added_to_a_batch_is_added_to_its_bytes() -> None:
    for batch, image in (
        (Predictions, PredictionsImage),
        (Truths, TruthsImage),
        (Features, FeaturesImage),
        (Texts, TextsImage),
        (KnownTruth, KnownTruthImage),
    ):
        assert tuple(each.name for each in fields(batch)) == image.__struct_fields__
    assert ["numbers", "texts"] == [each.name for each in fields(FeatureColumn)]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x92\xa6points\x90", b"\x91\x93\xa7unknown\x90\x90"])
def test_bytes_that_are_no_batches_are_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        decode_batches(data)
