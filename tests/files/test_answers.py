"""A table's answers are what the instrumentation would have made of the same columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from barograph.baseline import Output
from barograph.outputs import OutputSpec
from barograph_processor.engine.deciding import with_classes
from barograph_processor.files.answers import AnswerColumns, Answers, looks_like_regression
from barograph_processor.wire.identity import Owner
from barograph_processor.wire.outcomes import Outcomes

if TYPE_CHECKING:
    from barograph_processor.engine.batch import Predictions

ROWS = 40
RANDOM = np.random.default_rng(3)
SCORE = np.round(RANDOM.random(ROWS), 1)  # with ties at one half
SCORE[3] = math.nan
SHARES = np.round(RANDOM.dirichlet((1, 1, 1), ROWS), 1)
SHARES[5] = math.nan
COLUMNS: dict[str, Any] = {
    "score": SCORE,
    "other": 1 - SCORE,
    "red": SHARES[:, 0],
    "white": SHARES[:, 1],
    "rose": SHARES[:, 2],
    "class": RANDOM.choice(["red", "white", "rose"], ROWS),
    "flag": RANDOM.random(ROWS) < 0.5,
    "number": RANDOM.normal(0, 1, ROWS),
    "whole": RANDOM.integers(0, 2, ROWS),
}
BINARY = Output(task="binary", classes=("no", "yes"), positive="yes", threshold=0.3)
REVERSED = Output(task="binary", classes=("no", "yes"), positive="no")


@pytest.mark.parametrize(
    ("prediction", "scores", "output", "task"),
    [
        (None, {None: "score"}, None, None),
        (None, {None: "score"}, BINARY, None),
        (None, {None: "score"}, REVERSED, None),
        ("flag", {None: "score"}, None, "binary"),
        (None, {"no": "other", "yes": "score"}, BINARY, None),
        (None, {"no": "other", "yes": "score"}, REVERSED, None),
        (None, {"no": "other", "yes": "score"}, None, None),
        (None, {"yes": "score"}, None, None),
        (None, {"red": "score"}, None, None),
        (None, {"red": "score", "blue": "other"}, None, None),
        (None, {"red": "score", "blue": "other"}, None, "binary"),
        (None, {"red": "red", "white": "white", "rose": "rose"}, None, "multiclass"),
        ("class", {"red": "red", "white": "white", "rose": "rose"}, None, "multiclass"),
        ("class", {}, None, None),
        ("whole", {}, None, "binary"),
        ("number", {}, None, "regression"),
    ],
)
def test_answers_are_told_apart_as_by_serving_code(
    prediction: str | None, scores: dict[str | None, str], output: Output | None, task: Any
) -> None:
    batch = pa.RecordBatch.from_pydict(COLUMNS)
    known = task if output is None else output.task
    answers = AnswerColumns(prediction=prediction, scores=tuple(scores.items()), task=known)
    found = with_classes(taken(answers.read(batch, is_typed=True)), output, task)
    matrix = {name: COLUMNS[column] for name, column in scores.items()}
    given = matrix.get(None) if None in matrix else matrix or None
    wanted = OutputSpec(output, task=task).answer(
        None if prediction is None else COLUMNS[prediction], given, ROWS
    )
    classes = [found.classes.values[code] if code >= 0 else None for code in found.classes.codes]
    assert (wanted.classes or [None] * ROWS) == classes
    nothing = np.full(ROWS, math.nan)
    np.testing.assert_array_equal(nothing if wanted.score is None else wanted.score, found.score)
    np.testing.assert_array_equal(nothing if wanted.value is None else wanted.value, found.value)
    np.testing.assert_array_equal(
        np.empty((ROWS, 0)) if wanted.scores is None else wanted.scores, found.scores
    )
    if wanted.scores is not None:
        assert wanted.score_classes == found.score_classes


def taken(answers: Answers) -> Predictions:
    """What the engine gets."""
    owner = Owner("", "", "m", "1", "", "a")
    columns = {"ids": pa.nulls(ROWS, pa.string()), "time_ns": np.ones(ROWS, np.int64), "segments": {}}
    return Outcomes(**columns, **answers._asdict()).predictions(owner, "default")


def test_numbers_that_are_not_whole_are_a_regression() -> None:
    assert looks_like_regression(pa.array([1.5, None]), is_typed=True)
    assert looks_like_regression(pa.array([1.5, math.inf]), is_typed=True)
    assert looks_like_regression(pa.array(["1.5", ""]), is_typed=False)
    assert not looks_like_regression(pa.array([1.0, 0.0]), is_typed=True)
    assert not looks_like_regression(pa.array(["1.5", "red"]), is_typed=False)
    assert not looks_like_regression(pa.array([True, False]), is_typed=True)
