"""OTLP spans: prediction spans are checked and counted; they are never a denominator."""

from __future__ import annotations

import numpy as np

from barograph.semconv import attributes as names
from barograph_processor.wire import identity, reasons
from barograph_processor.wire.attributes import Attributes
from barograph_processor.wire.decode import DecodeContext, Decoded
from barograph_processor.wire.descriptors import parse
from barograph_processor.wire.nesting import items
from barograph_processor.wire.refusals import Refusals
from barograph_processor.wire.values import EMPTY, INT

_WANTED = (*identity.NAMES, names.ML_BATCH_ROWS)


def decode_traces(data: bytes, context: DecodeContext) -> Decoded:
    """Decode an ExportTraceServiceRequest.

    A span is ours where it, or its resource, names a model.

    Raises:
        Permanent: The bytes aren't such a request.
    """
    spans = items(parse("traces", data))
    attributes = Attributes.of(spans.column.field("attributes"), _WANTED)
    resources = Attributes.of(spans.resources, identity.RESOURCE_NAMES)
    named = (
        attributes.present(names.ML_MODEL_NAME) | resources.present(names.ML_MODEL_NAME)[spans.resource_of]
    )
    rows = np.flatnonzero(named & ~spans.own)
    ours = attributes.take(rows)
    verdicts = Refusals(len(rows))
    identity.owners(ours, resources, spans.resource_of[rows], context.limits, verdicts)
    kinds = ours.kinds(names.ML_BATCH_ROWS)
    counts, _ = ours.numbers(names.ML_BATCH_ROWS)
    verdicts.refuse((kinds != EMPTY) & (kinds != INT), reasons.BAD_TYPE)
    verdicts.refuse(counts < 0, reasons.NEGATIVE_COUNT)
    rejected = verdicts.counts()
    decoded = Decoded(accepted=len(named) - rejected.total(), rejected=rejected)
    decoded.ignored[reasons.OWN_READINGS] = int(spans.own.sum())
    decoded.ignored[reasons.FOREIGN] = len(named) - len(rows) - decoded.ignored[reasons.OWN_READINGS]
    decoded.ignored += type(decoded.ignored)()  # leaves only counts above 0
    return decoded
