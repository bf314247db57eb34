"""Which of two classes a score decides for, wherever only the score is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
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
    others = [name for name in (*classes, *named) if name != positive]
    return TwoClasses(others[0] if others else ("0" if positive != "0" else "1"), positive)


def is_positive(score: NDArray[np.float64], threshold: float | None) -> NDArray[np.bool_]:
    """Which scores decide for the positive class.

    Args:
        score: float64 [n], probability of the positive class; a missing one decides for nothing, False.
        threshold: From which on; None: where it is the likelier class.
    """
    chosen: NDArray[np.bool_] = score > 0.5 if threshold is None else score >= threshold  # noqa: PLR2004  # 1 - p
    return chosen
