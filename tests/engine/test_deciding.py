"""Rows that came with a score alone: the baseline's threshold tells their class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph.baseline import Baseline, Output
from barograph_processor.engine.batch import Points, Predictions, Texts
from barograph_processor.engine.deciding import with_classes
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.relay import Relay
from barograph_processor.engine.settings import DAY_NS, HOUR_NS, Window
from barograph_processor.signals.api import StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows

from .world import KEY, NOON, SETTINGS, confusion, engine_of, predictions, texts, truths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.engine import Engine

HOURLY = replace(SETTINGS, windows=(Window("1h", HOUR_NS),))
NOW = NOON + DAY_NS
ROWS = [("a", NOON, 0.1), ("b", NOON, 0.3), ("c", NOON, 0.7), ("d", NOON, 0.9)]
LABELS = truths([("a", NOON + 1, "0"), ("b", NOON + 1, "1"), ("c", NOON + 1, "1"), ("d", NOON + 1, "0")])


def baseline(threshold: float | None) -> Baseline:
    random = np.random.default_rng(1)
    scores = random.random(500)
    output = OutputRows(task="binary", scores=scores, labels=(scores > 0.5).astype(int), threshold=threshold)
    return Baseline(fit({"age": scores}, model=KEY.model, version=KEY.version, outputs=[output]))


def scored(rows: Sequence[tuple[str | None, int, float]] = ROWS) -> Predictions:
    """Predictions without a class."""
    batch = predictions(rows)
    return replace(batch, classes=Texts(np.full(len(rows), -1, np.int32), ()))


def right(engine: Engine, *batches: Batch) -> tuple[int, int]:
    """Rows that were predicted right, and rows whose class and truth are known."""
    engine.feed(list(batches), NOW)
    engine.drain(NOW)
    return confusion(engine)


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, 3), (0.300001, 2), (0.95, 2), (None, 2)])
def test_the_threshold_decides_and_without_one_the_likelier_class_is_predicted(
    threshold: float | None, expected: int
) -> None:
    assert (expected, 4) == right(engine_of(HOURLY, baselines=[baseline(threshold)]), scored(), LABELS)


def test_the_truth_may_come_first_and_in_one_record_with_its_prediction() -> None:
    assert (3, 4) == right(engine_of(HOURLY, baselines=[baseline(0.3)]), LABELS, scored())
    pair = replace(LABELS, pair=scored())
    assert (3, 4) == right(engine_of(HOURLY, baselines=[baseline(0.3)]), pair)


def test_a_class_that_the_sender_gave_stays() -> None:
    given = replace(scored(), classes=texts(["1", None, None, "0"]))  # against its score, both times
    assert (3, 4) == right(engine_of(HOURLY, baselines=[baseline(0.3)]), given, LABELS)
    all_given = replace(scored(), classes=texts(["0", "1", "1", "0"]))
    assert (4, 4) == right(engine_of(HOURLY, baselines=[baseline(0.3)]), all_given, LABELS)


def test_without_a_score_or_without_a_baseline_nothing_is_decided() -> None:
    assert (0, 0) == right(engine_of(HOURLY), scored(), LABELS)
    missing = [(name, at, float("nan")) for name, at, _ in ROWS]
    assert (0, 0) == right(engine_of(HOURLY, baselines=[baseline(0.3)]), scored(missing), LABELS)


def shared(rows: Sequence[tuple[str | None, int, float]] = ROWS, *names: str) -> Predictions:
    """Predictions without a class, and with the scores of both; of more classes the rest is shared."""
    names = names or ("1", "0")
    score = np.array([row[2] for row in rows])
    rest = (1 - score) / (len(names) - 1)
    columns = np.column_stack([score, *[rest] * (len(names) - 1)])
    return replace(scored(rows), score=np.full(len(rows), np.nan), scores=columns, score_classes=names)


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, 3), (0.300001, 2), (0.95, 2), (None, 2)])
def test_of_two_scores_the_positive_ones_is_compared_with_the_threshold(
    threshold: float | None, expected: int
) -> None:
    assert (expected, 4) == right(engine_of(HOURLY, baselines=[baseline(threshold)]), shared(), LABELS)
    pair = replace(LABELS, pair=shared())
    assert (expected, 4) == right(engine_of(HOURLY, baselines=[baseline(threshold)]), pair)


def test_two_scores_and_the_one_that_they_come_down_to_are_repeats_of_each_other() -> None:
    engine = engine_of(HOURLY, baselines=[baseline(0.5)])
    engine.feed([shared(), scored(), predictions(ROWS), shared(ROWS, "1", "0", "2")], NOW)
    assert 4 == engine.stats(NOW).predictions
    assert {(Lane.OUTCOMES, Reason.DUPLICATE): 8, (Lane.OUTCOMES, Reason.CONFLICT): 4} == engine.counters


def decided(batch: Predictions, output: Output | None, task: str | None = None) -> list[str | None]:
    found = with_classes(batch, output, task).classes
    return [found.values[code] if code >= 0 else None for code in found.codes]


def test_without_a_baseline_two_scores_are_one_where_their_names_tell_the_positive_class() -> None:
    rows = [("a", NOON, 0.5), ("b", NOON, 0.7), ("c", NOON, float("nan"))]
    batch = with_classes(shared(rows, "yes", "no"), None)
    assert ((), [0.5, 0.7]) == (batch.score_classes, batch.score.tolist()[:2])
    assert ["no", "yes", None] == decided(shared(rows, "yes", "no"), None)
    for names, task in ((("yes", "no"), "multiclass"), (("dog", "cat"), None), (("dog", "cat"), "binary")):
        batch = with_classes(shared(rows, *names), None, task)
        assert names == batch.score_classes
        assert [min(names), names[0], None] == decided(shared(rows, *names), None, task)


def test_of_several_classes_the_likeliest_is_predicted_and_one_score_alone_tells_nothing() -> None:
    rows = [("a", NOON, 0.5), ("b", NOON, 0.2)]
    batch = shared(rows, "red", "rose", "white")
    assert ["red", "rose"] == decided(batch, None)
    assert [None, None] == decided(replace(batch, scores=batch.scores[:, :1], score_classes=("red",)), None)
    given = replace(batch, classes=texts([None, "white"]))
    assert ["red", "white"] == decided(given, None)


def test_of_equally_likely_classes_the_one_whose_name_sorts_first_is_predicted() -> None:
    half, fifth = [("a", NOON, 0.5)], [("a", NOON, 0.2)]
    assert ["cat"] == decided(shared(half, "dog", "cat"), None) == decided(shared(half, "cat", "dog"), None)
    assert ["b"] == decided(shared(fifth, "a", "c", "b"), None)
    yes_first = Output(task="binary", classes=("no", "maybe"), positive="maybe")
    assert ["maybe"] == decided(shared(half, "no", "maybe"), yes_first)


def test_the_same_prediction_with_its_class_is_a_repeat_and_no_conflict() -> None:
    engine = engine_of(HOURLY, baselines=[baseline(0.5)])
    engine.feed([scored(), predictions(ROWS)], NOW)
    assert 4 == engine.stats(NOW).predictions
    assert {(Lane.OUTCOMES, Reason.DUPLICATE): 4} == engine.counters


def test_an_edge_decides_for_rows_that_it_counts_itself() -> None:
    """Those without an id; the others are passed on as they came."""
    relay = Relay(HOURLY, edge="edge", remember=10, baselines=[baseline(0.3)])
    relay.feed([scored([(None, NOON, 0.2), (None, NOON, 0.3), (None, NOON, 0.4), ("a", NOON, 0.9)])], NOW)
    (points, passed_on) = sorted(relay.take_out(), key=lambda one: isinstance(one, Predictions))
    assert isinstance(points, Points)
    assert isinstance(passed_on, Predictions)
    (classes,) = (one.state for one in points.points if one.stream.kind == StreamKind.PREDICTION_CLASSES)
    assert CategoryCounts.of({"0": 1, "1": 2}).to_bytes() == classes.to_bytes()
    assert [-1] == passed_on.classes.codes.tolist()
