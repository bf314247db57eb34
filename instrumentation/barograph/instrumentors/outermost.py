"""What every instrumentor needs: record a prediction once, at the outermost call."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from opentelemetry import trace

from barograph.guard import SPANS, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph.calls import Call
    from barograph.monitor import Monitor

# True inside a recorded call, and inside anything that predicts for its own purposes (fit, scoring).
_inside: ContextVar[bool] = ContextVar("barograph_inside", default=False)


class _Finished(NamedTuple):
    """The newest recorded call, by which its twin is recognised."""

    monitor: Monitor
    operation: str
    features: Callable[[], object]
    trace_id: int

    def is_twin_of(self, before: _Finished) -> bool:
        """Whether both calls are one prediction, asked for by two methods."""
        return (
            self.monitor is before.monitor
            and self.operation != before.operation
            and self.trace_id == before.trace_id
            and self.features() is not None
            and self.features() is before.features()
        )


_ROWS_BY_CLASSES = 2
_finished: ContextVar[_Finished | None] = ContextVar("barograph_finished", default=None)


def quietly(wrapped: Callable[..., Any], instance: object, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
    """Call without recording anything that predicts inside; a wrapper for wrapt."""
    del instance
    if _inside.get():
        return wrapped(*args, **kwargs)
    token = _inside.set(True)
    try:
        return wrapped(*args, **kwargs)
    finally:
        _inside.reset(token)


def is_inside() -> bool:
    """Whether an outer call takes care of what happens now."""
    return _inside.get()


def recorded(  # noqa: PLR0913 - one argument a fact
    monitor: Monitor,
    operation: str,
    system: str,
    features: object,
    call_model: Callable[[], Any],
    *,
    scores: bool,
) -> Any:  # noqa: ANN401 - the model's answer
    """Call the model and record what it answers.

    `predict` and `predict_proba` on one input object within one trace (or, without a trace, one
    after the other in one context) are one prediction: the second gives a span and a duration, and
    its rows aren't counted again.

    Args:
        monitor: Of the model.
        operation: Name of the method.
        system: The library.
        features: The input.
        call_model: Calls the model; what it raises is passed on.
        scores: Whether the answer is probabilities, rather than classes or numbers.
    """
    token = _inside.set(True)
    trace_id = trace.get_current_span().get_span_context().trace_id
    call: Call | None = None
    try:
        try:
            call = monitor.start(features, operation=operation, system=system)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(SPANS, error)
        try:
            answer = call_model()
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        if call is not None:
            _end(_Finished(monitor, operation, _reference(features), trace_id), call, answer, scores=scores)
        return answer
    finally:
        _inside.reset(token)


def _reference(features: object) -> Callable[[], object]:
    try:
        return ref(features)
    except TypeError:  # a list can't be referred to weakly: each of its calls counts
        return lambda: None


def _stop(call: Call, answer: Any, *, scores: bool) -> None:  # noqa: ANN401
    """Record the part of an answer that is predictions or probabilities."""
    if not scores:
        # With return_std and the like, the prediction comes first.
        call.stop(answer[0] if isinstance(answer, tuple) else answer)
    elif getattr(answer, "ndim", 0) == _ROWS_BY_CLASSES:
        call.stop(scores=answer)
    else:  # a list of such arrays, one an output: which is which has no name
        call.stop()


def _end(finished: _Finished, call: Call, answer: object, *, scores: bool) -> None:
    try:
        before = _finished.get()
        if before is not None and finished.is_twin_of(before):
            _finished.set(None)
            call.close()
        else:
            _finished.set(finished)
            _stop(call, answer, scores=scores)
    except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
        guard.fault(SPANS, error)
