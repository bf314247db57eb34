"""The one background thread of a process, and when it starts, flushes and ends."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - can't be imported first when the process is ending
import os
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from barograph import recorder as recording
from barograph import routing
from barograph.errors import ConfigError
from barograph.guard import CONFIGURATION, HISTOGRAMS, guard
from barograph.panes import SliceBook
from barograph.points import SourcePoint
from barograph.semconv import attributes, metrics
from barograph.this_process import present_sink

if TYPE_CHECKING:
    from barograph.baseline import Baseline
    from barograph.points import Sink
    from barograph.recorder import Recorder

TICK_S = 0.5
MAX_MODELS = 256
DROPPED_EVERY_S = 10.0
# A dead Collector must not hold up the end of the process.
EXIT_TIMEOUT_S = 5.0


class _Request:
    """A flush that somebody waits for."""

    __slots__ = ("deadline", "done", "is_complete", "is_last")

    def __init__(self, deadline: float, *, is_last: bool) -> None:
        self.deadline = deadline
        self.is_last = is_last
        self.is_complete = False
        self.done = threading.Event()


class Worker:
    """Runs the recorders of all monitors of this process."""

    def __init__(self) -> None:
        self._recorders: list[Recorder] = []
        # Of monitors that are gone; what they hold is still to be sent.
        self._former_sinks: WeakSet[Sink] = WeakSet()
        self._at_exit = False
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._work_lock = threading.RLock()
        self._woken = threading.Event()
        self._requests: list[_Request] = []
        self._thread: threading.Thread | None = None
        self._dropped_since_ns = time.time_ns()
        self._dropped_due = 0.0
        self.is_running = False

    def after_fork(self) -> None:
        """In the child: no thread, no locks, no counts of the parent."""
        self._begin()
        recording.SLICES = SliceBook()
        for one in self._recorders:
            one.reset()

    def add(self, recorder: Recorder) -> None:
        """Look after a recorder.

        Raises:
            ConfigError: There are 256 already.
        """
        with self._lock:
            if len(self._recorders) >= MAX_MODELS:
                raise ConfigError(
                    f"got more than {MAX_MODELS} monitors in one process; make one a model, not one a request"
                )
            self._recorders.append(recorder)

    def baselines(self) -> list[Baseline]:
        """What monitors of this process compare with; an engine beside them needs it too."""
        found = {
            one.settings.baseline.id: one.settings.baseline
            for one in self._recorders
            if one.settings.baseline
        }
        return list(found.values())

    def wake(self) -> None:
        """Have the queue looked at now."""
        if not self._woken.is_set():
            self._woken.set()

    def register_exit(self) -> None:
        """Have what is open flushed when the process ends; what was registered later ends before."""
        if not self._at_exit:
            self._at_exit = True
            atexit.register(self._exit)

    def start(self) -> None:
        """Start the thread, and with the first one the flush at exit."""
        with self._lock:
            if self.is_running:
                return
            # Registered late, so it runs before the providers' own.
            self.register_exit()
            self._thread = threading.Thread(target=self._run, name="barograph", daemon=True)
            self.is_running = True
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is ending
                self.is_running = False
                self._thread = None

    def _run(self) -> None:
        for sink in self._sinks():
            try:
                routing.begin(sink)
            except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, serving must not notice
                guard.background_fault(CONFIGURATION, error)
        while True:
            self._woken.wait(TICK_S)
            self._woken.clear()
            served = False
            while self._requests:
                request = self._requests.pop(0)
                served = True
                self._serve(request)
                if request.is_last:
                    return
            if not served:
                self._work(everything=False)

    def _work(self, *, everything: bool) -> None:
        with self._work_lock:
            for recorder in list(self._recorders):
                try:
                    retired = recorder.retired
                    recorder.drain()
                    recorder.flush(recorder.open_panes() if everything or retired else recorder.due())
                    recorder.flush_outcomes(everything=everything or retired)
                    recorder.flush_timings(everything=everything or retired)
                    if retired:
                        self._former_sinks.add(recorder.sink())
                        self._recorders.remove(recorder)
                except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, serving must not notice
                    guard.background_fault(HISTOGRAMS, error)
            try:
                self._send_dropped(everything=everything)
            except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
                guard.background_fault(CONFIGURATION, error)

    def _send_dropped(self, *, everything: bool) -> None:
        moment = time.monotonic()
        if not (everything or moment >= self._dropped_due) or not guard.counts():
            return
        # A process that only reports ground truth has no recorder.
        sink = self._recorders[0].sink() if self._recorders else present_sink()
        if sink is None:
            return
        self._dropped_due = moment + DROPPED_EVERY_S
        taken = guard.take()
        now = max(time.time_ns(), self._dropped_since_ns + 1)
        start, self._dropped_since_ns = self._dropped_since_ns, now
        points = [
            SourcePoint(
                metrics.ML_TELEMETRY_DROPPED,
                {attributes.ML_TELEMETRY_LANE: lane, attributes.ML_TELEMETRY_REASON: reason},
                start,
                now,
                count,
            )
            for (lane, reason), count in taken.items()
        ]
        try:
            sink.points(points)
        except Exception:
            for (lane, reason), count in taken.items():
                guard.dropped(lane, reason, count)
            raise

    def _serve(self, request: _Request) -> None:
        parts = [part for sink in self._sinks() for part in routing.parts(sink)]
        self._work(everything=True)
        complete = True
        for place, part in enumerate(parts):
            try:
                left_s = max(request.deadline - time.monotonic(), 0.0)
                if request.is_last:
                    part.shutdown(left_s / (len(parts) - place))  # one that hangs leaves time for the others
                    left_s = 0.0
                complete &= part.flush(left_s)
                if place + 1 < len(parts):
                    self._send_dropped(everything=True)  # what a part gave up, by those that are left
            except Exception as error:  # noqa: BLE001, PERF203 - whatever it is, serving must not notice
                guard.background_fault(HISTOGRAMS, error)
                complete = False
        request.is_complete = complete
        request.done.set()

    def _sinks(self) -> list[Sink]:
        sinks = list(self._former_sinks)
        for recorder in self._recorders:
            try:
                sink = recorder.sink()
            except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
                guard.background_fault(HISTOGRAMS, error)
                continue
            if not any(sink is one for one in sinks):
                sinks.append(sink)
        shared = present_sink()
        if shared is not None and not any(shared is one for one in sinks):
            sinks.append(shared)
        return sinks

    def flush(self, timeout_s: float, *, is_last: bool = False) -> bool:
        """Have everything recorded so far counted and sent; whether that was done in time."""
        request = _Request(time.monotonic() + timeout_s, is_last=is_last)
        thread = self._thread
        if not self.is_running or thread is None or not thread.is_alive():
            if not self._recorders and present_sink() is None:
                return True
            self._serve(request)
        else:
            self._requests.append(request)
            self._woken.set()
            request.done.wait(timeout_s)
        if is_last:
            self.is_running = False
        guard.raise_pending()
        return request.is_complete

    def drain(self, timeout_s: float) -> bool:
        """Flush, then have the sinks close what they hold open; whether that was done in time."""
        deadline = time.monotonic() + timeout_s
        complete = self.flush(timeout_s)
        for sink in self._sinks():
            complete &= routing.drain(sink, max(deadline - time.monotonic(), 0.0))
        guard.raise_pending()
        return complete

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, end the thread and the sinks; later records are dropped and counted."""
        for recorder in self._recorders:
            recorder.closed = True
        complete = self.flush(timeout_s, is_last=True)
        for recorder in self._recorders:
            recorder.give_up()
        self._recorders = []
        return complete

    def _exit(self) -> None:
        try:
            if not self.shutdown(EXIT_TIMEOUT_S):
                guard.warn(HISTOGRAMS, "exit", "not everything was sent in time when the process ended")
        except Exception as error:  # noqa: BLE001 - whatever it is, serving must not notice
            guard.warn(HISTOGRAMS, "exit", f"barograph could not flush at exit: {error}")


WORKER = Worker()
os.register_at_fork(after_in_child=WORKER.after_fork)
