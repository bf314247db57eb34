"""Realized performance: from joined rows to states, and the signals that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph.classes import class_text
from barograph.deciding import positive_class
from barograph_processor.signals.api import Signal, State, StreamId, StreamKind
from barograph_processor.signals.counts import kept
from barograph_processor.signals.delay import LabelDelay
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.performance_classes import Accuracy, BalancedAccuracy, ByClass
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors, usable_numbers
from barograph_processor.signals.performance_labels import LabelMaturity, Observations
from barograph_processor.signals.performance_names import of_other_names
from barograph_processor.signals.performance_numbers import (
    Bias,
    ExplainedVariance,
    MeanAbsoluteError,
    MeanSquaredError,
)
from barograph_processor.signals.performance_probabilities import Brier, LogLoss, RocAuc
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.signals.api import Joined

MAX_SCORED_CLASSES = 100

SIGNALS: tuple[Signal, ...] = (
    Observations(),
    LabelMaturity(),
    LabelDelay(),
    Accuracy(),
    BalancedAccuracy(),
    ByClass(),
    RocAuc(),
    LogLoss(),
    Brier(),
    MeanAbsoluteError(),
    MeanSquaredError(),
    Bias(),
    ExplainedVariance(),
)


class Measured(NamedTuple):
    """What joined rows amount to.

    Attributes:
        states: The states of the rows, those without rows left out.
        unusable: Rows left out because the truth or the prediction is missing or not of the task's
            type.
    """

    states: dict[StreamId, State]
    unusable: int


class _Truth(NamedTuple):
    """The true classes of rows, numbers among them as text."""

    codes: NDArray[np.int64]
    classes: tuple[str, ...]


def measure(joined: Joined, *, task: str, positive: str | None) -> Measured:
    """The states of joined rows, for one output.

    A row counts for the classes where it has a predicted class, for the probabilities where it has
    scores in [0, 1]. A true number stands for the class of that name.

    Args:
        joined: The rows.
        task: ``binary``, ``multiclass`` or ``regression``.
        positive: The positive class of a binary task; None: what the classes' names tell
            (`positive_class`), and without that no score is used.

    Raises:
        ValueError: The task is another.
    """
    if task == "regression":
        usable = usable_numbers(joined.truth_value, joined.predicted_value)
        found = {StreamId(StreamKind.ERRORS): _errors(joined, usable)} if usable.any() else {}
    elif task in {"binary", "multiclass"}:
        truth = _truth(joined)
        known = truth.codes >= 0
        predicted = np.isfinite(joined.score) | (joined.predicted_class >= 0)
        predicted |= np.isfinite(joined.scores).all(axis=1) if joined.score_classes else False
        usable = known & predicted & ~of_other_names(joined)
        found = _class_states(joined, truth, usable, task, positive)
    else:
        raise ValueError(f"task {task!r} is unknown; use binary, multiclass or regression")
    delay = joined.delay_s[usable & np.isfinite(joined.delay_s)]
    if len(delay):
        found[StreamId(StreamKind.DELAY)] = ExponentialHistogram.zero().observe(delay)
    return Measured(found, int(len(usable) - np.count_nonzero(usable)))


def _errors(joined: Joined, usable: NDArray[np.bool_]) -> State:
    return RegressionErrors.zero().observe(joined.truth_value[usable], joined.predicted_value[usable])


def _truth(joined: Joined) -> _Truth:
    codes = joined.truth_class.astype(np.int64)
    numbers = (codes < 0) & np.isfinite(joined.truth_value)
    if not numbers.any():
        return _Truth(codes, joined.classes)
    place = {name: code for code, name in enumerate(joined.classes)}
    values, inverse = np.unique(joined.truth_value[numbers], return_inverse=True)
    texts = (class_text(value) or "" for value in values.tolist())
    codes[numbers] = np.array([place.setdefault(text, len(place)) for text in texts])[inverse]
    return _Truth(codes, tuple(place))


def _class_states(
    joined: Joined, truth: _Truth, usable: NDArray[np.bool_], task: str, positive: str | None
) -> dict[StreamId, State]:
    found: dict[StreamId, State] = {}
    predicted = np.where(usable, joined.predicted_class.astype(np.int64), -1)
    confusion = ConfusionCounts.zero().observe(truth.codes, predicted, truth.classes)
    if confusion.rows:
        found[StreamId(StreamKind.CONFUSION)] = confusion
    if task == "binary":
        seen = {truth.classes[code] for code in np.unique(truth.codes[usable]).tolist()}
        seen |= {truth.classes[code] for code in np.unique(predicted[predicted >= 0]).tolist()}
        named = positive if positive is not None else positive_class(seen | set(joined.score_classes))
        if named is None and len(joined.score_classes) == 1:
            (named,) = joined.score_classes
        if named is not None:
            found |= _binary_states(joined, truth, usable, named)
    elif len(joined.score_classes) == 1:  # of the other classes only the rest to 1 is known
        found |= _binary_states(joined, truth, usable, joined.score_classes[0])
    else:
        found |= _multiclass_states(joined, truth, usable)
    return found


def _binary_states(
    joined: Joined, truth: _Truth, usable: NDArray[np.bool_], positive: str
) -> dict[StreamId, State]:
    score = joined.score
    if positive in joined.score_classes:
        score = np.where(np.isnan(score), joined.scores[:, joined.score_classes.index(positive)], score)
    scored = usable & ~np.isnan(score)
    if not scored.any():
        return {}
    code = truth.classes.index(positive) if positive in truth.classes else -2
    true, score = truth.codes[scored] == code, score[scored]
    found: dict[StreamId, State] = {
        StreamId(StreamKind.SCORES, part=positive): ScoreCounts.zero().observe(score, true)
    }
    inside = (score >= 0) & (score <= 1)
    if inside.any():
        true, score = true[inside], score[inside]
        errors = ProbabilityErrors.zero().observe(np.where(true, score, 1 - score), (score - true) ** 2)
        found[StreamId(StreamKind.PROBABILITY)] = errors
    return found


def _multiclass_states(joined: Joined, truth: _Truth, usable: NDArray[np.bool_]) -> dict[StreamId, State]:
    scored = usable & ~np.isnan(joined.scores).any(axis=1)
    if not joined.score_classes or not scored.any():
        return {}
    column = {name: index for index, name in enumerate(joined.score_classes)}
    of_code = np.array([column.get(name, -1) for name in truth.classes])
    scores, true = joined.scores[scored], of_code[truth.codes[scored]]
    found: dict[StreamId, State] = {
        StreamId(StreamKind.SCORES, part=name): ScoreCounts.zero().observe(
            scores[:, column[name]], true == column[name]
        )
        for name in sorted(kept(set(column), MAX_SCORED_CLASSES))
    }
    inside = ((scores >= 0) & (scores <= 1)).all(axis=1)
    if inside.any():
        scores, true = scores[inside], true[inside]
        named = np.flatnonzero(true >= 0)
        right = np.zeros(len(true))  # a true class without a column was given no probability
        right[named] = scores[named, true[named]]
        off = scores.copy()
        off[named, true[named]] -= 1.0
        brier = np.square(off).sum(axis=1) + (true < 0)
        found[StreamId(StreamKind.PROBABILITY)] = ProbabilityErrors.zero().observe(right, brier)
    return found
