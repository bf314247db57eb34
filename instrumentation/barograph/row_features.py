"""The features of drawn rows as columns of events, each value as its column's rule lets it leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from barograph.categories import CategoryPlan
from barograph.classes import class_text, class_texts
from barograph.columns import is_missing, numbers
from barograph.guard import ROWS, guard
from barograph.redact import OTHER
from barograph.semconv.attributes import MlFeatureState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from barograph.baseline import Baseline, Feature
    from barograph.buckets import BucketBook
    from barograph.redact import Redactor
    from barograph.redaction import Rule
    from barograph.schema import Features, Schema

    Floats = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]

FeatureColumn: TypeAlias = "Floats | Sequence[str | None]"

MAX_FEATURES = 1_900
MAX_NAME = 256
_INVALID = np.inf


class _Texts(NamedTuple):
    """A column of text; which of its values are none, because they are invalid."""

    texts: list[str | None]
    invalid: npt.NDArray[np.bool_]


class RowFeatures:
    """Makes what leaves of the features of one model's rows.

    A number is itself, NaN where it is missing and infinite where it is invalid. A category is what it
    is among the histograms' counts: itself where the baseline's vocabulary has it or its column is
    declared clear, else a keyed hash.

    Args:
        schema: Which columns are numbers and which categories.
        baseline: Knows buckets and vocabularies.
        redactor: Hashes.
        buckets: Of redacted numbers, with the rules that redact.
    """

    def __init__(
        self, schema: Schema, baseline: Baseline | None, redactor: Redactor, buckets: BucketBook
    ) -> None:
        self._schema = schema
        self._known = {one.name: one for one in baseline.header.features} if baseline is not None else {}
        self._redactor = redactor
        self._redaction = buckets.redaction
        self._categories: dict[str, CategoryPlan] = {}
        self._buckets = buckets

    def parts(self, features: Features, places: Places) -> Iterator[tuple[Places, dict[str, FeatureColumn]]]:
        """Columns by feature of some rows; rows whose columns have unlike types come apart.

        A column of text has no place for a category that is none, such as a list. Among rows with
        such a value the column holds numbers, as numbers hold their invalid ones.

        Args:
            features: Of all rows.
            places: The rows that are drawn.

        Yields:
            Rows, and their columns.
        """
        columns = self._columns(features, places)
        doubtful = [
            name for name, one in columns.items() if isinstance(one, _Texts) and bool(one.invalid.any())
        ]
        if not doubtful:
            yield places, {name: _whole(column) for name, column in columns.items()}
            return
        masks = np.column_stack([_invalid(columns[name]) for name in doubtful])
        patterns, pattern_of = np.unique(masks, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(pattern_of.reshape(-1) == number)
            invalid = {name for name, yes in zip(doubtful, pattern.tolist(), strict=True) if yes}
            yield (
                places[rows],
                {
                    name: np.full(len(rows), _INVALID) if name in invalid else _some(column, rows)
                    for name, column in columns.items()
                },
            )

    def segment(self, name: str, values: list[object]) -> list[str | None] | None:
        """The values of a segment, as text; None where a rule names its column and drops it."""
        rule = self._redaction.stated(name)
        if rule is None or rule.kind == "clear":
            return class_texts(values)
        if rule.kind == "drop":
            return None
        buckets = self._buckets.of(name) if rule.kind == "bucket" else None
        if buckets is not None:
            return class_texts(buckets.stand_ins(numbers(values)).tolist())
        return self._hidden(name, values, rule)[0]

    def _columns(self, features: Features, places: Places) -> dict[str, Floats | _Texts]:
        found: dict[str, Floats | _Texts] = {}
        matrix = features.numbers[places]
        for place, name in enumerate(self._schema.numbers):
            number = self._number(name, matrix[:, place])
            if number is not None:
                found[name] = number
        for name, values in zip(self._schema.categories, features.categories, strict=True):
            category = self._category(name, [values[row] for row in places.tolist()])
            if category is not None:
                found[name] = category
        unfit = [name for name in found if len(name) > MAX_NAME]
        unfit += [name for name in found if len(name) <= MAX_NAME][MAX_FEATURES:]
        if unfit:
            told = f"rows carry {MAX_FEATURES} features with names of at most {MAX_NAME} characters"
            guard.drop(ROWS, "too_many_features", told, len(unfit) * len(places))
        return {name: column for name, column in found.items() if name not in unfit}

    def _number(self, name: str, values: Floats) -> Floats | _Texts | None:
        values = np.where(np.isinf(values), _INVALID, values)
        rule = self._redaction.of(name)
        if rule is None or rule.kind == "clear":
            return values
        if rule.kind == "hash":
            texts = [None if one != one else class_text(one) for one in values.tolist()]  # noqa: PLR0124 - NaN
            hashed = [None if text is None else self._redactor.hashed(text) for text in texts]
            return _Texts(hashed, np.isinf(values))
        buckets = self._buckets.of(name) if rule.kind == "bucket" else None
        if buckets is None and rule.kind == "bucket":
            guard.drop(
                ROWS,
                "no_buckets",
                f"{name}=bucket: no baseline says its buckets, so rows leave without it; "
                f"{name}=bucket:<width> says them",
                len(values),
            )
        return None if buckets is None else buckets.stand_ins(values)

    def _category(self, name: str, values: list[object]) -> _Texts | None:
        rule = self._redaction.of(name)
        if rule is not None and rule.kind == "drop":
            return None
        if rule is not None and rule.kind in ("hash", "bucket"):
            return _Texts(*self._hidden(name, values, rule))
        classified = [self._plan(name).classify(value) for value in values]
        invalid = np.array([state == MlFeatureState.INVALID for state, _ in classified], dtype=bool)
        return _Texts([label for _, label in classified], invalid)

    def _hidden(
        self, name: str, values: list[object], rule: Rule
    ) -> tuple[list[str | None], npt.NDArray[np.bool_]]:
        texts = [text or None for text in class_texts(values)]
        invalid = [text is None and not is_missing(value) for text, value in zip(texts, values, strict=True)]
        if rule.kind == "hash":
            hidden = [None if text is None else self._redactor.hashed(text) for text in texts]
        else:
            vocabulary = frozenset(_vocabulary(self._known.get(name)) or ())
            hidden = [text if text is None or text in vocabulary else OTHER for text in texts]
        return hidden, np.array(invalid, dtype=bool)

    def _plan(self, name: str) -> CategoryPlan:
        plan = self._categories.get(name)
        if plan is None:
            vocabulary = _vocabulary(self._known.get(name))
            plan = self._categories[name] = CategoryPlan(name, vocabulary, self._redactor)
        return plan


def _vocabulary(known: Feature | None) -> Sequence[str] | None:
    return known.categories if known is not None and known.kind == "category" else None


def _invalid(column: Floats | _Texts) -> npt.NDArray[np.bool_]:
    assert isinstance(column, _Texts)
    return column.invalid


def _whole(column: Floats | _Texts) -> FeatureColumn:
    return column.texts if isinstance(column, _Texts) else column


def _some(column: Floats | _Texts, rows: Places) -> FeatureColumn:
    return [column.texts[row] for row in rows.tolist()] if isinstance(column, _Texts) else column[rows]
