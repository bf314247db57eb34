"""Hands results to the exporters' queues: windows when they close, readings again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.machine import Machine

FRESH_S = 1.0


class Publisher:
    """Publishes what a machine closes and shows; calls must not overlap.

    Attributes:
        deliveries: The queue of each exporter.
        closed_windows: Windows that closed since the start.
        revised_windows: Revisions of closed windows since the start.
    """

    def __init__(
        self, machine: Machine, deliveries: Sequence[Delivery], clock: Clock, *, interval_s: float
    ) -> None:
        self.deliveries = deliveries
        self.closed_windows = 0
        self.revised_windows = 0
        self._machine = machine
        self._clock = clock
        self._interval_s = interval_s
        self._next_export_s = 0.0
        self._last_export_s = -FRESH_S
        self._fresh = False

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Queue windows that closed or were revised."""
        if not closed:
            return
        first = sum(window.revision == 0 for window in closed)
        self.closed_windows += first
        self.revised_windows += len(closed) - first
        for delivery in self.deliveries:
            delivery.offer_windows(closed)
        self._fresh = True

    def readings(self, now_ns: int, *, everything: bool = False) -> None:
        """Queue the readings that stand, if it is time: an interval has passed, or windows closed."""
        now_s = self._clock.monotonic_s()
        fresh = self._fresh and now_s >= self._last_export_s + FRESH_S
        if everything or fresh or now_s >= self._next_export_s:
            current = self._machine.current(now_ns)
            for delivery in self.deliveries:
                delivery.offer_readings(current, now_ns)
            self._fresh = False
            self._last_export_s = now_s
            self._next_export_s = now_s + self._interval_s

    def again(self, waiting: Mapping[str, Sequence[ClosedWindow]]) -> None:
        """Queue windows that an earlier run closed and could not send, by exporter."""
        for delivery in self.deliveries:
            delivery.offer_windows(waiting.get(delivery.component_id, ()))

    def leave_to_next_run(self) -> None:
        """What waits was kept."""
        for delivery in self.deliveries:
            delivery.leave_to_next_run()

    def waiting(self) -> dict[str, Sequence[ClosedWindow]]:
        """Windows that are closed and not sent yet, by exporter."""
        return {delivery.component_id: delivery.unsent() for delivery in self.deliveries}
