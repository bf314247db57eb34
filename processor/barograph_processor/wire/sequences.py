"""Attributes that hold lists of numbers: probabilities of classes that are known by position alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from barograph_processor.wire import reasons
from barograph_processor.wire.values import ARRAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.grids import Room
    from barograph_processor.wire.refusals import Refusals


def numbers_of_lists(
    attributes: Attributes, name: str, room: Room, verdicts: Refusals
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Lists as a matrix, NaN where one is shorter, and the names of its columns: ``0``, ``1``, ….

    Args:
        attributes: With `name`.
        name: The attribute.
        room: For columns.
        verdicts: Takes rows whose list is too long, or holds what isn't a number.
    """
    rows = np.flatnonzero(attributes.kinds(name) == ARRAY)
    lists = [_numbers(data) for data in attributes.values.opaque(ARRAY, attributes.positions(name)[rows])]
    bad = np.array([numbers is None for numbers in lists], bool)
    verdicts.refuse_at(rows[bad], reasons.BAD_TYPE)
    long = np.array([len(numbers or ()) > room.columns for numbers in lists], bool)
    verdicts.refuse_at(rows[long], room.too_many)
    fine = [(row, numbers) for row, numbers in zip(rows.tolist(), lists, strict=True) if numbers]
    width = min(max((len(numbers) for _, numbers in fine), default=0), room.columns)
    matrix = np.full((len(attributes), width), np.nan)
    for row, numbers in fine:
        matrix[row, : len(numbers)] = numbers[:width]
    return matrix, tuple(map(str, range(width)))


def _numbers(data: bytes) -> list[float] | None:
    """The numbers of a list; None where something in it is none."""
    try:
        values = ArrayValue.FromString(data).values
    except DecodeError:
        return None
    numbers: list[float] = []
    for value in values:
        kind = value.WhichOneof("value")
        if kind not in {"double_value", "int_value"}:
            return None
        numbers.append(float(getattr(value, kind)))
    return numbers
