"""Which column of a table is what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from barograph.errors import ConfigError
from barograph_processor.files import guessing
from barograph_processor.files.cells import is_usable
from barograph_processor.files.tables import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from barograph.baseline import Header

Scores = tuple[tuple["str | None", str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user said of columns; None and empty where nothing, so that names decide.

    Attributes:
        identity: Ids, in both tables.
        time: Event times of predictions.
        prediction: Predicted classes or numbers.
        scores: Class (None for the only column) and column of probabilities.
        label: Truth.
        label_identity: Ids in the table of labels, where they are named otherwise there.
        label_time: When the truth was observed.
        segments: Columns that performance is also computed for.
        exclude: Columns that are nothing.
    """

    identity: str | None = None
    time: str | None = None
    prediction: str | None = None
    scores: Scores = ()
    label: str | None = None
    label_identity: str | None = None
    label_time: str | None = None
    segments: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRoles:
    """Columns of a table of predictions.

    Attributes:
        identity: Ids; None where there are none.
        time: Event times.
        prediction: Predicted classes or numbers.
        scores: Class (None for the only column) and column of probabilities.
        segments: Columns that performance is also computed for.
        features: Inputs of the model.
        label: Truth in the same table; None where it is elsewhere or unknown.
        label_time: When it was observed.
        guessed: Role and column, of those that nobody named.
        absent: Features of the baseline that the table lacks.
    """

    identity: str | None
    time: str
    prediction: str | None
    scores: Scores
    segments: tuple[str, ...]
    features: tuple[str, ...]
    label: str | None
    label_time: str | None
    guessed: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]

    @property
    def outcome_columns(self) -> list[str]:
        """Every column but ids and features, each once."""
        singles = (self.time, self.prediction, self.label, self.label_time)
        named = [*singles, *(column for _, column in self.scores), *self.segments]
        return list(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRoles:
    """Columns of a table of labels.

    Attributes:
        identity: Ids of the predictions.
        label: Truth.
        time: When it was observed; None where that isn't known.
        guessed: Role and column, of those that nobody named.
    """

    identity: str
    label: str
    time: str | None
    guessed: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> list[str]:
        """All of them, each once."""
        found = (self.identity, self.label, self.time)
        return list(dict.fromkeys(name for name in found if name is not None))


class _Free:
    """The columns of a table that have no role yet."""

    def __init__(self, schema: pa.Schema, taken: Sequence[str]) -> None:
        self.names = [field.name for field in schema if field.name not in taken and is_usable(field.type)]
        self.guessed: list[tuple[str, str]] = []

    def take(self, role: str, asked: str | None, guess: str | None) -> str | None:
        """The column of a role: what was asked for, else the guess."""
        if asked is None and guess is not None:
            self.guessed.append((role, guess))
        found = guess if asked is None else asked
        if found in self.names and found is not None:
            self.names.remove(found)
        return found


def prediction_roles(
    schema: pa.Schema, asked: Asked, header: Header | None, labels: pa.Schema | None
) -> PredictionRoles:
    """The columns of a table of predictions.

    With a baseline its features are the features, without one every column that is nothing else.

    Args:
        schema: The table's columns.
        asked: What the user said.
        header: Of the baseline; None without one.
        labels: The columns of the table of labels; None where truth is in this table, or unknown.

    Raises:
        ConfigError: A column that was named isn't there, or one that is needed can't be guessed.
    """
    _check_named(schema, asked, labels)
    known = () if header is None else tuple(feature.name for feature in header.features)
    scores = asked.scores
    named = [asked.identity, asked.time, asked.prediction, asked.label, *(column for _, column in scores)]
    free = _Free(schema, [*known, *asked.exclude, *(name for name in named if name is not None)])
    others = None if labels is None else labels.names
    identity = free.take(
        "id", asked.identity, None if asked.identity else guessing.id_column(free.names, others)
    )
    time = free.take("time", asked.time, None if asked.time else guessing.time_column(free.names, schema))
    if time is None:
        raise ConfigError(
            f"--time: windows are made of event times, and no column is named like one; {_choice(free.names)}"
        )
    output = header.outputs[0] if header is not None and header.outputs else None
    if not scores:
        scores = tuple(guessing.score_columns(free.names, () if output is None else output.classes))
        for _, column in scores:
            free.take("score", None, column)
    prediction = free.take(
        "prediction", asked.prediction, None if asked.prediction else guessing.prediction_column(free.names)
    )
    if labels is not None and prediction is None and not scores:
        raise ConfigError(
            "--score, --prediction: labels are the truth of something, and no column is named like a "
            f"prediction; {_choice(free.names)}"
        )
    label = label_time = None
    if labels is None:
        label = free.take("label", asked.label, None if asked.label else guessing.label_column(free.names))
        label_time = free.take("label time", asked.label_time, None) if label is not None else None
    rest = tuple(name for name in free.names if name not in {asked.label, asked.label_identity})
    features = rest if header is None else tuple(name for name in known if name in schema.names)
    return PredictionRoles(
        identity=identity,
        time=time,
        prediction=prediction,
        scores=scores,
        segments=tuple(asked.segments),
        features=tuple(name for name in features if name not in asked.exclude),
        label=label,
        label_time=label_time,
        guessed=tuple(free.guessed),
        absent=tuple(name for name in known if name not in schema.names and name not in asked.exclude),
    )


def label_roles(schema: pa.Schema, asked: Asked, identity: str | None) -> LabelRoles:
    """The columns of a table of labels.

    Args:
        schema: The table's columns.
        asked: What the user said.
        identity: The predictions' id column.

    Raises:
        ConfigError: A column that was named isn't there, or one that is needed can't be guessed.
    """
    if identity is None:
        raise ConfigError(
            "--id: labels find their predictions by ids, and no column of the predictions is named like "
            "one; name the column that both tables have"
        )
    free = _Free(schema, [])
    require(schema.names, [asked.label_identity] if asked.label_identity else [], "--label-id")
    same = asked.label_identity or (identity if identity in schema.names else None)
    found = free.take("label id", same, None if same else guessing.id_column(free.names))
    if found is None:
        raise ConfigError(
            f"--label-id: the labels have no column {identity!r}, as the predictions have; name the one "
            f"that holds the ids: {', '.join(schema.names)}"
        )
    require(schema.names, [asked.label_time] if asked.label_time else [], "--label-time")
    require(schema.names, [asked.label] if asked.label else [], "--label")
    if asked.label is not None:
        free.take("label", asked.label, None)
    time = free.take(
        "label time",
        asked.label_time,
        None if asked.label_time else guessing.time_column(free.names, schema, of_labels=True),
    )
    label = free.take(
        "label", asked.label, None if asked.label else guessing.label_column(free.names, of_labels=True)
    )
    if label is None:
        raise ConfigError(f"--label: no column of the labels is named like a truth; {_choice(free.names)}")
    return LabelRoles(identity=found, label=label, time=time, guessed=tuple(free.guessed))


def _check_named(schema: pa.Schema, asked: Asked, labels: pa.Schema | None) -> None:
    named: list[tuple[str, Sequence[str | None]]] = [
        ("--id", [asked.identity]),
        ("--time", [asked.time]),
        ("--prediction", [asked.prediction]),
        ("--score", [column for _, column in asked.scores]),
        ("--segment", asked.segments),
    ]
    if labels is None:
        named += [("--label", [asked.label]), ("--label-time", [asked.label_time])]
    for option, columns in named:
        wanted = [name for name in columns if name is not None]
        require(schema.names, wanted, option)
        for name in wanted:
            kind = schema.field(name).type
            if not is_usable(kind):
                raise ConfigError(
                    f"{option}: the column {name!r} holds {kind}, wanted single values; flatten it"
                )


def _choice(names: Sequence[str]) -> str:
    return f"name one of {', '.join(names)}" if names else "every column is something else, so add one"
