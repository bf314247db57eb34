"""Counts of features as plain values, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from barograph.errors import StateError
from barograph_processor.engine.images import KnownImage, PlanImage
from barograph_processor.engine.known_features import KnownCounts, KnownPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.feature_labels import RowRedactor

_NUMBER_BYTES = 8


def plan_image(plan: KnownPlan) -> PlanImage:
    """What counts of the plan need to be read again."""
    return PlanImage(plan.basis, list(plan.features))


def plan_of(image: PlanImage, held: object, redactor: RowRedactor) -> KnownPlan:
    """The plan of an image: the one that is held, where it is the same."""
    if isinstance(held, KnownPlan) and (held.basis, list(held.features)) == (image.basis, image.features):
        return held
    return KnownPlan(image.basis, image.features, redactor)


def known_image(counts: KnownCounts) -> KnownImage:
    """Counts as plain values."""
    return KnownImage(
        counts.rows,
        counts.counts.astype("<i8").tobytes(),
        counts.states.astype("<i8").tobytes(),
        counts.low.astype("<f8").tobytes(),
        counts.high.astype("<f8").tobytes(),
        counts.units.astype("<f8").tobytes(),
        {column: _bytes_of(units) for column, units in counts.large.items()},
        [dict(labels.counts) for labels in counts.labels],
        [dict(states) for states in counts.category_states],
    )


def known_counts(image: KnownImage, plan: KnownPlan) -> KnownCounts:
    """Counts of an image.

    Raises:
        StateError: They are not of the plan.
    """
    counts = KnownCounts(plan)
    counts.rows = image.rows
    counts.counts = _integers(image.counts, counts.counts.shape)
    counts.states = _integers(image.states, counts.states.shape)
    counts.low = _doubles(image.low, counts.low.shape)
    counts.high = _doubles(image.high, counts.high.shape)
    counts.units = _doubles(image.units, counts.units.shape)
    counts.large = {
        column: int.from_bytes(units, "little", signed=True) for column, units in image.large.items()
    }
    if not len(image.labels) == len(image.category_states) == len(plan.categories):
        raise StateError("the feature counts of a snapshot are damaged; start without it")
    for labels, held in zip(counts.labels, image.labels, strict=True):
        for label, rows in held.items():
            labels.add(label, rows)
    counts.category_states = image.category_states
    return counts


def _bytes_of(units: int) -> bytes:
    return units.to_bytes(units.bit_length() // 8 + 1, "little", signed=True)


def _integers(data: bytes, shape: tuple[int, ...]) -> NDArray[np.int64]:
    _check(data, shape)
    return np.frombuffer(data, "<i8").astype(np.int64).reshape(shape)


def _doubles(data: bytes, shape: tuple[int, ...]) -> NDArray[np.float64]:
    _check(data, shape)
    return np.frombuffer(data, "<f8").astype(np.float64).reshape(shape)


def _check(data: bytes, shape: tuple[int, ...]) -> None:
    if len(data) != _NUMBER_BYTES * math.prod(shape):
        raise StateError("the feature counts of a snapshot are damaged; start without it")
