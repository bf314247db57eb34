"""Rows as attributes of events, one an event, and how large they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph.packing import column_name, encodable

if TYPE_CHECKING:
    from barograph.packing import Column
    from barograph.points import AttributeValue
    from barograph.row_features import FeatureColumn


def row_attributes(columns: Mapping[str, Column], row: int) -> dict[str, AttributeValue]:
    """One row as attributes; missing values are left out."""
    found: dict[str, AttributeValue] = {}
    for stated, column in columns.items():
        name = column_name(stated)
        if isinstance(column, Mapping):
            inner = row_attributes(column, row)
            if inner:
                found[name] = inner
            continue
        value = column[row]
        if isinstance(value, np.generic):
            value = value.item()
        elif isinstance(value, str):
            value = encodable(value)
        if value is not None and value == value:  # noqa: PLR0124 - NaN
            found[name] = value
    return found


def row_features(columns: Mapping[str, FeatureColumn], row: int) -> dict[str, AttributeValue]:
    """The features of one row; a missing value is empty, so that the feature is known to be there."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        value: Any = column[row]
        if isinstance(value, str):
            found[column_name(name)] = encodable(value)
        else:
            missing = value is None or value != value  # noqa: PLR0124 - NaN
            found[column_name(name)] = None if missing else float(value)
    return found
