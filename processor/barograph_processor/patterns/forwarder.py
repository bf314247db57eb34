"""An edge: takes what receivers bring, counts rows, and passes everything on.

What was taken is acknowledged once it is noted (`forward_journal`), passed on at intervals, and kept until
the target has taken it. While that is away requests queue; when half of the queue is full, nothing more
is taken, so that senders keep their data.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from barograph.errors import Retryable
from barograph.semconv import processor
from barograph_processor.patterns.forward_journal import Flushed
from barograph_processor.patterns.outbox import Parcel
from barograph_processor.patterns.parcels import Request, requests_of
from barograph_processor.patterns.readiness import Readiness, named
from barograph_processor.patterns.self_samples import dropped_samples, process_samples
from barograph_processor.telemetry import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from barograph_processor.clock import Clock
    from barograph_processor.components.api import Position
    from barograph_processor.components.delivery import Delivery
    from barograph_processor.engine.batch import Batch, Fed
    from barograph_processor.engine.relay import Relay
    from barograph_processor.patterns.forward_journal import Log, Positions
    from barograph_processor.patterns.outbox import Outbox
    from barograph_processor.telemetry import Telemetry

FLUSH_BYTES: Final = 8 * 2**20  # of rows and counts; then they are passed on before their time
MOST_BYTES: Final = 32 * 2**20  # then who brings more passes them on
LEAVING_S: Final = 5.0
LOOK_S: Final = 1.0  # how soon who watches learns that telemetry is taken, or isn't

_log = logging.getLogger(__name__)


class Forwarder:
    """Intake of the receivers and control of the operators, around a relay."""

    def __init__(  # noqa: PLR0913  # its parts
        self,
        relay: Relay,
        log: Log,
        outbox: Outbox,
        telemetry: Telemetry,
        clock: Clock,
        *,
        interval_s: float,
        positions: Positions | None = None,
    ) -> None:
        """Begin; nothing is passed on before `running` or `pass_on`.

        Args:
            relay: Counts rows.
            log: Where what is taken is noted.
            outbox: Where requests wait.
            telemetry: The processor's own counters.
            clock: Tells the time.
            interval_s: How often everything is passed on.
            positions: By receiver, how far it had come.
        """
        self._relay = relay
        self._journal = log
        self._outbox = outbox
        self._clock = clock
        self._interval_s = interval_s
        self._positions: Positions = positions or {}
        self._moved = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._uncounted: set[int] = set()
        self._begun = 0
        self._unnoted: list[Request] = []
        self._failure = self._refused = ""
        self._readiness = Readiness()
        self._began_s = clock.monotonic_s()
        self.accepted = 0
        self._telemetry = telemetry
        telemetry.watch(self._samples)

    @property
    def waiting_bytes(self) -> int:
        """Requests that are not passed on yet."""
        return self._outbox.size_bytes

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        """Take batches from a receiver.

        Raises:
            Retryable: The target is too far behind, or the storage can't take them; nothing was taken.
        """
        if self._outbox.pressed:
            because = self._outbox.trouble or "the endpoint is slow"
            raise Retryable(
                f"{self._outbox.size_bytes:,} bytes wait to be passed on ({because}); try again later"
            )
        number, begun = self._appended(batches, position)
        try:
            self._journal.wait(number)
        except Retryable:
            with self._lock:
                self._uncounted.discard(number)
            raise
        with self._lock:
            self._uncounted.discard(number)
            if begun != self._begun:  # in a journal that is no more
                raise Retryable("the storage failed meanwhile; try again")
            fed = self._relay.feed(batches, self._clock.now_ns())
            if position is not None:
                note(self._positions, position)
                self._moved = True
            self.accepted += fed.accepted
            much = self._relay.waiting_bytes
        if much > MOST_BYTES:
            self.pass_on()
        elif much > FLUSH_BYTES:
            self._wake.set()
        return fed

    def _appended(self, batches: Sequence[Batch], position: Position | None) -> tuple[int, int]:
        """Number of the entry, and of the journal that it is in."""
        with self._lock:
            if self._failure:
                raise Retryable(self._failure)
            try:
                number = self._journal.feed(batches, position)
            except Retryable as error:
                self._refused = str(error)
                raise
            self._refused = ""
            self._uncounted.add(number)
            return number, self._begun

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        """How far a receiver had come when the last run ended, by its names."""
        with self._lock:
            return dict(self._positions.get(owner, {}))

    def pass_on(self) -> None:
        """Queue everything that was taken and not passed on yet.

        What can't be noted waits, and nothing more is taken until it is.
        """
        with self._lock:
            requests = [*self._unnoted, *requests_of(self._relay.take_out())]
            if not (requests or self._moved or self._refused or self._journal.broken):
                return
            try:
                number = self._noted(requests)
            except Retryable as error:
                if not self._failure:
                    _log.error("what is to be passed on can't be noted: %s; it is tried again", error)
                self._unnoted, self._failure = requests, str(error)
                return
            self._unnoted, self._failure, self._refused, self._moved = [], "", "", False
            self._outbox.put(Parcel(*request, number) for request in requests)

    def _noted(self, requests: Sequence[Request]) -> int:
        if not self._journal.broken:
            uncounted = sorted(self._uncounted)
            return self._journal.flush(
                Flushed([*requests], self._positions, uncounted, seed=self._relay.seed)
            )
        unsent = [Request(parcel.signal, parcel.data, parcel.items) for parcel in self._outbox.unsent()]
        number = self._journal.begin(
            Flushed.all_of([*unsent, *requests], self._positions, self._relay.remembered())
        )
        self._begun += 1
        return number

    def drain(self, timeout_s: float) -> Mapping[str, object]:
        """Pass everything on and wait until it is taken; returns a summary.

        Raises:
            TimeoutError: Not everything was taken in time.
            Retryable: The storage failed.
        """
        self.pass_on()
        if self._failure:
            raise Retryable(self._failure)
        if not self._outbox.flush(timeout_s):
            because = self._outbox.trouble or "the endpoint is slow"
            raise TimeoutError(
                f"after {timeout_s:g} s {self._outbox.size_bytes:,} bytes still wait to be passed on "
                f"({because}); drain again to wait longer"
            )
        return self.summary()

    def summary(self) -> dict[str, object]:
        """What was taken and what waits."""
        return {"accepted": self.accepted, "waiting_bytes": self._outbox.size_bytes}

    @staticmethod
    def probe(name: str) -> Mapping[str, object]:
        """An edge passes probes on like everything else; the processor behind it knows."""
        del name
        return {"passed_on": True}

    def health(self) -> Mapping[str, object]:
        """Whether storage and target work; a target that is away is no trouble while there is room."""
        return {"status": self._obstacle() or "ok"}

    def ready(self) -> Mapping[str, object]:
        """Whether telemetry is taken now, and why not."""
        return {"status": self._readiness.why_not() or "ready"}

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Tell now, and within a second of each change, whether telemetry is taken."""
        self._readiness.watch(changed)

    def stopping(self) -> None:
        """Take no more telemetry soon: from now on the edge isn't ready."""
        self._readiness.stopping()

    def _obstacle(self) -> str:
        troubles = [named("storage", self._failure or self._refused)]
        if self._outbox.pressed:
            troubles.append(named("forward", self._outbox.trouble or "the endpoint is slow"))
        return "; ".join(filter(None, troubles))

    @contextmanager
    def running(self, deliveries: Sequence[Delivery] = (), export_s: float = 10.0) -> Iterator[Forwarder]:
        """Pass on at intervals for as long as the context lasts, and once more on leaving.

        Args:
            deliveries: Exporters, which get the processor's own telemetry and no readings.
            export_s: How often.
        """
        thread = threading.Thread(
            target=self._run, args=(deliveries, export_s), name="barograph edge", daemon=True
        )
        self._readiness.started(self._obstacle)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._wake.set()
            thread.join()
            self.pass_on()

    def _run(self, deliveries: Sequence[Delivery], export_s: float) -> None:
        export_at = self._clock.monotonic_s()
        rest_s = self._interval_s
        while not self._stop.is_set():
            self._readiness.tell()
            look_s = min(LOOK_S, rest_s)
            much = self._wake.wait(look_s)
            self._wake.clear()
            rest_s -= look_s
            if rest_s > 0 and not much:
                continue
            rest_s = self._interval_s
            try:
                self.pass_on()
            except Exception:  # noqa: BLE001  # the thread that passes on must live
                self._telemetry.add(processor.BAROGRAPH_ENGINE_FAILURES)
                _log.exception("some of what was taken can't be passed on")
            if self._clock.monotonic_s() >= export_at:
                export_at = self._clock.monotonic_s() + export_s
                for delivery in deliveries:
                    delivery.offer_readings([], self._clock.now_ns())

    def _samples(self) -> Iterator[Sample]:
        yield from process_samples(self._clock.monotonic_s() - self._began_s)
        ready = float(not self._readiness.why_not())
        yield Sample(processor.BAROGRAPH_SERVICE_READY, (), ready, monotonic=False)
        yield from dropped_samples(dict(self._relay.counters))


def note(positions: Positions, position: Position) -> None:
    """Remember how far a receiver has come."""
    names = positions.setdefault(position.owner, {})
    for name, value in position.changes.items():
        if value is None:
            names.pop(name, None)
        else:
            names[name] = value
