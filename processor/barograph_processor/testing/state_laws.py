"""The laws of states, over many ways to cut and order the rows that are given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar, cast

from barograph.errors import StateError
from barograph_processor.components.guarded import STATE_BYTES_MOST
from barograph_processor.signals import codec
from barograph_processor.signals.laws import LAWS, LawBroken, Rows, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from barograph_processor.signals.api import State
    from barograph_processor.signals.codec import StateType

RowT = TypeVar("RowT")
SHUFFLES = 20


def check_state(
    zero: State,
    observe: Callable[[State, Sequence[RowT]], State],
    rows: Sequence[RowT],
    *,
    size_limit: int = STATE_BYTES_MOST,
    unlike: Sequence[State] = (),
) -> None:
    """See that a state merges exactly, in any order, survives being written, and stays as it is.

    Args:
        zero: The state of no rows.
        observe: A state and rows to the state of all; called with no rows, too.
        rows: Rows to try it with; give ordinary and strange ones: zeros, ends of ranges, repeats, missing.
        size_limit: Bytes that neither the state nor its bytes may exceed.
        unlike: States with other parameters, with which merging must be refused.

    Raises:
        LawBroken: A law is broken; the message says which.

    >>> from barograph_processor.signals.counts import CategoryCounts
    >>> check_state(
    ...     CategoryCounts.zero(),
    ...     lambda state, names: state.merge(CategoryCounts.of({name: names.count(name) for name in names})),
    ...     ["a", "b", "a", "c"],
    ... )
    """
    know_states((type(zero),))
    subject = Subject(type(zero).__name__, zero, observe, size_limit, tuple(unlike))
    for cut in cuts(rows):
        for law in LAWS:
            law(subject, cut)


def know_states(types: Sequence[object]) -> None:
    """Let states be read again, those of plug-ins as the program does when it loads them.

    Raises:
        LawBroken: A type has no number, or one that isn't its own.
    """
    for each in types:
        kind = getattr(each, "KIND", None)
        if not isinstance(kind, int):
            raise LawBroken(f"{each!r} is no type of states: it has no number KIND")
        try:
            codec.register(cast("StateType", each))
        except StateError as error:
            raise LawBroken(str(error)) from error


def cuts(rows: Sequence[RowT]) -> Iterator[Rows[RowT]]:
    """Rows in three parts: none, all in one, each alone at either end, and many parts of many orders."""
    every = list(rows)
    yield Rows([], [], [])
    yield Rows(every, [], [])
    yield Rows([], [], every)
    yield Rows(every[:1], every[1:-1], every[-1:])
    for seed in range(SHUFFLES):
        chance = random.Random(seed)  # noqa: S311  # to be the same each time
        parts: list[list[RowT]] = [[], [], []]
        for row in chance.sample(every, len(every)):
            chance.choice(parts).append(row)
        yield Rows(*parts)
