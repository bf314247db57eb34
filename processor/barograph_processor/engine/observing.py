"""Signals that make states of their own: what they see of predictions and of joined rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from barograph_processor.signals.api import Joined, Observes, Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Predictions
    from barograph_processor.signals.api import Signal, State, StreamId

WINDOW_SCOPE: Final = "window"
LABELS_SCOPE: Final = "labels"


class Observers:
    """The signals that observe rows.

    Attributes:
        outcomes: What ``window`` signals make of predictions.
        joined: What ``labels`` signals make of predictions with their truth.
    """

    __slots__ = ("joined", "outcomes")

    def __init__(self, signals: Sequence[Signal] = ()) -> None:
        watching = [signal for signal in signals if isinstance(signal, Observes)]
        self.outcomes: list[Callable[[Outcomes], Mapping[StreamId, State]]] = [
            signal.observe for signal in watching if signal.scope == WINDOW_SCOPE
        ]
        self.joined: list[Callable[[Joined], Mapping[StreamId, State]]] = [
            signal.observe for signal in watching if signal.scope == LABELS_SCOPE
        ]

    def of_outcomes(
        self, batch: Predictions, rows: NDArray[np.intp], pane_ns: int
    ) -> Iterator[tuple[int, Mapping[StreamId, State]]]:
        """States of new predictions, by pane.

        Args:
            batch: The predictions.
            rows: Those that weren't taken before.
            pane_ns: Pane length.
        """
        if not self.outcomes or not len(rows):
            return
        panes = batch.time_ns[rows] // pane_ns
        for pane in np.unique(panes).tolist():
            chosen = _outcomes(batch, rows[panes == pane])
            for observe in self.outcomes:
                yield pane, observe(chosen)

    def of_joined(self, joined: Joined) -> dict[StreamId, State]:
        """States of predictions with their truth."""
        found: dict[StreamId, State] = {}
        for observe in self.joined:
            found.update(observe(joined))
        return found


def _outcomes(batch: Predictions, rows: NDArray[np.intp]) -> Outcomes:
    return Outcomes(
        classes=batch.classes.values,
        predicted_class=batch.classes.codes[rows],
        score=batch.score[rows],
        scores=batch.scores[rows],
        score_classes=batch.score_classes,
        predicted_value=batch.value[rows],
        time_ns=batch.time_ns[rows],
    )
