"""Events in their readable form, one row a record, to columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.semconv import attributes as names
from barograph_processor.wire import features, grids, reasons
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
    text, number = truth(attributes, names.ML_GROUND_TRUTH_VALUE, verdicts)
    return Observed(text, number, outcomes(attributes, time_ns, limits, verdicts))


def truth(
    attributes: Attributes, name: str, verdicts: Refusals
) -> tuple[pa.StringArray, NDArray[np.float64]]:
    """An attribute that holds ground truth: where it is a class, and where it is a number.

    Args:
        attributes: With `name`.
        name: The attribute.
        verdicts: Takes rows whose truth has an impossible type, or is no finite number.
    """
    text, bad = attributes.texts(name)
    kinds = attributes.kinds(name)
    is_number = (kinds == INT) | (kinds == DOUBLE)
    number, _ = attributes.numbers(name)
    verdicts.refuse(is_number & ~np.isfinite(number), reasons.NOT_FINITE)
    verdicts.refuse(bad, reasons.BAD_TYPE)
    if is_number.any():
        text = pc.if_else(pa.array(is_number), pa.scalar(None, pa.string()), text)
    return empty_as_null(text), number


def _scores(
    attributes: Attributes, limits: Limits, verdicts: Refusals
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Maps of class to probability as a matrix, classes in the order of their first appearance."""
    room = grids.room_for_scores(len(attributes), limits)
    grid = grids.of_maps(attributes, names.ML_PREDICTION_SCORES, room, verdicts)
    return grid.numbers(verdicts), grid.names


def _segments(attributes: Attributes, limits: Limits, verdicts: Refusals) -> dict[str, pa.StringArray]:
    room = grids.room_for_segments(limits)
    return grids.of_maps(attributes, names.ML_SEGMENTS, room, verdicts).texts(verdicts)
