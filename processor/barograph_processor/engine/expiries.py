"""Until when what waits for its counterpart can still count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from barograph_processor.engine.pending import decode_prediction
from barograph_processor.engine.windows import window_end, window_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.pending import Record
    from barograph_processor.engine.settings import Settings

_KNOWN_MOST: Final = 10_000  # a week of minutes: a megabyte


class Expiries:
    """Of predictions: the last horizon of their longest window; of labels alone, as long after them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._patience_ns = settings.horizons[-1].length_ns + settings.lateness_ns
        self._known: dict[int, int] = {}

    def of_predictions(self, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 [n], of predictions of these times."""
        panes = times_ns // self._settings.pane_ns
        if len(panes) and (panes == panes[0]).all():
            return np.full(len(panes), self.of_pane(int(panes[0])))
        some, pane_of = np.unique(panes, return_inverse=True)
        return np.array([self.of_pane(pane) for pane in some.tolist()], np.int64)[pane_of.reshape(-1)]

    def of_record(self, record: Record) -> int:
        """Of everything under an id."""
        pane_ns = self._settings.pane_ns
        times = [decode_prediction(data).time_ns for data, _ in record.predictions]
        if times:
            return max(self.of_pane(time_ns // pane_ns) for time_ns in times)
        return max(label.time_ns for label in record.labels) + max(self._patience_ns, self._settings.ttl_ns)

    def of_pane(self, pane: int) -> int:
        """Of a prediction in a pane."""
        expiry = self._known.get(pane)
        if expiry is None:
            if len(self._known) >= _KNOWN_MOST:
                self._known.clear()
            time_ns = pane * self._settings.pane_ns
            ends = [window_end(one, window_start(one, time_ns)) for one in self._settings.windows]
            expiry = max(max(ends) + self._patience_ns, time_ns + self._settings.ttl_ns)
            self._known[pane] = expiry
        return expiry
