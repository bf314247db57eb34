"""The predicted class of rows that came with a score alone, by the threshold of the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.engine.batch import Texts
from barograph_processor.signals.deciding import is_positive, two_classes

if TYPE_CHECKING:
    from barograph.baseline import Output
    from barograph_processor.engine.batch import Predictions


def with_classes(batch: Predictions, output: Output | None) -> Predictions:
    """The same predictions, each with a class where its score decides for one.

    A class that the sender gave stays, whatever the score says.

    Args:
        batch: Of one key.
        output: What a baseline that was given says of the output; None: nothing is decided.
    """
    if output is None or output.task != "binary":
        return batch
    undecided = (batch.classes.codes < 0) & np.isfinite(batch.score)
    if not undecided.any():
        return batch
    names = two_classes(output)
    values = tuple(dict.fromkeys((*batch.classes.values, *names)))
    negative, positive = map(values.index, names)
    found = np.where(is_positive(batch.score, output.threshold), positive, negative)
    codes = np.where(undecided, found, batch.classes.codes).astype(np.int32)
    return replace(batch, classes=Texts(codes, values))
