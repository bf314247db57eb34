"""What carries the spans of a request: resources and scopes, mostly the same in all requests of a sender."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow.compute as pc

from barograph.semconv import READINGS_SCOPE, SOURCE_SCOPE
from barograph_processor.wire import identity
from barograph_processor.wire.attributes import Pairs
from barograph_processor.wire.descriptors import parse
from barograph_processor.wire.nesting import items

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from barograph_processor.wire.nesting import Items

_KEPT: Final = 64
_KEPT_BYTES: Final = 16 * 1024


class Carrier(NamedTuple):
    """Resources and scopes of a request.

    Attributes:
        scopes: Names of the scopes, null where one has none.
        own: bool [scopes], whether it is the one that our own readings leave under.
        ours: bool [scopes], whether it is that of our own instrumentation.
        resource_of: int64 [scopes], row of `resources` that a scope belongs to.
        resources: Attributes of the resources.
        sources: What the resources say of sources.
    """

    scopes: pa.StringArray
    own: NDArray[np.bool_]
    ours: NDArray[np.bool_]
    resource_of: NDArray[np.int64]
    resources: Pairs
    sources: identity.Sources


def carrier_of(found: Items) -> Carrier:
    """The carrier of a request's items."""
    resources = Pairs(found.resources)
    own, ours = (
        pc.equal(found.scopes, name).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        for name in (READINGS_SCOPE, SOURCE_SCOPE)
    )
    sources = identity.sources_of(resources.select(identity.RESOURCE_NAMES))
    return Carrier(found.scopes, own, ours, found.resource_of_scopes, resources, sources)


def carrier_of_envelope(envelope: bytes) -> Carrier:
    """The carrier of an ExportTraceServiceRequest without spans; what was read lately isn't read again."""
    return (
        _remembered(envelope)
        if len(envelope) <= _KEPT_BYTES
        else carrier_of(items(parse("traces", envelope)))
    )


@lru_cache(maxsize=_KEPT)
def _remembered(envelope: bytes) -> Carrier:
    return carrier_of(items(parse("traces", envelope)))
