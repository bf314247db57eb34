"""Which span a row's call had, so that whoever looks at a row finds its trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from opentelemetry import trace

if TYPE_CHECKING:
    import numpy.typing as npt
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from barograph.batches import Batch

TRACE_BYTES = 16
SPAN_BYTES = 8
_NONE = (b"\0" * TRACE_BYTES, b"\0" * SPAN_BYTES)


class Spans(NamedTuple):
    """The sampled spans of rows' calls, one a row; all zero where a row has none.

    Attributes:
        trace_ids: uint8, rows by 16, as OTLP has them.
        span_ids: uint8, rows by 8.
    """

    trace_ids: npt.NDArray[np.uint8]
    span_ids: npt.NDArray[np.uint8]

    def some(self, places: npt.NDArray[np.intp]) -> Spans:
        """Those of some rows."""
        return Spans(self.trace_ids[places], self.span_ids[places])


def spans_of(batch: Batch) -> Spans | None:
    """The sampled spans of a batch's rows; None where no row has one."""
    found = [(rows, _span(context, span)) for rows, _, context, span in batch.arrivals]
    if all(one is _NONE for _, one in found):
        return None
    return Spans(
        _bytes([one[0] * rows for rows, one in found], TRACE_BYTES),
        _bytes([one[1] * rows for rows, one in found], SPAN_BYTES),
    )


def sampled(span: Span) -> tuple[int, int] | None:
    """Trace and span id of a span; None where it isn't sampled, for then it is nowhere to be found."""
    context = span.get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return context.trace_id, context.span_id


def _span(context: Context | None, span: tuple[int, int] | None) -> tuple[bytes, bytes]:
    if span is None and context is not None:
        span = sampled(trace.get_current_span(context))
    if span is None:
        return _NONE
    return span[0].to_bytes(TRACE_BYTES, "big"), span[1].to_bytes(SPAN_BYTES, "big")


def _bytes(parts: list[bytes], width: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, width)
