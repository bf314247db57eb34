"""One call to a model: its span, its duration, and what is recorded when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from barograph.batches import Item, item_rows, rows_of
from barograph.classes import class_text
from barograph.freezing import freeze
from barograph.guard import HISTOGRAMS, SPANS, guard
from barograph.semconv import SOURCE_SCOPE, attributes
from barograph.snapshots import Snapshot
from barograph.spans import sampled
from barograph.timings import Timing

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from barograph.recorder import Recorder

_MAX_DESCRIPTIONS = 100


def _description(
    recorder: Recorder, operation: str, system: str | None
) -> tuple[str, dict[str, AttributeValue]]:
    """Name and attributes of a span, as far as all calls share them."""
    known = recorder.span_descriptions.get((operation, system))
    if known is None:
        identity = recorder.settings.identity
        told: dict[str, AttributeValue] = {
            attributes.ML_MODEL_NAME: identity.model,
            attributes.ML_MODEL_VERSION: identity.version,
            attributes.ML_OPERATION_NAME: operation,
        }
        if identity.output:
            told[attributes.ML_OUTPUT_NAME] = identity.output
        if identity.task:
            told[attributes.ML_TASK_TYPE] = identity.task
        if system:
            told[attributes.ML_SYSTEM_NAME] = system
        known = f"{operation} {identity.model}", told
        if len(recorder.span_descriptions) < _MAX_DESCRIPTIONS:
            recorder.span_descriptions[operation, system] = known
    name, shared = known
    return name, dict(shared)


class _Tracer:
    """Our tracer of the provider of this moment; making one costs as much as a span."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: tuple[trace.TracerProvider, trace.Tracer] | None = None

    def get(self) -> trace.Tracer:
        """The tracer."""
        provider = trace.get_tracer_provider()
        made = self._made
        if made is None or made[0] is not provider:
            made = self._made = (provider, provider.get_tracer(SOURCE_SCOPE))
        return made[1]


_tracer = _Tracer()


class Call:
    """A call that has begun. Its span is current until `stop`, `fail` or the end of the `with` block.

    Made by `Monitor.predict` and `Monitor.start`. Every method may be called again without harm;
    what comes first counts.
    """

    __slots__ = (
        "_begun",
        "_context",
        "_ended",
        "_inputs",
        "_operation",
        "_parent",
        "_prediction",
        "_recorder",
        "_rows",
        "_scores",
        "_span",
        "_token",
    )

    def __init__(  # noqa: PLR0913 - one argument a fact
        self,
        recorder: Recorder,
        features: object,
        *,
        ids: object = None,
        times: object = None,
        segments: object = None,
        operation: str = "predict",
        system: str | None = None,
    ) -> None:
        self._recorder = recorder
        self._operation = operation
        self._prediction: Any = None
        self._scores: Any = None
        self._span: Span | None = None
        self._token: Token[Context] | None = None
        self._context: Context | None = None
        self._parent: Context | None = None
        self._ended = False
        self._inputs: tuple[Any, Any, Any, Any] = (None, None, None, None)
        self._rows = 0
        try:
            # Before the model runs, so that a model that changes its input changes nothing here.
            self._inputs = (freeze(features), freeze(ids), freeze(times), freeze(segments))
            self._rows = rows_of(self._inputs[0], self._inputs[1])
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(HISTOGRAMS, error)
        try:
            self._open(system)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(SPANS, error)
        self._begun = time.perf_counter()

    @property
    def span(self) -> Span:
        """The call's span, for attributes of your own."""
        return self._span if self._span is not None else trace.INVALID_SPAN

    def _open(self, system: str | None) -> None:
        name, told = _description(self._recorder, self._operation, system)
        if self._rows:
            told[attributes.ML_BATCH_ROWS] = self._rows
        ids = self._inputs[1]
        if ids is not None and self._rows == 1 and not isinstance(ids, Snapshot):
            told[attributes.ML_INFERENCE_ID] = class_text(ids) or ""
        self._parent = contexts.get_current()
        self._span = _tracer.get().start_span(name, self._parent, attributes=told)
        self._context = trace.set_span_in_context(self._span, self._parent)
        self._token = contexts.attach(self._context)

    def outputs(self, prediction: object = None, *, scores: object = None) -> None:
        """Say what the model answered: predictions, scores, or both (see `Monitor.record`)."""
        try:
            if prediction is not None:
                self._prediction = freeze(prediction)
            if scores is not None:
                self._scores = freeze(scores)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(HISTOGRAMS, error)

    def stop(self, prediction: object = None, *, scores: object = None) -> None:
        """End the call that went well and record it."""
        seconds = time.perf_counter() - self._begun
        if self._ended:
            return
        if prediction is not None or scores is not None:
            self.outputs(prediction, scores=scores)
        self._ended = True
        try:
            features, ids, times, segments = self._inputs
            recorder = self._recorder
            now = recorder.settings.clock()
            span = sampled(self._span) if self._span is not None else None
            # Not the call's own context, which would keep its span alive for as long as the item waits.
            answer = (self._prediction, self._scores)
            item = Item(features, *answer, ids, times, segments, now, self._parent, span)
            recorder.put(item)
            self._put_timing(seconds, now, self._rows or item_rows(item))
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(HISTOGRAMS, error)
        finally:
            self._close()

    def close(self) -> None:
        """End a call whose rows another call has recorded: a span and a duration, and no rows."""
        seconds = time.perf_counter() - self._begun
        if self._ended:
            return
        self._ended = True
        try:
            self._put_timing(seconds, self._recorder.settings.clock(), self._rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(HISTOGRAMS, error)
        finally:
            self._close()

    def fail(self, error: BaseException) -> None:
        """End the call that raised: the span gets `error.type` and status, its rows are not recorded."""
        seconds = time.perf_counter() - self._begun
        if self._ended:
            return
        self._ended = True
        try:
            kind = type(error).__qualname__
            if type(error).__module__ != "builtins":
                kind = f"{type(error).__module__}.{kind}"
            if self._span is not None:
                self._span.set_attribute(attributes.ERROR_TYPE, kind)
                self._span.set_status(Status(StatusCode.ERROR))  # a message may quote a value of the input
            self._put_timing(seconds, self._recorder.settings.clock(), self._rows, kind)
        except Exception as fault:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(SPANS, fault)
        finally:
            self._close()

    def _put_timing(self, seconds: float, ended_ns: int, rows: int, error: str = "") -> None:
        span = self._span.get_span_context() if self._span is not None else None
        self._recorder.put_timing(Timing(self._operation, seconds, rows, error, ended_ns, span))

    def _close(self) -> None:
        try:
            if self._span is None:
                return
            # `stop` may run in another thread or task than `start`, where there is nothing to detach.
            if self._token is not None and contexts.get_current() is self._context:
                contexts.detach(self._token)
            self._token = None
            self._span.end()
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(SPANS, error)

    def __enter__(self) -> Call:  # noqa: PYI034 - typing.Self is younger than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail(error)
        else:
            self.stop()
