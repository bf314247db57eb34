"""How joined rows are measured: by the baseline's task, the configured one, or what the rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barograph_processor.signals import performance
from barograph_processor.signals.performance_names import alike
from barograph_processor.signals.performance_task import infer_task

if TYPE_CHECKING:
    from barograph_processor.engine.key_state import KeyState
    from barograph_processor.engine.matches import Measure
    from barograph_processor.engine.observing import Observers
    from barograph_processor.engine.settings import Settings
    from barograph_processor.signals.api import Joined, State, StreamId


def measure_for(state: KeyState, settings: Settings, observers: Observers) -> Measure:
    """The function from joined rows of a key to the states made of them and the number of unusable rows."""
    reference = state.reference.current
    output = None if reference is None else reference.output
    positive = None if output is None else output.positive
    known = settings.tasks.get(state.key.model) if output is None else output.task

    def measure(joined: Joined) -> tuple[dict[StreamId, State], int]:
        joined = alike(joined)
        task = known or infer_task(joined)
        if task is None:
            return observers.of_joined(joined), len(joined.delay_s)
        measured = performance.measure(joined, task=task, positive=positive)
        return {**measured.states, **observers.of_joined(joined)}, measured.unusable

    return measure
