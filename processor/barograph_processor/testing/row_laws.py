"""The laws of what a signal makes of rows: the same however they are cut, ordered, written and read."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from barograph.errors import StateError
from barograph_processor.components.guarded import STATE_BYTES_MOST
from barograph_processor.signals.api import Joined, Outcomes, StreamId
from barograph_processor.signals.codec import decode, encode
from barograph_processor.signals.laws import LawBroken
from barograph_processor.testing.quiet import touched
from barograph_processor.testing.world import cut, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.signals.api import DeclaredSignal, Observes, State

RowsT = TypeVar("RowsT", bound="Outcomes | Joined")
States = dict[StreamId, "State"]
CUTS = 10


def check_rows(signal: DeclaredSignal, observer: Observes[Outcomes | Joined]) -> None:
    """See that a signal's states of rows are those of the rows' parts, merged.

    Raises:
        LawBroken: They aren't, or what it makes can't be taken.
    """
    types = tuple(getattr(signal, "states", ()))
    if not types:
        raise LawBroken(f"{signal.name}: it observes rows and lists no types of states as `states`")
    for every in rows_of(signal.scope):
        size = len(every.score)
        rows = _part(every, np.arange(size))
        whole = _observe(signal, observer, rows)
        for stream, state in whole.items():
            _check_one(signal, types, stream, state)
        _same(signal, whole, _observe(signal, observer, rows), "observed a second time")
        nothing = _observe(signal, observer, _part(rows, np.arange(0)))
        _same(signal, whole, _merged([whole, nothing]), "merged with those of no rows")
        for seed in range(CUTS):
            parts = [_observe(signal, observer, _part(rows, place)) for place in cut(size, seed)]
            before = [_bytes(part) for part in parts]
            _same(signal, whole, _merged(parts), f"of parts (cut {seed})", empty=nothing)
            _same(
                signal, whole, _merged(parts[::-1]), f"of parts, the last first (cut {seed})", empty=nothing
            )
            read = [{stream: decode(data) for stream, data in part.items()} for part in before]
            _same(signal, whole, _merged(read), f"of parts, written and read (cut {seed})", empty=nothing)
            if before != [_bytes(part) for part in parts]:
                raise LawBroken(f"{signal.name}: merging changes the states that are merged")


def _observe(
    signal: DeclaredSignal, observer: Observes[Outcomes | Joined], rows: Outcomes | Joined
) -> States:
    with touched() as things:
        found = dict(observer.observe(rows))
    if things:
        raise LawBroken(f"{signal.name}: it touches more than its rows: {', '.join(sorted(things))}")
    return found


def _check_one(signal: DeclaredSignal, types: tuple[type, ...], stream: StreamId, state: State) -> None:
    if stream.kind != signal.name:
        raise LawBroken(f"{signal.name}: the kind of {stream} has to be {signal.name!r}")
    if not isinstance(state, types):
        raise LawBroken(f"{signal.name}: {type(state).__name__} is not among its states")
    data = encode(state)
    if max(state.size_bytes, len(data)) > STATE_BYTES_MOST:
        raise LawBroken(
            f"{signal.name}: a state of {state.size_bytes:,} bytes; {STATE_BYTES_MOST:,} are taken"
        )
    if encode(decode(data)) != data:
        raise LawBroken(f"{signal.name}: {state!r} is another after being written and read")
    for damaged in (data[:-1], data + b"\0", bytes((data[0] ^ 1,)) + data[1:]):
        try:
            decode(damaged)
        except StateError:
            continue
        raise LawBroken(f"{signal.name}: damaged bytes are read as a state")


def _merged(parts: Sequence[States]) -> States:
    found: States = {}
    for part in parts:
        for stream, state in part.items():
            found[stream] = found[stream].merge(state) if stream in found else state
    return found


def _same(
    signal: DeclaredSignal, expected: States, found: States, how: str, *, empty: States | None = None
) -> None:
    """States are equal as bytes; a stream that no rows make too may be there in addition."""
    wanted, have = _bytes({**(empty or {}), **expected}), _bytes({**(empty or {}), **found})
    if wanted != have:
        stream = next(name for name in {**wanted, **have} if wanted.get(name) != have.get(name))
        raise LawBroken(
            f"{signal.name}: {stream} is {expected.get(stream)!r} of all rows, "
            f"and {how} {found.get(stream)!r}"
        )


def _bytes(states: Mapping[StreamId, State]) -> dict[StreamId, bytes]:
    return {stream: encode(state) for stream, state in states.items()}


def _part(rows: RowsT, place: NDArray[np.intp]) -> RowsT:
    """Some rows, read-only, so that whoever writes to them fails."""
    columns: dict[str, NDArray[np.generic]] = {}
    for field in fields(rows):
        column = getattr(rows, field.name)
        if isinstance(column, np.ndarray):
            columns[field.name] = column[place]
            columns[field.name].setflags(write=False)
    return replace(rows, **columns)  # type: ignore[arg-type]
