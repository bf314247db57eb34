"""Strict mode: what the instrumentation would swallow in production fails the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.guard import guard
from barograph.worker import WORKER

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    before = guard.is_strict
    guard.reset()
    guard.strict(on=True)
    yield
    guard.strict(on=False)
    WORKER.shutdown(5.0)
    guard.strict(on=before)
    guard.reset()


@pytest.fixture
def lenient(strict: None) -> None:
    """Production's behaviour: faults are counted."""
    guard.strict(on=False)
