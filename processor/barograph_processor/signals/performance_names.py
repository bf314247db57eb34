"""One outcome under two names: the model says 1, the label says true.

Serving code that gives only scores names no classes, and labels come from another system: a
boolean column here, 0 and 1 there. Comparing the texts would call every such prediction wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from barograph_processor.signals.api import Joined

_NEGATIVE, _POSITIVE = ("0", "false"), ("1", "true")
_OTHER_NAME = dict(zip((*_NEGATIVE, *_POSITIVE), (*_NEGATIVE[::-1], *_POSITIVE[::-1]), strict=True))
_STYLE = {"0": "digit", "1": "digit", "false": "word", "true": "word"}


def alike(joined: Joined) -> Joined:
    """The rows with truths named as their own predictions name the same outcome.

    Only 0 and 1 stand for false and true, and only in rows whose prediction is of the other style;
    row by row, so that it makes no difference in which company a row comes.

    Args:
        joined: The rows.

    Returns:
        The rows; `classes` may have grown.
    """
    styles = {code: _STYLE[name] for code, name in enumerate(joined.classes) if name in _STYLE}
    predicted = np.unique(joined.predicted_class).tolist()
    if not any(code in styles for code in predicted):
        return joined
    place = {name: code for code, name in enumerate(joined.classes)}
    truth = joined.truth_class.copy()
    for style in {styles[code] for code in predicted if code in styles}:
        own = [code for code, found in styles.items() if found == style]
        rows = np.isin(joined.predicted_class, own)
        for name, other in _OTHER_NAME.items():
            if _STYLE[name] == style:
                continue
            named = place.get(name, -1)
            hit = rows & (truth == named) if named >= 0 else np.zeros(len(rows), np.bool_)
            if style == "word":  # a number of the label is 0 or 1 as well
                hit |= rows & (joined.truth_class < 0) & (joined.truth_value == float(name))
            if hit.any():
                truth[hit] = place.setdefault(other, len(place))
    return replace(joined, truth_class=truth, classes=tuple(place))
