"""What the engines and the process say about themselves, as samples of the processor's own telemetry."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from barograph.semconv import attributes, metrics, processor
from barograph_processor.telemetry import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.engine.stats import EngineStats


_MEMORY: Final = Path("/proc/self/statm")  # of Linux; elsewhere the figure is left out


def process_samples(up_s: float) -> Iterator[Sample]:
    """What the process takes of the machine, as far as the machine tells.

    Args:
        up_s: Time since it started.
    """
    yield Sample(processor.BAROGRAPH_PROCESS_UPTIME, (), up_s, monotonic=False)
    yield Sample(processor.BAROGRAPH_PROCESS_CPU_SECONDS, (), time.process_time(), monotonic=True)
    with suppress(OSError, IndexError, ValueError):
        pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
        resident = float(pages * os.sysconf("SC_PAGE_SIZE"))
        yield Sample(processor.BAROGRAPH_PROCESS_MEMORY_RSS, (), resident, monotonic=False)


def dropped_samples(counters: Mapping[tuple[str, str], int]) -> Iterator[Sample]:
    """Items that were not taken as they came, by lane and reason."""
    for (lane, reason), count in counters.items():
        labels = ((attributes.ML_TELEMETRY_LANE, lane), (attributes.ML_TELEMETRY_REASON, reason))
        yield Sample(metrics.ML_TELEMETRY_DROPPED, labels, count, monotonic=True)


def engine_samples(stats: Sequence[EngineStats]) -> Iterator[Sample]:
    """What the engines hold and took, summed."""
    held = {
        processor.BAROGRAPH_ENGINE_KEYS: [each.keys for each in stats],
        processor.BAROGRAPH_ENGINE_SOURCES: [each.sources for each in stats],
        processor.BAROGRAPH_ENGINE_PANES: [each.panes for each in stats],
        processor.BAROGRAPH_ENGINE_WINDOWS: [each.windows for each in stats],
        processor.BAROGRAPH_ENGINE_PENDING_ENTRIES: [each.pending for each in stats],
    }
    taken = {
        processor.BAROGRAPH_ENGINE_ACCEPTED_PREDICTIONS: [each.predictions for each in stats],
        processor.BAROGRAPH_ENGINE_ACCEPTED_LABELS: [each.labels_accepted for each in stats],
        processor.BAROGRAPH_ENGINE_JOINED_LABELS: [each.labels_joined for each in stats],
    }
    for name, values in held.items():
        yield Sample(name, (), sum(values), monotonic=False)
    for name, values in taken.items():
        yield Sample(name, (), sum(values), monotonic=True)
