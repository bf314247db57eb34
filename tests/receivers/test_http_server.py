"""The HTTP server against slow, greedy, broken and many senders; deadlines are reached, never slept for."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET

from barograph.errors import ConfigError
from barograph_processor.components.api import Context
from barograph_processor.config.values import Duration
from barograph_processor.engine.batch import Predictions
from barograph_processor.receivers.otlp import FACTORY
from barograph_processor.receivers.otlp_config import Config, Http
from barograph_processor.telemetry import Telemetry

from .http_client import PROTOBUF, WAIT_S, everything, exchange, http_running
from .otlp_server import Engine, predictions

if TYPE_CHECKING:
    from .http_client import Answer, HttpRunning

ONE = predictions("a").SerializeToString()
HEAD = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n".encode()
WHOLE = HEAD + f"Content-Length: {len(ONE)}\r\n\r\n".encode() + ONE
SHORT = Duration("500ms")  # and yet longer than a sender waits for its turn on a busy machine


def post(connection: http.client.HTTPConnection, body: bytes = ONE) -> Answer:
    return exchange(connection, "POST", "/v1/logs", body, content_type=PROTOBUF)


def held(otlp: HttpRunning) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*otlp.address, timeout=WAIT_S)


def test_a_connection_serves_many_requests_good_and_bad() -> None:
    with http_running() as otlp:
        connection = held(otlp)
        statuses = [post(connection).status, post(connection, b"\x0a\x05ab").status]
        first = connection.sock
        statuses += [exchange(connection, "GET", "/v1/logs").status, exchange(connection, "HEAD", "/").status]
        statuses += [post(connection).status]
        assert first is connection.sock, "nothing closed it in between"
        connection.close()
    assert [200, 400, 405, 404, 200] == statuses


def test_requests_may_be_sent_before_the_answers_of_earlier_ones() -> None:
    with http_running() as otlp, otlp.dial() as connection:
        connection.sendall(WHOLE * 50 + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 300 + WHOLE)
        connection.shutdown(socket.SHUT_WR)
        answers = everything(connection)
    assert (51, 300) == (answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 404"))


def test_chunked_bodies_are_read() -> None:
    with http_running() as otlp:
        chunks = [ONE[:5], ONE[5:]]
        connection = held(otlp)
        connection.request("POST", "/v1/logs", iter(chunks), {"Content-Type": PROTOBUF}, encode_chunked=True)
        assert 200 == connection.getresponse().status
        connection.close()
        assert 1 == len(otlp.engine.batches)


def test_a_body_is_sent_after_the_receiver_says_that_it_wants_it() -> None:
    with http_running() as otlp, otlp.dial() as connection:
        connection.sendall(HEAD + f"Expect: 100-continue\r\nContent-Length: {len(ONE)}\r\n\r\n".encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(ONE)
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_would_be_refused_is_never_asked_for() -> None:
    with http_running(max_receive_bytes=1_024) as otlp:
        said = otlp.said(HEAD + b"Expect: 100-continue\r\nContent-Length: 1025\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 300000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n493e0\r\n"]
)
def test_who_sends_too_much_still_reads_the_refusal(framing: bytes) -> None:
    with http_running(max_receive_bytes=1_024) as otlp:
        said = otlp.said(HEAD + framing + bytes(300_000))
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close" in said
        assert [] == otlp.engine.batches


def test_bodies_of_all_connections_together_are_bounded() -> None:
    with http_running(max_buffered_bytes=4_096, max_receive_bytes=4_096) as otlp:
        with otlp.dial() as first:
            first.sendall(HEAD + b"Content-Length: 4096\r\n\r\n" + bytes(3_000))
            with otlp.dial() as second:
                second.sendall(HEAD + b"Content-Length: 4000\r\n\r\n" + bytes(4_000))
                said = everything(second)
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1\r\n" in said
            first.shutdown(socket.SHUT_WR)  # never mind
            assert b"" == everything(first)
        assert 400 == otlp.logs(bytes([255]) * 4_000).status, (
            "the room was given back, and this is no request"
        )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST /v1/logs HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40_000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_http_is_answered_and_closed(said: bytes, status: bytes) -> None:
    with http_running() as otlp:
        assert status == otlp.said(said).split(b" ")[1]
        assert 200 == otlp.logs(ONE).status


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_body_framed_in_two_ways_smuggles_no_second_request(framing: bytes) -> None:
    with http_running() as otlp:
        said = otlp.said(HEAD + framing + WHOLE)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert b"both Content-Length and Transfer-Encoding" in said
        assert 1 == said.count(b"HTTP/1.1 "), "what follows is no request"
        assert [] == otlp.engine.batches


def test_who_never_finishes_a_head_is_closed_without_an_answer() -> None:
    with http_running(head_timeout=SHORT) as otlp:
        assert b"" == otlp.said(HEAD)
        assert b"" == otlp.said(b"")


def test_who_never_finishes_a_body_is_told_so() -> None:
    with http_running(body_timeout=SHORT) as otlp:
        said = otlp.said(HEAD + b"Content-Length: 10\r\n\r\n12345")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"took too long" in said


def test_a_connection_without_requests_is_closed() -> None:
    with http_running(idle_timeout=SHORT) as otlp:
        said = otlp.said(WHOLE)
        assert said.startswith(b"HTTP/1.1 200 ")


def test_a_new_connection_takes_the_place_of_the_one_that_is_idle_the_longest() -> None:
    with http_running(max_connections=3) as otlp:
        idle = [otlp.dial() for _ in range(3)]
        for each in idle:
            each.sendall(WHOLE)
            assert each.recv(1_000).startswith(b"HTTP/1.1 200 ")
        connection = held(otlp)
        assert 200 == post(connection).status
        assert b"" == everything(idle[0]), "it was the first"
        connection.close()
        for each in idle:
            each.close()


def test_a_hundred_slow_senders_keep_nobody_out() -> None:
    with http_running(max_connections=100, head_timeout=Duration("2s")) as otlp:
        slow = [otlp.dial() for _ in range(150)]
        for each in slow[:100]:
            each.sendall(HEAD[:20])
        assert 200 == otlp.logs(ONE).status, "the oldest had to go"
        for each in slow:
            each.close()


def test_connections_that_work_are_never_closed_for_others() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(WAIT_S)

    with http_running(max_connections=1) as otlp:
        otlp.engine.before = wait
        answers: list[int] = []
        senders = [threading.Thread(target=lambda: answers.append(otlp.logs(ONE).status)) for _ in range(3)]
        for each in senders:
            each.start()
        assert entered.wait(WAIT_S)
        release.set()
        for each in senders:
            each.join(WAIT_S)
        assert [200, 200, 200] == answers


def test_stopping_answers_requests_under_way_and_takes_no_more() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(WAIT_S)

    def release_when_refused() -> None:
        try:
            while True:
                otlp.dial().close()
        except OSError:
            release.set()

    answers: list[Answer] = []
    with http_running() as otlp:
        idle = otlp.dial()
        otlp.engine.before = wait
        sender = threading.Thread(daemon=True, target=lambda: answers.append(otlp.logs(ONE)))
        sender.start()
        assert entered.wait(WAIT_S)
        other = threading.Thread(daemon=True, target=release_when_refused)
        other.start()
    sender.join(WAIT_S)
    other.join(WAIT_S)
    assert b"" == everything(idle)
    idle.close()
    assert [(200, "close")] == [(each.status, each.headers["connection"]) for each in answers]
    assert 1 == len(otlp.engine.batches)


def test_stopping_does_not_wait_for_ever() -> None:
    with http_running(stop_within=SHORT) as otlp:
        connection = otlp.dial()
        connection.sendall(HEAD + b"Content-Length: 10\r\n\r\n12345")
        assert 404 == otlp.request("GET", "/").status, "what was sent before has been read"
    with connection:
        assert b"" == everything(connection)


def test_who_hangs_up_while_being_answered_disturbs_nobody() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(WAIT_S)

    with http_running() as otlp:
        otlp.engine.before = wait
        connection = otlp.dial()
        connection.sendall(WHOLE)
        assert entered.wait(WAIT_S)
        connection.close()
        release.set()
        otlp.engine.before = None
        assert 200 == otlp.logs(ONE).status


def test_many_senders_at_once_lose_nothing() -> None:
    with http_running() as otlp:

        def send(sender: int) -> None:
            connection = held(otlp)
            for index in range(20):
                body = predictions(f"{sender}-{index}-a", f"{sender}-{index}-b").SerializeToString()
                assert 200 == post(connection, body).status
            connection.close()

        senders = [threading.Thread(target=send, args=(n,)) for n in range(8)]
        for each in senders:
            each.start()
        for each in senders:
            each.join(WAIT_S)
        taken = {
            name for batch in otlp.engine.batches if isinstance(batch, Predictions) for name in batch.ids
        }
    assert {f"{n}-{i}-{x}" for n in range(8) for i in range(20) for x in "ab"} == taken


def test_a_port_in_use_says_what_to_do() -> None:
    with http_running() as otlp:
        config = Config(grpc=UNSET, http=Http(endpoint=otlp.endpoint))
        context = Context(Engine(), Telemetry(), "receivers/otlp")
        with (
            pytest.raises(ConfigError, match=r"in use.*receivers\.otlp\.http\.endpoint"),
            FACTORY.open(config, context),
        ):
            pass


def test_ipv6_is_listened_to() -> None:
    config = Config(grpc=UNSET, http=Http(endpoint="[::1]:0"))
    with FACTORY.open(config, Context(Engine(), Telemetry(), "receivers/otlp")) as receiver:
        assert receiver.listeners[-1].endpoint.startswith("[::1]:")
