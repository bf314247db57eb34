"""Attribute names. Generated from semconv/registry: change that, run `make generate`."""

from typing import Final

ML_MODEL_NAME: Final = "ml.model.name"
"""Name of the model, stable over its versions."""

ML_MODEL_VERSION: Final = "ml.model.version"
"""Version of the model; `0` where none is stated."""

ML_SYSTEM_NAME: Final = "ml.system.name"
"""The library that computes the predictions."""

ML_OPERATION_NAME: Final = "ml.operation.name"
"""What was asked of the model, as the library calls it."""

ML_TASK_TYPE: Final = "ml.task.type"
"""What the model predicts."""

ML_OUTPUT_NAME: Final = "ml.output.name"
"""Name of the output, for models with several."""

ML_INFERENCE_ID: Final = "ml.inference.id"
"""The caller's id of one prediction, by which ground truth finds it."""

ML_BATCH_ROWS: Final = "ml.batch.rows"
"""Number of rows of a call or of a packed event."""

ML_BATCH_ARROW: Final = "ml.batch.arrow"
"""One Arrow IPC stream as bytes; columns carry the names of the readable event's attributes."""

ML_PREDICTION_VALUE: Final = "ml.prediction.value"
"""The predicted number."""

ML_PREDICTION_CLASS: Final = "ml.prediction.class"
"""The predicted class, as text."""

ML_PREDICTION_SCORE: Final = "ml.prediction.score"
"""Predicted probability of the positive class."""

ML_PREDICTION_SCORES: Final = "ml.prediction.scores"
"""Map from class to predicted probability."""

ML_SEGMENTS: Final = "ml.segments"
"""Map from segment name to segment value."""

ML_FEATURES: Final = "ml.features"
"""Map from feature name to its value, a number, text or boolean; empty where the value is missing."""

ML_SAMPLING_RATE: Final = "ml.sampling.rate"
"""Share of the predictions whose features are sent, drawn by a hash of the id; on records with features, 1
where absent.
"""

ML_GROUND_TRUTH_VALUE: Final = "ml.ground_truth.value"
"""What turned out to be true, a number or a class as text."""

ML_FEATURE_NAME: Final = "ml.feature.name"
"""Name of the feature."""

ML_FEATURE_STATE: Final = "ml.feature.state"
"""What was observed of a feature's value."""

ML_FEATURE_RULE: Final = "ml.feature.rule"
"""A rule of the model's schema for a feature's values."""

ML_FEATURE_CATEGORY: Final = "ml.feature.category"
"""A category of the baseline's vocabulary, a keyed hash (`#` and 16 hex digits), or `__other__`."""

ML_CLASS_NAME: Final = "ml.class.name"
"""A class of the output, as text."""

ML_BASELINE_ID: Final = "ml.baseline.id"
"""SHA-256 of the baseline's content, in hex."""

ML_SOURCE_ID: Final = "ml.source.id"
"""The process that counted a point; with the point's stream and times it tells repeats apart."""

ML_EDGE_ID: Final = "ml.edge.id"
"""The processor that counted rows of the source on their way; absent where the source counted itself. The
source's own histograms take the place of what it counted.
"""

ML_PANE_LENGTH: Final = "ml.pane.length"
"""Length of the pane of event time that a point belongs to, in seconds."""

ML_WINDOW_NAME: Final = "ml.window.name"
"""Name of the window."""

ML_WINDOW_START: Final = "ml.window.start"
"""Start of the window, in Unix nanoseconds."""

ML_WINDOW_END: Final = "ml.window.end"
"""End of the window, exclusive, in Unix nanoseconds."""

ML_WINDOW_REVISION: Final = "ml.window.revision"
"""0 at the first closing; one more each time late data or labels changed the readings."""

ML_WINDOW_READINGS: Final = "ml.window.readings"
"""All readings of the window, a list of maps with `name`, `value` and the reading's attributes."""

ML_SEGMENT_NAME: Final = "ml.segment.name"
"""Name of the segment column."""

ML_SEGMENT_VALUE: Final = "ml.segment.value"
"""Value of the segment column, or `__other__`."""

ML_LABEL_HORIZON: Final = "ml.label.horizon"
"""How long after the window's end labels were awaited; `all` is the whole time that labels may take."""

ML_PERFORMANCE_SOURCE: Final = "ml.performance.source"
"""Where a performance figure comes from."""

ML_MONITOR_STATE: Final = "ml.monitor.state"
"""State of the monitor."""

ML_TELEMETRY_LANE: Final = "ml.telemetry.lane"
"""The kind of telemetry that was dropped."""

ML_TELEMETRY_REASON: Final = "ml.telemetry.reason"
"""Why something was dropped."""

BAROGRAPH_COMPONENT: Final = "barograph.component"
"""The component that counted, as its kind and its name in the configuration."""

BAROGRAPH_TENANT: Final = "barograph.tenant"
"""Whose telemetry a reading was computed from, by the credential that it came with."""

ERROR_TYPE: Final = "error.type"
"""The class of error that an operation ended with; absent where it succeeded."""

SERVICE_NAMESPACE: Final = "service.namespace"
"""A namespace for the name of the service."""

DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"
"""Name of the deployment environment."""


class MlTaskType:
    """Values of `ML_TASK_TYPE`."""

    BINARY: Final = "binary"
    """Two classes."""

    MULTICLASS: Final = "multiclass"
    """Three or more classes."""

    REGRESSION: Final = "regression"
    """A number."""


class MlFeatureState:
    """Values of `ML_FEATURE_STATE`."""

    VALID: Final = "valid"
    """Counted in the histogram or among the categories."""

    MISSING: Final = "missing"
    """None, NaN or null."""

    INVALID: Final = "invalid"
    """Not of the feature's type, or infinite."""

    UNSEEN: Final = "unseen"
    """A category outside the baseline's vocabulary."""

    BELOW: Final = "below"
    """Under the reference range; also counted as valid."""

    ABOVE: Final = "above"
    """Over the reference range; also counted as valid."""

    SENTINEL: Final = "sentinel"
    """A declared stand-in for a missing value."""

    NUMBER: Final = "number"
    """A number, of a feature whose kind is not known yet."""

    TEXT: Final = "text"
    """Text, of a feature whose kind is not known yet."""


class MlFeatureRule:
    """Values of `ML_FEATURE_RULE`."""

    REQUIRED: Final = "required"
    """Not missing, nor a declared stand-in for a missing value."""

    TYPE: Final = "type"
    """Of the feature's type, and finite."""

    MIN: Final = "min"
    """Not under the least value allowed."""

    MAX: Final = "max"
    """Not over the greatest value allowed."""

    VALUES: Final = "values"
    """One of the values allowed."""


class MlPerformanceSource:
    """Values of `ML_PERFORMANCE_SOURCE`."""

    REALIZED: Final = "realized"
    """Computed from ground truth."""


class MlMonitorState:
    """Values of `ML_MONITOR_STATE`."""

    OK: Final = "ok"
    """Enough data and nothing significant."""

    WARNING: Final = "warning"
    """Something differs significantly from the baseline."""

    INSUFFICIENT_DATA: Final = "insufficient_data"
    """Too little data to see a change that matters."""

    LEARNING: Final = "learning"
    """No baseline yet."""


class ErrorType:
    """Values of `ERROR_TYPE`."""

    OTHER: Final = "_OTHER"
    """The kind of error is not known to the instrumentation."""
