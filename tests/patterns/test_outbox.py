"""Requests that wait to be passed on: in what order they go, and what becomes of those that don't."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from barograph.errors import Permanent
from barograph.semconv import metrics, processor
from barograph_processor.components.delivery import RetryLater
from barograph_processor.patterns.outbox import Outbox, Parcel
from barograph_processor.telemetry import Telemetry

from .crashes import StillClock
from .edges import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from barograph_processor.patterns.outbox import Sender, Signal


class Target:
    """Answers as it is told to, one request after the other; then everything is taken."""

    def __init__(self, answers: Iterable[bytes | Exception] = ()) -> None:
        self.answers = list(answers)
        self.got: list[bytes] = []
        self.tried = threading.Semaphore(0)

    def send(self, request: bytes) -> bytes:
        self.tried.release()
        answer = self.answers.pop(0) if self.answers else b""
        if isinstance(answer, Exception):
            raise answer
        self.got.append(request)
        return answer

    def close(self) -> None:
        """Nothing is open."""


def outbox_of(target: Sender, telemetry: Telemetry, *, sent: list[int] | None = None) -> Outbox:
    senders: Mapping[Signal, Sender] = {"logs": target, "metrics": target}
    noted = sent if sent is not None else []
    return Outbox(senders, telemetry, StillClock(), most_bytes=1_000, sent=noted.append)


def parcels(*numbers: int, signal: Signal = "logs") -> list[Parcel]:
    return [Parcel(signal, b"%d" % number, 10, number) for number in numbers]


SOON = RetryLater("busy", after_s=0.0)


def test_requests_are_sent_in_order_and_again_until_they_are_taken() -> None:
    telemetry, target, sent = Telemetry(), Target([SOON, SOON, b"", SOON]), list[int]()
    outbox = outbox_of(target, telemetry, sent=sent)
    outbox.put([*parcels(1, 2), Parcel("metrics", b"3", 10, 2)])
    assert outbox.flush(60)
    outbox.close(60)
    assert [b"1", b"2", b"3"] == target.got
    assert [1, 2] == sent
    assert "" == outbox.trouble
    assert {(): 3.0} == counted(telemetry, processor.BAROGRAPH_FORWARD_SENT_REQUESTS)
    assert {(): 3.0} == counted(telemetry, processor.BAROGRAPH_FORWARD_FAILED_SENDS)
    assert {} == counted(telemetry, metrics.ML_TELEMETRY_DROPPED)


def test_answers_that_nobody_can_read_stop_nothing() -> None:
    telemetry, target, sent = Telemetry(), Target([b"\xff\xff", b"\x0a\x7f"]), list[int]()
    outbox = outbox_of(target, telemetry, sent=sent)
    outbox.put([*parcels(1), *parcels(2, signal="metrics"), *parcels(3)])
    assert outbox.flush(60)
    outbox.close(60)
    assert ([1, 2, 3], {}) == (sent, counted(telemetry, metrics.ML_TELEMETRY_DROPPED))


def test_what_the_target_refuses_for_good_or_in_part_is_counted() -> None:
    logs = ExportLogsServiceResponse()
    logs.partial_success.rejected_log_records = 3
    points = ExportMetricsServiceResponse()
    points.partial_success.rejected_data_points = 4
    answers: list[bytes | Exception] = [
        Permanent("too large"),
        logs.SerializeToString(),
        points.SerializeToString(),
    ]
    telemetry, target, sent = Telemetry(), Target(answers), list[int]()
    outbox = outbox_of(target, telemetry, sent=sent)
    outbox.put([*parcels(1, 2), *parcels(3, signal="metrics")])
    assert outbox.flush(60)
    outbox.close(60)
    assert [1, 2, 3] == sent
    assert {
        ("outcomes", "export_failed"): 10.0,
        ("outcomes", "rejected"): 3.0,
        ("histograms", "rejected"): 4.0,
    } == counted(telemetry, metrics.ML_TELEMETRY_DROPPED)


def test_what_is_left_when_it_stops_is_counted_only_if_it_is_given_up() -> None:
    telemetry, target, sent = Telemetry(), Target([RetryLater("busy", after_s=3_600)] * 3), list[int]()
    outbox = outbox_of(target, telemetry, sent=sent)
    outbox.put(parcels(1, 2))
    assert target.tried.acquire(timeout=60)
    outbox.close(5)
    assert [1, 2] == [parcel.entry for parcel in outbox.unsent()]
    assert {} == counted(telemetry, metrics.ML_TELEMETRY_DROPPED)
    assert 2 == outbox.give_up()
    assert {("outcomes", "shutdown"): 20.0} == counted(telemetry, metrics.ML_TELEMETRY_DROPPED)
    assert [] == sent


class Hanging(Target):
    """Answers when it is closed, as a connection that is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def send(self, request: bytes) -> bytes:
        self.tried.release()
        assert self.closed.wait(60)
        raise ValueError("the channel is closed")


def test_a_request_whose_connection_is_closed_while_it_stops_is_not_lost() -> None:
    telemetry, target, sent = Telemetry(), Hanging(), list[int]()
    outbox = outbox_of(target, telemetry, sent=sent)
    outbox.put(parcels(1))
    assert target.tried.acquire(timeout=60)
    outbox.close(-1.0)
    target.closed.set()
    outbox.close(60)
    assert [1] == [parcel.entry for parcel in outbox.unsent()]
    assert [] == sent
    assert {} == counted(telemetry, metrics.ML_TELEMETRY_DROPPED)


def test_a_queue_presses_when_half_of_it_is_full() -> None:
    outbox = outbox_of(Target([RetryLater("busy", after_s=3_600)] * 3), telemetry := Telemetry())
    outbox.put([Parcel("logs", bytes(500), 10, 1)])
    assert not outbox.pressed
    outbox.put([Parcel("logs", bytes(1), 10, 1)])
    assert outbox.pressed
    assert {(): 501.0} == counted(telemetry, processor.BAROGRAPH_FORWARD_QUEUE_SIZE)
    assert {(): 1_000.0} == counted(telemetry, processor.BAROGRAPH_FORWARD_QUEUE_CAPACITY)
    outbox.close(5)
