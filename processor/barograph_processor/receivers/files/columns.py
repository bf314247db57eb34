"""Which keys of a row say what: settings, and the names that are understood without any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from barograph.semconv import attributes as names

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY: Final = "*"


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which keys of a JSON object, or columns of a table, say what; unset ones go by their usual names.

    Attributes:
        id: The id that ground truth finds its prediction by.
        time: Event time; by default also when a container's log says the line was written.
        class: The predicted class.
        score: Probability of the positive class.
        scores: A map of probabilities by class.
        value: The predicted number.
        truth: The ground truth.
        model: The model's name, where rows of several models mix.
        version: Its version.
        segments: Keys of segments, or the key of a map of them.
        features: The key of a map of features, their keys, or ``*``: every key that nothing else names.
        exclude: Keys that are no features.
    """

    id: str | None = None
    time: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    score: str | None = None
    scores: str | None = None
    value: str | None = None
    truth: str | None = None
    model: str | None = None
    version: str | None = None
    segments: str | tuple[str, ...] | None = None
    features: str | tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (names.ML_INFERENCE_ID, "id", "inference_id", "prediction_id", "request_id"),
    "time": ("time", "timestamp", "ts", "@timestamp", "event_time"),
    "class_": (names.ML_PREDICTION_CLASS, "class", "predicted_class"),
    "score": (names.ML_PREDICTION_SCORE, "score", "probability"),
    "scores": (names.ML_PREDICTION_SCORES, "scores", "probabilities"),
    "value": (names.ML_PREDICTION_VALUE, "value", "predicted_value"),
    "truth": (names.ML_GROUND_TRUTH_VALUE, "truth", "ground_truth", "label", "actual"),
    "model": (names.ML_MODEL_NAME, "model", "model_name"),
    "version": (names.ML_MODEL_VERSION, "version", "model_version"),
    "segments": (names.ML_SEGMENTS, "segments"),
    "features": (names.ML_FEATURES, "features", "inputs"),
}
ANSWER: Final = "prediction"
"""A number is the predicted number, anything else the predicted class."""
