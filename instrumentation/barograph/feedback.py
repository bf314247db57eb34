"""`Feedback`: what turned out to be true, from wherever that becomes known."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from barograph import packing
from barograph.classes import class_text, class_texts
from barograph.columns import event_times, is_missing, kind_of, numbers, values
from barograph.guard import FEEDBACK, guard
from barograph.outcomes import TIME, chosen, possible, row_too_large
from barograph.points import SourceEvent
from barograph.readable import row_attributes
from barograph.semconv import attributes, events
from barograph.times import NOT_A_TIME, time_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from barograph.columns import RawColumn
    from barograph.packing import Column
    from barograph.points import AttributeValue, Sink


class Feedback:
    """Reports ground truth; it needs to know nothing but ids and outcomes.

    Never raises into the caller: what can't be taken is counted and said once. In strict mode
    (``BAROGRAPH_STRICT=1``) it raises.

    Args:
        model: Name of the model, as its monitor has it.
        version: Only labels of this version's predictions are meant; None: of every version.
        output: Name of the output, for models with several.
        sink: Where events go; else what the OpenTelemetry environment says.

    Example:
        >>> from barograph import Feedback
        >>> from barograph.testing import CaptureSink
        >>> sink = CaptureSink()
        >>> Feedback("credit", sink=sink).observe(id="a-17", value="default")
        >>> sink.captured_events[0].attributes["ml.ground_truth.value"]
        'default'
    """

    def __init__(
        self, model: str, version: str | int | None = None, *, output: str = "", sink: Sink | None = None
    ) -> None:
        self._sink = sink
        if sink is None:
            from barograph.this_process import prepare  # noqa: PLC0415 - imported only when needed

            prepare()
        self._sends_drops = False
        self._carried: dict[str, AttributeValue] = {attributes.ML_MODEL_NAME: str(model)}
        if version is not None:
            self._carried[attributes.ML_MODEL_VERSION] = str(version)
        if output:
            self._carried[attributes.ML_OUTPUT_NAME] = output

    def observe(  # noqa: PLR0913 - one argument a fact
        self,
        *,
        value: object,
        id: str | int | None = None,  # noqa: A002 - what it is
        time: object = None,
        prediction: object = None,
        score: float | None = None,
        scores: Mapping[object, float] | None = None,
        segments: Mapping[str, object] | None = None,
    ) -> None:
        """Report one truth.

        Args:
            value: A class (text, boolean) or a number.
            id: Of the prediction. Needed, unless the prediction itself is given.
            time: When the truth was observed, in any form that `barograph.times` takes; default: now.
            prediction: The predicted class or number; then nothing needs to be joined.
            score: Predicted probability of the positive class.
            scores: Predicted probability by class.
            segments: Segment name to value.
        """
        given: dict[str, Any] = {
            "prediction": prediction,
            "score": score,
            "scores": scores,
            "segments": segments,
        }
        try:
            self._take(
                [value],
                None if id is None else [id],
                None if time is None else [time],
                {name: _one_row(fact) for name, fact in given.items() if fact is not None},
                is_single=True,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must not notice
            guard.fault(FEEDBACK, error)

    def observe_batch(  # noqa: PLR0913 - one argument a column
        self,
        *,
        values: object,
        ids: object = None,
        times: object = None,
        predictions: object = None,
        score: object = None,
        scores: Mapping[object, object] | None = None,
        segments: Mapping[str, object] | None = None,
    ) -> None:
        """Report many truths as columns: lists, numpy arrays, or columns of pandas, polars or Arrow.

        Rows without a value, or without both id and prediction, are left out and counted.

        Args:
            values: As in `observe`, one a row.
            ids: One a row.
            times: One a row, or one for all.
            predictions: One a row.
            score: One a row.
            scores: Class to column.
            segments: Segment name to column.
        """
        given: dict[str, Any] = {
            "prediction": predictions,
            "score": score,
            "scores": scores,
            "segments": segments,
        }
        try:
            facts = {name: fact for name, fact in given.items() if fact is not None}
            self._take(values, ids, times, facts, is_single=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must not notice
            guard.fault(FEEDBACK, error)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until what was reported has been sent; False where that took longer."""
        return self._where().flush(timeout_s)

    def _where(self) -> Sink:
        if self._sink is None:
            from barograph.this_process import default_sink  # noqa: PLC0415 - imported only when needed

            self._sink = default_sink()
            self._sends_drops = True
        if self._sends_drops:
            from barograph.worker import WORKER  # noqa: PLC0415 - imported only when needed

            if not WORKER.is_running:
                WORKER.start()
        return self._sink

    def _take(
        self, truth: RawColumn, ids: RawColumn, times: RawColumn, facts: dict[str, Any], *, is_single: bool
    ) -> None:
        truths, present = _truths(truth)
        count = len(present)
        columns: dict[str, Any] = {}
        if ids is not None:
            columns[attributes.ML_INFERENCE_ID] = [text or None for text in class_texts(values(ids))]
        elif not facts.keys() & {"prediction", "score", "scores"}:
            raise ValueError(
                "got neither ids nor predictions; wanted one of them: ids=… joins, predictions=… pairs"
            )
        observed = _times(times, count)
        present &= observed != NOT_A_TIME
        columns[TIME] = observed
        columns[attributes.ML_GROUND_TRUTH_VALUE] = truths
        columns |= possible(_facts(facts), FEEDBACK)
        for name, column in columns.items():
            for part in column.values() if isinstance(column, dict) else (column,):
                if len(part) != count:
                    raise ValueError(f"{name}: got {len(part)} rows, wanted {count}, as many as values")
        present &= _findable(columns, count)
        if not present.all():
            told = "labels without value or time, or with neither id nor prediction"
            guard.drop(FEEDBACK, "incomplete", told, int(count - present.sum()))
            columns = chosen(columns, np.flatnonzero(present))
        rows = int(present.sum())
        if rows:
            packed = not is_single and packing.available()
            self._where().events(self._packed(columns, rows) if packed else self._readable(columns, rows))

    def _packed(self, columns: dict[str, Any], rows: int) -> list[SourceEvent]:
        return [
            SourceEvent(
                events.ML_GROUND_TRUTH_OBSERVED_BATCH,
                int(columns[TIME][start:end].max()),
                self._carried | {attributes.ML_BATCH_ROWS: end - start, attributes.ML_BATCH_ARROW: data},
            )
            for start, end, data in packing.packed_parts(
                columns, rows, too_large=lambda start, end: row_too_large(FEEDBACK, end - start)
            )
        ]

    def _readable(self, columns: dict[str, Any], rows: int) -> list[SourceEvent]:
        times = columns.pop(TIME)
        return [
            SourceEvent(
                events.ML_GROUND_TRUTH_OBSERVED, int(times[row]), self._carried | row_attributes(columns, row)
            )
            for row in range(rows)
        ]


def _one_row(fact: Any) -> Any:  # noqa: ANN401 - a value, or a mapping of them
    return {name: [value] for name, value in fact.items()} if hasattr(fact, "items") else [fact]


def _truths(column: RawColumn) -> tuple[Column, npt.NDArray[np.bool_]]:
    """Numbers as float64, everything else as class text; and which rows have a value."""
    raw = values(column)
    present = np.array([not is_missing(value) for value in raw], np.bool_)
    if _is_numeric(column, raw):
        found = numbers(column)
        present &= np.isfinite(found)
        return found, present
    texts = [text or None for text in class_texts(raw)]
    present &= np.array([text is not None for text in texts], np.bool_)
    return texts, present


def _findable(columns: Mapping[str, Any], count: int) -> npt.NDArray[np.bool_]:
    """Which rows have an id, or say anything of their prediction; `""` says nothing."""
    found = np.zeros(count, np.bool_)
    for name in (attributes.ML_INFERENCE_ID, attributes.ML_PREDICTION_CLASS):
        if name in columns:
            found |= np.array([bool(text) for text in columns[name]], np.bool_)
    scores = columns.get(attributes.ML_PREDICTION_SCORES, {})
    for name in (attributes.ML_PREDICTION_SCORE, attributes.ML_PREDICTION_VALUE):
        if name in columns:
            found |= ~np.isnan(columns[name])
    for column in scores.values():
        found |= ~np.isnan(column)
    return found


def _is_numeric(column: RawColumn, raw: list[object]) -> bool:
    """Booleans are classes, though they count as numbers among features."""
    if any(isinstance(value, (bool, np.bool_, str)) for value in raw):
        return False
    return kind_of(column) == "number"


def _times(times: RawColumn, count: int) -> npt.NDArray[np.int64]:
    if times is None:
        return np.full(count, time.time_ns(), np.int64)
    if isinstance(times, (str, int, float)) or not hasattr(times, "__len__"):
        return np.full(count, time_ns(times), np.int64)
    return event_times(list(times) if isinstance(times, tuple) else times)


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    """The prediction's columns of the pair form."""
    columns: dict[str, Any] = {}
    prediction = facts.get("prediction")
    if prediction is not None:
        if _is_numeric(prediction, values(prediction)) and "score" not in facts and "scores" not in facts:
            columns[attributes.ML_PREDICTION_VALUE] = numbers(prediction)
        else:
            columns[attributes.ML_PREDICTION_CLASS] = class_texts(values(prediction))
    if "score" in facts:
        columns[attributes.ML_PREDICTION_SCORE] = numbers(facts["score"])
    for name, attribute, convert in (
        ("scores", attributes.ML_PREDICTION_SCORES, numbers),
        ("segments", attributes.ML_SEGMENTS, lambda column: class_texts(values(column))),
    ):
        if name in facts:
            columns[attribute] = {
                class_text(key) or "": convert(column) for key, column in facts[name].items()
            }
    return columns
