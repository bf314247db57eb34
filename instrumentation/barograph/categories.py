"""Counts of the categories of one feature."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from barograph.classes import class_text
from barograph.columns import is_missing
from barograph.redact import OTHER
from barograph.semconv.attributes import MlFeatureState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.redact import Redactor

MAX_CATEGORIES = 1_000
_TRACKED = 4 * MAX_CATEGORIES
_REMEMBERED = 10_000
_BOOLEANS = frozenset({bool})
# Columns of rows carry booleans as numbers: a vocabulary of `true` and `false` must know them all the same.
_AS_WELL = {"1": "true", "0": "false", "true": "1", "false": "0"}


class CategoryPlan:
    """How the values of one feature are named on the wire.

    Args:
        name: The feature.
        vocabulary: The baseline's categories; None without a baseline.
        redactor: Names what is outside the vocabulary.
    """

    def __init__(self, name: str, vocabulary: Sequence[str] | None, redactor: Redactor) -> None:
        self.name = name
        self._vocabulary = None if vocabulary is None else frozenset(vocabulary)
        self._redactor = redactor
        self._known: dict[tuple[type, object], tuple[str, str | None]] = {}

    def classify(self, value: object) -> tuple[str, str | None]:
        """The state of a value and its name on the wire."""
        try:
            key = (value.__class__, value)
            found = self._known.get(key)
        except Exception:  # noqa: BLE001 - whatever it is, serving must not notice
            return MlFeatureState.INVALID, None
        if found is None:
            found = self._classify(value)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _classify(self, value: object) -> tuple[str, str | None]:
        if is_missing(value):
            return MlFeatureState.MISSING, None
        text = class_text(value)
        if text is None:
            return MlFeatureState.INVALID, None
        if self._vocabulary is None:
            return MlFeatureState.VALID, self._redactor.category(self.name, text)
        # A baseline that pooled its rare values itself knows everything under that name.
        for known in (text, _AS_WELL.get(text, text), OTHER):
            if known in self._vocabulary:
                return MlFeatureState.VALID, known
        return MlFeatureState.UNSEEN, self._redactor.category(self.name, text)


class CategoryCounts:
    """Counts of one feature in one pane."""

    __slots__ = ("_labels", "_plan", "states")

    def __init__(self, plan: CategoryPlan) -> None:
        self._plan = plan
        self._labels: dict[str, int] = {}
        self.states: dict[str, int] = {}

    def add(self, values: Sequence[object]) -> None:
        """Count values."""
        kinds = set(map(type, values))
        # True == 1 in Python, but they are two categories.
        mixed = bool(kinds & _BOOLEANS) and len(kinds) > 1
        try:
            counted = Counter(values) if not mixed else None
        except Exception:  # noqa: BLE001 - whatever it is, serving must not notice
            counted = None
        if counted is None:
            for value in values:
                self._count(value, 1)
            return
        for value, count in counted.items():
            self._count(value, count)

    def _count(self, value: object, count: int) -> None:
        state, label = self._plan.classify(value)
        self.states[state] = self.states.get(state, 0) + count
        if label is None:
            return
        if label not in self._labels and len(self._labels) >= _TRACKED:
            label = OTHER
        self._labels[label] = self._labels.get(label, 0) + count

    def labels(self) -> dict[str, int]:
        """Counts by name: the 1,000 most frequent, the rest as `__other__`."""
        if len(self._labels) <= MAX_CATEGORIES:
            return dict(self._labels)
        other = self._labels.get(OTHER, 0)
        named = sorted(
            ((label, count) for label, count in self._labels.items() if label != OTHER),
            key=lambda pair: (-pair[1], pair[0]),
        )
        kept = dict(named[:MAX_CATEGORIES])
        kept[OTHER] = other + sum(count for _, count in named[MAX_CATEGORIES:])
        return kept
