"""Which class scores decide for, wherever only the scores are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Output

_BINARY = 2


class TwoClasses(NamedTuple):
    """The classes of a binary task.

    Attributes:
        negative: Predicted below the threshold.
        positive: Predicted from it on.
    """

    negative: str
    positive: str


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
