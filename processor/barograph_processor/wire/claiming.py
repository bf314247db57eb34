"""Records that aren't ours go to the first dialect that claims them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph_processor.wire import reasons
from barograph_processor.wire.refusals import Refusals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.decode import DecodeContext, Decoded
    from barograph_processor.wire.foreign import Foreign


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
