"""The three levels of an OTLP request (resource, scope, item), flattened to rows of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow.compute as pc

from barograph.semconv import READINGS_SCOPE

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_LEVELS: Final = {"scope_logs": "log_records", "scope_spans": "spans", "scope_metrics": "metrics"}


class Items(NamedTuple):
    """The items of a request.

    Attributes:
        column: The items themselves, a struct column of n rows.
        resource_of: int64 [n], row of `resources` that an item belongs to.
        resources: Attribute lists of the resources.
        own: Whether the item is in the scope that Barograph's own readings leave under.
        scopes: Names of the instrumentation scopes, null where one has none.
        scope_of: int64 [n], row of `scopes` that an item belongs to.
        resource_of_scopes: int64, row of `resources` that each scope belongs to.
    """

    column: pa.StructArray
    resource_of: NDArray[np.int64]
    resources: pa.ListArray
    own: NDArray[np.bool_]
    scopes: pa.StringArray
    scope_of: NDArray[np.int64]
    resource_of_scopes: NDArray[np.int64]


def parents(lists: pa.ListArray) -> NDArray[np.int64]:
    """int64, the list that each element of a list column belongs to."""
    return np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(lists.offsets.to_numpy()))


def items(request: pa.RecordBatch) -> Items:
    """Flatten a request of one row.

    Args:
        request: As `descriptors.parse` gives it.
    """
    per_resource = request.column(0).values
    level = next(name for name in _LEVELS if per_resource.type.get_field_index(name) >= 0)
    scope_lists = per_resource.field(level)
    per_scope = scope_lists.values
    item_lists = per_scope.field(_LEVELS[level])
    scope_of = parents(item_lists)
    scopes = per_scope.field("scope").flatten()[0]
    own = pc.equal(scopes, READINGS_SCOPE).fill_null(fill_value=False)
    resource_of_scopes = parents(scope_lists)
    return Items(
        item_lists.values,
        resource_of_scopes[scope_of],
        per_resource.field("resource").field("attributes"),
        own.to_numpy(zero_copy_only=False)[scope_of],
        scopes,
        scope_of,
        resource_of_scopes,
    )
