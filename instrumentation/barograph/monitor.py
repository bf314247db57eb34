"""`Monitor`: what serving code calls."""

from __future__ import annotations

import os
import time
import weakref
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar, overload

from opentelemetry import context as contexts

from barograph.batches import Item
from barograph.calls import Call
from barograph.errors import BarographError, ConfigError
from barograph.freezing import freeze
from barograph.guard import CONFIGURATION, HISTOGRAMS, guard
from barograph.identity import Identity
from barograph.outputs import OutputSpec
from barograph.recorder import Recorder, RecorderSettings
from barograph.redact import Redactor
from barograph.redaction import Redaction, Rule
from barograph.sampling import rate_of
from barograph.schema import Roles
from barograph.watching import watched
from barograph.worker import WORKER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from barograph.baseline import Baseline, Task
    from barograph.points import Sink

P = ParamSpec("P")
R = TypeVar("R")

PANE_S = 60
_DAY_S = 86_400
_INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS = 60_000.0


class Monitor:
    """Watches one model: counts its inputs and outputs, and sends its predictions on.

    Nothing here raises into, blocks or slows serving code: inputs are copied into a bounded queue
    and counted in a background thread; what goes wrong is counted (`ml.telemetry.dropped`) and
    logged once. In strict mode (``BAROGRAPH_STRICT=1``) it raises.

    Args:
        name: Name of the model, stable over its versions.
        version: Version of the model.
        output: Name of the output, where the model is known by one of several.
        task: ``binary``, ``multiclass`` or ``regression``; else the baseline's, else told from the
            first answers (scores, text, integers and booleans are classes, floats are numbers).
        baseline: A baseline, or the path of its file; without one histograms are exponential.
        columns: Which columns of the input say more than features: ``id``, ``time``, ``group``,
            ``segment``, as a mapping or as text ``id=flight_id,time=scheduled,segment=carrier``.
            id, time and group columns are never features, segment columns may be.
        feature_names: Names of the columns of inputs without names; else the baseline's, else x0, x1 …
        classes: Classes in the order of the columns of scores.
        positive: The positive class of a binary task; else the second one.
        threshold: Where only scores are given, the positive class is predicted where score >= threshold;
            without a threshold the likelier class is.
        pane_s: Length of a pane of event time in seconds, a divisor of a day; the same in the processor.
        outcomes: How predictions with ids leave: ``packed``, ``readable``, or not at all (``off``).
        rows: Which of them leave with their features: none (``off``), ``all``, or a share such as
            0.1, drawn by a hash of the id (see `barograph.sampling`).
        redact: How the columns of those leave: ``clear``, ``drop``, ``hash``, ``bucket`` or
            ``bucket:<width>``, as a mapping or as text ``ssn=drop,name=hash,age=bucket:10``; ``*``
            stands for every other column. Nothing stated: numbers and the baseline's categories as they
            are, other categories as keyed hashes.
        clear: Columns whose categories may leave the process as they are; ``*`` for all.
        hash_key: Key of the hashes by which all other categories leave it.
        sink: Where points and events go; else what the OpenTelemetry environment says.
        clock: Wall clock in nanoseconds, for tests.

    Raises:
        ConfigError: In strict mode, where an argument is wrong.

    Example:
        >>> from barograph import Monitor
        >>> from barograph.testing import CaptureSink
        >>> sink = CaptureSink()
        >>> credit = Monitor("credit", "3", sink=sink)
        >>> credit.record({"age": 41, "income": 2_700.0}, "granted", ids="a-17")
        >>> credit.flush()
        True
    """

    def __init__(  # noqa: PLR0913 - one argument a fact
        self,
        name: str,
        version: str | int = "0",
        *,
        output: str = "",
        task: Task | None = None,
        baseline: str | Path | Baseline | None = None,
        columns: str | Mapping[str, str | Sequence[str]] | None = None,
        feature_names: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        positive: object = None,
        threshold: float | None = None,
        pane_s: int = PANE_S,
        outcomes: Literal["packed", "readable", "off"] = "packed",
        rows: str | float = "off",
        redact: str | Mapping[str, str] | None = None,
        clear: Collection[str] = (),
        hash_key: str | bytes | None = None,
        sink: Sink | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = str(name)
        self.version = str(version)
        found = _baseline(baseline)
        known = next((one for one in found.header.outputs if one.name == output), None) if found else None
        spec = OutputSpec(known, task=task, classes=classes, positive=positive, threshold=threshold)
        identity = Identity(self.name, self.version, output, found.id if found else None, spec.task)
        rate, redaction = _rows(rows, redact)
        settings = RecorderSettings(
            identity=identity,
            spec=spec,
            baseline=found,
            feature_names=tuple(map(str, feature_names)) if feature_names is not None else None,
            roles=_roles(columns),
            redactor=Redactor(self.name, key=hash_key, clear=redaction.clear.union(clear)),
            pane_s=_pane(pane_s),
            interval_s=_interval_s(),
            outcomes="" if outcomes == "off" else outcomes,
            rows=rate,
            redaction=redaction,
            clock=clock,
        )
        self._recorder = Recorder(
            settings,
            sink=(lambda: sink) if sink is not None else _default_sink,
            source_id=_source_id,
            wake=WORKER.wake,
        )
        self._clock = clock
        try:
            WORKER.add(self._recorder)
            if sink is None:
                _prepare()
        except BarographError as error:
            self._recorder.closed = True
            guard.fault(CONFIGURATION, error)
        weakref.finalize(self, _retire, self._recorder).atexit = False

    @property
    def identity(self) -> Identity:
        """Model, version, output, baseline and task."""
        return self._recorder.settings.identity

    def record(  # noqa: PLR0913 - one argument a fact
        self,
        features: object = None,
        prediction: object = None,
        *,
        scores: object = None,
        ids: object = None,
        times: object = None,
        segments: object = None,
    ) -> None:
        """Record one row or a batch whose prediction has been made.

        Args:
            features: A numpy row or batch, a structured array, a pandas or polars frame, an Arrow table
                or record batch, a dict of values (one row) or of columns, a list of dicts or of
                rows, a list of values (one row).
            prediction: A class or a number a row; a dict, or a two-dimensional array, for several outputs.
            scores: Probabilities: of the positive class, one a row; or rows by classes; or a dict
                by class (by output, where its names are those of outputs).
            ids: By which ground truth will find the prediction; one a row. Without them, and without
                an id column or ``ml.inference.id`` in the baggage, predictions are counted but not sent.
            times: When it happened; datetimes, ISO text, or numbers since 1970 (see
                `barograph.times`); one a row or one for all. Default: now.
            segments: Name to value, or to one value a row.
        """
        try:
            worker = WORKER
            if not worker.is_running:
                worker.start()
            self._recorder.put(
                Item(
                    freeze(features),
                    freeze(prediction),
                    freeze(scores),
                    freeze(ids),
                    freeze(times),
                    freeze(segments),
                    self._clock(),
                    contexts.get_current(),
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(HISTOGRAMS, error)

    def start(  # noqa: PLR0913 - one argument a fact
        self,
        features: object = None,
        *,
        ids: object = None,
        times: object = None,
        segments: object = None,
        operation: str = "predict",
        system: str | None = None,
    ) -> Call:
        """Begin a call; end it with `Call.stop(prediction, scores=…)` or `Call.fail(error)`.

        Args:
            features: As in `record`; copied now.
            ids: As in `record`.
            times: As in `record`.
            segments: As in `record`.
            operation: What is asked of the model, as its library calls it.
            system: The library that computes the prediction.
        """
        if not WORKER.is_running:
            WORKER.start()
        return Call(
            self._recorder,
            features,
            ids=ids,
            times=times,
            segments=segments,
            operation=operation,
            system=system,
        )

    def predict(  # noqa: PLR0913 - one argument a fact
        self,
        features: object = None,
        *,
        ids: object = None,
        times: object = None,
        segments: object = None,
        operation: str = "predict",
        system: str | None = None,
    ) -> Call:
        """`start` for a ``with`` block: ``with monitor.predict(X) as call: call.outputs(y)``."""
        return self.start(
            features, ids=ids, times=times, segments=segments, operation=operation, system=system
        )

    @overload
    def watch(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def watch(
        self,
        function: None = None,
        /,
        *,
        features: str | None = None,
        ids: str | None = None,
        times: str | None = None,
        returns: Literal["prediction", "scores"] = "prediction",
        operation: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def watch(  # noqa: PLR0913 - one argument a fact
        self,
        function: Callable[P, R] | None = None,
        /,
        *,
        features: str | None = None,
        ids: str | None = None,
        times: str | None = None,
        returns: Literal["prediction", "scores"] = "prediction",
        operation: str | None = None,
    ) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function, plain or async, that predicts.

        Args:
            function: The function.
            features: Its parameter with the features; else its first one that isn't ``self`` or ``cls``.
            ids: Its parameter with the ids.
            times: Its parameter with the event times.
            returns: What it returns.
            operation: What the span calls it; else the function's name.
        """

        def decorate(one: Callable[P, R]) -> Callable[P, R]:
            return watched(
                self.start, one, features=features, ids=ids, times=times, returns=returns, operation=operation
            )

        return decorate if function is None else decorate(function)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Have everything recorded so far counted and sent; False where that took longer."""
        return WORKER.flush(timeout_s)


def _retire(recorder: Recorder) -> None:
    recorder.retired = True


def _default_sink() -> Sink:
    from barograph.this_process import default_sink  # noqa: PLC0415 - imported only when needed

    return default_sink()


def _prepare() -> None:
    from barograph.this_process import prepare  # noqa: PLC0415 - imported only when needed

    prepare()


def _source_id() -> str:
    from barograph.this_process import source_id  # noqa: PLC0415 - imported only when needed

    return source_id()


def _baseline(given: str | Path | Baseline | None) -> Baseline | None:
    if given is None:
        return None
    from barograph.baseline import Baseline, read_baseline  # noqa: PLC0415 - imported only when needed

    if isinstance(given, Baseline):
        return given
    try:
        return read_baseline(given)
    except (OSError, BarographError) as error:
        if guard.is_strict:
            raise ConfigError(f"the baseline {given} can't be read: {error}") from error
        guard.drop(
            CONFIGURATION,
            "baseline_unreadable",
            f"the baseline {given} can't be read, so none is used: {error}",
        )
        return None


def _roles(columns: str | Mapping[str, str | Sequence[str]] | None) -> Roles:
    try:
        return Roles.parse(columns)
    except ConfigError as error:
        if guard.is_strict:
            raise
        guard.drop(CONFIGURATION, "unknown_role", str(error))
        return Roles()


def _rows(rows: str | float, redact: str | Mapping[str, str] | None) -> tuple[float, Redaction]:
    try:
        return rate_of(rows), Redaction.parse(redact)
    except ConfigError as error:
        if guard.is_strict:
            raise
        # Whoever meant to hide something must not send it because of a slip.
        guard.drop(CONFIGURATION, "wrong_rows", f"{error}; neither features of rows nor segments are sent")
        return 0.0, Redaction(otherwise=Rule("drop"))


def _pane(pane_s: int) -> int:
    if pane_s > 0 and _DAY_S % pane_s == 0:
        return pane_s
    message = f"pane_s: got {pane_s}; wanted a divisor of a day in seconds, such as 60, 300 or 3600"
    if guard.is_strict:
        raise ConfigError(message)
    guard.drop(CONFIGURATION, "unfit_pane", message)
    return PANE_S


def _interval_s() -> float:
    try:
        interval = float(os.environ.get(_INTERVAL_VARIABLE, _INTERVAL_MS))
    except ValueError:
        interval = _INTERVAL_MS
    return (interval if interval > 0 else _INTERVAL_MS) / 1_000
