"""Connections of the gRPC server, byte by byte: how many, how long, how often probed."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

from barograph_processor.config.values import Duration
from barograph_processor.receivers.otlp_config import Keepalive

from .http_client import WAIT_S, everything
from .otlp_server import LOGS, predictions, running

if TYPE_CHECKING:
    from .otlp_server import Running

# Source: RFC 9113, 3.4 and 6: the client's preface with empty SETTINGS, and a PING.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PING = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + b"barogram"
SHORT = Duration("500ms")  # and yet longer than a sender waits for its turn on a busy machine
ONE = predictions("a").SerializeToString()


def dial(otlp: Running, said: bytes = PREFACE) -> socket.socket:
    host, _, port = otlp.endpoint.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=WAIT_S)
    connection.sendall(said)
    return connection


def refused(connection: socket.socket) -> bytes:
    """What comes before the end, which may be one that passes over what was sent."""
    try:
        return everything(connection)
    except ConnectionResetError:
        return b""


def test_more_connections_than_allowed_are_refused() -> None:
    with running(max_connections=2) as otlp:
        first, second = dial(otlp), dial(otlp)
        assert first.recv(9)
        assert second.recv(9), "its settings came: it is served"
        with dial(otlp) as third:
            assert b"" == refused(third)
        first.close()
        second.close()


def test_a_connection_that_says_nothing_is_closed() -> None:
    with running(handshake_timeout=SHORT) as otlp, dial(otlp, b"") as silent:
        assert b"handshake timeout" in everything(silent)


def test_an_idle_connection_is_closed() -> None:
    with running(keepalive=Keepalive(max_idle=SHORT)) as otlp, dial(otlp) as idle:
        assert b"connection idle" in everything(idle)


def test_a_connection_that_answers_no_probe_is_closed() -> None:
    with running(keepalive=Keepalive(time=SHORT, timeout=SHORT)) as otlp, dial(otlp) as dead:
        assert bytes([0, 0, 8, 6, 0]) in everything(dead), "it was probed"


def test_who_probes_too_often_is_sent_away() -> None:
    patient, impatient = (
        Keepalive(min_ping_interval=Duration("0s")),
        Keepalive(min_ping_interval=Duration("1h")),
    )
    with running(keepalive=impatient) as otlp, dial(otlp, PREFACE + PING * 10) as restless:
        assert b"too_many_pings" in everything(restless)
    with running(keepalive=patient) as otlp, dial(otlp, PREFACE + PING * 10) as restless:
        said = b""
        while said.count(b"barogram") < 10:
            said += restless.recv(1_000)
    assert b"too_many_pings" not in said


def test_one_connection_has_no_more_requests_open_than_allowed() -> None:
    entered = threading.Semaphore(0)
    release = threading.Event()
    inside, most = [0], [0]
    counting = threading.Lock()

    def wait() -> None:
        with counting:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        entered.release()
        assert release.wait(WAIT_S)
        with counting:
            inside[0] -= 1

    with running(max_streams=1, workers=8) as otlp, ThreadPoolExecutor(8) as senders:
        otlp.engine.before = wait
        answers = [senders.submit(otlp.raw, ONE) for _ in range(4)]
        assert entered.acquire(timeout=WAIT_S)
        with grpc.insecure_channel(otlp.endpoint, [("grpc.use_local_subchannel_pool", 1)]) as other:
            answers.append(senders.submit(other.unary_unary(LOGS), ONE, timeout=WAIT_S))
            assert entered.acquire(timeout=WAIT_S), "another connection has a stream of its own"
            release.set()
            assert [b""] * 5 == [answer.result(WAIT_S) for answer in answers]
    assert 2 == most[0]
