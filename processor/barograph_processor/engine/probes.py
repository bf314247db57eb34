"""Predictions and labels that are sent to see whether they arrive, and are nothing to be monitored.

They go by a model name of their own. What bears it is put aside before any key, window, store or journal
hears of it, and joined by the same code as everything else.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from barograph_processor.engine.batch import Points, Predictions, Truths
from barograph_processor.engine.ids import Ids, join_keys
from barograph_processor.engine.join import Joiner
from barograph_processor.engine.pending import decode_record
from barograph_processor.engine.reasons import Tally
from barograph_processor.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch, Key
    from barograph_processor.engine.matches import Match, MatchedRows
    from barograph_processor.engine.settings import PendingStore

PROBE_MODEL: Final = "barograph.doctor"
MAX_PROBES: Final = 1_000
STORE_BYTES: Final = 4 * 2**20


@dataclass(slots=True)
class Probe:
    """What arrived of one probe.

    Attributes:
        predictions: Predictions with its id.
        labels: Labels with its id.
        joined: Whether a label met its prediction.
        points: Points of its source.
    """

    predictions: int = 0
    labels: int = 0
    joined: bool = False
    points: int = 0


def parted(batches: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
    """Batches to be monitored, and those of probes."""
    ordinary: list[Batch] = []
    probes: list[Batch] = []
    for batch in batches:
        if isinstance(batch, Points):
            ours = [point for point in batch.points if point.key.model == PROBE_MODEL]
            if ours:
                probes.append(Points(ours))
                rest = [point for point in batch.points if point.key.model != PROBE_MODEL]
                ordinary += [Points(rest)] if rest else []
                continue
        elif (batch.model if isinstance(batch, Truths) else batch.key.model) == PROBE_MODEL:
            probes.append(batch)
            continue
        ordinary.append(batch)
    return ordinary, probes


class Probes:
    """The newest probes; the oldest are forgotten."""

    def __init__(self, store: PendingStore) -> None:
        """Begin with nothing seen.

        Args:
            store: Where predictions and labels wait for each other.
        """
        self._store = store
        self._joiner = Joiner(Settings(), store, Tally(), _found, _found)
        self._seen: OrderedDict[str, Probe] = OrderedDict()

    def take(self, batches: Sequence[Batch]) -> int:
        """Note and join; returns how many items there were."""
        count = 0
        for batch in batches:
            if isinstance(batch, Points):
                for point in batch.points:
                    self._probe(point.source).points += 1
                count += len(batch.points)
                continue
            ids = [text for text in batch.ids if text is not None]
            if isinstance(batch, Predictions):
                self._joiner.predictions(batch, np.arange(len(batch.ids)), counted=True)
                for text in ids:
                    self._probe(text).predictions += 1
                self._note_joined(batch.key.tenant, ids)
            else:
                self._joiner.truths(batch)
                for text in ids:
                    self._probe(text).labels += 1
                self._note_joined(batch.tenant, ids)
            count += len(batch.ids)
        return count

    def seen(self, name: str) -> Probe:
        """What arrived of a probe, by its id, which is its source too."""
        return self._seen.get(name, Probe())

    def _probe(self, name: str) -> Probe:
        probe = self._seen.get(name)
        if probe is None:
            probe = self._seen[name] = Probe()
            if len(self._seen) > MAX_PROBES:
                self._seen.popitem(last=False)
        return probe

    def _note_joined(self, tenant: str, ids: Sequence[str]) -> None:
        records = self._store.get_many(join_keys(tenant, PROBE_MODEL, Ids.of(ids)).tolist())
        for text, data in zip(ids, records, strict=True):
            if data is not None and any(label.joined for label in decode_record(data).labels):
                self._probe(text).joined = True


def _found(key: Key, matches: Sequence[Match] | MatchedRows) -> None:
    """Nothing: no performance is measured of probes."""
    del key, matches
