"""How the public interface looks to a type checker: mypy reads this file, nothing runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import assert_type

import barograph
from barograph import Monitor
from barograph.baseline import Baseline, read_baseline

if TYPE_CHECKING:
    from collections.abc import Callable

known: Baseline = read_baseline("credit-3.baseline")
monitor = Monitor(
    "credit", 3, baseline=known, columns={"id": "application_id", "segment": ["region", "channel"]}
)

monitor.record({"age": 41}, "granted", scores=0.9, ids="a-17", times="2026-10-01T12:00:00Z")
monitor.record(np.ones((2, 3)), ["granted", "denied"], ids=["a-17", "a-18"], segments={"region": "north"})
monitor.record([1.0], 2, threshold=0.5)  # type: ignore[call-arg]
Monitor("credit", outcomes="sometimes")  # type: ignore[arg-type]

with monitor.predict(np.ones((1, 3)), ids=["a-17"]) as call:
    call.outputs("granted")


@monitor.watch
def decide(age: int, *, income: float = 0.0) -> str:
    """A decorated function keeps its parameters and its answer."""
    return "granted" if income > age else "denied"


@monitor.watch(ids="application", returns="scores")
async def score(features: list[float], application: str) -> float:
    """So does a coroutine."""
    await asyncio.sleep(0)
    return features[0] if application else 0.0


assert_type(decide(41, income=2_700.0), str)
decide("41")  # type: ignore[arg-type]
decorator: Callable[[Callable[[int], int]], Callable[[int], int]] = monitor.watch(operation="score")
assert_type(monitor.flush(), bool)
assert_type(barograph.flush(1.0), bool)
assert_type(barograph.drain(), bool)
assert_type(barograph.shutdown(), bool)
