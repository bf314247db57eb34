"""Models of every kind with all that can be told of them: baseline, histograms, predictions, truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Baseline
from barograph_processor.engine.batch import Points, Predictions, Texts, Truths
from barograph_processor.engine.settings import MINUTE_NS
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.signals.histogram import ExplicitHistogram

from .world import KEY, NOON, point, rows_point, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph.baseline import Task
    from barograph_processor.engine.batch import Key
    from barograph_processor.signals.fit_columns import Column

ROWS = 600
CLASSES = ("a", "b", "c")
NOBODY = Texts(np.full(ROWS, -1, np.int32), ())
ABSENT = np.full(ROWS, np.nan)


def answers(task: Task, seed: int) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], list[str]]:
    """Scores of each class and the true classes; for a regression one column of numbers and no classes."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        return rng.normal(10.0, 3.0, (ROWS, 1)), []
    known = CLASSES[: 2 if task == "binary" else 3]
    scores = rng.dirichlet(np.ones(len(known)), ROWS)
    return scores, [str(rng.choice(known, p=row)) for row in scores]


def baseline(task: Task, key: Key = KEY) -> Baseline:
    """What a model of a kind is compared with: a number and a category among its features."""
    values, truth = answers(task, 1)
    if task == "regression":
        output = OutputRows(task=task, predicted=values[:, 0], labels=values[:, 0] + 1.0)
    elif task == "binary":
        output = OutputRows(task=task, scores=values[:, 1], labels=truth, classes=CLASSES[:2], positive="b")
    else:
        output = OutputRows(task=task, scores=values, labels=truth, classes=CLASSES)
    columns: dict[str, Column] = {"age": np.arange(float(ROWS)), "town": ["Bern", "Graz"] * (ROWS // 2)}
    return Baseline(fit(columns, model=key.model, version=key.version, outputs=[output]))


def histograms(found: Baseline, key: Key = KEY) -> Points:
    """What a source with the baseline counts: a number partly out of range, a category partly unseen."""
    edges = found.header.features[0].edges
    ages = ExplicitHistogram.zero(edges).observe(np.linspace(-50.0, 500.0, ROWS))
    streams = (
        (StreamId(StreamKind.FEATURE_VALUE, "age", "", found.id), ages),
        (
            StreamId(StreamKind.FEATURE_STATES, "age", "", found.id),
            CategoryCounts.of(
                {"valid": ROWS - 90, "below": 50, "missing": 40, "invalid": 30, "sentinel": 20}
            ),
        ),
        (
            StreamId(StreamKind.FEATURE_STATES, "town", "", found.id),
            CategoryCounts.of({"valid": ROWS - 60, "unseen": 60}),
        ),
        (
            StreamId(StreamKind.FEATURE_CATEGORIES, "town", "", found.id),
            CategoryCounts.of({"Bern": 500, "Graz": 40}),
        ),
    )
    return Points(
        [rows_point(ROWS, NOON, key=key), *(point(stream, state, NOON, key=key) for stream, state in streams)]
    )


def outcomes(
    task: Task, key: Key = KEY, segments: Mapping[str, Texts] | None = None
) -> tuple[Predictions, Truths]:
    """Predictions and, a minute later, their truth."""
    values, truth = answers(task, 2)
    ids = [f"id-{row}" for row in range(ROWS)]
    times = np.full(ROWS, NOON, np.int64) + np.arange(ROWS)
    likeliest = [CLASSES[index] for index in values.argmax(axis=1)] if task != "regression" else []
    made = Predictions(
        key=key,
        source="a",
        ids=ids,
        time_ns=times,
        classes=texts(likeliest) if likeliest else NOBODY,
        score=values[:, 1] if task == "binary" else ABSENT,
        scores=values if task == "multiclass" else np.empty((ROWS, 0)),
        score_classes=CLASSES if task == "multiclass" else (),
        value=values[:, 0] if task == "regression" else ABSENT,
        segments=segments or {},
    )
    observed = Truths(
        tenant=key.tenant,
        model=key.model,
        version=None,
        output=key.output,
        ids=ids,
        time_ns=times + MINUTE_NS,
        classes=texts(truth) if truth else NOBODY,
        value=values[:, 0] + np.linspace(-2.0, 3.0, ROWS) if task == "regression" else ABSENT,
    )
    return made, observed
