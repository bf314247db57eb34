"""What there is one of in a process: the name that its telemetry bears, and the sink that takes it."""

from __future__ import annotations

import os
import threading
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from barograph.routing import begin_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph.points import Sink

_SINK = "BAROGRAPH_SINK"
_ENDPOINT = "BAROGRAPH_OTLP_ENDPOINT"


class _Process:
    """What there is one of in a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sink: Sink | None = None
        self.metric_exporter: object = None
        self.log_exporter: object = None
        self.source_id = uuid.uuid4().hex

    def after_fork(self) -> None:
        """In the child: an identity and queues of its own."""
        self.lock = threading.Lock()
        self.source_id = uuid.uuid4().hex
        begin_anew(self.sink)


_process = _Process()
os.register_at_fork(after_in_child=_process.after_fork)


def source_id() -> str:
    """Names this process on every point; a forked child has its own."""
    return _process.source_id


def prepare() -> None:
    """Import what the default sink will need: that can't be imported when the process is ending.

    What else ``BAROGRAPH_SINK`` names is loaded now, too: in a background thread its imports could
    meet those of the program halfway.
    """
    if _process.sink is None:
        import barograph.export  # noqa: PLC0415 - who has another sink doesn't pay for it

        with suppress(ImportError):  # said when something is to be sent
            import barograph.export_sdk  # noqa: F401, PLC0415 - the SDK is an extra
        if os.environ.get(_SINK) or os.environ.get(_ENDPOINT):
            default_sink()


def default_sink() -> Sink:
    """The sink of the process: what `configure` set, else what the environment says."""
    present = _process.sink
    if present is not None:
        return present
    from barograph.export import ExporterSink, from_environment  # noqa: PLC0415 - imported only when needed

    with _process.lock:
        if _process.sink is None:
            makers = (
                _given(_process.metric_exporter) or from_environment("metrics"),
                _given(_process.log_exporter) or from_environment("logs"),
            )
            if os.environ.get(_SINK) or os.environ.get(_ENDPOINT):
                from barograph.sinks import chosen_sink  # noqa: PLC0415 - imported only when needed

                _process.sink = chosen_sink(*makers)
            else:
                _process.sink = ExporterSink(*makers)
        return _process.sink


def present_sink() -> Sink | None:
    """The sink of the process, where something has asked for it or set it."""
    return _process.sink


def _given(exporter: object) -> Callable[[], Sequence[Any]] | None:
    return (lambda: (exporter,)) if exporter is not None else None


def configure(
    *, sink: Sink | None = None, metric_exporter: object = None, log_exporter: object = None
) -> None:
    """Send elsewhere than the environment says; before the first prediction is recorded.

    Args:
        sink: Takes everything, in place of exporters.
        metric_exporter: A `MetricExporter` of the SDK, made in code.
        log_exporter: A `LogRecordExporter` of the SDK, made in code.
    """
    with _process.lock:
        before = _process.sink
        _process.sink = sink
        _process.metric_exporter = metric_exporter
        _process.log_exporter = log_exporter
    if before is not None:
        before.shutdown(0.0)


def swap_sink(sink: Sink | None) -> Sink | None:
    """Put another sink in the process's place, for tests; returns the one before, still open."""
    with _process.lock:
        before, _process.sink = _process.sink, sink
        return before
