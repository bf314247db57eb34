"""The graph opens exporters, engine, receivers, and closes them the other way round."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest

from barograph.errors import ConfigError
from barograph_processor.components.api import Factory
from barograph_processor.components.graph import open_graph
from barograph_processor.components.registry import Entry, Registry
from barograph_processor.config.model import Config
from barograph_processor.engine.batch import Fed
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.components.api import Context, Intake, Position
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.engine.batch import Batch
    from barograph_processor.engine.results import ClosedWindow, CurrentReading


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    broken: bool = False


class Part:
    """A component that does nothing, and an engine."""

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        del batches
        return Fed(0, {})

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        del owner
        return {}

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        pass

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        pass


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened and closed; the components are importable as `parts`."""
    seen: list[str] = []

    @contextmanager
    def part(settings: Settings, context: Context) -> Iterator[Part]:
        if settings.broken:
            raise OSError(13, "Permission denied")
        seen.append(f"open {context.component_id} {'with' if context.intake else 'without'} intake")
        try:
            yield Part()
        finally:
            seen.append(f"close {context.component_id}")

    factory = Factory("exporter", "part", Settings, part, "stable", "Does nothing.")
    monkeypatch.setitem(sys.modules, "parts", SimpleNamespace(FACTORY=factory))
    return seen


REGISTRY = Registry([Entry("exporter", "part", "parts:FACTORY"), Entry("receiver", "part", "parts:FACTORY")])


def run(events: list[str], config: Config) -> None:
    @contextmanager
    def start(deliveries: Sequence[Delivery]) -> Iterator[Intake]:
        events.append(f"start with {len(deliveries)}")
        try:
            yield Part()
        finally:
            events.append("stop")

    with open_graph(config, registry=REGISTRY, telemetry=Telemetry(), start=start) as graph:
        events.append("running")
        assert ["part", "part/two"] == list(graph.exporters)


def test_components_are_opened_along_the_flow_of_results_and_closed_against_it(events: list[str]) -> None:
    run(
        events, Config(exporters={"part": Settings(), "part/two": Settings()}, receivers={"part": Settings()})
    )
    assert [
        "open exporter/part without intake",
        "open exporter/part/two without intake",
        "start with 2",
        "open receiver/part with intake",
        "running",
        "close receiver/part",
        "stop",
        "close exporter/part/two",
        "close exporter/part",
    ] == events


def test_a_component_that_can_not_be_opened_is_named_and_the_others_are_closed(events: list[str]) -> None:
    config = Config(exporters={"part": Settings()}, receivers={"part": Settings(broken=True)})
    with pytest.raises(ConfigError, match=r"^\$\.receivers\.part: Permission denied$"):
        run(events, config)
    assert ["open exporter/part without intake", "start with 1", "stop", "close exporter/part"] == events
