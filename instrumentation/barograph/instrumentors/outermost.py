"""What every instrumentor needs: record a prediction once, at the outermost call."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from opentelemetry import trace

from barograph.guard import HISTOGRAMS, SPANS, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph.calls import Call
    from barograph.monitor import Monitor

# True inside a recorded call, and inside anything that predicts for its own purposes (fit, scoring).
_inside: ContextVar[bool] = ContextVar("barograph_inside", default=False)


# Models whose newest call is remembered in one context.
_MAX_FINISHED = 8


class _Finished(NamedTuple):
    """The newest recorded call of a model, by which its twin is recognised."""

    model: Callable[[], object]
    operation: str
    features: Callable[[], object]
    trace_id: int

    def is_twin_of(self, before: _Finished) -> bool:
        """Whether both calls are one prediction, asked for by two methods."""
        return (
            self.operation != before.operation
            and self.trace_id == before.trace_id
            and self.features() is not None
            and self.features() is before.features()
        )


_finished: ContextVar[tuple[_Finished, ...]] = ContextVar("barograph_finished", default=())


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


def quietly_each(wrapped: Callable[..., Any], instance: object, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
    """`quietly` for a method that gives its answers one by one."""
    steps = quietly(wrapped, instance, args, kwargs)
    while True:
        try:
            step = quietly(next, None, (steps,), {})
        except StopIteration:
            return
        yield step


def is_inside() -> bool:
    """Whether an outer call takes care of what happens now."""
    return _inside.get()


def recorded(  # noqa: PLR0913 - one argument a fact
    call_model: Callable[[], Any],
    read_answer: Callable[[Any], tuple[Any, Any]],
    *,
    monitor: Monitor,
    model: object,
    operation: str,
    system: str,
    features: object,
) -> Any:  # noqa: ANN401 - the model's answer
    """Call the model and record what it answers.

    `predict` and `predict_proba` of one model on one input object within one trace are one
    prediction: the second gives a span and a duration; its rows aren't counted again, and its answer
    isn't added. Without a trace the same holds for a model's successive calls in one context (a
    thread or a task). Only objects that can be referred to weakly are recognised: arrays and frames,
    not lists. A buffer that is filled anew between the two methods, outside any trace, counts once.

    Args:
        call_model: Calls the model; what it raises is passed on.
        read_answer: Prediction and scores in what the model answered.
        monitor: Of the model.
        model: Who is asked.
        operation: Name of the method.
        system: The library.
        features: The input.
    """
    token = _inside.set(True)
    call: Call | None = None
    finished: _Finished | None = None
    try:
        try:
            trace_id = trace.get_current_span().get_span_context().trace_id
            finished = _Finished(_reference(model), operation, _reference(features), trace_id)
            call = monitor.start(features, operation=operation, system=system)
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(SPANS, error)
        try:
            answer = call_model()
        except BaseException as error:
            if call is not None:
                call.fail(error)
            raise
        if call is not None and finished is not None:
            _end(call, finished, answer, read_answer)
        return answer
    finally:
        _inside.reset(token)


def _reference(one: object) -> Callable[[], object]:
    try:
        return ref(one)
    except TypeError:  # a list can't be referred to weakly: each of its calls counts
        return lambda: None


def _end(
    call: Call, finished: _Finished, answer: object, read_answer: Callable[[Any], tuple[Any, Any]]
) -> None:
    try:
        model = finished.model()
        known = [(one, one.model()) for one in _finished.get()]
        others = tuple(one for one, its in known if its is not None and its is not model)
        before = next((one for one, its in known if its is model), None)
        if before is not None and finished.is_twin_of(before):
            _finished.set(others)
            call.close()
            return
        _finished.set((*others[1 - _MAX_FINISHED :], finished))
        prediction, scores = read_answer(answer)
        call.stop(prediction, scores=scores)
    except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
        call.stop()  # the rows were predicted, though nobody can read how
        guard.fault(HISTOGRAMS, error)
