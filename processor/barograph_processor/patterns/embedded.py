"""The engine inside the serving process: what ``BAROGRAPH_SINK=embedded`` names.

This module loads nothing, so that a serving image without the processor's packages can say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from barograph.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import Sink


def open_sink(
    metric_exporters: Callable[[], Sequence[Any]], log_exporters: Callable[[], Sequence[Any]]
) -> Sink:
    """Make the sink; the engine starts with the first telemetry.

    Args:
        metric_exporters: Makes the application's exporters of metrics, for readings.
        log_exporters: The same for log records, for closed windows.

    Raises:
        MissingExtra: The processor's packages aren't installed.
    """
    try:
        from barograph_processor.patterns.embedded_sink import EmbeddedSink, load  # noqa: PLC0415  # see above
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("barograph"):
            raise
        raise MissingExtra("an engine in the serving process", "processor") from error
    load()
    return EmbeddedSink(metric_exporters, log_exporters)
