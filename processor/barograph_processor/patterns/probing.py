"""Probes of a running service, from any thread."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from barograph_processor.engine.batch import Fed
from barograph_processor.engine.probes import STORE_BYTES, Probes, parted
from barograph_processor.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from barograph_processor.engine.batch import Batch


class Probing:
    """Keeps probes from the engines, and tells what arrived of them."""

    def __init__(self) -> None:
        self._probes = Probes(MemoryStore(STORE_BYTES))
        self._lock = threading.Lock()

    def feed(self, batches: Sequence[Batch], feed: Callable[[Sequence[Batch]], Fed]) -> Fed:
        """Feed everything but probes, and then note the probes.

        Args:
            batches: What came.
            feed: Takes the rest, also where nothing is left of it: so a probe arrives only where
                everything else would.

        Raises:
            Retryable: The rest can't be taken now; neither are the probes.
        """
        rest, probes = parted(batches)
        fed = feed(rest)
        if not probes:
            return fed
        with self._lock:
            return Fed(fed.accepted + self._probes.take(probes), fed.dropped)

    def seen(self, name: str) -> Mapping[str, object]:
        """What arrived of a probe."""
        with self._lock:
            return asdict(self._probes.seen(name))
