"""Events. Generated from semconv/registry by semconv/generate.py: change that, run `make generate`."""

from typing import Final, NamedTuple


class Event(NamedTuple):
    """What the registry says of an event; `attributes` are the names that it may carry."""

    name: str
    brief: str
    attributes: tuple[str, ...]


ML_WINDOW_CLOSED: Final = "ml.window.closed"
"""A window was closed, or its readings were revised."""

ML_INFERENCE_PREDICTION: Final = "ml.inference.prediction"
"""One prediction, readable; the timestamp is the event time."""

ML_INFERENCE_PREDICTION_BATCH: Final = "ml.inference.prediction_batch"
"""Many predictions, packed."""

ML_GROUND_TRUTH_OBSERVED: Final = "ml.ground_truth.observed"
"""One ground truth; the timestamp says when it was observed. With prediction attributes it is a pair that
needs no join.
"""

ML_GROUND_TRUTH_OBSERVED_BATCH: Final = "ml.ground_truth.observed_batch"
"""Many ground truths, packed."""


EVENTS: Final[dict[str, Event]] = {
    ML_WINDOW_CLOSED: Event(
        ML_WINDOW_CLOSED,
        "A window was closed, or its readings were revised.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "service.namespace",
            "deployment.environment.name",
            "barograph.tenant",
            "ml.window.name",
            "ml.baseline.id",
            "ml.source.id",
            "ml.window.start",
            "ml.window.end",
            "ml.window.revision",
            "ml.monitor.state",
            "ml.window.readings",
        ),
    ),
    ML_INFERENCE_PREDICTION: Event(
        ML_INFERENCE_PREDICTION,
        "One prediction, readable; the timestamp is the event time.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.inference.id",
            "ml.prediction.value",
            "ml.prediction.class",
            "ml.prediction.score",
            "ml.prediction.scores",
            "ml.segments",
            "ml.features",
            "ml.sampling.rate",
        ),
    ),
    ML_INFERENCE_PREDICTION_BATCH: Event(
        ML_INFERENCE_PREDICTION_BATCH,
        "Many predictions, packed.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.source.id",
            "ml.sampling.rate",
            "ml.batch.rows",
            "ml.batch.arrow",
        ),
    ),
    ML_GROUND_TRUTH_OBSERVED: Event(
        ML_GROUND_TRUTH_OBSERVED,
        "One ground truth; the timestamp says when it was observed. With prediction attributes it is a pair that needs no join.",
        (
            "ml.model.name",
            "ml.model.version",
            "ml.output.name",
            "ml.inference.id",
            "ml.ground_truth.value",
            "ml.prediction.value",
            "ml.prediction.class",
            "ml.prediction.score",
            "ml.prediction.scores",
            "ml.segments",
        ),
    ),
    ML_GROUND_TRUTH_OBSERVED_BATCH: Event(
        ML_GROUND_TRUTH_OBSERVED_BATCH,
        "Many ground truths, packed.",
        ("ml.model.name", "ml.model.version", "ml.output.name", "ml.batch.rows", "ml.batch.arrow"),
    ),
}
"""Every event by name."""
