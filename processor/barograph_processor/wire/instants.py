"""Times that attributes hold: numbers since 1970 in a unit, or text in ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from barograph_processor.wire.values import DOUBLE, INT, TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes

NS_IN: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_ZONED: Final = pa.timestamp("ns", tz="UTC")
_NAIVE: Final = pa.timestamp("ns")
_BEYOND: Final = 2.0**63
IMPOSSIBLE: Final = -1


def instants(attributes: Attributes, name: str, unit: str) -> NDArray[np.int64]:
    """Nanoseconds since 1970, 0 where a row has no value, `IMPOSSIBLE` where it is no time from 1970 to 2262.

    Args:
        attributes: With `name`.
        name: The attribute.
        unit: Key of `NS_IN`: what numbers count.
    """
    kinds = attributes.kinds(name)
    times = np.where(kinds == 0, 0, IMPOSSIBLE).astype(np.int64)
    scale = NS_IN[unit]
    whole = kinds == INT
    if whole.any():
        counts = attributes.integers(name, whole)
        times[whole] = np.where((counts >= 0) & (counts < 2**63 // scale), counts * scale, IMPOSSIBLE)
    real = kinds == DOUBLE
    if real.any():
        numbers = attributes.numbers(name)[0][real]
        with np.errstate(invalid="ignore"):
            possible = (numbers >= 0) & (numbers * scale < _BEYOND)
        numbers = np.where(possible, numbers, 0.0)
        counts = np.floor(numbers).astype(np.int64)
        counts = counts * scale + np.rint((numbers - counts) * scale).astype(np.int64)
        times[real] = np.where(possible, counts, IMPOSSIBLE)
    texts = kinds == TEXT
    if texts.any():
        times[texts] = np.maximum(_read(attributes.texts(name)[0].filter(pa.array(texts))), IMPOSSIBLE)
    return times


def _read(texts: pa.StringArray) -> NDArray[np.int64]:
    """Text to nanoseconds: all at once where it has one form, else one by one."""
    for form in (_ZONED, _NAIVE):
        times = _cast(texts, form)
        if times is not None:
            return times
    if len(texts) == 1:
        return np.array([IMPOSSIBLE], np.int64)
    return np.concatenate([_read(texts[i : i + 1]) for i in range(len(texts))])


def _cast(texts: pa.StringArray, form: pa.TimestampType) -> NDArray[np.int64] | None:
    try:
        times: NDArray[np.int64] = texts.cast(form).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return times
