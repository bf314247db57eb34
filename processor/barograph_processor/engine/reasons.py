"""Why something was not counted as it came: the one list of lanes and reasons, and their counters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lane:
    """The kinds of telemetry that the engine takes."""

    HISTOGRAMS: Final = "histograms"
    OUTCOMES: Final = "outcomes"
    ROWS: Final = "rows"
    FEEDBACK: Final = "feedback"


class Reason:
    """Every reason that the engine counts by.

    Whether an item was refused or taken otherwise than it came, the caller of `Tally` says.
    """

    LATE: Final = "late"
    """Older than the time to live, or a label after its last horizon."""
    DUPLICATE: Final = "duplicate"
    """An equal repeat of something taken before."""
    CONFLICT: Final = "conflict"
    """Differs from what was taken before under the same id; the first wins."""
    INCOMPATIBLE: Final = "incompatible"
    """A state that can't be merged with those of its stream."""
    UNKNOWN_STATE: Final = "unknown_state"
    """A state of a signal that is no longer installed, found when starting again."""
    UNUSABLE: Final = "unusable"
    """A joined pair that no performance figure can be made of, a class against a number."""
    KEY_LIMIT: Final = "key_limit"
    SOURCE_LIMIT: Final = "source_limit"
    FEATURE_LIMIT: Final = "feature_limit"
    """Points, or values of rows, of features beyond the limit."""
    STREAM_LIMIT: Final = "stream_limit"
    SLICE_LIMIT: Final = "slice_limit"
    """In a time whose slices were forgotten to save memory, so that a repeat can't be told."""
    PANE_LIMIT: Final = "pane_limit"
    """A histogram for a pane whose rows had to be counted for good to save memory."""
    RECORD_LIMIT: Final = "record_limit"
    """One id with too many predictions or labels."""
    EVICTED: Final = "evicted"
    """Pending entries that had to leave the store early."""
    NEVER_MATCHED: Final = "never_matched"
    """Labels whose prediction did not come within their time to live."""
    NEVER_LABELLED: Final = "never_labelled"
    """Predictions whose label did not come within their time to live."""
    WINDOW_LIMIT: Final = "window_limit"
    """Windows that were ended before their last horizon to save memory."""
    SEGMENT_LIMIT: Final = "segment_limit"
    """Segment values of a window that were counted as ``__other__``."""
    NO_ID: Final = "no_id"
    """Predictions that no label can find, or labels that can find no prediction."""
    CLAMPED: Final = "clamped"
    """Event times too far in the future, set back to the clock's plus the skew allowed."""
    PANE_MISMATCH: Final = "pane_mismatch"
    """Points of another pane length, counted in the pane of their end."""
    STRADDLE: Final = "straddle"
    """Points over several panes, counted in the pane of their end."""


class Tally:
    """Counts by lane and reason, for ever and for the batch at hand."""

    __slots__ = ("_dropped", "totals")

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[str] = Counter()

    def count(self, lane: str, reason: str, items: int = 1) -> None:
        """Count items that were taken otherwise than they came, or that left later."""
        if items:
            self.totals[lane, reason] += items

    def drop(self, lane: str, reason: str, items: int = 1) -> None:
        """Count items of the batch at hand that were not taken."""
        if items:
            self.totals[lane, reason] += items
            self._dropped[reason] += items

    def take_dropped(self) -> Mapping[str, int]:
        """What was dropped since the last call, by reason."""
        dropped = dict(self._dropped)
        self._dropped.clear()
        return dropped
