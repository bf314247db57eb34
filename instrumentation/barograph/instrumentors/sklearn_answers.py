"""What scikit-learn's estimators tell of themselves, and how their answers are read."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_ROWS_BY_CLASSES = 2


def describe(estimator: Any) -> dict[str, Any]:  # noqa: ANN401 - any estimator
    """Classes and task, as far as a fitted estimator tells them: arguments of `Monitor`."""
    if sys.modules["sklearn.base"].is_regressor(estimator):
        return {"task": "regression"}
    classes: Any = getattr(estimator, "classes_", None)
    if getattr(classes, "ndim", 0) != 1:
        return {}
    plain = classes.tolist()
    return {"classes": plain, "task": "binary" if len(plain) == len(("no", "yes")) else "multiclass"}


def read_answer(estimator: Any, operation: str, answer: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Prediction and scores, as `Monitor.record` takes them.

    Args:
        estimator: Who answered.
        operation: Name of the method.
        answer: What it returned.
    """
    has_several = isinstance(getattr(estimator, "classes_", None), list)
    if operation == "predict":
        # With return_std and the like, the prediction comes first.
        prediction = answer[0] if isinstance(answer, tuple) else answer
        return (_whole(prediction) if has_several else prediction), None
    if has_several or getattr(answer, "ndim", 0) != _ROWS_BY_CLASSES:
        return None, None  # probabilities of several outputs: which is which has no name
    return None, np.exp(answer) if operation == "predict_log_proba" else answer


def _whole(prediction: Any) -> Any:  # noqa: ANN401
    """Classes that a chain gives as floats, as the integers that they are."""
    if getattr(getattr(prediction, "dtype", None), "kind", "") != "f":
        return prediction
    whole = prediction.astype(np.int64)
    return whole if np.array_equal(whole, prediction) else prediction
