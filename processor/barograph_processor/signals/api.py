"""What every state and every signal is.

A *state* is a mergeable summary of rows. A *signal* turns the states of a closed window, and
the reference where there is one, into readings. Both are pure: no clock, no environment,
no input or output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from barograph.semconv.metrics import Metric
    from barograph_processor.signals.reference import Reference
    from barograph_processor.signals.schema_rule import Rule

StateT = TypeVar("StateT", bound="State")


class StreamId(NamedTuple):
    """Names one stream of observations of a model.

    Attributes:
        kind: One of the constants of `StreamKind`.
        name: Feature name; ``""`` for streams of the output.
        part: Class name for scores; ``""`` otherwise.
        basis: Id of the baseline whose edges or vocabulary the source counted with;
            ``""`` where it had none. States of different bases are never merged.
    """

    kind: str
    name: str = ""
    part: str = ""
    basis: str = ""


class StreamKind:
    """The kinds of streams and the state each is held in."""

    ROWS = "rows"  # CategoryCounts with the single name ""
    FEATURE_VALUE = "feature.value"  # ExplicitHistogram (with a basis) or ExponentialHistogram
    FEATURE_STATES = "feature.states"  # CategoryCounts over ml.feature.state
    FEATURE_CATEGORIES = "feature.categories"  # CategoryCounts
    PREDICTION_VALUE = "prediction.value"  # as FEATURE_VALUE
    PREDICTION_SCORE = "prediction.score"  # as FEATURE_VALUE, part = class
    PREDICTION_CLASSES = "prediction.classes"  # CategoryCounts
    CONFUSION = "performance.confusion"  # ConfusionCounts
    SCORES = "performance.scores"  # ScoreCounts, part = class
    PROBABILITY = "performance.probability"  # ProbabilityErrors
    ERRORS = "performance.errors"  # RegressionErrors
    DELAY = "label.delay"  # ExponentialHistogram, seconds


class State(Protocol):
    """A mergeable summary. Merging is exact, commutative and associative, and changes no input."""

    @property
    def size_bytes(self) -> int:
        """Upper estimate of the memory held, in bytes."""

    def merge(self, other: Self) -> Self:
        """The summary of both inputs' rows.

        Raises:
            StateError: The states differ in kind or parameters.
        """

    def to_bytes(self) -> bytes:
        """Bytes that `signals.codec.decode` turns back into an equal state, on any machine, for ever."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions with their truth, as columns of n rows.

    Class columns hold codes into `classes`, -1 where a row has none; float columns hold NaN
    where a row has none.

    Attributes:
        classes: Every class named in the rows, as text.
        truth_class: int32 [n].
        predicted_class: int32 [n].
        score: float64 [n], probability of the positive class.
        scores: float64 [n, k], probability of each of `score_classes`; k may be 0.
        score_classes: The classes of the columns of `scores`.
        truth_value: float64 [n], for regression.
        predicted_value: float64 [n], for regression.
        delay_s: float64 [n], from the prediction's event time to the truth's, seconds.
    """

    classes: tuple[str, ...]
    truth_class: NDArray[np.int32]
    predicted_class: NDArray[np.int32]
    score: NDArray[np.float64]
    scores: NDArray[np.float64]
    score_classes: tuple[str, ...]
    truth_value: NDArray[np.float64]
    predicted_value: NDArray[np.float64]
    delay_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions as columns of n rows, each prediction once.

    Class columns hold codes into `classes`, -1 where a row has none; float columns hold NaN
    where a row has none.

    Attributes:
        classes: Every class named in the rows, as text.
        predicted_class: int32 [n].
        score: float64 [n], probability of the positive class.
        scores: float64 [n, k], probability of each of `score_classes`; k may be 0.
        score_classes: The classes of the columns of `scores`.
        predicted_value: float64 [n], for regression.
        time_ns: int64 [n], event time, Unix nanoseconds.
    """

    classes: tuple[str, ...]
    predicted_class: NDArray[np.int32]
    score: NDArray[np.float64]
    scores: NDArray[np.float64]
    score_classes: tuple[str, ...]
    predicted_value: NDArray[np.float64]
    time_ns: NDArray[np.int64]


class Reading(NamedTuple):
    """One figure of a closed window.

    Attributes:
        metric: Registry name, a constant of `barograph.semconv.metrics`.
        value: The figure, in the metric's unit; never NaN: a signal leaves out what it can't tell.
        attributes: Attribute name and value, beyond identity, window, baseline and horizon.
    """

    metric: str
    value: float
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What a signal sees of a closed window.

    Attributes:
        states: The window's states. For performance: of one label horizon and one segment.
        reference: What to compare with; None while no baseline exists.
        length_s: Length of the window in seconds.
        predictions: Rows of the window (the denominator of label maturity).
        output: Name of the output that the view is about.
        rules: Rules of the model's schema, by feature.
    """

    states: Mapping[StreamId, State]
    reference: Reference | None
    length_s: float
    predictions: int
    output: str = ""
    rules: Mapping[str, Rule] = field(default_factory=dict)


class Signal(Protocol):
    """Turns a view into readings; registered in `signals.catalog`.

    Attributes:
        name: Short name, unique in the catalog.
        scope: ``window`` signals read feature and prediction streams once per closing;
            ``labels`` signals read performance streams once per horizon and segment.
    """

    @property
    def name(self) -> str:
        """Short name, unique in the catalog."""

    @property
    def scope(self) -> str:
        """``window`` or ``labels``."""

    def readings(self, view: View) -> Iterator[Reading]:
        """The readings of a view, absent ones left out."""


@runtime_checkable
class DeclaredSignal(Signal, Protocol):
    """A signal of another package: beside its readings, what they are called and mean."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """Every metric that it has readings of: name, ``gauge``, unit, one sentence, attribute names."""


RowsT_contra = TypeVar("RowsT_contra", contravariant=True)


@runtime_checkable
class Observes(Protocol[RowsT_contra]):
    """A signal that makes states of its own of rows, which its view then holds.

    Rows are `Outcomes` for a ``window`` signal and `Joined` for a ``labels`` signal. Each row comes once,
    whatever its sender repeats, and states of all rows of a window (and horizon, and segment) are merged.
    """

    def observe(self, rows: RowsT_contra) -> Mapping[StreamId, State]:
        """States of the rows, by streams whose kind is the signal's name; depends on the rows alone."""
