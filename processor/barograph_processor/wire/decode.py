"""What the decoders take and give.

`decode_logs`, `decode_metrics` and `decode_traces` turn the bytes of one OTLP request into
batches. They are pure: no clock, no state; any thread may call them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from barograph_processor.wire.limits import Limits
from barograph_processor.wire.reasons import EXPLANATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.wire.deltas import Cumulative
    from barograph_processor.wire.foreign import Dialect

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """What decoding needs to know beside the bytes.

    Attributes:
        tenant: From authentication.
        limits: How much a request may hold.
        dialects: What reads spans and log records that aren't ours; the first that claims one has it.
    """

    tenant: str = DEFAULT_TENANT
    limits: Limits = field(default_factory=Limits)
    dialects: Sequence[Dialect] = ()


@dataclass(slots=True)
class Decoded:
    """What a request holds. An item is a log record, a data point or a span.

    Attributes:
        batches: For the engine.
        accepted: Items that weren't refused, the ignored ones included.
        rejected: Items refused for good, by reason.
        ignored: Items accepted that aren't for us, by reason.
        rows_rejected: Rows of packed events refused for good, by reason; their event was accepted.
        cumulative: Points of cumulative streams; `Deltas.stage` turns them into increments.
    """

    batches: list[Batch] = field(default_factory=list)
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    rows_rejected: Counter[str] = field(default_factory=Counter)
    cumulative: list[Cumulative] = field(default_factory=list)

    @property
    def message(self) -> str:
        """What was refused and why, for the sender; ``""`` where nothing was."""
        return "; ".join(
            f"{count} {what} refused as {reason}: {EXPLANATIONS.get(reason, reason)}"
            for what, counts in (("items", self.rejected), ("rows", self.rows_rejected))
            for reason, count in counts.most_common()
        )
