"""What the decoders take and give.

`decode_logs`, `decode_metrics` and `decode_traces` turn the bytes of one OTLP request into
batches. They are pure: no clock, no state; any thread may call them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from barograph_processor.wire.limits import Limits
from barograph_processor.wire.reasons import EXPLANATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch
    from barograph_processor.wire.deltas import Cumulative
    from barograph_processor.wire.foreign import Foreign
    from barograph_processor.wire.refusals import Refusals

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


class Dialect(Protocol):
    """Knows telemetry of one shape. Pure: no clock, no file, no state; any thread may call it."""

    name: str
    """As the configuration names it."""

    def claims(self, records: Foreign) -> NDArray[np.bool_]:
        """Which of n records are of this shape, bool [n]; called for every request, so look at little.

        Args:
            records: As they came.
        """

    def read(
        self, records: Foreign, rows: NDArray[np.int64], context: DecodeContext, verdicts: Refusals
    ) -> list[Batch]:
        """The predictions and truths that some records tell of.

        Args:
            records: As they came.
            rows: int64 [m], in ascending order: which of them to read.
            context: Tenant and limits.
            verdicts: Of m rows; takes those that can't be read, and with `reasons.SAYS_NOTHING` those that
                tell of no prediction.
        """


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
