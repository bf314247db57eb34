"""A call that stalls holds nobody up, and does not last."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest

from barograph.errors import Retryable
from barograph.semconv import processor
from barograph_processor.config.values import Duration
from barograph_processor.receivers.grpc_calls import Calls

from .otlp_server import LOGS, failing, predictions, running, trailers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .otlp_server import Running


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """Set when the test is over, so that senders that stall go home."""
    event = threading.Event()
    yield event
    event.set()


def stalling(otlp: Running, end: threading.Event) -> grpc.Future:
    """A call whose message never comes."""

    def nothing() -> Iterator[bytes]:
        end.wait(60)
        yield from ()

    call: grpc.Future = otlp.channel.stream_unary(LOGS).future(nothing(), timeout=60)
    return call


def test_senders_that_stall_take_no_workers(end: threading.Event) -> None:
    with running(workers=1, max_receiving=4) as otlp:
        calls = [stalling(otlp, end) for _ in range(3)]
        for number in range(5):
            otlp.logs.Export(predictions(f"a-{number}"), timeout=60)
        assert 5 == len(otlp.engine.batches)
        for call in calls:
            call.cancel()


def test_a_call_whose_message_does_not_come_is_cancelled_and_counted(end: threading.Event) -> None:
    with running(body_timeout=Duration("2s"), max_receiving=1) as otlp:
        error = failing(stalling(otlp, end).result)
        assert grpc.StatusCode.CANCELLED is error.code(), "OTLP clients send it again"
        otlp.logs.Export(predictions("a"), timeout=60)
        assert 1 == otlp.counted(processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS)


def test_a_call_without_a_message_is_refused_for_good() -> None:
    with running() as otlp:
        error = failing(lambda: otlp.channel.stream_unary(LOGS)(iter(()), timeout=60))
        assert (grpc.StatusCode.INVALID_ARGUMENT, "the call has no message") == (
            error.code(),
            error.details(),
        )
        assert 1 == otlp.counted(processor.BAROGRAPH_RECEIVER_FAILED_LOG_RECORDS)


def test_no_more_than_the_workers_are_worked_on_and_what_waits_is_bounded() -> None:
    entered, release = threading.Semaphore(0), threading.Event()
    most, now, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        entered.release()
        assert release.wait(60)
        with lock:
            now -= 1

    request = predictions(*(f"a-{number}" for number in range(100)))
    size = request.ByteSize()
    with running(workers=2, max_buffered_bytes=3 * size) as otlp, ExitStack() as stack:
        stack.callback(release.set)
        otlp.engine.before = work
        calls = [otlp.logs.Export.future(request, timeout=60) for _ in range(6)]
        assert entered.acquire(timeout=60)
        assert entered.acquire(timeout=60)
        refused = next(call for call in _done(calls, 1))
        error = failing(refused.result)
        assert grpc.StatusCode.UNAVAILABLE is error.code()
        assert "google.rpc.retryinfo-bin" in trailers(error)
        release.set()
        answered = [call for call in calls if call is not refused]
        assert 5 == len([call.result(60) for call in answered])
        assert (2, 5) == (most, len(otlp.engine.batches))


def _done(calls: list[grpc.Future], count: int) -> list[grpc.Future]:
    """The first that are done."""
    done: list[grpc.Future] = []
    some = threading.Semaphore(0)

    def note(call: grpc.Future) -> None:
        done.append(call)
        some.release()

    for call in calls:
        call.add_done_callback(note)
    for _ in range(count):
        assert some.acquire(timeout=60)
    return done[:count]


def test_room_is_given_back_whatever_happens() -> None:
    calls = Calls(arrive_within_s=1.0, workers=1, buffered_bytes=10)
    try:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), calls.turn(10**9):
                raise ZeroDivisionError
        with calls.turn(1), pytest.raises(Retryable, match="send this one again later"), calls.turn(11):
            pass
        with calls.turn(1):
            waiting = threading.Thread(daemon=True, target=lambda: _take(calls, 10))
            waiting.start()
        waiting.join(60)
        assert not waiting.is_alive()
        with calls.turn(1):
            again = threading.Thread(daemon=True, target=lambda: _take(calls, 10))
            again.start()
        again.join(60)
        assert not again.is_alive()
    finally:
        calls.close()


def _take(calls: Calls, size: int) -> None:
    with calls.turn(size):
        pass
