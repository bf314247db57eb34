"""Which rows were refused, and why; the first reason of a row stands."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Refusals:
    """Verdicts over n rows.

    >>> verdicts = Refusals(3)
    >>> verdicts.refuse(np.array([False, True, True]), "no_model")
    >>> verdicts.refuse_at(np.array([0, 2]), "no_time")
    >>> verdicts.counts()
    Counter({'no_model': 2, 'no_time': 1})
    >>> verdicts.first("no_model")
    1
    """

    __slots__ = ("_codes", "_reasons")

    def __init__(self, rows: int) -> None:
        self._codes = np.zeros(rows, np.int16)
        self._reasons: list[str] = [""]

    def refuse(self, where: NDArray[np.bool_], reason: str) -> None:
        """Refuse the rows where the mask is set, unless they were refused before."""
        if where.any():
            self._codes[where & (self._codes == 0)] = self._code(reason)

    def refuse_at(self, rows: NDArray[np.int64], reason: str) -> None:
        """Refuse rows by number, unless they were refused before."""
        if rows.size:
            self._codes[rows[self._codes[rows] == 0]] = self._code(reason)

    def pass_on(self, rows: NDArray[np.int64], to: Refusals, *, except_for: str = "") -> None:
        """Refuse in `to` what was refused here; row i of this is row `rows[i]` of that.

        Args:
            rows: int64 [n].
            to: The verdicts on all rows.
            except_for: A reason that is kept back.
        """
        for code, reason in enumerate(self._reasons):
            if code and reason != except_for:
                to.refuse_at(rows[self._codes == code], reason)

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Mask of the rows that nothing was found against."""
        taken: NDArray[np.bool_] = self._codes == 0
        return taken

    def refused_as(self, reason: str) -> NDArray[np.bool_]:
        """Mask of the rows that were refused for a reason."""
        if reason not in self._reasons:
            return np.zeros(len(self._codes), bool)
        refused: NDArray[np.bool_] = self._codes == self._reasons.index(reason)
        return refused

    @property
    def any(self) -> bool:
        """Whether any row was refused."""
        return len(self._reasons) > 1 and bool(self._codes.any())

    def counts(self) -> Counter[str]:
        """Refused rows by reason."""
        if not self.any:
            return Counter()
        counts = np.bincount(self._codes, minlength=len(self._reasons))
        return Counter({name: int(counts[i]) for i, name in enumerate(self._reasons) if i and counts[i]})

    def first(self, reason: str) -> int:
        """Number of the first row refused for a reason that `counts` has."""
        return int(np.argmax(self._codes == self._reasons.index(reason)))

    def _code(self, reason: str) -> int:
        if reason not in self._reasons:
            self._reasons.append(reason)
        return self._reasons.index(reason)
