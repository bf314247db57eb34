"""Which streams of a view are compared with which states of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.drift_pairs import comparable, pair_categories, pair_numbers
from barograph_processor.signals.histogram import ExplicitHistogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.signals.api import State, View
    from barograph_processor.signals.drift_pairs import Pair
    from barograph_processor.signals.reference import Reference

FEATURE_KINDS = (StreamKind.FEATURE_VALUE, StreamKind.FEATURE_CATEGORIES)
PREDICTION_KINDS = (StreamKind.PREDICTION_VALUE, StreamKind.PREDICTION_SCORE, StreamKind.PREDICTION_CLASSES)


class Compared(NamedTuple):
    """A stream of the window beside the reference's.

    Attributes:
        stream: The window's stream.
        pair: Both distributions.
    """

    stream: StreamId
    pair: Pair


def compared(view: View, kinds: Sequence[str]) -> Iterator[Compared]:
    """The streams of some kinds that can be compared, in order of kind, name and part.

    Of a stream that sources counted on different bases, the reference's own is preferred; then the
    one without a basis; then one with equal edges. Others, and hashes beside a clear vocabulary, are
    left out: their distance would be one of names, not of values.
    """
    if view.reference is None:
        return
    for plain, by_basis in sorted(_by_stream(view.states, kinds).items()):
        for basis in sorted(by_basis, key=lambda basis: _preference(basis, view.reference)):
            stream = plain._replace(basis=basis)
            pair = _pair(stream, by_basis[basis], view, view.reference)
            if pair is not None:
                yield Compared(stream, pair)
                break


def _by_stream(states: Mapping[StreamId, State], kinds: Sequence[str]) -> dict[StreamId, dict[str, State]]:
    found: dict[StreamId, dict[str, State]] = {}
    for stream, state in states.items():
        if stream.kind in kinds:
            found.setdefault(stream._replace(basis=""), {})[stream.basis] = state
    return found


def _preference(basis: str, reference: Reference | None) -> tuple[int, str]:
    if reference is not None and basis == reference.id:
        return 0, basis
    return (1 if basis == "" else 2), basis


def _pair(stream: StreamId, state: State, view: View, reference: Reference) -> Pair | None:
    foreign = stream.basis not in {"", reference.id}
    wanted = stream._replace(basis=reference.id) if foreign else stream
    other = reference.state(wanted)
    if isinstance(state, CategoryCounts) and isinstance(other, CategoryCounts):
        if stream.basis != reference.id and not comparable(other, state):
            return None
        if foreign and not reference.header.learned:
            return None
        unseen = [_unseen(wanted, reference), _count_unseen(stream, view)]
        return pair_categories(other, state, vocabulary(stream, reference, other), *unseen)
    if other is None or (foreign and not _same_edges(other, state)):
        return None
    return pair_numbers(other, state)


def _same_edges(reference: State, window: State) -> bool:
    return (
        isinstance(reference, ExplicitHistogram)
        and isinstance(window, ExplicitHistogram)
        and np.array_equal(reference.edges, window.edges)
    )


def vocabulary(stream: StreamId, reference: Reference, counts: CategoryCounts) -> tuple[str, ...]:
    """The categories that sources with this reference count by name, in order of name."""
    names = set(counts.counts)
    feature = reference.feature(stream.name) if stream.kind == StreamKind.FEATURE_CATEGORIES else None
    if feature is not None and feature.categories:
        names = set(feature.categories)
    elif stream.kind == StreamKind.PREDICTION_CLASSES and reference.output is not None:
        names |= set(reference.output.classes)
    return tuple(sorted(names))


def _unseen(stream: StreamId, reference: Reference) -> int:
    if stream.kind != StreamKind.FEATURE_CATEGORIES:
        return 0
    return _rows_unseen(reference.state(stream._replace(kind=StreamKind.FEATURE_STATES, basis=reference.id)))


def _count_unseen(stream: StreamId, view: View) -> int:
    if stream.kind != StreamKind.FEATURE_CATEGORIES:
        return 0
    return _rows_unseen(view.states.get(stream._replace(kind=StreamKind.FEATURE_STATES)))


def _rows_unseen(state: State | None) -> int:
    return state.counts.get(observed.UNSEEN, 0) if isinstance(state, CategoryCounts) else 0
