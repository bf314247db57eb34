"""Windows for tests: what the engine would hold after rows were counted on a reference's edges."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Baseline
from barograph_processor.signals.api import State, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from barograph_processor.signals.api import Reading

    Columns = Mapping[str, np.ndarray | list[str]]

DAY_S = 86_400


def reference(
    columns: Columns, outputs: Sequence[OutputRows] = (), time_ns: np.ndarray | None = None
) -> Reference:
    """The reference of some rows."""
    return Reference(Baseline(fit(dict(columns), model="m", outputs=outputs, time_ns=time_ns)))


def states(columns: Columns, known: Reference | None) -> dict[StreamId, State]:
    """Feature streams of a window, by a source that has the reference, or has none."""
    basis = known.id if known is not None else ""
    found: dict[StreamId, State] = {}
    for name, column in columns.items():
        feature = known.feature(name) if known is not None else None
        if isinstance(column, np.ndarray):
            valid = column[np.isfinite(column)]
            histogram: State = ExponentialHistogram.zero().observe(valid)
            rows = {
                "valid": len(valid),
                "missing": int(np.isnan(column).sum()),
                "invalid": int(np.isinf(column).sum()),
            }
            if feature is not None:
                histogram = ExplicitHistogram.zero(feature.edges).observe(valid)
                if feature.low is not None and feature.high is not None:
                    rows |= {
                        "below": int((valid < feature.low).sum()),
                        "above": int((valid > feature.high).sum()),
                    }
            found[StreamId(StreamKind.FEATURE_VALUE, name, basis=basis)] = histogram
        else:
            unseen = sum(feature is not None and value not in feature.categories for value in column)
            rows = {"valid": len(column) - unseen, "unseen": unseen}
            found[StreamId(StreamKind.FEATURE_CATEGORIES, name, basis=basis)] = CategoryCounts.of(
                Counter(column)
            )
        found[StreamId(StreamKind.FEATURE_STATES, name, basis=basis)] = CategoryCounts.of(rows)
    return found


def view(columns: Columns, against: Reference | None, *, known: bool = True, length_s: float = DAY_S) -> View:
    """A window of rows, compared with a reference that its sources know or don't."""
    rows = len(next(iter(columns.values())))
    return View(states(columns, against if known else None), against, length_s, rows)


def value(readings: Iterable[Reading], metric: str, name: str | None = None) -> float | None:
    """The figure of a metric, of the feature or class of that name."""
    found = [
        one.value
        for one in readings
        if one.metric == metric and (not name or name in dict(one.attributes).values())
    ]
    assert len(found) <= 1, f"{metric} of {name} is there {len(found)} times"
    return found[0] if found else None
