"""What is predicted, as far as the rows alone tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from barograph.baseline import Task
    from barograph_processor.signals.api import Joined

_PAIRS = tuple(
    (style(negative), style(positive))
    for negative, positive in (
        ("0", "1"),
        ("-1", "1"),
        ("false", "true"),
        ("no", "yes"),
        ("negative", "positive"),
    )
    for style in (str.lower, str.title, str.upper)
)


def positive_class(classes: Iterable[str]) -> str | None:
    """The positive one of two classes, where their names tell it.

    Args:
        classes: The classes seen so far; one of the two is enough.

    Returns:
        The second of 0 and 1, -1 and 1, false and true, no and yes, negative and positive;
        None where the names are others, or are none.

    >>> positive_class(("false", "true")), positive_class(("No",)), positive_class(("cat", "dog"))
    ('true', 'Yes', None)
    """
    seen = set(classes)
    if not seen:
        return None
    return next((positive for negative, positive in _PAIRS if seen <= {negative, positive}), None)


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
