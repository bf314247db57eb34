"""Why something did not leave: the one list of lanes and reasons of what is exported."""

from __future__ import annotations

from typing import Final


class Lane:
    """The kinds of results that are exported."""

    WINDOWS: Final = "windows"
    READINGS: Final = "readings"


class Reason:
    """Every reason that results are dropped for."""

    QUEUE_FULL: Final = "queue_full"
    """The oldest of a queue that was full."""
    EXPORT_FAILED: Final = "export_failed"
    """Sending failed for good, or for too long."""
    SHUTDOWN: Final = "shutdown"
    """Still waiting when the processor ended."""
    REJECTED: Final = "rejected"
    """The receiving side answered that it did not take them."""
    SIGNAL_FAILED: Final = "signal_failed"
    """A signal of another package raised: all of its readings of a view, counted once."""
    READING_INVALID: Final = "reading_invalid"
    """A reading that its signal did not declare, or that is no finite number."""
    STATE_INVALID: Final = "state_invalid"
    """A state that its signal has not declared the type of, in a stream of another name, or too large."""
    READING_LIMIT: Final = "reading_limit"
    """A signal of another package gave more readings of a view, or streams, than are taken."""
