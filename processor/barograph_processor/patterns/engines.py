"""Several engines behind one face: models whose windows or labels differ have an engine of their own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.batch import Fed, Points, Truths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.config.model import Config
    from barograph_processor.engine.batch import Batch, Point
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.engine.settings import Settings
    from barograph_processor.engine.stats import EngineStats

EVERY_OTHER = ""


class Engine(Protocol):
    """What a caller needs of `engine.engine.Engine`."""

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        """Items by lane and reason that were not taken as they came."""

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        """Take batches."""

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        """Close what is due."""

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        """Close everything."""

    def new_baselines(self) -> list[Baseline]:
        """Baselines learned since the last call."""

    def add_baseline(self, baseline: Baseline) -> None:
        """Compare keys that are first seen from now on with one more baseline."""

    def wake(self, now_ns: int) -> None:
        """A stop lies behind: the silence of sources counts from now."""

    def stats(self, now_ns: int) -> EngineStats:
        """Figures about the engine itself."""

    def moment(self) -> Callable[[], bytes]:
        """Everything that a restart needs, as it is now; the bytes may be made later."""


class Group(NamedTuple):
    """Models that share an engine.

    Attributes:
        name: `EVERY_OTHER`, or the models' names with commas.
        models: The models; empty for every other.
        settings: What the engine is told.
    """

    name: str
    models: tuple[str, ...]
    settings: Settings


def groups_of(config: Config) -> list[Group]:
    """The groups of a configuration, that of every unnamed model first."""
    rest = settings_for(config, None)
    own: list[tuple[Settings, list[str]]] = []
    for model in sorted(config.models):
        settings = settings_for(config, model)
        if settings == rest:
            continue
        for known, models in own:
            if known == settings:
                models.append(model)
                break
        else:
            own.append((settings, [model]))
    groups = [Group(EVERY_OTHER, (), rest)]
    return groups + [Group(",".join(models), tuple(models), settings) for settings, models in own]


class Engines:
    """Sends each batch to the engine of its model, and gathers what they give.

    Attributes:
        all: Group name to engine.
    """

    def __init__(self, engines: Iterable[tuple[Group, Engine]]) -> None:
        self.all: dict[str, Engine] = {}
        self._by_model: dict[str, str] = {}
        for group, engine in engines:
            self.all[group.name] = engine
            self._by_model.update(dict.fromkeys(group.models, group.name))

    def feed(self, batches: Sequence[Batch], now_ns: int) -> Fed:
        """Take batches."""
        accepted = 0
        dropped: Counter[str] = Counter()
        for name, part in self._split(batches).items():
            fed = self.all[name].feed(part, now_ns)
            accepted += fed.accepted
            dropped.update(fed.dropped)
        return Fed(accepted, dropped)

    def advance(self, now_ns: int) -> list[ClosedWindow]:
        """Close what is due."""
        return [window for engine in self.all.values() for window in engine.advance(now_ns)]

    def drain(self, now_ns: int) -> list[ClosedWindow]:
        """Close everything."""
        return [window for engine in self.all.values() for window in engine.drain(now_ns)]

    def new_baselines(self) -> list[Baseline]:
        """Baselines learned since the last call."""
        return [baseline for engine in self.all.values() for baseline in engine.new_baselines()]

    def add_baseline(self, baseline: Baseline) -> None:
        """Give one more baseline to the engine of its model."""
        self.all[self._by_model.get(baseline.header.model, EVERY_OTHER)].add_baseline(baseline)

    def wake(self, now_ns: int) -> None:
        """A stop lies behind: the silence of sources counts from now."""
        for engine in self.all.values():
            engine.wake(now_ns)

    def stats(self, now_ns: int) -> list[EngineStats]:
        """Figures about each engine."""
        return [engine.stats(now_ns) for engine in self.all.values()]

    def moment(self) -> dict[str, Callable[[], bytes]]:
        """Everything that a restart needs, as it is now, by group; the bytes may be made later."""
        return {name: engine.moment() for name, engine in self.all.items()}

    def counters(self) -> Counter[tuple[str, str]]:
        """Items by lane and reason that were not taken as they came."""
        total: Counter[tuple[str, str]] = Counter()
        for engine in self.all.values():
            total.update(engine.counters)
        return total

    def _split(self, batches: Sequence[Batch]) -> Mapping[str, list[Batch]]:
        if not self._by_model:
            return {EVERY_OTHER: list(batches)}
        parts: dict[str, list[Batch]] = {}
        for batch in batches:
            for name, part in self._parts(batch):
                parts.setdefault(name, []).append(part)
        return parts

    def _parts(self, batch: Batch) -> Iterator[tuple[str, Batch]]:
        if isinstance(batch, Points):
            points: dict[str, list[Point]] = {}
            for point in batch.points:
                points.setdefault(self._by_model.get(point.key.model, EVERY_OTHER), []).append(point)
            for name, part in points.items():
                yield name, Points(part)
        else:
            model = batch.model if isinstance(batch, Truths) else batch.key.model
            yield self._by_model.get(model, EVERY_OTHER), batch
