"""Which class scores decide for, wherever only the scores are known.

Serving code counts predicted classes before it sends anything, the processor decides for all who sent scores
alone: both do it here, so that they can't differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Output

_BINARY = 2
PAIRS = tuple(
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
"""Two classes whose names tell the positive one, the second."""


class TwoClasses(NamedTuple):
    """The classes of a binary task.

    Attributes:
        negative: Predicted below the threshold.
        positive: Predicted from it on.
    """

    negative: str
    positive: str


NUMBERED = TwoClasses("0", "1")
"""What the classes of a score without any name are called."""


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
    return next((positive for negative, positive in PAIRS if seen <= {negative, positive}), None)


def named_pair(named: Sequence[str]) -> TwoClasses | None:
    """The two classes that are meant where scores have names and nothing else is known.

    Args:
        named: Classes that have scores, in any order: both, or the positive one alone.

    Returns:
        None where the names don't tell the positive class, as `positive_class` knows them.

    >>> named_pair(("yes", "no")), named_pair(("true",)), named_pair(("no",)), named_pair(("cat", "dog"))
    (TwoClasses(negative='no', positive='yes'), TwoClasses(negative='false', positive='true'), None, None)
    """
    positive = positive_class(named)
    if positive is None or positive not in named or len(named) > _BINARY:
        return None
    return next(TwoClasses(*pair) for pair in PAIRS if set(named) <= set(pair) and pair[1] == positive)


def two_classes(output: Output | None, named: Sequence[str] = ()) -> TwoClasses:
    """The classes of a binary output, as far as they have names; else ``0`` and ``1``.

    Args:
        output: What the baseline says; None without one.
        named: Classes that the data names beside it, in their order.

    >>> two_classes(None), two_classes(None, ("no", "yes"))
    (TwoClasses(negative='0', positive='1'), TwoClasses(negative='no', positive='yes'))
    """
    classes = () if output is None else output.classes
    positive = None if output is None else output.positive
    if len(named) == _BINARY and positive not in named:
        positive = named[1]
    if positive is None:
        positive = classes[1] if len(classes) == _BINARY else (named[0] if named else "1")
    known = (*named, *classes) if len(named) == _BINARY else (*classes, *named)
    others = [name for name in known if name != positive]
    return TwoClasses(others[0] if others else ("0" if positive != "0" else "1"), positive)


def is_positive(
    score: NDArray[np.float64],
    threshold: float | None,
    *,
    other: NDArray[np.float64] | None = None,
    classes: TwoClasses | None = None,
) -> NDArray[np.bool_]:
    """Which scores decide for the positive class.

    Args:
        score: float64 [n], probability of the positive class; a missing one decides for nothing, False.
        threshold: From which on; None: where it is the likelier class.
        other: float64 [n], probability of the other class, NaN where missing; None: always the rest to 1.
        classes: Their names, where `other` is given: of equally likely ones the one whose name sorts first.

    >>> score = np.array([0.25, 0.5, 0.75])
    >>> is_positive(score, 0.25).tolist(), is_positive(score, None).tolist()
    ([True, True, True], [False, False, True])
    >>> is_positive(score, None, other=1 - score, classes=TwoClasses("no", "maybe")).tolist()
    [False, True, True]
    """
    if threshold is not None:
        chosen: NDArray[np.bool_] = score >= threshold
        return chosen
    if other is None or classes is None:
        likelier: NDArray[np.bool_] = score > 0.5  # noqa: PLR2004  # 1 - p
        return likelier
    likelier = score >= other if classes.positive < classes.negative else score > other
    return np.where(np.isnan(other), is_positive(score, None), likelier)


def likeliest(scores: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.int32]:
    """Which of several classes has the greatest score; of equal ones the one whose name sorts first.

    The order of columns is no fact.

    Args:
        scores: float64 [n, k], not finite where missing.
        names: Of the k columns.

    Returns:
        int32 [n], the place of a name; -1 where fewer than two scores are known.

    >>> likeliest(np.array([[0.5, 0.5], [0.9, np.nan], [0.6, 0.4]]), ("b", "a")).tolist()
    [1, -1, 0]
    """
    known = np.isfinite(scores)
    if len(names) < _BINARY:
        return np.full(len(scores), -1, np.int32)
    order = sorted(range(len(names)), key=names.__getitem__)
    best = np.array(order)[np.where(known, scores, -np.inf)[:, order].argmax(axis=1)]
    return np.where(known.sum(axis=1) >= _BINARY, best, -1).astype(np.int32)
