"""scikit-learn, and every library whose estimators derive from its `BaseEstimator`.

`predict`, `predict_proba` and `predict_log_proba` are recorded at the outermost call: what a
pipeline, a meta-estimator or a search asks of the estimators inside is not. Nothing is recorded
inside `fit`, scoring and cross-validation, nor in the threads that scikit-learn starts for them.
`decision_function` is not recorded: margins are no probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # as mypy reads its ABC

from barograph.guard import CONFIGURATION, guard
from barograph.instrumentors.models import Models
from barograph.instrumentors.outermost import is_inside, quietly, quietly_each, recorded
from barograph.instrumentors.sklearn_answers import describe, read_answer
from barograph.instrumentors.wrapping import Wrappings
from barograph.this_process import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

RECORDED = ("predict", "predict_proba", "predict_log_proba")
FITTING = ("fit", "fit_predict", "fit_transform", "fit_resample", "partial_fit")
QUIET = ("score", "transform", "decision_function", "score_samples")
STAGED = ("staged_predict", "staged_predict_proba", "staged_decision_function", "staged_score")
SCORERS = ("_BaseScorer", "_MultimetricScorer", "_PassthroughScorer")


class SklearnInstrumentor(BaseInstrumentor):  # type: ignore[misc] # the base class has no types
    """Records what scikit-learn's estimators predict, with no change to the program."""

    _models: Models
    _wrappings: Wrappings

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions that are known to work."""
        return ("scikit-learn >= 1.2",)

    def _instrument(self, **_: object) -> None:
        try:
            self._models = Models(describe)
            wrappings = self._wrappings = Wrappings()
            for part, imported in (
                ("base", self._base_imported),
                ("utils.parallel", self._parallel_imported),
                ("metrics._scorer", self._scorers_imported),
            ):
                wrapt.register_post_import_hook(_hook(wrappings, imported), f"sklearn.{part}")
        except Exception as error:  # noqa: BLE001 - would stop all other instrumentors
            guard.background_fault(CONFIGURATION, error)

    def _uninstrument(self, **_: object) -> None:
        self._wrappings.undo()

    def _base_imported(self, wrappings: Wrappings, module: Any) -> None:  # noqa: ANN401 - a module
        wrappings.attempt(prepare)  # or the first prediction would pay for it
        wrappers: dict[str, Callable[..., Any]] = {name: self._recording(name) for name in RECORDED}
        wrappers |= dict.fromkeys(FITTING, self._fitting) | dict.fromkeys(QUIET, quietly)
        wrappers |= dict.fromkeys(STAGED, quietly_each)

        def found(estimator: type) -> None:
            for owner in estimator.__mro__[:-1]:
                for name in wrappers.keys() & owner.__dict__.keys():
                    wrappings.method(owner, name, wrappers[name])

        wrappings.subclasses(module.BaseEstimator, found)

    def _parallel_imported(self, wrappings: Wrappings, module: Any) -> None:  # noqa: ANN401
        # What scikit-learn runs in threads of its own belongs to the call that started them.
        wrappings.method(module._FuncWrapper, "__call__", quietly)  # noqa: SLF001

    def _scorers_imported(self, wrappings: Wrappings, module: Any) -> None:  # noqa: ANN401
        for scorer in filter(None, (getattr(module, name, None) for name in SCORERS)):
            wrappings.method(scorer, "__call__", quietly)

    def _fitting(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return quietly(wrapped, instance, args, kwargs)
        finally:
            if not is_inside():
                self._models.forget(instance)

    def _recording(self, name: str) -> Callable[..., Any]:
        def record(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
            if is_inside():
                return wrapped(*args, **kwargs)
            try:
                monitor = self._models.monitor(instance)
            except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
                guard.fault(CONFIGURATION, error)
                return quietly(wrapped, instance, args, kwargs)
            return recorded(
                lambda: wrapped(*args, **kwargs),
                lambda answer: read_answer(instance, name, answer),
                monitor=monitor,
                model=instance,
                operation=name,
                system="scikit-learn",
                features=args[0] if args else kwargs.get("X"),
            )

        return record


def _hook(wrappings: Wrappings, imported: Callable[[Wrappings, Any], None]) -> Callable[[Any], None]:
    return lambda module: wrappings.attempt(lambda: imported(wrappings, module))
