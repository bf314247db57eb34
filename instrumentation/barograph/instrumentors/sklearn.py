"""scikit-learn, and every library whose estimators derive from its `BaseEstimator`.

`predict` and `predict_proba` are recorded at the outermost call: what a pipeline, a meta-estimator
or a search asks of the estimators inside is not. Nothing is recorded inside `fit`, scoring and
cross-validation. `decision_function` is not recorded: margins are no probabilities.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # as mypy reads its ABC

from barograph.guard import CONFIGURATION, guard
from barograph.instrumentors.models import Models
from barograph.instrumentors.outermost import is_inside, quietly, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

logger = logging.getLogger("barograph")

RECORDED = {"predict": False, "predict_proba": True}
QUIET = ("fit", "fit_predict", "fit_transform", "partial_fit", "score", "transform")


def _describe(estimator: Any) -> dict[str, Any]:  # noqa: ANN401 - any estimator
    """Classes and task, as far as a fitted estimator tells them."""
    base = sys.modules["sklearn.base"]
    if base.is_regressor(estimator):
        return {"task": "regression"}
    classes: Any = getattr(estimator, "classes_", None)
    if getattr(classes, "ndim", 0) != 1:
        return {}
    plain = classes.tolist()
    return {"classes": plain, "task": "binary" if len(plain) == len(("no", "yes")) else "multiclass"}


class SklearnInstrumentor(BaseInstrumentor):  # type: ignore[misc] # the base class has no types
    """Records what scikit-learn's estimators predict, with no change to the program."""

    _models: Models
    _undo: list[Callable[[], None]]
    _seen: set[tuple[type, str]]

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions that are known to work."""
        return ("scikit-learn >= 1.2",)

    def _instrument(self, **_: object) -> None:
        self._models = Models(_describe)
        self._undo = []
        self._seen = set()
        self._is_on = True
        try:
            wrapt.register_post_import_hook(self._base_imported, "sklearn.base")
            wrapt.register_post_import_hook(self._parallel_imported, "sklearn.utils.parallel")
            wrapt.register_post_import_hook(self._scorers_imported, "sklearn.metrics._scorer")
            where = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "the exporters' default endpoint")
            logger.info("barograph records scikit-learn's predictions; telemetry goes to %s", where)
        except Exception as error:  # noqa: BLE001 - would stop all other instrumentors
            guard.drop(CONFIGURATION, "sklearn", f"scikit-learn is not instrumented: {error}")

    def _uninstrument(self, **_: object) -> None:
        self._is_on = False
        for undo in reversed(self._undo):
            undo()
        self._undo, self._seen = [], set()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            if self._is_on:
                work()
        except Exception as error:  # noqa: BLE001 - an import must not fail because of us
            guard.drop(CONFIGURATION, "sklearn", f"scikit-learn is instrumented in part only: {error}")

    def _base_imported(self, module: Any) -> None:  # noqa: ANN401 - a module
        self._guarded(lambda: self._watch_classes(module.BaseEstimator))

    def _parallel_imported(self, module: Any) -> None:  # noqa: ANN401
        # What scikit-learn runs in threads of its own belongs to the call that started them.
        self._guarded(lambda: self._wrap(module._FuncWrapper, "__call__", quietly))  # noqa: SLF001

    def _scorers_imported(self, module: Any) -> None:  # noqa: ANN401
        for name in ("_BaseScorer", "_MultimetricScorer", "_PassthroughScorer"):
            if hasattr(module, name):
                self._guarded(lambda name=name: self._wrap(getattr(module, name), "__call__", quietly))  # type: ignore[misc]

    def _watch_classes(self, base: type) -> None:
        for estimator in _family(base):
            self._watch(estimator)
        original = base.__dict__.get("__init_subclass__")

        def __init_subclass__(cls: Any, /, **arguments: object) -> None:  # noqa: ANN401, N807
            if original is not None:
                original.__get__(None, cls)(**arguments)
            else:
                inherited: Any = super(base, cls)
                inherited.__init_subclass__(**arguments)
            self._guarded(lambda: self._watch(cls))

        setattr(base, "__init_subclass__", classmethod(__init_subclass__))  # noqa: B010
        self._undo.append(lambda: _restore(base, "__init_subclass__", original))

    def _watch(self, estimator: type) -> None:
        for owner in estimator.__mro__[:-1]:
            for name in (*RECORDED, *QUIET):
                if name in owner.__dict__:
                    self._wrap(owner, name, self._recording if name in RECORDED else quietly)

    def _wrap(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        if (owner, name) in self._seen:
            return
        self._seen.add((owner, name))
        original = owner.__dict__[name]
        setattr(owner, name, wrapt.FunctionWrapper(original, wrapper))
        self._undo.append(lambda: _restore(owner, name, original))

    def _recording(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        if is_inside():
            return wrapped(*args, **kwargs)
        try:
            monitor = self._models.monitor(instance)
            features = args[0] if args else kwargs.get("X")
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.fault(CONFIGURATION, error)
            return wrapped(*args, **kwargs)
        name = wrapped.__name__
        return recorded(
            monitor, name, "scikit-learn", features, lambda: wrapped(*args, **kwargs), scores=RECORDED[name]
        )


def _family(base: type) -> Iterator[type]:
    yield base
    children: list[type] = base.__subclasses__()
    for child in children:
        yield from _family(child)


def _restore(owner: type, name: str, original: object) -> None:
    if original is None:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
