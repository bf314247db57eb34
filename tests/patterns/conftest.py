"""What several tests of whole processors need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .processing import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A backend that is away until a test says otherwise."""
    made = Upstream()
    yield made
    made.close()
