"""The state that a monitor is in after a window."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Literal

from barograph.semconv import metrics
from barograph_processor.signals.quality_excess import excesses
from barograph_processor.signals.rules import broken_beyond_tolerance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.signals.api import Reading, View

Status = Literal["ok", "warning", "insufficient_data", "learning"]
LEAST_ROWS = 30
GREATEST_DETECTABLE = 0.25
_SIGNIFICANT = (metrics.ML_FEATURE_DRIFT_SIGNIFICANT, metrics.ML_PREDICTION_DRIFT_SIGNIFICANT)
_DETECTABLE = (metrics.ML_FEATURE_DRIFT_DETECTABLE, metrics.ML_PREDICTION_DRIFT_DETECTABLE)


def status(view: View, readings: Sequence[Reading]) -> Status:
    """The state of the monitor.

    - ``warning``: more rows than tolerated certainly break a rule of the schema, which needs neither a
      reference nor many rows.
    - ``learning``: there is no reference.
    - ``insufficient_data``: fewer than 30 rows, or nothing could be compared, or more than half of the
      streams would have to move by an index above 0.25, which practice calls a major shift, to be found
      significant four times in five. For ten groups and independent rows that is about 200 rows.
    - ``warning``, too: any drift of a feature or of the prediction is significant, or missing, invalid,
      sentinel or unseen values are (`quality_excess`). With 30 rows a finding stands even where others
      could not have been made: the error rate is the same, only the power is small.
    - ``ok``: enough was seen, and nothing of it was significant.

    Args:
        view: The window.
        readings: Readings of all ``window`` signals.
    """
    if broken_beyond_tolerance(view, readings):
        return "warning"
    if view.reference is None:
        return "learning"
    if view.predictions < LEAST_ROWS:
        return "insufficient_data"
    if any(one.metric in _SIGNIFICANT and one.value for one in readings) or excesses(view):
        return "warning"
    detectable = [one.value for one in readings if one.metric in _DETECTABLE]
    if not detectable or statistics.median_low(detectable) > GREATEST_DETECTABLE:
        return "insufficient_data"
    return "ok"
