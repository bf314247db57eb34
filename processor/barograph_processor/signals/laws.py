"""What every state must obey, so that any order of merging, on any machine, gives the same readings.

A test gives rows; the laws compare states. The states of a plugin are checked by the same functions:

>>> import numpy as np
>>> from barograph_processor.signals.counts import CategoryCounts
>>> def observe(state: State, rows: Sequence[str]) -> State:
...     return CategoryCounts.of({name: rows.count(name) for name in rows}).merge(state)
>>> subject = Subject("categories", CategoryCounts.zero(), observe, size_limit=1_000_000)
>>> for law in LAWS:
...     law(subject, Rows(["a", "b"], [], ["b"]))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.signals.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.signals.api import State

RowT = TypeVar("RowT")


class LawBroken(AssertionError):
    """A state does not obey a law."""


@dataclass(frozen=True, slots=True)
class Subject(Generic[RowT]):
    """A state to be checked.

    Attributes:
        name: For people.
        zero: The state of no rows.
        observe: A state and rows to the state of all.
        size_limit: Bytes that neither the state nor its encoding may exceed, whatever the rows.
        unlike: States of other kinds or parameters, with which merging must be refused.
    """

    name: str
    zero: State
    observe: Callable[[State, Sequence[RowT]], State]
    size_limit: int
    unlike: tuple[State, ...] = ()

    def of(self, rows: Sequence[RowT]) -> State:
        """The state of rows."""
        return self.observe(self.zero, rows)


@dataclass(frozen=True, slots=True)
class Rows(Generic[RowT]):
    """Rows in three parts, each possibly empty."""

    first: Sequence[RowT]
    second: Sequence[RowT]
    third: Sequence[RowT]


def merging_with_nothing_changes_nothing(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Zero is neutral on both sides, and so is observing no rows."""
    state = subject.of(rows.first)
    _same(state, state.merge(subject.zero), "merged with zero")
    _same(state, subject.zero.merge(state), "zero merged with it")
    _same(state, subject.observe(state, rows.first[:0]), "no rows observed")


def merging_is_commutative(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Whether a is merged with b or b with a is the same."""
    a, b = subject.of(rows.first), subject.of(rows.second)
    _same(a.merge(b), b.merge(a), "merged the other way round")


def merging_is_associative(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Which of three states are merged first is the same."""
    a, b, c = (subject.of(part) for part in (rows.first, rows.second, rows.third))
    _same(a.merge(b).merge(c), a.merge(b.merge(c)), "merged in the other order")


def splitting_the_rows_changes_nothing(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """All rows at once, part after part, and part by part merged are the same."""
    whole = subject.of([*rows.first, *rows.second, *rows.third])
    parts = [subject.of(part) for part in (rows.first, rows.second, rows.third)]
    _same(whole, parts[2].merge(parts[0]).merge(parts[1]), "made of parts")
    _same(
        whole, subject.observe(subject.observe(parts[0], rows.second), rows.third), "observed part after part"
    )


def the_order_of_rows_changes_nothing(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Reversed and interleaved rows give the same state."""
    ordered = [*rows.first, *rows.second, *rows.third]
    whole = subject.of(ordered)
    _same(whole, subject.of(ordered[::-1]), "of the rows reversed")
    _same(whole, subject.of(ordered[1::2] + ordered[::2]), "of the rows interleaved")


def bytes_round_trip(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Bytes decode to an equal state with equal bytes, and the copy merges as the original does."""
    a, b = subject.of(rows.first), subject.of(rows.second)
    copy = decode(encode(a))
    _same(a, copy, "decoded")
    _same(a.merge(b), copy.merge(b), "decoded and merged")


def inputs_stay_untouched(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Neither merging nor observing changes a state, and its arrays can't be written to."""
    a, b = subject.of(rows.first), subject.of(rows.second)
    before = subject.zero.to_bytes(), a.to_bytes(), b.to_bytes()
    merged = a.merge(b)
    subject.observe(a, rows.third)
    if before != (subject.zero.to_bytes(), a.to_bytes(), b.to_bytes()):
        raise LawBroken(f"{subject.name}: merging or observing changed an input")
    for state in (subject.zero, a, merged, decode(encode(a))):
        for field in getattr(state, "__slots__", ()):
            held = getattr(state, field)
            if isinstance(held, np.ndarray) and held.flags.writeable:
                raise LawBroken(f"{subject.name}: the array {field} can be written to")


def size_is_bounded(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """The state says no less than its arrays hold, and neither it nor its bytes exceed the limit."""
    state = subject.of([*rows.first, *rows.second, *rows.third])
    fields = [getattr(state, field) for field in getattr(state, "__slots__", ())]
    held = sum(field.nbytes for field in fields if isinstance(field, np.ndarray))
    if not held <= state.size_bytes <= subject.size_limit or len(state.to_bytes()) > subject.size_limit:
        raise LawBroken(
            f"{subject.name}: {state.size_bytes} bytes stated, {held} in arrays, "
            f"{len(state.to_bytes())} encoded, "
            f"{subject.size_limit} allowed"
        )


def damaged_bytes_are_refused(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """A byte that is lost, added or changed is noticed."""
    data = subject.of(rows.first).to_bytes()
    place = sum(data) % len(data)
    flipped = bytes((data[place] ^ 1,))
    for damaged in (b"", data[:place], data[1:], data + b"\0", data[:place] + flipped + data[place + 1 :]):
        try:
            decode(damaged)
        except StateError:
            continue
        raise LawBroken(f"{subject.name}: damaged bytes were read ({len(damaged)} of {len(data)})")


def unlike_states_are_refused(subject: Subject[RowT], rows: Rows[RowT]) -> None:
    """Other kinds and other parameters do not merge."""
    state = subject.of(rows.first)
    for other in subject.unlike:
        try:
            state.merge(other)
        except StateError:
            continue
        raise LawBroken(f"{subject.name}: it merged with {other!r}")


LAWS: tuple[Callable[[Subject[RowT], Rows[RowT]], None], ...] = (
    merging_with_nothing_changes_nothing,
    merging_is_commutative,
    merging_is_associative,
    splitting_the_rows_changes_nothing,
    the_order_of_rows_changes_nothing,
    bytes_round_trip,
    inputs_stay_untouched,
    size_is_bounded,
    damaged_bytes_are_refused,
    unlike_states_are_refused,
)


def _same(expected: State, found: State, what: str) -> None:
    if expected != found or expected.to_bytes() != found.to_bytes():
        raise LawBroken(f"{expected!r} is not equal to the state {what}, {found!r}")
