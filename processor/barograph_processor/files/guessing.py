"""What columns are by their names, where nobody said it. Every guess is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from barograph.semconv import attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TIME_COLUMN: Final = "time_unix_nano"
_IDS: Final = (
    attributes.ML_INFERENCE_ID, "inference_id", "prediction_id", "request_id", "event_id", "id", "uuid",
)  # fmt: skip
_TIMES: Final = (
    _TIME_COLUMN, "event_time", "prediction_time", "predicted_at", "scored_at", "timestamp", "time", "ts",
    "datetime", "created_at", "at", "date",
)  # fmt: skip
_LABEL_TIMES: Final = (
    _TIME_COLUMN, "observed_at", "observed", "label_time", "labelled_at", "labeled_at", *_TIMES[1:],
)  # fmt: skip
_SCORES: Final = (
    attributes.ML_PREDICTION_SCORE, "score", "probability", "proba", "prob", "y_score", "y_proba",
)  # fmt: skip
_PREDICTIONS: Final = (
    attributes.ML_PREDICTION_CLASS, attributes.ML_PREDICTION_VALUE, "prediction", "predicted",
    "predicted_class", "predicted_value", "y_pred", "yhat", "y_hat", "pred",
)  # fmt: skip
_LABELS: Final = (
    attributes.ML_GROUND_TRUTH_VALUE, "label", "target", "truth", "ground_truth", "y_true", "actual",
    "outcome", "y", "value",
)  # fmt: skip
_SCORE_PREFIXES: Final = ("score_", "probability_", "proba_", "prob_", "p_")
_ID_ENDINGS: Final = ("_id", "_uuid", "_key")
_TIME_ENDINGS: Final = ("_at", "_time", "_timestamp", "_ts", "_date")


def plain(name: str) -> str:
    """A name in small letters, words joined by underscores.

    >>> plain("Event Time"), plain("applicationId")
    ('event_time', 'application_id')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9.]+", "_", words.lower()).strip("_")


def id_column(free: Sequence[str], also_in: Sequence[str] | None = None) -> str | None:
    """The column of the ids.

    Args:
        free: Columns that are nothing else.
        also_in: Columns of the other table, which has to have it too; None: there is no other, and only a
            name that can mean nothing else will do.
    """
    if also_in is None:
        return _named(free, _IDS)
    both = [name for name in free if name in also_in]
    return _named(both, _IDS) or _only(name for name in both if plain(name).endswith(_ID_ENDINGS))


def time_column(free: Sequence[str], schema: pa.Schema, *, of_labels: bool = False) -> str | None:
    """The column of the event times, or of the times at which labels were observed."""
    return (
        _named(free, _LABEL_TIMES if of_labels else _TIMES)
        or _only(name for name in free if _is_time(schema.field(name).type))
        or _only(name for name in free if plain(name).endswith(_TIME_ENDINGS))
    )


def score_columns(free: Sequence[str], classes: Sequence[str]) -> list[tuple[str | None, str]]:
    """Class and column of scores: one column for the positive class, else one for each class."""
    one = _named(free, _SCORES)
    if one is not None:
        return [(None, one)]
    known = {plain(name): name for name in free}
    for prefix in _SCORE_PREFIXES:
        found = [(name, known.get(prefix + plain(name))) for name in classes]
        if found and all(column is not None for _, column in found):
            return [(name, column) for name, column in found if column is not None]
    return []


def prediction_column(free: Sequence[str]) -> str | None:
    """The column of predicted classes or numbers."""
    return _named(free, _PREDICTIONS)


def label_column(free: Sequence[str], *, of_labels: bool = False) -> str | None:
    """The column of the truth; in a table of labels also the only one that is left."""
    return _named(free, _LABELS) or (_only(free) if of_labels else None)


def _named(free: Sequence[str], names: Sequence[str]) -> str | None:
    known = {plain(name): name for name in reversed(free)}
    return next((known[name] for name in names if name in known), None)


def _only(names: Iterable[str]) -> str | None:
    found = list(names)
    return found[0] if len(found) == 1 else None


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
