"""Figures about the engine itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.engine.batch import Key


@dataclass(frozen=True, slots=True)
class EngineStats:
    """How much the engine holds and how far it has come.

    Attributes:
        keys: Keys held.
        sources: Sources, summed over keys.
        panes: Panes that wait to be folded.
        windows: Windows that are open or may still be revised.
        pending: Entries of the pending store.
        points: Points of histograms taken since the start, repeats left out.
        predictions: Predictions of the outcomes lane taken, repeats left out.
        labels_accepted: Labels taken, repeats left out.
        labels_joined: Those that met a prediction.
        labels_waiting: Those that wait for one; evicted ones are still among them.
        watermarks: Watermark of each key that has one, Unix nanoseconds.
        behind_s: How far each is behind the wall clock, seconds.
        learning: Rows learned from so far, of each key without a baseline.
    """

    keys: int
    sources: int
    panes: int
    windows: int
    pending: int
    points: int
    predictions: int
    labels_accepted: int
    labels_joined: int
    labels_waiting: int
    watermarks: Mapping[Key, int]
    behind_s: Mapping[Key, float]
    learning: Mapping[Key, int]
