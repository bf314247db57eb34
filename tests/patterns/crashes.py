"""A service that is killed at any step that it takes on a file system, and started again."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from barograph_processor.config.model import Config, Storage
from barograph_processor.engine.settings import HOUR_NS
from barograph_processor.patterns.assembly import Assembly
from barograph_processor.patterns.kept import Kept
from barograph_processor.patterns.recovery import read_past
from barograph_processor.stores.memory import MemoryStore
from engine.world import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.components.delivery import Delivery
    from barograph_processor.engine.engine import Engine
    from barograph_processor.engine.results import ClosedWindow
    from barograph_processor.patterns.service import Parts
    from barograph_processor.stores.files import Files

FOLDER = Path("/barograph-that-is-not-there")
CONFIG = Config(storage=Storage(directory=str(FOLDER), durability="disk"))


class StillClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.time_ns = NOON + HOUR_NS

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_s(self) -> float:
        return self.time_ns / 1e9


class Published:
    """What left for an exporter: of one window and revision always the same."""

    component_id = "exporter/test"
    pressed = False

    def __init__(self) -> None:
        self.windows: dict[tuple[object, ...], ClosedWindow] = {}
        self.repeats = 0
        self.kept_back: list[ClosedWindow] = []

    def offer_windows(self, closed: Sequence[ClosedWindow]) -> None:
        for window in closed:
            name = (window.key, window.window, window.start_ns, window.revision)
            self.repeats += name in self.windows
            assert window == self.windows.setdefault(name, window)

    def unsent(self) -> list[ClosedWindow]:
        return self.kept_back


@contextmanager
def alive(files: Files, clock: StillClock, published: Published, config: Config = CONFIG) -> Iterator[Parts]:
    """A process, from its start to its end or death; without signals, which only take time here."""
    kept = Kept(FOLDER)
    past = read_past(kept, files)
    assembly = Assembly(config, kept, past, {"": MemoryStore()}, [], [], clock, files)
    with assembly.parts([cast("Delivery", published)]) as parts:
        yield parts


def engine_of(parts: Parts) -> Engine:
    """The one engine of a service."""
    return cast("Engine", parts.machine.engines.all[""])


def with_storage(**settings: object) -> Config:
    """The same configuration with other settings of the storage."""
    storage = {name: getattr(CONFIG.storage, name) for name in Storage.__struct_fields__}
    return Config(storage=Storage(**{**storage, **settings}))
