"""An edge without threads or sockets, and the processor that it passes everything on to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from barograph_processor.engine.relay import Relay
from barograph_processor.engine.settings import DAY_NS, MINUTE_NS, Horizon, Window
from barograph_processor.patterns.forward_beginning import beginning
from barograph_processor.patterns.forwarder import Forwarder
from barograph_processor.telemetry import Telemetry
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from engine.world import NOON, SETTINGS, engine_of, predictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from barograph_processor.clock import Clock
    from barograph_processor.engine.batch import Batch
    from barograph_processor.patterns.forward_beginning import Beginning
    from barograph_processor.patterns.forward_journal import Log
    from barograph_processor.patterns.outbox import Outbox, Parcel
    from barograph_processor.stores.files import Files

FOLDER = Path("/barograph-that-is-not-there/forward")
LAW = replace(
    SETTINGS,
    windows=(Window("1d", DAY_NS),),
    horizons=(Horizon("all", 9 * DAY_NS),),
    ttl_ns=20 * DAY_NS,
)


class Owner:
    """Makes windows of what edges pass on."""

    def __init__(self, clock: Clock) -> None:
        self.engine = engine_of(LAW)
        self.clock = clock
        self.got: list[Parcel] = []

    def take(self, parcel: Parcel) -> None:
        """Take a request."""
        decode = decode_metrics if parcel.signal == "metrics" else decode_logs
        decoded = decode(parcel.data, DecodeContext())
        assert not decoded.rejected
        assert not decoded.rows_rejected
        self.engine.feed(decoded.batches, self.clock.now_ns())
        self.got.append(parcel)


class Tray:
    """Requests that are sent when a test says so."""

    def __init__(self, log: Log, parcels: Iterable[Parcel]) -> None:
        self.log = log
        self.waiting = list(parcels)
        self.pressed = False
        self.trouble = ""

    @property
    def size_bytes(self) -> int:
        """Of all that waits."""
        return sum(len(parcel.data) for parcel in self.waiting)

    def put(self, parcels: Iterable[Parcel]) -> None:
        """Add some."""
        self.waiting += parcels

    def unsent(self) -> list[Parcel]:
        """Those that wait."""
        return list(self.waiting)

    def flush(self, timeout_s: float) -> bool:
        """Nothing is sent by itself."""
        del timeout_s
        return not self.waiting

    def send(self, owner: Owner, most: int = 1_000_000) -> None:
        """Send the first of them."""
        for _ in range(min(most, len(self.waiting))):
            parcel = self.waiting[0]
            owner.take(parcel)
            del self.waiting[0]
            if not self.waiting or self.waiting[0].entry != parcel.entry:
                self.log.sent(parcel.entry)


def rows(*numbers: int, lone: bool = False) -> Batch:
    """Predictions with features."""
    return predictions(
        [(None if lone else f"id-{one}", NOON + one * MINUTE_NS, one % 10 / 10) for one in numbers],
        features=[{"age": 1.5 * one} for one in numbers],
    )


class Edge(NamedTuple):
    """One life of an edge."""

    forwarder: Forwarder
    tray: Tray
    begun: Beginning
    telemetry: Telemetry


def _seed(name: str) -> int:
    """Another one in each life."""
    return int.from_bytes(name.encode()[-8:], "little")


@contextmanager
def edge(
    files: Files, clock: Clock, name: str, *, folder: Path | None = FOLDER, always: bool = True
) -> Iterator[Edge]:
    """An edge that begins with what an earlier one left in these files."""
    relay = Relay(LAW, edge=name, remember=10_000, seed=_seed(name))
    telemetry = Telemetry(clock.now_ns())
    with beginning(relay, folder, files, clock, always=always) as begun:
        tray = Tray(begun.log, begun.parcels)
        forwarder = Forwarder(
            relay,
            begun.log,
            cast("Outbox", tray),
            telemetry,
            clock,
            interval_s=1.0,
            positions=begun.positions,
        )
        yield Edge(forwarder, tray, begun, telemetry)


def counted(telemetry: Telemetry, name: str) -> dict[tuple[str, ...], float]:
    """Counters by the values of their attributes."""
    return {
        tuple(value for _, value in sample.attributes): sample.value
        for sample in telemetry.snapshot()
        if sample.name == name
    }
