"""What a page's examples send, nobody receives: they are heard instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_is_sent() -> Iterator[None]:
    with capture():
        yield
