"""What is predicted, as far as the rows alone tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.deciding import positive_class

if TYPE_CHECKING:
    from barograph.baseline import Task
    from barograph_processor.signals.api import Joined


def infer_task(joined: Joined) -> Task | None:
    """The task that the predictions fit; None where they hold nothing.

    More than two classes, or two whose names don't tell the positive one and that have no score of
    their own, are multiclass. Predicted numbers without classes and scores are a regression.
    """
    named = np.unique(joined.predicted_class[joined.predicted_class >= 0])
    scored = bool(np.isfinite(joined.score).any())
    if len(joined.score_classes) > 2:  # noqa: PLR2004 two classes
        return "multiclass"
    if len(named) or scored or joined.score_classes:
        true = joined.truth_class[joined.truth_class >= 0]
        classes = {joined.classes[code] for code in {*named.tolist(), *np.unique(true).tolist()}}
        classes.update(joined.score_classes)
        if scored and len(classes) <= 2:  # noqa: PLR2004 two classes
            return "binary"
        return "binary" if positive_class(classes) is not None else "multiclass"
    return "regression" if np.isfinite(joined.predicted_value).any() else None
