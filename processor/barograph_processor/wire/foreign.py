"""Spans and log records that others shaped, and the dialects that know how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import pyarrow as pa

from barograph_processor.wire import identity, reasons
from barograph_processor.wire.attributes import Pairs
from barograph_processor.wire.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Batch
    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.decode import DecodeContext, Decoded
    from barograph_processor.wire.nesting import Items

SPANS: Final = "spans"
LOGS: Final = "logs"
EVENT_NAME: Final = "event.name"  # where SDKs older than LogRecord.event_name put it


class Foreign:
    """n spans or log records as columns.

    Attributes:
        signal: `SPANS` or `LOGS`.
        names: Names of the spans, or of the events.
        scopes: Names of the instrumentation scopes, null where a scope has none.
        scope_of: int64 [n], row of `scopes` that a record belongs to.
        start_ns: int64 [n], a span's start; 0 where it isn't stated, -1 where it can't be.
        end_ns: int64 [n], likewise a span's end, or a log record's time.
        attributes: Of the records.
        resource_of: int64 [n], row of `resources` that a record belongs to.
        resources: Attributes of the resources.
    """

    __slots__ = (
        "_body",
        "_column",
        "attributes",
        "end_ns",
        "names",
        "resource_of",
        "resources",
        "scope_of",
        "scopes",
        "signal",
        "start_ns",
    )

    def __init__(self, signal: str, items: Items) -> None:
        """Look at the items of a request.

        Args:
            signal: `SPANS` or `LOGS`.
            items: With a ``name`` (spans) or ``event_name``, times and attributes.
        """
        column = items.column
        self.signal = signal
        self.names: pa.StringArray = column.field("name" if signal == SPANS else "event_name")
        self.scopes = items.scopes
        self.scope_of = items.scope_of
        if signal == SPANS:
            self.start_ns = _times(column.field("start_time_unix_nano"))
            self.end_ns = _times(column.field("end_time_unix_nano"))
        else:
            stated, observed = (
                column.field(name).to_numpy() for name in ("time_unix_nano", "observed_time_unix_nano")
            )
            self.end_ns = _possible(np.where(stated == 0, observed, stated))
            self.start_ns = self.end_ns
        self.attributes = Pairs(column.field("attributes"))
        self.resource_of = items.resource_of
        self.resources = Pairs(items.resources)
        self._column = column
        self._body: Pairs | None = None

    def __len__(self) -> int:
        return len(self.resource_of)

    @property
    def body(self) -> Pairs:
        """Entries of the log records' bodies; a body that isn't a map has none, nor has a span."""
        if self._body is None:
            if self._column.type.get_field_index("body") < 0:
                attributes = self._column.field("attributes")
                self._body = Pairs(pa.array([[]] * len(self), attributes.type))
            else:
                self._body = Pairs(self._column.field("body").field("kvlist_value").field("values"))
        return self._body

    def resource(self, names: Sequence[str] = ()) -> Attributes:
        """Attributes of the resources: those that identify a source, and some more."""
        wanted = dict.fromkeys((*identity.RESOURCE_NAMES, *names))
        return self.resources.select(tuple(wanted))


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


def read_foreign(
    records: Foreign, open_to: NDArray[np.bool_], context: DecodeContext, decoded: Decoded
) -> NDArray[np.bool_]:
    """Give each record to the first dialect that claims it.

    Args:
        records: All records of a request.
        open_to: bool [n], which of them dialects may have.
        context: With the dialects.
        decoded: Takes batches, and what was refused or says nothing.

    Returns:
        bool [n], the records that were claimed.
    """
    free = open_to.copy()
    for dialect in context.dialects:
        if not free.any():
            break
        claimed = dialect.claims(records) & free
        rows = np.flatnonzero(claimed)
        if not rows.size:
            continue
        free &= ~claimed
        verdicts = Refusals(len(rows))
        decoded.batches += dialect.read(records, rows, context, verdicts)
        counts = verdicts.counts()
        decoded.ignored[reasons.SAYS_NOTHING] += counts.pop(reasons.SAYS_NOTHING, 0)
        decoded.rejected += counts
    return open_to & ~free


def _times(column: pa.Array) -> NDArray[np.int64]:
    return _possible(column.to_numpy())


def _possible(times: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Times as int64, -1 where they lie beyond it."""
    result: NDArray[np.int64] = times.astype(np.int64)  # what lies beyond turns negative
    return np.maximum(result, -1)
