"""What looks after files looks again until it is told to stop, whatever happens while it looks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from barograph.errors import Retryable
from barograph_processor.receivers.files import polling
from barograph_processor.receivers.files.polling import Polling

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 60


class Heap:
    """Pieces that are taken one at a time; what is in the way of the first ones is raised."""

    def __init__(self, pieces: int, obstacles: list[Exception] | None = None) -> None:
        self.left = pieces
        self.obstacles = obstacles or []
        self.first = threading.Event()
        self.go_on = threading.Event()
        self.asked: list[bool] = []

    def take(self, stopping: bool) -> bool:
        self.asked.append(stopping)
        if self.obstacles:
            raise self.obstacles.pop(0)
        self.left = max(self.left - 1, 0)
        self.first.set()
        assert self.go_on.wait(WAIT_S)
        return self.left > 0


def stopped_while_taking(heap: Heap, *, finishes: bool, interval_s: float = 3_600.0) -> None:
    """Ask for the end while the first piece is taken."""
    here = Polling(heap.take, name="receiver/test", interval_s=interval_s, finishes=finishes)
    here.start()
    assert heap.first.wait(WAIT_S)
    closing = threading.Thread(target=here.close)
    closing.start()
    assert here._stop.wait(WAIT_S)
    heap.go_on.set()
    closing.join(WAIT_S)
    assert not closing.is_alive()


def test_the_end_waits_for_the_piece_at_hand_alone() -> None:
    heap = Heap(5)
    stopped_while_taking(heap, finishes=False)
    assert 4 == heap.left


@pytest.mark.parametrize("interval_s", [0.0, 3_600.0])
def test_where_it_finishes_everything_that_is_there_is_taken_first(interval_s: float) -> None:
    heap = Heap(5)
    stopped_while_taking(heap, finishes=True, interval_s=interval_s)
    assert 0 == heap.left
    assert [False, True, True, True, True] == heap.asked


@pytest.mark.parametrize("error", [lambda: Retryable("full"), lambda: OSError("gone")])
def test_what_fails_is_tried_again(
    error: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(polling, "_PAUSE_S", 0.001)
    heap = Heap(1, [error(), error()])
    with caplog.at_level("CRITICAL"):
        stopped_while_taking(heap, finishes=False)
    assert [False, False, False] == heap.asked
