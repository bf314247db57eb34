"""OTLP spans: prediction spans are checked and counted; they are never a denominator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.semconv import attributes as names
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.carriers import carrier_of, carrier_of_envelope
from barograph_processor.wire.claiming import read_foreign
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse, rewritten
from barograph_processor.wire.foreign import SPANS, Foreign
from barograph_processor.wire.nesting import items
from barograph_processor.wire.plain_traces import decode_plain
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.span_layout import Odd
from barograph_processor.wire.span_scan import scan
from barograph_processor.wire.values import EMPTY, INT, GivenTwice

if TYPE_CHECKING:
    from collections import Counter

    from numpy.typing import NDArray

    from barograph_processor.wire.carriers import Carrier

_WANTED = (*identity.NAMES, names.ML_BATCH_ROWS)


def decode_traces(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportTraceServiceRequest.

    A span is ours where it, or its resource, names a model; but dialects come first, except to
    what our own instrumentation sent.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    plain = decode_plain(data, context)
    return decode_columns(data, context) if plain is None else plain


def decode_columns(data: bytes, context: DecodeContext) -> Decoded:
    """The same by columns, which read whatever comes and pay off where there are many spans.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    decode = _decode_foreign if context.dialects else _decode_ours
    try:
        return decode(data, context)
    except GivenTwice:
        return decode(rewritten("foreign_traces", data), context)


def _decode_ours(data: bytes, context: DecodeContext) -> Decoded:
    """Without dialects."""
    spans = items(parse("traces", data))
    attributes = Attributes.of(spans.column.field("attributes"), _WANTED)
    resources = Attributes.of(spans.resources, identity.RESOURCE_NAMES)
    decoded = Decoded()
    _check(attributes, resources, spans.resource_of, ~spans.own, context, decoded)
    return _counted(decoded, spans.own)


def _decode_foreign(data: bytes, context: DecodeContext) -> Decoded:
    """Dialects first; what they leave is checked as ever."""
    scanned = scan(data)
    if scanned is not None:
        carrier = carrier_of_envelope(scanned.envelope)
        try:
            return _read(Foreign.of_scan(scanned, carrier), carrier, context)
        except Odd:  # a value isn't what it seemed to be
            pass
    spans = items(parse("foreign_traces", data))
    carrier = carrier_of(spans)
    return _read(Foreign.of_items(SPANS, spans, carrier), carrier, context)


def _read(records: Foreign, carrier: Carrier, context: DecodeContext) -> Decoded:
    decoded = Decoded()
    own = carrier.own[records.scope_of]
    open_to = ~(own | carrier.ours[records.scope_of])
    free = ~own & ~read_foreign(records, open_to, context, decoded)
    if free.any():
        attributes, resources = (
            records.attributes.select(_WANTED),
            records.resources.select(identity.RESOURCE_NAMES),
        )
        _check(attributes, resources, records.resource_of, free, context, decoded)
    return _counted(decoded, own)


def _check(  # noqa: PLR0913, PLR0917  # one request, taken apart
    attributes: Attributes,
    resources: Attributes,
    resource_of: NDArray[np.int64],
    free: NDArray[np.bool_],
    context: DecodeContext,
    decoded: Decoded,
) -> None:
    """Spans that name a model have to be right."""
    named = attributes.present(names.ML_MODEL_NAME) | resources.present(names.ML_MODEL_NAME)[resource_of]
    rows = np.flatnonzero(named & free)
    decoded.rejected += _wrong(attributes.take(rows), resources, resource_of[rows], context)
    decoded.ignored[reasons.FOREIGN] += int((free & ~named).sum())


def _counted(decoded: Decoded, own: NDArray[np.bool_]) -> Decoded:
    """What is left to count when all spans were looked at."""
    decoded.accepted = len(own) - decoded.rejected.total()
    decoded.ignored[reasons.OWN_READINGS] += int(own.sum())
    decoded.ignored = +decoded.ignored
    return decoded


def _wrong(
    ours: Attributes, resources: Attributes, resource_of: NDArray[np.int64], context: DecodeContext
) -> Counter[str]:
    """Prediction spans that can't be right, by reason."""
    verdicts = Refusals(len(ours))
    identity.owners(ours, resources, resource_of, context.limits, verdicts)
    kinds = ours.kinds(names.ML_BATCH_ROWS)
    counts, _ = ours.numbers(names.ML_BATCH_ROWS)
    verdicts.refuse((kinds != EMPTY) & (kinds != INT), reasons.BAD_TYPE)
    verdicts.refuse(counts < 0, reasons.NEGATIVE_COUNT)
    return verdicts.counts()
