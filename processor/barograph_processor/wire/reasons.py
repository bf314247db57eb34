"""Why an item was refused or passed over: the values of ``ml.telemetry.reason`` that decoding gives."""

from __future__ import annotations

from typing import Final

# Passed over: the request is fine, the item isn't for us.
FOREIGN: Final = "foreign"
OWN_READINGS: Final = "own_readings"
NOT_MONITORED: Final = "not_monitored"
NO_RECORDED_VALUE: Final = "no_recorded_value"
CUMULATIVE_START: Final = "cumulative_start"
CUMULATIVE_REPEAT: Final = "cumulative_repeat"
SAYS_NOTHING: Final = "says_nothing"
"""Mapped, but none of the mapped parts is in it."""

# Refused for good: sending the same again is pointless.
NO_MODEL: Final = "no_model"
NO_TIME: Final = "no_time"
BAD_TIME: Final = "bad_time"
NAME_TOO_LONG: Final = "name_too_long"
ID_TOO_LONG: Final = "id_too_long"
BAD_TYPE: Final = "bad_type"
NOT_FINITE: Final = "not_finite"
SCORE_RANGE: Final = "score_range"
BAD_RATE: Final = "bad_rate"
NO_ID: Final = "no_id"
NO_VALUE: Final = "no_value"
NO_FEATURE: Final = "no_feature"
NO_CLASS: Final = "no_class"
NO_CATEGORY: Final = "no_category"
BAD_STATE: Final = "bad_state"
BAD_PANE: Final = "bad_pane"
TOO_MANY_KEYS: Final = "too_many_keys"
TOO_MANY_CLASSES: Final = "too_many_classes"
TOO_MANY_SEGMENTS: Final = "too_many_segments"
TOO_MANY_FEATURES: Final = "too_many_features"
TOO_MANY_BUCKETS: Final = "too_many_buckets"
WRONG_INSTRUMENT: Final = "wrong_instrument"
NO_TEMPORALITY: Final = "no_temporality"
NOT_MONOTONIC: Final = "not_monotonic"
EDGE_CUMULATIVE: Final = "edge_cumulative"
NEGATIVE_COUNT: Final = "negative_count"
NOT_INTEGRAL: Final = "not_integral"
BAD_BUCKETS: Final = "bad_buckets"
OUT_OF_ORDER: Final = "out_of_order"
TOO_LARGE: Final = "too_large"
BAD_ARROW: Final = "bad_arrow"
BAD_COLUMN: Final = "bad_column"
ROW_COUNT: Final = "row_count"
NO_SCHEMA: Final = "no_schema"
DIALECT_FAILED: Final = "dialect_failed"

# Of lines of files.
MALFORMED: Final = "malformed"
LINE_TOO_LONG: Final = "line_too_long"

EXPLANATIONS: Final[dict[str, str]] = {
    NO_MODEL: "the model has no name: ml.model.name is missing; set it, or what a mapping reads",
    NO_TIME: "there is no timestamp; set time_unix_nano to the time of the event",
    BAD_TIME: "a timestamp lies outside 1970-2262, or an interval ends before it starts",
    NAME_TOO_LONG: "a name or category is longer than limits.request.name_length characters",
    ID_TOO_LONG: "ml.inference.id is longer than limits.request.id_length characters",
    BAD_TYPE: "an attribute has a type that its name doesn't allow; see docs/reference",
    NOT_FINITE: "a number is infinite, or a truth is NaN",
    SCORE_RANGE: "a probability lies outside 0 to 1; leave out decision values that are none",
    BAD_RATE: "ml.sampling.rate must be a number above 0 and at most 1",
    NO_ID: "a ground truth needs ml.inference.id, or the prediction it belongs to",
    NO_VALUE: "ml.ground_truth.value is missing",
    NO_FEATURE: "ml.feature.name is missing",
    NO_CLASS: "ml.class.name is missing",
    NO_CATEGORY: "ml.feature.category is missing",
    BAD_STATE: "ml.feature.state is none of the registry's values",
    BAD_PANE: "ml.pane.length must be a number of seconds that divides a day",
    TOO_MANY_KEYS: "one request names too many models; send smaller requests",
    TOO_MANY_CLASSES: "ml.prediction.scores names too many classes",
    TOO_MANY_SEGMENTS: "ml.segments names too many columns",
    TOO_MANY_FEATURES: "one request or packed event names too many features in ml.features",
    TOO_MANY_BUCKETS: "a histogram has too many buckets",
    WRONG_INSTRUMENT: "the metric's points aren't of the kind that its name asks for",
    NO_TEMPORALITY: "aggregation temporality is unspecified; send delta or cumulative",
    EDGE_CUMULATIVE: "points with ml.edge.id must be deltas; don't convert what edges send",
    NOT_MONOTONIC: "a cumulative sum isn't monotonic",
    NEGATIVE_COUNT: "a count is negative",
    NOT_INTEGRAL: "a count isn't a whole number",
    BAD_BUCKETS: "bucket counts don't fit the bounds or the total count",
    OUT_OF_ORDER: "a cumulative point is older than one that came before it",
    TOO_LARGE: "ml.batch.arrow is too large, before or after decompression; send smaller events",
    BAD_ARROW: "ml.batch.arrow isn't one Arrow IPC stream without dictionaries, uncompressed or zstd",
    BAD_COLUMN: "a column of ml.batch.arrow has a name or type that isn't allowed",
    DIALECT_FAILED: "the dialect that claims such records failed; the processor's log has the error",
    NO_SCHEMA: "a record of BentoML's monitoring came without bento_meta; set meta_sample_rate to 1",
    ROW_COUNT: "ml.batch.rows differs from the rows in ml.batch.arrow",
    MALFORMED: "a line looks like a row or OTLP and can't be read",
    LINE_TOO_LONG: "a line is longer than receivers.files.max_line_bytes",
}
