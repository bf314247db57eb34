"""The service's process looks for circular garbage seldom."""

from __future__ import annotations

import gc

from barograph_processor.patterns.collecting import collecting_rarely


def test_within_the_service_the_collector_looks_seldom_and_not_at_what_was_there_before() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with collecting_rarely():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_threshold()[1:] == before[1:]
        assert gc.get_freeze_count() > frozen
        circle: list[object] = []
        circle.append(circle)
        del circle
        assert 1 <= gc.collect()
    assert before == gc.get_threshold()
    assert 0 == gc.get_freeze_count()
