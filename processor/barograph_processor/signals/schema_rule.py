"""A rule of a model's schema: which values of a feature are allowed, whatever is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barograph.baseline import FeatureKind


@dataclass(frozen=True, slots=True)
class Rule:
    """What the values of one feature have to be.

    Attributes:
        kind: ``number`` or ``category``; None: either.
        low: The least number allowed.
        high: The greatest.
        required: Whether a row must have a value.
        values: The categories allowed, as they come: by name, and by keyed hash.
        tolerance: Share of rows that may break a rule before the monitor warns.
    """

    kind: FeatureKind | None = None
    low: float | None = None
    high: float | None = None
    required: bool = False
    values: frozenset[str] | None = None
    tolerance: float = 0.0
