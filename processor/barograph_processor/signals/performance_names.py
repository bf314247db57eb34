"""One outcome under two names: the model says 1, the label says true.

Serving code that gives only scores names no classes, and labels come from another system: a
boolean column here, 0 and 1 there, text elsewhere. Comparing the texts would call every such
prediction wrong.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from barograph.deciding import NUMBERED, PAIRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.signals.api import Joined

_STYLES = tuple(pair for pair in dict.fromkeys(PAIRS) if "-1" not in pair)  # its 1 is also that of 0 and 1
_STYLE = {name: style for style, pair in enumerate(_STYLES) for name in pair}
_SHORT, _LONG = re.compile(r"-?\d+"), re.compile(r"-?\d+\.0")
_POSITIVE = {name: place for pair in _STYLES for place, name in enumerate(pair)}


def alike(joined: Joined) -> Joined:
    """The rows with truths named as their own predictions name the same outcome.

    0, false, no and negative stand for each other, as 1, true, yes and positive do, and only in rows
    whose prediction is of another style than the truth; row by row, so that it makes no difference in
    which company a row comes.

    Args:
        joined: The rows.

    Returns:
        The rows; `classes` may have grown.
    """
    joined = _with_digits_alike(joined)
    predicted = np.unique(joined.predicted_class).tolist()
    styles = {code: _STYLE[name] for code, name in enumerate(joined.classes) if name in _STYLE}
    if not any(code in styles for code in predicted):
        return joined
    place = {name: code for code, name in enumerate(joined.classes)}
    truth = joined.truth_class.copy()
    for style in {styles[code] for code in predicted if code in styles}:
        rows = np.isin(joined.predicted_class, [code for code, found in styles.items() if found == style])
        for positive, own in enumerate(_STYLES[style]):
            others = [
                code
                for code, found in styles.items()
                if found != style and _POSITIVE[joined.classes[code]] == positive
            ]
            hit = rows & np.isin(joined.truth_class, others)
            if _STYLES[style] != _STYLES[0]:  # a number of the label is 0 or 1 as well
                hit |= rows & (joined.truth_class < 0) & (joined.truth_value == positive)
            if hit.any():
                truth[hit] = place.setdefault(own, len(place))
    return replace(joined, truth_class=truth, classes=tuple(place))


def _with_digits_alike(joined: Joined) -> Joined:
    """The rows with whole numbers written as their own predictions are: 1 where 1 is predicted, or 1.0."""
    long = {code for code, name in enumerate(joined.classes) if _LONG.fullmatch(name)}
    if not long:
        return joined
    place = {name: code for code, name in enumerate(joined.classes)}
    truth = joined.truth_class.copy()
    whole = np.isfinite(joined.truth_value) & (joined.truth_value == np.floor(joined.truth_value))
    for row in np.flatnonzero(whole & (joined.predicted_class >= 0)).tolist():
        predicted = joined.predicted_class[row]
        if predicted in long or _SHORT.fullmatch(joined.classes[predicted]):
            name = f"{int(joined.truth_value[row])}{'.0' if predicted in long else ''}"
            truth[row] = place.setdefault(name, len(place))
    return replace(joined, truth_class=truth, classes=tuple(place))


def of_other_names(joined: Joined) -> NDArray[np.bool_]:
    """Rows whose truth can't be compared: a score tells 1 or 0, and the truth is named like neither, `fraud`.

    Nothing tells which of the two such a truth is; compared as text, every prediction would be wrong.

    Args:
        joined: The rows, `alike` before.
    """
    numbered = [code for code, name in enumerate(joined.classes) if name in NUMBERED]
    known = [code for code, name in enumerate(joined.classes) if name in _STYLE]
    foreign = (joined.truth_class >= 0) & ~np.isin(joined.truth_class, known) & np.isnan(joined.truth_value)
    found: NDArray[np.bool_] = np.isin(joined.predicted_class, numbered) & foreign
    return found & np.isfinite(joined.score)
