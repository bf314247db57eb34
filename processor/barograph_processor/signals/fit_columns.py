"""Columns of a reference, told apart into what the serving code will count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from barograph.classes import class_texts
from barograph.columns import is_missing, kind_of, numbers, values
from barograph_processor.signals import observed
from barograph_processor.signals.counts import CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph.baseline import FeatureKind

Column: TypeAlias = "NDArray[np.float64] | NDArray[np.bool_] | NDArray[np.int64] | Sequence[object]"
MOST_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column.

    Attributes:
        values: float64 [n].
        valid: bool [n], finite and no sentinel.
        states: Rows by what was observed.
    """

    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    states: CategoryCounts


@dataclass(frozen=True, slots=True)
class Categories:
    """A column of text.

    Attributes:
        codes: int64 [n], index into `vocabulary`; its length for unseen, -1 for missing and invalid.
        vocabulary: At most 1,000 categories, the most frequent ones, in order of name.
        counts: Rows by category of the vocabulary.
        states: Rows by what was observed.
    """

    codes: NDArray[np.int64]
    vocabulary: tuple[str, ...]
    counts: CategoryCounts
    states: CategoryCounts


def column_kind(column: Column) -> FeatureKind:
    """Numbers and booleans are numbers, text is a category; a column of missing values alone is a number.

    It is the rule by which the instrumentation tells columns apart without a baseline.

    >>> column_kind(["EWR", None]), column_kind(np.array([True, False]))
    ('category', 'number')
    """
    return kind_of(column if isinstance(column, np.ndarray) else list(column)) or "number"


def read_numbers(column: Column, sentinels: tuple[float, ...] = ()) -> Numbers:
    """A column as numbers: NaN and None are missing; infinite values and text are invalid."""
    found = numbers(column if isinstance(column, np.ndarray) else list(column))
    missing, invalid = np.isnan(found), np.isinf(found)
    sentinel = np.isin(found, sentinels)
    valid = ~(missing | invalid | sentinel)
    rows = {
        observed.VALID: valid,
        observed.MISSING: missing,
        observed.INVALID: invalid,
        observed.SENTINEL: sentinel,
    }
    return Numbers(found, valid, CategoryCounts.of({name: int(mask.sum()) for name, mask in rows.items()}))


def read_categories(column: Column, most: int = MOST_CATEGORIES) -> Categories:
    """A column as text; categories beyond the `most` frequent ones are unseen."""
    raw = values(column if isinstance(column, np.ndarray) else list(column))
    texts = class_texts(raw)
    frequency = Counter(text for text in texts if text is not None)
    kept = sorted(frequency, key=lambda text: (-frequency[text], text))[:most]
    vocabulary = tuple(sorted(kept))
    place: dict[str | None, int] = {text: code for code, text in enumerate(vocabulary)}
    place[None] = -1
    codes = np.array([place.get(text, len(vocabulary)) for text in texts], np.int64)
    empty = int((codes < 0).sum())
    missing = (
        sum(text is None and is_missing(value) for text, value in zip(texts, raw, strict=True))
        if empty
        else 0
    )
    unseen = int((codes == len(vocabulary)).sum())
    states = {
        observed.VALID: len(codes) - empty - unseen,
        observed.MISSING: missing,
        observed.INVALID: empty - missing,
        observed.UNSEEN: unseen,
    }
    counts = CategoryCounts.of({text: frequency[text] for text in vocabulary}, MOST_CATEGORIES)
    return Categories(codes, vocabulary, counts, CategoryCounts.of(states))
