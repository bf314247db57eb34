"""Which buckets or categories are counted together before two distributions are compared.

Groups depend on the reference alone, so that the index of one window can be compared with that of
the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

GROUPS = 10
LEAST_SHARE = 0.01
LEAST_ROWS = 5


def bucket_groups(counts: NDArray[np.int64], groups: int = GROUPS) -> NDArray[np.int64]:
    """Group of each bucket: neighbours, of about equal reference shares.

    The cuts are the bucket edges nearest to the quantiles 1/groups, 2/groups, …; a heavy value
    takes several. A group under 1 % of the reference, or 5 rows, joins the one before it (the first:
    the one after it). If the reference fills a single bucket, that is one group and everything else the
    other, so that a constant that moves is seen.

    Args:
        counts: int64 [m], the reference's rows by bucket, ascending; above 0 in sum.
        groups: Wanted number of groups.

    Returns:
        int64 [m], values 0, 1, …

    >>> bucket_groups(np.array([10, 10, 60, 5, 15]), 4).tolist()
    [0, 0, 1, 2, 2]
    >>> bucket_groups(np.array([0, 9, 0])).tolist()
    [0, 1, 0]
    """
    filled = np.flatnonzero(counts)
    if len(filled) == 1:
        alone: NDArray[np.int64] = (np.arange(len(counts)) == filled[0]).astype(np.int64)
        return alone
    total = int(counts.sum())
    cumulative = np.cumsum(counts)
    inner = np.flatnonzero((cumulative > 0) & (cumulative < total) & (counts > 0))
    targets = total * np.arange(1, groups) / groups
    nearest = np.abs(cumulative[inner][None, :] - targets[:, None]).argmin(axis=1)
    cuts = _wide_enough(np.unique(inner[nearest]), cumulative, max(LEAST_ROWS, LEAST_SHARE * total))
    found: NDArray[np.int64] = np.searchsorted(cuts, np.arange(len(counts)), side="left").astype(np.int64)
    return found


def grouped(counts: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows by group.

    Args:
        counts: int64 [..., m].
        groups: int64 [m].

    Returns:
        int64 [..., B].
    """
    found = np.zeros((*counts.shape[:-1], int(groups.max()) + 1), np.int64)
    for group in range(found.shape[-1]):
        found[..., group] = counts[..., groups == group].sum(axis=-1)
    return found


def category_groups(counts: Mapping[str, int], total: int, groups: int = 2 * GROUPS) -> tuple[str, ...]:
    """The categories that stand for themselves, the most frequent first; the rest are one group.

    Args:
        counts: The reference's rows by category.
        total: All rows of the reference.
        groups: Greatest number of groups, the rest's included.

    Returns:
        At most `groups` - 1 names, each at least 1 % of the reference and 5 rows; if no category has 1 %,
        the most frequent ones of 5 rows.

    >>> category_groups({"JFK": 500, "EWR": 490, "LGA": 3}, 1_000)
    ('JFK', 'EWR')
    """
    often = [name for name, count in counts.items() if count >= LEAST_ROWS]
    names = [name for name in often if counts[name] >= LEAST_SHARE * total] or often
    return tuple(sorted(names, key=lambda name: (-counts[name], name))[: groups - 1])


def _wide_enough(cuts: NDArray[np.int64], cumulative: NDArray[np.int64], least: float) -> NDArray[np.int64]:
    kept: list[int] = []
    below = 0
    for cut in cuts.tolist():
        if cumulative[cut] - below >= least:
            kept.append(cut)
            below = int(cumulative[cut])
    while kept and cumulative[-1] - cumulative[kept[-1]] < least:
        kept.pop()
    if not kept and len(cuts):  # too few rows for two groups of that size: the most even cut
        halves = np.abs(2 * cumulative[cuts] - cumulative[-1])
        kept = [int(cuts[halves.argmin()])]
    return np.array(kept, dtype=np.int64)
