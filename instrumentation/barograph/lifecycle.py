"""The process as a whole: what to send to, when, and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph.guard import guard
from barograph.worker import WORKER

if TYPE_CHECKING:
    from barograph.points import Sink


def configure(*, strict: bool | None = None, sink: Sink | None = None, **exporters: object) -> None:
    """Settings of the whole process that the environment can't express.

    Args:
        strict: Raise faults of the instrumentation instead of counting them; for tests.
        sink: Where points and events of monitors go that have no sink of their own.
        **exporters: Passed to `barograph.this_process.configure`, such as `metric_exporter` for exporters
            that are made in code.
    """
    if strict is not None:
        guard.strict(on=strict)
    if sink is not None or exporters:
        from barograph import this_process  # noqa: PLC0415 - imported only when needed

        this_process.configure(sink=sink, **exporters)


def flush(timeout_s: float = 10.0) -> bool:
    """Have everything recorded so far counted and sent; False where that took longer."""
    return WORKER.flush(timeout_s)


def drain(timeout_s: float = 10.0) -> bool:
    """Tell that the input has ended: engines in this process close every window at every label horizon.

    Where none runs here (``BAROGRAPH_SINK``), the same as `flush`. What is recorded later revises
    the windows that it belongs to.

    Returns:
        False where that took longer.
    """
    return WORKER.drain(timeout_s)


def shutdown(timeout_s: float = 10.0) -> bool:
    """Flush and stop; what is recorded later is dropped and counted."""
    return WORKER.shutdown(timeout_s)
