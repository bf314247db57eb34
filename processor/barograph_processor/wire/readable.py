"""Events in their readable form, one row a record, to columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph_processor.wire import features, reasons
from barograph_processor.wire.outcomes import Observed, Outcomes
from barograph_processor.wire.text import empty_as_null
from barograph_processor.wire.values import DOUBLE, INT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from barograph_processor.wire.attributes import Attributes
    from barograph_processor.wire.limits import Limits
    from barograph_processor.wire.refusals import Refusals

NAMES: Final = (
    names.ML_INFERENCE_ID,
    names.ML_PREDICTION_CLASS,
    names.ML_PREDICTION_SCORE,
    names.ML_PREDICTION_SCORES,
    names.ML_PREDICTION_VALUE,
    names.ML_SEGMENTS,
    names.ML_FEATURES,
    names.ML_SAMPLING_RATE,
    names.ML_GROUND_TRUTH_VALUE,
)


def predictions(
    attributes: Attributes, time_ns: NDArray[np.int64], limits: Limits, verdicts: Refusals
) -> Outcomes:
    """The predictions that records tell of, with their features; arguments as for `outcomes`."""
    verdicts.refuse(bad_rate(attributes), reasons.BAD_RATE)
    found = outcomes(attributes, time_ns, limits, verdicts)
    if not attributes.present(names.ML_FEATURES).any():
        return found
    return replace(found, features=features.from_maps(attributes, limits, verdicts))


def bad_rate(attributes: Attributes) -> NDArray[np.bool_]:
    """Which records state a sampling rate that is none."""
    rate, bad = attributes.numbers(names.ML_SAMPLING_RATE)
    stated = attributes.present(names.ML_SAMPLING_RATE)
    result: NDArray[np.bool_] = stated & (bad | ~((rate > 0) & (rate <= 1)))
    return result


def outcomes(
    attributes: Attributes, time_ns: NDArray[np.int64], limits: Limits, verdicts: Refusals
) -> Outcomes:
    """What records tell of predictions, without features.

    Args:
        attributes: With `NAMES`.
        time_ns: int64 [n], the records' times.
        limits: Numbers of classes and segments.
        verdicts: Takes the rows whose attributes have impossible types.
    """
    ids, bad_id = attributes.texts(names.ML_INFERENCE_ID)
    classes, bad_class = attributes.texts(names.ML_PREDICTION_CLASS)
    score, bad_score = attributes.numbers(names.ML_PREDICTION_SCORE)
    value, bad_value = attributes.numbers(names.ML_PREDICTION_VALUE)
    for bad in (bad_id, bad_class, bad_score, bad_value):
        verdicts.refuse(bad, reasons.BAD_TYPE)
    scores, score_classes = _scores(attributes, limits, verdicts)
    return Outcomes(
        ids=ids,
        time_ns=time_ns,
        classes=empty_as_null(classes),
        score=score,
        scores=scores,
        score_classes=score_classes,
        value=value,
        segments=_segments(attributes, limits, verdicts),
    )


def observed(
    attributes: Attributes, time_ns: NDArray[np.int64], limits: Limits, verdicts: Refusals
) -> Observed:
    """The truths that records tell of; arguments as for `outcomes`."""
    text, bad = attributes.texts(names.ML_GROUND_TRUTH_VALUE)
    kinds = attributes.kinds(names.ML_GROUND_TRUTH_VALUE)
    is_number = (kinds == INT) | (kinds == DOUBLE)
    number, _ = attributes.numbers(names.ML_GROUND_TRUTH_VALUE)
    verdicts.refuse(is_number & ~np.isfinite(number), reasons.NOT_FINITE)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    if is_number.any():
        text = pc.if_else(pa.array(is_number), pa.scalar(None, pa.string()), text)
    return Observed(empty_as_null(text), number, outcomes(attributes, time_ns, limits, verdicts))


def _scores(
    attributes: Attributes, limits: Limits, verdicts: Refusals
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Maps of class to probability as a matrix, classes in the order of their first appearance."""
    entries, bad = attributes.maps(names.ML_PREDICTION_SCORES)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    rows = len(attributes)
    if entries.values is None or not len(entries.rows):
        return np.empty((rows, 0)), ()
    numbers, bad = entries.values.numbers(entries.positions)
    verdicts.refuse_at(entries.rows[bad], reasons.BAD_TYPE)
    codes, classes = _ranked(entries.keys)
    allowed = min(limits.max_classes, limits.max_score_cells // max(rows, 1))
    verdicts.refuse_at(entries.rows[codes >= allowed], reasons.TOO_MANY_CLASSES)
    classes = classes[:allowed]
    long = np.array([len(name) > limits.max_name_length for name in classes], bool)
    keep = codes < allowed
    verdicts.refuse_at(entries.rows[keep][long[codes[keep]]], reasons.NAME_TOO_LONG)
    matrix = np.full((rows, len(classes)), np.nan)
    matrix[entries.rows[keep], codes[keep]] = numbers[keep]
    return matrix, classes


def _segments(attributes: Attributes, limits: Limits, verdicts: Refusals) -> dict[str, pa.StringArray]:
    entries, bad = attributes.maps(names.ML_SEGMENTS)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    if entries.values is None or not len(entries.rows):
        return {}
    texts, bad = entries.values.texts(entries.positions)
    verdicts.refuse_at(entries.rows[bad], reasons.BAD_TYPE)
    codes, segment_names = _ranked(entries.keys)
    verdicts.refuse_at(entries.rows[codes >= limits.max_segments], reasons.TOO_MANY_SEGMENTS)
    columns: dict[str, pa.StringArray] = {}
    for code, name in enumerate(segment_names[: limits.max_segments]):
        mine = np.flatnonzero(codes == code)
        if len(name) > limits.max_name_length:
            verdicts.refuse_at(entries.rows[mine], reasons.NAME_TOO_LONG)
            continue
        where = np.full(len(attributes), -1, np.int64)
        where[entries.rows[mine]] = mine
        columns[name] = texts.take(pa.array(where, mask=where < 0))
    return columns


def _ranked(keys: pa.StringArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes by first appearance, which is the order that dictionary encoding gives."""
    encoded = keys.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), tuple(encoded.dictionary.to_pylist())
