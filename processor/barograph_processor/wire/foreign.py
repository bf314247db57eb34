"""Spans and log records that others shaped, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from barograph_processor.wire.attributes import Pairs
from barograph_processor.wire.span_columns import ScannedPairs, names_of, times_of
from barograph_processor.wire.span_layout import END, START
from barograph_processor.wire.text import encode_texts
from barograph_processor.wire.values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.engine.batch import Texts
    from barograph_processor.wire.carriers import Carrier
    from barograph_processor.wire.nesting import Items
    from barograph_processor.wire.span_scan import Scan

SPANS: Final = "spans"
LOGS: Final = "logs"
EVENT_NAME: Final = "event.name"  # where SDKs older than LogRecord.event_name put it


class Foreign:
    """n spans or log records as columns.

    Attributes:
        signal: `SPANS` or `LOGS`.
        scopes: Names of the instrumentation scopes, null where a scope has none.
        scope_of: int64 [n], row of `scopes` that a record belongs to.
        start_ns: int64 [n], a span's start; 0 where it isn't stated, -1 where it can't be.
        end_ns: int64 [n], likewise a span's end, or a log record's time.
        attributes: Of the records.
        resource_of: int64 [n], row of `resources` that a record belongs to.
        resources: Attributes of the resources.
        sources: What the resources say of sources.
    """

    __slots__ = (
        "_body",
        "_column",
        "_scan",
        "_times",
        "attributes",
        "resource_of",
        "resources",
        "scope_of",
        "scopes",
        "signal",
        "sources",
    )

    def __init__(  # noqa: PLR0913  # the columns of a request
        self,
        signal: str,
        carrier: Carrier,
        scope_of: NDArray[np.int64],
        attributes: Pairs | ScannedPairs,
        *,
        column: pa.StructArray = None,
        scan: Scan | None = None,
    ) -> None:
        """Take columns over; `of_items` and `of_scan` make them."""
        self.signal = signal
        self.scopes = carrier.scopes
        self.scope_of = scope_of
        self.resource_of = carrier.resource_of[scope_of]
        self.resources = carrier.resources
        self.sources = carrier.sources
        self.attributes = attributes
        self._column = column
        self._scan = scan
        self._body: Pairs | None = None
        self._times: dict[str, NDArray[np.int64]] = {}

    @classmethod
    def of_items(cls, signal: str, found: Items, carrier: Carrier) -> Foreign:
        """Look at the items of a request.

        Args:
            signal: `SPANS` or `LOGS`.
            found: With a ``name`` (spans) or ``event_name``, times and attributes.
            carrier: What carries them.
        """
        attributes = Pairs(found.column.field("attributes"))
        return cls(signal, carrier, found.scope_of, attributes, column=found.column)

    @classmethod
    def of_scan(cls, scan: Scan, carrier: Carrier) -> Foreign:
        """Look at scanned spans.

        Args:
            scan: The spans.
            carrier: What carries them.
        """
        return cls(SPANS, carrier, scan.scope_of, ScannedPairs(scan), scan=scan)

    def __len__(self) -> int:
        return len(self.resource_of)

    @property
    def names(self) -> pa.StringArray:
        """Names of the spans, or of the events."""
        if self._scan is not None:
            names = self.coded_names
            return pa.array(names.values, pa.string()).take(pa.array(names.codes))
        return self._column.field("name" if self.signal == SPANS else "event_name")

    @property
    def coded_names(self) -> Texts:
        """The names, told apart."""
        return encode_texts(self.names) if self._scan is None else names_of(self._scan)

    @property
    def start_ns(self) -> NDArray[np.int64]:
        """int64 [n], a span's start or a log record's time; 0 where it isn't stated, -1 if it can't be."""
        return self._time("start_time_unix_nano")

    @property
    def end_ns(self) -> NDArray[np.int64]:
        """int64 [n], likewise a span's end."""
        return self._time("end_time_unix_nano")

    @property
    def body(self) -> Pairs:
        """Entries of the log records' bodies; a body that isn't a map has none, nor has a span."""
        if self._body is None:
            if self._column is None or self._column.type.get_field_index("body") < 0:
                self._body = Pairs.nothing(len(self))
            else:
                bodies = self._column.field("body")
                Values(bodies)  # sees that none is two things
                self._body = Pairs(bodies.field("kvlist_value").field("values"))
        return self._body

    def _time(self, name: str) -> NDArray[np.int64]:
        if name not in self._times:
            self._times[name] = np.maximum(
                self._stated(name).astype(np.int64), -1
            )  # 2**63 and more: negative
        return self._times[name]

    def _stated(self, name: str) -> NDArray[np.uint64]:
        """Times as they stand there."""
        if self._scan is not None:
            return times_of(self._scan, START if name.startswith("start") else END)
        if self.signal == SPANS:
            stated: NDArray[np.uint64] = self._column.field(name).to_numpy()
            return stated
        stated, observed = (
            self._column.field(each).to_numpy() for each in ("time_unix_nano", "observed_time_unix_nano")
        )
        return np.where(stated == 0, observed, stated)
