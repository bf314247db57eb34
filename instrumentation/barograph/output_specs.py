"""The outputs of one model: a single one, or several by name; and what a batch answers for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from barograph.guard import HISTOGRAMS, guard
from barograph.outputs import OutputSpec

if TYPE_CHECKING:
    from barograph.baseline import Baseline
    from barograph.batches import Batch
    from barograph.columns import RawColumn
    from barograph.outputs import Answer

MAX_OUTPUTS = 20


class OutputSpecs:
    """Reads answers; learns outputs by their names as they come.

    Args:
        main: Name of the output that the monitor is for.
        spec: What is known of it.
        baseline: Knows the others, where there is one.

    Attributes:
        specs: What is known of every output seen so far, by name.
    """

    def __init__(self, main: str, spec: OutputSpec, baseline: Baseline | None) -> None:
        self._main = main
        self._baseline = baseline
        self.specs: dict[str, OutputSpec] = {main: spec}

    def answers(self, batch: Batch) -> dict[str, Answer | None]:
        """The answers by output; None where the call gave none that can be read."""
        main = self._main
        prediction, scores = batch.prediction, batch.scores
        if isinstance(prediction, np.ndarray) and prediction.ndim == 2:  # noqa: PLR2004 - two dimensions
            prediction = dict(zip(self._output_names(prediction.shape[1]), prediction.T, strict=True))
        elif isinstance(prediction, list) and prediction and isinstance(prediction[0], tuple):
            listed: list[tuple[object, ...]] = prediction
            names = self._output_names(len(listed[0]))
            prediction = {name: [row[place] for row in listed] for place, name in enumerate(names)}
        by_output: dict[str, RawColumn] = {}
        if isinstance(scores, dict):
            outputs = set(prediction) if isinstance(prediction, dict) else set(self._baseline_outputs())
            if scores and set(scores) <= outputs:
                by_output, scores = scores, None
        if isinstance(prediction, dict) or by_output:
            named = dict.fromkeys([*(prediction if isinstance(prediction, dict) else ()), *by_output])
            answers: dict[str, Answer | None] = {main: None}
            for name in named:
                one = prediction.get(name) if isinstance(prediction, dict) else None
                spec = self._spec(name)
                if spec is not None:
                    answers[name] = spec.answer(one, by_output.get(name), batch.rows)
            return answers
        if prediction is None and scores is None:
            return {main: None}
        spec = self.specs[main]
        return {main: spec.answer(prediction, scores, batch.rows)}

    def _baseline_outputs(self) -> list[str]:
        baseline = self._baseline
        return [one.name for one in baseline.header.outputs] if baseline is not None else []

    def _output_names(self, count: int) -> list[str]:
        known = self._baseline_outputs()
        return known if len(known) == count else [str(place) for place in range(count)]

    def _spec(self, output: str) -> OutputSpec | None:
        spec = self.specs.get(output)
        if spec is None:
            if len(self.specs) > MAX_OUTPUTS:
                guard.drop(
                    HISTOGRAMS, "too_many_outputs", f"outputs beyond {MAX_OUTPUTS} a model are not counted", 1
                )
                return None
            baseline = self._baseline
            known = (
                next((one for one in baseline.header.outputs if one.name == output), None)
                if baseline
                else None
            )
            spec = self.specs[output] = OutputSpec(known)
        return spec
