"""Two signals for Barograph: how many answers a model really uses, and its dominant mistake."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.semconv.metrics import Metric
from barograph_processor.signals.api import Joined, Reading, StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.signals.api import State

LEAST_ROWS = 30
LEAST_MISTAKES = 10
CONFUSION = "acme.confusion"

EFFECTIVE_ANSWERS = Metric(
    "acme.answers.effective",
    "gauge",
    "{class}",
    "Number of equally frequent classes that would be as mixed as the predicted ones; 1: always the same.",
    (),
)
TOP_MISTAKE = Metric(
    "acme.mistakes.top.ratio",
    "gauge",
    "{ratio}",
    "Share of the most frequent confusion of two classes among all mistakes.",
    (CONFUSION,),
)


@dataclass(frozen=True)
class Answers:
    """Reads what the processor counts anyway: the predicted classes of a window."""

    name: str = "acme.answers"
    scope: str = "window"
    metrics: tuple[Metric, ...] = (EFFECTIVE_ANSWERS,)

    def readings(self, view: View) -> Iterator[Reading]:
        """The exponential of the entropy; absent where there are fewer than 30 rows."""
        classes = view.states.get(StreamId(StreamKind.PREDICTION_CLASSES))
        if isinstance(classes, CategoryCounts) and classes.total >= LEAST_ROWS:
            shares = [count / classes.total for _, count in sorted(classes.counts.items())]
            entropy = -math.fsum(share * math.log(share) for share in shares)
            yield Reading(EFFECTIVE_ANSWERS.name, math.exp(entropy))


@dataclass(frozen=True)
class Mistakes:
    """Counts something of its own: which class was taken for which, by rows with their truth."""

    name: str = "acme.mistakes"
    scope: str = "labels"
    metrics: tuple[Metric, ...] = (TOP_MISTAKE,)
    states: tuple[type, ...] = (CategoryCounts,)

    def observe(self, rows: Joined) -> Mapping[StreamId, State]:
        """Count confusions; the processor merges the counts of a window, horizon and segment."""
        known = (rows.truth_class >= 0) & (rows.predicted_class >= 0)
        wrong = known & (rows.truth_class != rows.predicted_class)
        pairs = Counter(
            zip(rows.truth_class[wrong].tolist(), rows.predicted_class[wrong].tolist(), strict=True)
        )
        named = {
            f"{rows.classes[true]} as {rows.classes[said]}": count for (true, said), count in pairs.items()
        }
        return {StreamId(self.name): CategoryCounts.of(named)}

    def readings(self, view: View) -> Iterator[Reading]:
        """The share of the most frequent confusion; absent where there are fewer than 10 mistakes."""
        mistakes = view.states.get(StreamId(self.name))
        if isinstance(mistakes, CategoryCounts) and mistakes.total >= LEAST_MISTAKES:
            top = min(mistakes.counts, key=lambda name: (-mistakes.counts[name], name))
            yield Reading(TOP_MISTAKE.name, mistakes.counts[top] / mistakes.total, ((CONFUSION, top),))
