"""What the engine takes: columns and points, already decoded, validated and bounded by `wire`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from barograph_processor.signals.api import State, StreamId


class Key(NamedTuple):
    """One monitored series of predictions. Versions of a model are keys of their own."""

    tenant: str
    namespace: str
    environment: str
    model: str
    version: str
    output: str


class Point(NamedTuple):
    """One delta point of a source, already turned into a state.

    Attributes:
        key: Whose it is.
        source: ``ml.source.id``.
        stream: What it counts.
        item: Tells points of one stream apart (category, class or observation state).
        start_ns: Start of the point's slice of its pane.
        end_ns: End of the slice; the pane is floor((end_ns - 1) / pane length).
        pane_ns: Pane length that the source states; 0 where it states none.
        state: The counts.
        edge: ``ml.edge.id``, the processor that counted rows of the source on their way; ``""`` where the
            source counted itself.
    """

    key: Key
    source: str
    stream: StreamId
    item: str
    start_ns: int
    end_ns: int
    pane_ns: int
    state: State
    edge: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """Delta points of any number of keys and sources."""

    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text as codes.

    Attributes:
        codes: int32 [n], index into `values`, -1 where missing.
        values: The distinct values.
    """

    codes: NDArray[np.int32]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """One feature of n rows as it came; what kind of feature it is, the engine decides.

    Attributes:
        numbers: float64 [n], NaN where the row holds no number. Booleans are 0 and 1; an infinity is an
            invalid value, and stands for values of a type that no feature has.
        texts: Texts [n], code -1 where the row holds no text; None where no row holds any.
    """

    numbers: NDArray[np.float64]
    texts: Texts | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """The features of n rows.

    A feature that a row lacks is missing in it, as long as the row has features at all.

    Attributes:
        columns: Feature name to column.
        given: bool [n], which rows came with features; None: all of them.
    """

    columns: Mapping[str, FeatureColumn]
    given: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class KnownTruth:
    """The truth of n predictions, where it was found before they came.

    Attributes:
        known: bool [n], which predictions have one.
        observed_ns: int64 [n], when it was observed; `NOT_A_TIME` where that isn't known.
        classes: The true class, code -1 where the truth is a number.
        value: float64 [n], the true number; also set where a class reads as a number.
    """

    known: NDArray[np.bool_]
    observed_ns: NDArray[np.int64]
    classes: Texts
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Predictions:
    """The outcomes and rows lanes: n predictions of one key from one source, with or without features.

    Attributes:
        key: Whose they are.
        source: ``ml.source.id``, or the resource's identity where none is stated.
        ids: The callers' ids, as text; None where a row has none.
        time_ns: int64 [n], event time.
        classes: Predicted class.
        score: float64 [n], probability of the positive class, NaN where absent.
        scores: float64 [n, k] with `score_classes`; k = 0 where absent.
        score_classes: Classes of the columns of `scores`.
        value: float64 [n], predicted number, NaN where absent.
        segments: Segment name to column.
        features: The rows lane; None where no row has features.
        truth: Where repeats were taken out and truths were joined before, so that the engine has to do
            neither and looks at no id; None: it does both.
    """

    key: Key
    source: str
    ids: Sequence[str | None]
    time_ns: NDArray[np.int64]
    classes: Texts
    score: NDArray[np.float64]
    scores: NDArray[np.float64]
    score_classes: tuple[str, ...]
    value: NDArray[np.float64]
    segments: Mapping[str, Texts]
    features: Features | None = None
    truth: KnownTruth | None = None


@dataclass(frozen=True, slots=True)
class Truths:
    """Ground truth: n rows of one model.

    Attributes:
        tenant: From authentication.
        model: Model name.
        version: None where the label does not state it: it then joins every version.
        output: Output name.
        ids: The predictions' ids; None only in the pair form.
        time_ns: int64 [n], when the truth was observed. `NOT_A_TIME` where that isn't known: such a truth
            counts at the last horizon alone, and tells no delay.
        classes: The true class (text canonical form), code -1 where the truth is a number.
        value: float64 [n], the true number; also set where a class reads as a number.
        pair: The predictions themselves (pair form), row by row, else None.
    """

    tenant: str
    model: str
    version: str | None
    output: str
    ids: Sequence[str | None]
    time_ns: NDArray[np.int64]
    classes: Texts
    value: NDArray[np.float64]
    pair: Predictions | None = None


Batch: TypeAlias = Points | Predictions | Truths


class Fed(NamedTuple):
    """What became of a batch.

    Attributes:
        accepted: Items taken (repeats count as taken: they were, before).
        dropped: Reason (as ``ml.telemetry.reason``) to number of items not taken.
    """

    accepted: int
    dropped: Mapping[str, int]
