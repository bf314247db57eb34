"""Which kind of values a feature has that no baseline describes: told from all rows of a window.

Deciding early would make it a matter of which rows came first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.engine.open_features import FEATURE_ROWS, INVALID, NUMBER, TEXT
from barograph_processor.engine.window_state import merge_all
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph.baseline import FeatureKind
    from barograph_processor.engine.window_state import States

_NOTHING = CategoryCounts.zero()


def resolved(states: States, known: Mapping[str, FeatureKind]) -> States:
    """States as signals know them: what rows held becomes observations of each feature's kind.

    A feature is numeric where most of its values are numbers, and the others are invalid then. What
    rows lack of features that others have, or that are known, is missing.

    Args:
        states: Of a window.
        known: Kinds of the features that a reference describes.
    """
    held: dict[str, dict[str, CategoryCounts]] = {}
    for stream, state in states.items():
        if stream.kind == FEATURE_ROWS and isinstance(state, CategoryCounts):
            held.setdefault(stream.basis, {})[stream.name] = state
    if not held:
        return states
    found = {stream: state for stream, state in states.items() if stream.kind != FEATURE_ROWS}
    for basis, by_name in held.items():
        rows = by_name.pop("", _NOTHING).total
        for name in sorted({*by_name, *known}):
            told = by_name.get(name, _NOTHING).counts
            number, text, invalid = told.get(NUMBER, 0), told.get(TEXT, 0), told.get(INVALID, 0)
            kind = known.get(name) or _kind(found, name, basis)
            valid, other = (number, text) if kind == "number" else (text, number)
            if other:
                found.pop(_stream(name, basis, number=kind != "number"), None)
            observations = {
                observed.VALID: valid,
                observed.INVALID: invalid + other,
                observed.MISSING: rows - number - text - invalid,
            }
            stream = StreamId(StreamKind.FEATURE_STATES, name, basis=basis)
            merge_all(found, {stream: CategoryCounts.of(observations)})
    return found


def kinds_of(states: States) -> dict[str, FeatureKind]:
    """The kinds of features that have values, in resolved states."""
    found: dict[str, FeatureKind] = {}
    for stream in states:
        if stream.kind == StreamKind.FEATURE_VALUE:
            found[stream.name] = "number"
        elif stream.kind == StreamKind.FEATURE_CATEGORIES:
            found.setdefault(stream.name, "category")
    return found


def _kind(states: States, name: str, basis: str) -> FeatureKind:
    numbers, texts = (
        getattr(states.get(_stream(name, basis, number=number)), "rows", 0) for number in (True, False)
    )
    return "number" if numbers > texts else "category"


def _stream(name: str, basis: str, *, number: bool) -> StreamId:
    kind = StreamKind.FEATURE_VALUE if number else StreamKind.FEATURE_CATEGORIES
    return StreamId(kind, name, basis=basis)
