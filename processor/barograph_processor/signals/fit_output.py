"""What a reference's rows say of one output: task, classes, scores, and truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from barograph.baseline import Output
from barograph.classes import class_text, class_texts
from barograph.columns import numbers, values
from barograph.deciding import TwoClasses, is_positive, likeliest, positive_class
from barograph.errors import ConfigError
from barograph_processor.signals.api import Joined
from barograph_processor.signals.fit_edges import score_edges, value_edges, value_grid
from barograph_processor.signals.performance_task import infer_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from barograph.baseline import Task
    from barograph_processor.signals.fit_columns import Column

TWO = 2
_MATRIX = 2
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRows:
    """One output of a reference's rows, as the caller has it; what is None is found out or left out.

    Attributes:
        name: Output name, ``""`` for the only one.
        task: What is predicted.
        predicted: Predicted class, or number for a regression, of each row.
        scores: float64 [n], probability of the positive class, or [n, k] of each of `classes`.
        labels: The truth of each row, missing where it isn't known.
        classes: Classes in the order of the columns of `scores`; None: those seen, in order of
            number or name, which is scikit-learn's.
        positive: The positive class of a binary task; None: what the names tell, else the second class.
        threshold: The positive class is predicted where score >= threshold; None: argmax.
    """

    name: str = ""
    task: Task | None = None
    predicted: Column | None = None
    scores: NDArray[np.float64] | None = None
    labels: Column | None = None
    classes: Sequence[object] | None = None
    positive: object = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """An output's rows brought to one form.

    Attributes:
        output: The description for the header.
        codes: int64 [n], predicted class as index into `output.classes`, -1 where there is none.
        scores: Class to float64 [n], the scores that the serving code will count.
        value: float64 [n], predicted number; NaN where there is none.
        joined: Predictions with truth; None where no truth is known.
    """

    output: Output
    codes: NDArray[np.int64]
    scores: dict[str, NDArray[np.float64]]
    value: NDArray[np.float64]
    joined: Joined | None


def read_output(rows: OutputRows, count: int) -> Answers:
    """Bring an output's rows to one form.

    Args:
        rows: As the caller has them.
        count: Number of rows of the reference.

    Raises:
        ConfigError: Columns differ in length, or classes, scores and task don't fit together.
    """
    if rows.task == "regression" or _is_regression(rows):
        return _regression(rows, count)
    scores = None if rows.scores is None else np.asarray(rows.scores, np.float64)
    predicted = _texts(rows.predicted, count, "predicted")
    labels = _texts(rows.labels, count, "labels")
    classes = _classes(rows, scores, predicted, labels)
    joined = _joined(scores, classes, (predicted, labels), count)
    task = rows.task or infer_task(joined)
    if task is None:
        raise ConfigError("neither predictions nor scores are given; name the columns that hold them")
    task = "binary" if task == "multiclass" and rows.task is None and len(classes) == TWO else task
    if task == "binary" and len(classes) > TWO:
        raise ConfigError(
            f"a binary task has two classes, but {len(classes)} were seen: {list(classes[:_SHOWN])}; if all "
            f"are meant, the task is multiclass"
        )
    positive = _positive(rows, task, classes)
    score = joined.score if positive is None or positive not in joined.score_classes else None
    if score is None:
        score = joined.scores[:, joined.score_classes.index(str(positive))]
    codes = _decided(
        joined.predicted_class.astype(np.int64), score, joined.scores, (classes, positive, rows.threshold)
    )
    if task == "binary":
        served = {positive: score} if positive is not None and np.isfinite(score).any() else {}
    else:
        served = {name: joined.scores[:, place] for place, name in enumerate(joined.score_classes)}
    pool = [one[np.isfinite(one)] for one in served.values()]
    edges = score_edges(np.concatenate(pool), rows.threshold, binary=task == "binary") if pool else ()
    output = Output(
        name=rows.name,
        task=task,
        classes=classes,
        positive=positive,
        threshold=rows.threshold,
        score_edges=edges,
    )
    known = Joined(
        classes,
        joined.truth_class,
        codes.astype(np.int32),
        score,
        joined.scores,
        joined.score_classes,
        joined.truth_value,
        joined.predicted_value,
        joined.delay_s,
    )
    labelled = bool((joined.truth_class >= 0).any())
    return Answers(output, codes, served, joined.predicted_value, known if labelled else None)


def _regression(rows: OutputRows, count: int) -> Answers:
    value, truth = _numbers(rows.predicted, count, "predicted"), _numbers(rows.labels, count, "labels")
    for what, found in (("predicted", value), ("labels", truth)):
        if np.isinf(found).any() and not np.isfinite(found).any():
            raise ConfigError(f"a regression needs numbers, but {what} are none")
    known = value[np.isfinite(value)]
    output = Output(
        name=rows.name, task="regression", value_edges=value_edges(known), value_grid=value_grid(known)
    )
    none = np.full(count, -1, np.int32)
    joined = Joined((), none, none, _nan(count), np.zeros((count, 0)), (), truth, value, _nan(count))
    return Answers(output, none.astype(np.int64), {}, value, joined if np.isfinite(truth).any() else None)


def _is_regression(rows: OutputRows) -> bool:
    """Numbers that are not whole, without classes and scores, are a regression."""
    if rows.task is not None or rows.scores is not None or rows.classes is not None:
        return False
    column = rows.predicted if rows.predicted is not None else rows.labels
    if column is None:
        return False
    found = numbers(column if isinstance(column, np.ndarray) else list(column))
    known = found[np.isfinite(found)]
    return bool(len(known)) and bool((known != np.floor(known)).any())


def _classes(
    rows: OutputRows,
    scores: NDArray[np.float64] | None,
    predicted: list[str | None],
    labels: list[str | None],
) -> tuple[str, ...]:
    width = scores.shape[1] if scores is not None and scores.ndim == _MATRIX else None
    if rows.classes is not None:
        given = tuple(class_text(one) or "" for one in rows.classes)
        if len(set(given)) != len(given) or (width is not None and width != len(given)):
            raise ConfigError(
                f"scores have {width} columns and classes are {list(given)}; give one class a column"
            )
        return given
    seen = {text for text in (*predicted, *labels) if text is not None}
    positive = class_text(rows.positive)
    if positive is not None and positive not in seen and len(seen) >= TWO:
        raise ConfigError(f"the positive class {positive!r} is none of {sorted(seen, key=_order)}")
    found = tuple(sorted(seen | ({positive} if positive is not None else set()), key=_order))
    if width is not None and width != len(found):
        raise ConfigError(
            f"scores have {width} columns but {len(found)} classes were seen; name the classes in order"
        )
    return found


def _joined(
    scores: NDArray[np.float64] | None,
    classes: tuple[str, ...],
    texts: tuple[list[str | None], list[str | None]],
    count: int,
) -> Joined:
    if scores is not None and len(scores) != count:
        raise ConfigError(f"{len(scores)} scores for {count} rows; every column needs as many rows")
    place = {name: code for code, name in enumerate(classes)}
    predicted, labels = (
        [place.get(text or "", -1) if text is not None else -1 for text in one] for one in texts
    )
    matrix = scores is not None and scores.ndim == _MATRIX
    return Joined(
        classes,
        np.array(labels or [-1] * count, np.int32),
        np.array(predicted or [-1] * count, np.int32),
        scores if scores is not None and not matrix else _nan(count),
        scores if scores is not None and matrix else np.zeros((count, 0)),
        classes if matrix else (),
        _nan(count),
        _nan(count),
        _nan(count),
    )


def _positive(rows: OutputRows, task: str, classes: tuple[str, ...]) -> str | None:
    if task != "binary":
        return None
    given = class_text(rows.positive)
    if given is not None:
        if classes and given not in classes:
            raise ConfigError(f"the positive class {given!r} is none of {list(classes)}")
        return given
    return positive_class(classes) or (classes[1] if len(classes) == TWO else None)


def _decided(
    codes: NDArray[np.int64],
    score: NDArray[np.float64],
    scores: NDArray[np.float64],
    rule: tuple[tuple[str, ...], str | None, float | None],
) -> NDArray[np.int64]:
    """Predicted classes; where the caller gave none, those that the scores decide for."""
    classes, positive, threshold = rule
    if positive is not None and len(classes) == TWO and np.isfinite(score).any():
        place = classes.index(positive)
        other = scores[:, 1 - place] if scores.shape[1] else None
        chosen = is_positive(score, threshold, other=other, classes=TwoClasses(classes[1 - place], positive))
        decided = np.where(np.isfinite(score), np.where(chosen, place, 1 - place), -1)
    else:
        decided = likeliest(scores, classes) if scores.shape[1] else np.full(len(codes), -1)
    return np.where(codes >= 0, codes, decided).astype(np.int64)


def _order(text: str) -> tuple[int, float, str]:
    """Numbers by size, before other names by name."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _texts(column: Column | None, count: int, what: str) -> list[str | None]:
    if column is None:
        return []
    _check_rows(len(column), count, what)
    return class_texts(values(column if isinstance(column, np.ndarray) else list(column)))


def _numbers(column: Column | None, count: int, what: str) -> NDArray[np.float64]:
    if column is None:
        return _nan(count)
    _check_rows(len(column), count, what)
    return numbers(column if isinstance(column, np.ndarray) else list(column))


def _check_rows(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise ConfigError(
            f"column {what!r} has {found} rows, the others {wanted}; every column needs as many rows"
        )


def _nan(count: int) -> NDArray[np.float64]:
    return np.full(count, np.nan)
