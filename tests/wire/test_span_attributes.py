"""Attributes of scanned spans are what the parser's are, whichever rows are asked for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from barograph_processor.wire.attributes import Attributes, Pairs
from barograph_processor.wire.descriptors import parse
from barograph_processor.wire.nesting import items
from barograph_processor.wire.span_columns import ScannedPairs, names_of
from barograph_processor.wire.span_scan import scan

from .test_span_scan import request_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("app.answer", "app.features.f0", "app.features.f1", "app.truth", "app.p", "app.region", "nowhere")


def both(seed: int, layouts: int) -> tuple[ScannedPairs, Pairs] | None:
    """The attributes, read in both ways; None where only the parser reads them."""
    data = request_of(seed, layouts, 120, 0.0).SerializeToString()
    found = scan(data)
    if found is None:
        return None
    column = items(parse("foreign_traces", data)).column
    its = names_of(found)
    assert column.field("name").to_pylist() == [its.values[code] for code in its.codes.tolist()]
    return ScannedPairs(found), Pairs(column.field("attributes"))


def told(attributes: Attributes) -> list[Any]:
    """Everything that can be asked of attributes."""
    result: list[Any] = [len(attributes), attributes.given(NAMES).tolist(), (attributes.table >= 0).tolist()]
    for name in NAMES:
        numbers, no_number = attributes.numbers(name)
        texts, no_text = attributes.texts(name)
        coded, not_coded = attributes.coded(name)
        spelt = [None if code < 0 else coded.values[code] for code in coded.codes.tolist()]
        assert len(set(coded.values)) == len(coded.values)
        result += [attributes.kinds(name).tolist(), (attributes.positions(name) >= 0).tolist(), spelt]
        result += [
            numbers.tobytes(),
            no_number.tolist(),
            texts.to_pylist(),
            no_text.tolist(),
            not_coded.tolist(),
        ]
    return result


def rows_of(r: random.Random, size: int) -> list[NDArray[np.int64] | None]:
    some = np.array(sorted(r.sample(range(size), size // 3)), np.int64)
    return [None, np.arange(size), some, np.array([size - 1]), np.zeros(0, np.int64)]


@pytest.mark.parametrize("layouts", [1, 2, 3])
def test_any_rows_have_the_attributes_that_the_parser_finds(layouts: int) -> None:
    compared = 0
    for seed in range(12):
        if (pairs := both(seed, layouts)) is None:
            continue
        scanned, parsed = pairs
        compared += 1
        assert set(scanned.keys) == set(parsed.keys)
        r = random.Random(seed)
        for rows in rows_of(r, len(parsed)):
            its, expected = scanned.select(NAMES, rows), parsed.select(NAMES, rows)
            assert told(expected) == told(its)
            every = np.arange(len(parsed)) if rows is None else rows
            assert parsed.naming(NAMES[:2], every).tolist() == scanned.naming(NAMES[:2], every).tolist()
            order = np.array(r.sample(range(len(expected)), len(expected) // 2), np.int64)
            for taken in (order, np.sort(order), np.repeat(np.sort(order), 2)):
                assert told(expected.take(taken)) == told(its.take(taken))
                assert told(expected.take(taken).take(order[:0])) == told(its.take(taken).take(order[:0]))
    assert compared > 2
