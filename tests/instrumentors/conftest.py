"""Every test meets scikit-learn instrumented, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph import this_process
from barograph.guard import guard
from barograph.instrumentors.sklearn import SklearnInstrumentor
from barograph.testing import CaptureSink
from barograph.worker import WORKER

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    # What a test predicts outside `capture` must not reach the exporters of the environment.
    before = this_process.swap_sink(CaptureSink())
    guard.reset()
    guard.strict(on=True)
    SklearnInstrumentor().instrument()
    yield
    SklearnInstrumentor().uninstrument()
    WORKER.shutdown(5.0)
    this_process.swap_sink(before)
    guard.reset()
