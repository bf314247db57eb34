"""OTLP spans: prediction spans are checked and counted; they are never a denominator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from barograph.semconv import SOURCE_SCOPE
from barograph.semconv import attributes as names
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse
from barograph_processor.wire.foreign import SPANS, Foreign, read_foreign
from barograph_processor.wire.nesting import items
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.values import EMPTY, INT

if TYPE_CHECKING:
    from collections import Counter

    from numpy.typing import NDArray

_WANTED = (*identity.NAMES, names.ML_BATCH_ROWS)


def decode_traces(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportTraceServiceRequest.

    A span is ours where it, or its resource, names a model; but dialects come first, except to
    what our own instrumentation sent.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    spans = items(parse("foreign_traces" if context.dialects else "traces", data))
    decoded = Decoded()
    free = ~spans.own
    if context.dialects:
        sources = pc.equal(spans.scopes, SOURCE_SCOPE).fill_null(fill_value=False)
        foreign = free & ~sources.to_numpy(zero_copy_only=False)[spans.scope_of]
        free &= ~read_foreign(Foreign(SPANS, spans), foreign, context, decoded)
    attributes = Attributes.of(spans.column.field("attributes"), _WANTED)
    resources = Attributes.of(spans.resources, identity.RESOURCE_NAMES)
    named = (
        attributes.present(names.ML_MODEL_NAME) | resources.present(names.ML_MODEL_NAME)[spans.resource_of]
    )
    rows = np.flatnonzero(named & free)
    decoded.rejected += _checked(attributes.take(rows), resources, spans.resource_of[rows], context)
    decoded.accepted = len(named) - decoded.rejected.total()
    decoded.ignored[reasons.OWN_READINGS] = int(spans.own.sum())
    decoded.ignored[reasons.FOREIGN] = int((free & ~named).sum())
    decoded.ignored = +decoded.ignored
    return decoded


def _checked(
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
