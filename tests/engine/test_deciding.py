"""Rows that came with a score alone: the baseline's threshold tells their class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph.baseline import Baseline, Output
from barograph.outputs import OutputSpec
from barograph.semconv import metrics
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


def test_without_a_baseline_more_than_a_half_is_class_1_of_0_and_1() -> None:
    rows = [("a", NOON, 0.25), ("b", NOON, 0.5), ("c", NOON, 0.75), ("d", NOON, float("nan"))]
    assert ["0", "0", "1", None] == decided(scored(rows), None) == decided(scored(rows), None, "binary")
    assert (
        [None] * 4 == decided(scored(rows), None, "multiclass") == decided(scored(rows), None, "regression")
    )
    assert (2, 4) == right(engine_of(HOURLY), scored(), LABELS)
    assert (2, 4) == right(engine_of(HOURLY), replace(LABELS, pair=scored()))


def test_a_row_with_one_score_is_decided_as_if_it_had_come_without_the_others() -> None:
    rows = [("a", NOON, 0.7), ("b", NOON, 0.2)]
    several = shared(rows, "red", "rose", "white")
    mixed = replace(several, score=np.array([np.nan, 0.9]), scores=several.scores * [[1.0], [np.nan]])
    assert ["red", "1"] == decided(mixed, None)
    pair = shared(rows, "no", "yes")
    mixed = replace(pair, score=np.array([np.nan, 0.9]), scores=pair.scores * [[1.0], [np.nan]])
    assert ["no", "1"] == decided(mixed, None)


@pytest.mark.parametrize(
    ("truth", "expected"), [("true", 1), ("True", 1), ("yes", 1), ("POSITIVE", 1), ("no", 0)]
)
def test_labels_that_name_the_outcome_otherwise_fit_a_class_without_a_name(truth: str, expected: int) -> None:
    label = replace(truths([("d", NOON + 1, "1")]), classes=texts([truth]), value=np.array([np.nan]))
    assert (expected, 1) == right(engine_of(HOURLY), scored(), label)


def test_the_score_of_one_named_class_alone_is_the_positive_ones_where_its_name_tells() -> None:
    rows = [("a", NOON, 0.5), ("b", NOON, 0.7)]
    batch = shared(rows, "yes", "no")
    alone = replace(batch, scores=batch.scores[:, :1], score_classes=("yes",))
    assert ["no", "yes"] == decided(alone, None)
    assert ((), [0.5, 0.7]) == (
        with_classes(alone, None).score_classes,
        with_classes(alone, None).score.tolist(),
    )


def test_without_a_score_nothing_is_decided() -> None:
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
    relay = Relay(HOURLY, edge="edge", remember=10, seed=1, baselines=[baseline(0.3)])
    relay.feed([scored([(None, NOON, 0.2), (None, NOON, 0.3), (None, NOON, 0.4), ("a", NOON, 0.9)])], NOW)
    (points, passed_on) = sorted(relay.take_out(), key=lambda one: isinstance(one, Predictions))
    assert isinstance(points, Points)
    assert isinstance(passed_on, Predictions)
    (classes,) = (one.state for one in points.points if one.stream.kind == StreamKind.PREDICTION_CLASSES)
    assert CategoryCounts.of({"0": 1, "1": 2}).to_bytes() == classes.to_bytes()
    assert [-1] == passed_on.classes.codes.tolist()


def test_serving_code_names_the_class_of_a_score_where_nobody_else_could() -> None:
    """With classes stated it sends the score by that name, so that all lanes count it under one."""
    scores = np.array([0.75, 0.25])
    answer = OutputSpec(classes=("cat", "dog")).answer(None, scores, 2)
    assert (["dog", "cat"], ("dog",)) == (answer.classes, answer.score_classes)
    assert answer.score is None
    known = Output(task="binary", classes=("cat", "dog"), positive="dog", threshold=0.2)
    assert scores.tolist() == OutputSpec(known).answer(None, scores, 2).score.tolist()  # type: ignore[union-attr]
    two = {"cat": 1 - scores, "dog": scores}
    assert answer.classes == OutputSpec().answer(None, two, 2).classes
    assert ["dog", "dog"] == OutputSpec(threshold=0.25).answer(None, two, 2).classes


def test_the_score_of_one_named_class_tells_how_well_it_is_told_from_all_others() -> None:
    rows = [(f"a-{place}", NOON, 0.75 - place % 2 / 2) for place in range(40)]
    named = replace(shared(rows, "dog", "cat"), classes=texts(["dog", "cat"] * 20))
    batch = replace(named, scores=named.scores[:, :1], score_classes=("dog",))
    label = replace(
        truths([(name, NOON + 1, "1") for name, _, _ in rows]),
        classes=texts(["dog", "cat"] * 20),
        value=np.full(40, np.nan),
    )
    engine = engine_of(HOURLY)
    engine.feed([batch, label], NOW)
    closed = engine.drain(NOW)
    figures = {(one.metric, dict(one.attributes).get("ml.class.name")): one.value
               for each in closed for one in each.readings}  # fmt: skip
    assert 1.0 == figures[metrics.ML_PERFORMANCE_ACCURACY, None]
    assert 1.0 == figures[metrics.ML_PERFORMANCE_ROC_AUC, None]
    assert 0.0625 == figures[metrics.ML_PERFORMANCE_BRIER, None]
