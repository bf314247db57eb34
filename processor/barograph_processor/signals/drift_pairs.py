"""A window and a reference brought to common buckets, groups and categories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.signals.counts import CategoryCounts, rank
from barograph_processor.signals.distances import Binned
from barograph_processor.signals.drift_groups import bucket_groups, category_groups, grouped
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.exponential_buckets import bucket_bounds
from barograph_processor.signals.histogram import ExplicitHistogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.api import State

HASH_LENGTH = 17
_LEAST = float(np.nextafter(0.0, -1.0))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two distributions of one stream, comparable.

    Attributes:
        reference: int64 [B], rows by group.
        window: int64 [B], rows by group.
        fine_reference: int64 [m], rows by bucket or category, before grouping.
        fine_window: int64 [m].
        bins: Reference and window with their edges; None for categories.
    """

    reference: NDArray[np.int64]
    window: NDArray[np.int64]
    fine_reference: NDArray[np.int64]
    fine_window: NDArray[np.int64]
    bins: tuple[Binned, Binned] | None = None


def pair_numbers(reference: State, window: State) -> Pair | None:
    """Compare two histograms of one kind on the edges that both have.

    Explicit histograms of the same edges keep all of them, of others those in common. Exponential
    ones are brought to the smaller of their scales.

    Returns:
        None where the kinds differ, no edge is common, or one of the two is empty.
    """
    if isinstance(reference, ExplicitHistogram) and isinstance(window, ExplicitHistogram):
        bins = _explicit(reference, window)
    elif isinstance(reference, ExponentialHistogram) and isinstance(window, ExponentialHistogram):
        bins = _exponential(reference, window)
    else:
        return None
    if bins is None or not bins[0].counts.any() or not bins[1].counts.any():
        return None
    groups = bucket_groups(bins[0].counts)
    first, second = grouped(bins[0].counts, groups), grouped(bins[1].counts, groups)
    return Pair(first, second, bins[0].counts, bins[1].counts, bins)


def pair_categories(
    reference: CategoryCounts,
    window: CategoryCounts,
    vocabulary: Sequence[str],
    reference_unseen: int = 0,
    window_unseen: int = 0,
) -> Pair | None:
    """Compare two counts by category.

    Values outside the vocabulary, those that a state no longer tells apart, and the rare categories
    (`drift_groups.category_groups`) are one group. It is there only if the reference or the
    window has rows in it.

    Args:
        reference: The reference's counts.
        window: The window's counts.
        vocabulary: The categories that both counted by name.
        reference_unseen: Rows that the reference counted as unseen and perhaps not by name.
        window_unseen: Rows that the window counted as unseen and perhaps not by name.

    Returns:
        None where one of the two is empty.
    """
    limit = _least_lost(reference, window)
    names = [name for name in vocabulary if limit is None or rank(name) < limit]
    fine = [
        np.array([state.counts.get(name, 0) for name in names], np.int64) for state in (reference, window)
    ]
    rest = [
        max(state.total - int(known.sum()), unseen)
        for state, known, unseen in zip(
            (reference, window), fine, (reference_unseen, window_unseen), strict=True
        )
    ]
    totals = [int(known.sum()) + unknown for known, unknown in zip(fine, rest, strict=True)]
    if not all(totals):
        return None
    chosen = category_groups(dict(zip(names, fine[0].tolist(), strict=True)), totals[0])
    place = {name: group for group, name in enumerate(chosen)}
    groups = np.array([place.get(name, len(chosen)) for name in names] + [len(chosen)], np.int64)
    full = [np.append(known, unknown) for known, unknown in zip(fine, rest, strict=True)]
    pooled = [grouped(counts, groups) for counts in full]
    if len(pooled[0]) > 1 and not pooled[0][-1] and not pooled[1][-1]:
        pooled = [counts[:-1] for counts in pooled]
    return Pair(pooled[0], pooled[1], full[0], full[1])


def comparable(reference: CategoryCounts, window: CategoryCounts) -> bool:
    """Whether both sides' names are clear, or both are hashes.

    To be asked where the window's source did not have the reference's vocabulary: it then sends
    keyed hashes, unless the column is declared clear.

    >>> comparable(CategoryCounts.of({"JFK": 1}), CategoryCounts.of({"#0123456789abcdef": 1}))
    False
    """
    return mostly_hashed(reference) == mostly_hashed(window)


def mostly_hashed(counts: CategoryCounts) -> bool:
    """Whether every name is a keyed hash; a vocabulary with some unseen hashes is not."""
    return bool(counts.counts) and all(_is_hash(name) for name in counts.counts)


def _is_hash(name: str) -> bool:
    return len(name) == HASH_LENGTH and name[0] == "#" and set(name[1:]) <= set("0123456789abcdef")


def _least_lost(*states: CategoryCounts) -> bytes | None:
    """Rank from which on a full state may have pooled names; None where none has."""
    full = [
        max(map(rank, state.counts)) for state in states if state.other and len(state.counts) >= state.limit
    ]
    return min(full) if full else None


def _explicit(reference: ExplicitHistogram, window: ExplicitHistogram) -> tuple[Binned, Binned] | None:
    if np.array_equal(reference.edges, window.edges):
        edges = reference.edges
    else:
        edges = np.intersect1d(reference.edges, window.edges, assume_unique=True)
        if not len(edges):
            return None
    return _on_edges(reference, edges), _on_edges(window, edges)


def _on_edges(state: ExplicitHistogram, edges: NDArray[np.float64]) -> Binned:
    groups = np.searchsorted(edges, state.edges, side="left")
    counts = np.zeros(len(edges) + 1, np.int64)
    np.add.at(counts, np.append(groups, len(edges)), state.counts)
    return Binned(edges, counts, state.low, state.high, _mean(state))


def _exponential(reference: ExponentialHistogram, window: ExponentialHistogram) -> tuple[Binned, Binned]:
    """Both on the bounds of the buckets that either holds; what lies between those is one empty bucket.

    At the scale of a narrow histogram there can be 2**31 buckets between it and the other one.
    """
    scale = min(reference.scale, window.scale)
    pair = (reference.downscale(scale), window.downscale(scale))
    below, falling = _bounds([(one.negative_offset, one.negative) for one in pair], scale)
    above, rising = _bounds([(one.positive_offset, one.positive) for one in pair], scale)
    raw = np.maximum.accumulate(np.concatenate((np.minimum(-falling[::-1], _LEAST), [_LEAST, 0.0], rising)))
    edges = np.unique(raw)  # bounds beyond the range of doubles coincide
    place = np.searchsorted(edges, raw)
    binned = []
    for one in pair:
        negative, positive = np.zeros(len(below), np.int64), np.zeros(len(above), np.int64)
        # a bucket is counted at its upper bound: of negative values that is the one nearer to 0
        negative[np.searchsorted(below, one.negative_offset + np.arange(len(one.negative)))] = one.negative
        positive[np.searchsorted(above, one.positive_offset + 1 + np.arange(len(one.positive)))] = (
            one.positive
        )
        counts = np.zeros(len(edges) + 1, np.int64)
        np.add.at(counts, place, np.concatenate((negative[::-1], [0, one.zero_count], positive)))
        binned.append(Binned(edges, counts, one.low, one.high, _mean(one)))
    return binned[0], binned[1]


def _bounds(
    parts: Sequence[tuple[int, NDArray[np.int64]]], scale: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices of the bounds of the buckets that any of the parts holds, ascending, and the bounds."""
    held = [(offset, len(counts)) for offset, counts in parts if len(counts)]
    if not held:
        return np.zeros(0, np.int64), np.zeros(0)
    index = np.concatenate([np.arange(offset, offset + count + 1) for offset, count in held])
    bounds = np.concatenate([bucket_bounds(offset, count, scale) for offset, count in held])
    found, first = np.unique(index, return_index=True)
    return found.astype(np.int64), bounds[first]


def _mean(state: ExplicitHistogram | ExponentialHistogram) -> float | None:
    mean = float(state.total) / state.rows if state.rows else math.nan
    return mean if math.isfinite(mean) else None
