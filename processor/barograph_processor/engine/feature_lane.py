"""The rows lane of one key: features of predictions on their way into panes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from barograph_processor.engine.batch import Features
from barograph_processor.engine.feature_labels import redactor_of
from barograph_processor.engine.known_features import KnownCounts, KnownPlan
from barograph_processor.engine.open_features import OpenCounts, OpenPlan
from barograph_processor.engine.reasons import Lane, Reason
from barograph_processor.engine.waiting_features import WaitingFeatures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.engine.batch import FeatureColumn, Key
    from barograph_processor.engine.feature_rows import PaneRows
    from barograph_processor.engine.names import Names
    from barograph_processor.engine.reasons import Tally
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.waiting_features import WaitingRoom
    from barograph_processor.signals.reference import Reference

FeatureCounts: TypeAlias = KnownCounts | OpenCounts
_BYTES_AT_ONCE = 16 * 2**20


class FeatureLane:
    """Counts features as a source would: on the edges of a given baseline, or without.

    A baseline that was learned came from exponential buckets, and its sources go on in those. Rows wait
    until there are many of them, or until somebody wants to know.

    Attributes:
        plan: How features are counted.
        redactor: Names categories that no baseline names.
        waiting: What isn't counted yet.
    """

    def __init__(  # noqa: PLR0913, PLR0917 what a key is, and what it shares
        self,
        key: Key,
        given: Reference | None,
        settings: Settings,
        tally: Tally,
        features: Names[str],
        room: WaitingRoom,
    ) -> None:
        self._tally = tally
        self._features = features
        self._left_out = 0
        self.waiting = WaitingFeatures(room, settings.max_feature_bytes)
        self.redactor = redactor_of(key.model, settings)
        fitted = None if given is None or given.header.learned else given
        described = () if fitted is None else fitted.header.features
        self.plan: KnownPlan | OpenPlan
        if fitted is not None and described:
            self._left_out = max(len(described) - settings.max_features, 0)
            self.plan = KnownPlan(fitted.id, described[: settings.max_features], self.redactor)
        else:
            self.plan = OpenPlan("" if fitted is None else fitted.id, self.redactor)

    def add(self, source: str, features: Features, rows: PaneRows, oldest: int | None) -> None:
        """Take the features of some rows; call `take` when `waiting` is full.

        Args:
            source: Whose they are.
            features: Columns of a batch.
            rows: The rows.
            oldest: The oldest pane that isn't too late.
        """
        self.waiting.add(source, self._admitted(features, rows, oldest), rows)

    def take(self) -> Iterator[tuple[str, int, FeatureCounts]]:
        """Count what waits; few panes at a time, so that many counts don't wait together.

        Returns:
            Source, pane and counts.
        """
        if not self.waiting:
            return
        features, rows, groups, named = self.waiting.take()
        for some in rows.parts(max(_BYTES_AT_ONCE // self.plan.pane_bytes, 1)):
            counted: Sequence[FeatureCounts] = self.plan.count(features, some)
            for place, counts in zip(some.panes, counted, strict=True):
                if named is not None and isinstance(counts, OpenCounts):
                    counts.keep(named[place])
                source, pane = groups[place]
                yield source, pane, counts

    def _admitted(self, features: Features, rows: PaneRows, oldest: int | None) -> Features:
        """The features that there is room for."""
        newest = rows.panes[-1]
        if isinstance(self.plan, KnownPlan):
            for one in self.plan.features:
                self._features.admit(one.name, newest, oldest=oldest)
            self._tally.count(Lane.ROWS, Reason.FEATURE_LIMIT, self._left_out * len(rows.rows))
            described = (one.name for one in self.plan.features)
            return Features({name: features.columns[name] for name in described if name in features.columns})
        columns: dict[str, FeatureColumn] = {}
        for name, column in features.columns.items():
            if self._features.admit(name, newest, oldest=oldest):
                columns[name] = column
            else:
                values = ~np.isnan(rows.numbers(column))
                if column.texts is not None:
                    values |= rows.codes(column.texts) >= 0
                self._tally.count(Lane.ROWS, Reason.FEATURE_LIMIT, int(np.count_nonzero(values)))
        return Features(columns)
