"""The predicted class of rows that came with scores alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph.deciding import NUMBERED, TwoClasses, is_positive, likeliest, named_pair, two_classes
from barograph_processor.engine.batch import Texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Output
    from barograph_processor.engine.batch import Predictions

_BINARY = {None, "binary"}


def with_classes(batch: Predictions, output: Output | None, task: str | None = None) -> Predictions:
    """The same predictions, each with a class where its scores decide for one.

    A class that the sender gave stays, whatever the scores say. Of a binary task the scores by class become
    one score, of the positive class, as serving code tells it. The baseline's threshold decides; without one
    the likelier of two classes, and of several the likeliest. A score without any name is that of class 1, as
    against 0.

    Args:
        batch: Of one key.
        output: What a baseline that was given says of the output; None without one.
        task: What is predicted, as configured, where no baseline says it; None: what the classes' names tell.
    """
    nameless = np.isfinite(batch.score) & ~np.isfinite(batch.scores).any(axis=1)
    classes = _two_classes(batch.score_classes, output, task)
    if classes is None:
        batch = _decided(batch, likeliest(batch.scores, batch.score_classes), batch.score_classes)
    else:
        batch, other = _one_score(batch, classes)
        known = np.isfinite(batch.score) if output is not None else np.isfinite(batch.score) & ~nameless
        threshold = None if output is None else output.threshold
        positive = is_positive(batch.score, threshold, other=other, classes=classes)
        batch = _decided(batch, np.where(known, positive, -1), classes)
    if output is not None or task not in _BINARY:
        return batch
    return _decided(batch, np.where(nameless, is_positive(batch.score, None), -1), NUMBERED)


def _two_classes(named: Sequence[str], output: Output | None, task: str | None) -> TwoClasses | None:
    if output is not None:
        return two_classes(output, sorted(named)) if output.task == "binary" else None
    return named_pair(named) if task in _BINARY else None


def _one_score(batch: Predictions, classes: TwoClasses) -> tuple[Predictions, NDArray[np.float64]]:
    """The positive class's score in its place, the two classes' columns gone; and the other one's score."""
    names = batch.score_classes
    nothing = np.full(len(batch.score), np.nan)
    negative, positive = (
        batch.scores[:, names.index(name)] if name in names else nothing for name in classes
    )
    kept = [place for place, name in enumerate(names) if name not in classes]
    if len(kept) == len(names):
        return batch, negative
    score = np.where(np.isnan(batch.score), positive, batch.score)
    left = tuple(names[place] for place in kept)
    return replace(batch, score=score, scores=batch.scores[:, kept], score_classes=left), negative


def _decided(batch: Predictions, chosen: NDArray[np.integer], names: Sequence[str]) -> Predictions:
    """The same with the class of a place among names, where one is chosen and none was given."""
    undecided = (batch.classes.codes < 0) & (chosen >= 0)
    if not undecided.any():
        return batch
    values = tuple(dict.fromkeys((*batch.classes.values, *names)))
    places = np.array([values.index(name) for name in names])
    codes = np.where(undecided, places[chosen], batch.classes.codes).astype(np.int32)
    return replace(batch, classes=Texts(codes, values))
