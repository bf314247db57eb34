"""A real `barograph run` under senders that mean harm, or know no better: bombs, giants, stalls, crowds."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import urllib.error
import urllib.request
import zlib
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pyarrow as pa
import pytest

from cli.processes import Running, prediction, send, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MIB = 2**20
LIMIT = 64 * MIB
METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
START_NS = 1_700_006_400 * 10**9
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = tmp_path_factory.mktemp("hostile") / "barograph.yaml"
    listen = "{endpoint: 127.0.0.1:0}"
    config.write_text(f"receivers: {{otlp: {{grpc: {listen}, http: {listen}}}}}\n", encoding="utf-8")
    with service("--window", "1d", "--config", str(config)) as process:
        yield process


def peak_mib(running: Running) -> float:
    """The most memory that the process ever held."""
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_024


def serves(running: Running, name: str) -> None:
    """Somebody else is served all the while: nothing of theirs is lost."""
    before = taken(running)
    rows = [
        {"id": f"{name}-{row}", "time_ns": START_NS + row, "score": 0.9, "predicted": "yes"}
        for row in range(20)
    ]
    send(running.otlp, [prediction(row) for row in rows])
    assert before + 20 == taken(running)


def taken(running: Running) -> int:
    """Predictions that the engine took so far; drained, so that the figure is of now."""
    request = urllib.request.Request(f"http://{running.metrics}/-/drain", data=b"")
    with urllib.request.urlopen(request, timeout=60) as response:
        return int(json.load(response)["predictions"])


def refused(call: Callable[[], object]) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert isinstance(caught.value, grpc.Call)
    return caught.value


@pytest.mark.parametrize("size", [LIMIT + 1, 100 * MIB, 300 * MIB])
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_giant_over_grpc_is_refused_for_good_whether_it_is_packed_small_or_not(
    running: Running, compression: grpc.Compression, size: int
) -> None:
    before = peak_mib(running)
    with grpc.insecure_channel(running.otlp, options=[("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(METHOD)
        error = refused(lambda: call(bytes(size), timeout=60, compression=compression))
    assert grpc.StatusCode.RESOURCE_EXHAUSTED is error.code()
    trailers = dict(error.trailing_metadata() or ())
    assert not {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} & set(trailers)
    assert peak_mib(running) - before < 2.5 * LIMIT / MIB
    serves(running, f"beside-{size}-{compression.name}")


@cache
def bombs() -> Sequence[tuple[str, bytes]]:
    """A gigabyte of nothing in about a megabyte, or much less."""
    return list(_bombs())


def _bombs() -> Iterator[tuple[str, bytes]]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield "gzip", b"".join(packer.compress(bytes(MIB)) for _ in range(1_024)) + packer.flush()
    yield "gzip", gzip.compress(gzip.compress(bytes(100 * MIB)))
    deflate = zlib.compressobj(9)
    yield "deflate", b"".join(deflate.compress(bytes(MIB)) for _ in range(1_024)) + deflate.flush()
    for coding in ("zstd", "lz4"):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, coding) as stream:
            for _ in range(1_024):
                stream.write(bytes(MIB))
        yield coding, sink.getvalue().to_pybytes()


@pytest.mark.parametrize("number", range(5))
def test_a_bomb_over_http_is_refused_before_it_is_whole(running: Running, number: int) -> None:
    coding, body = bombs()[number]
    before = peak_mib(running)
    request = urllib.request.Request(
        f"http://{running.started['receivers']['otlp']['http']}/v1/logs",
        data=body,
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": coding},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    caught.value.close()
    assert caught.value.code in {400, 413}
    assert peak_mib(running) - before < 2.5 * LIMIT / MIB
    serves(running, f"beside-bomb-{number}")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def header(name: str, value: str) -> bytes:
    """A header that HPACK leaves as it is."""
    return b"\0" + b"".join(bytes((len(each),)) + each.encode() for each in (name, value))


def half_a_request(endpoint: str) -> socket.socket:
    """A connection whose request says that 10 MB follow, and goes quiet after one kilobyte."""
    host, _, port = endpoint.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    headers = b"".join(
        header(*pair)
        for pair in (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", METHOD),
            (":authority", endpoint),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        )
    )
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers))
    connection.sendall(frame(0, 0, 1, b"\0" + struct.pack(">I", 10 * MIB) + bytes(1_000)))
    return connection


def test_senders_that_stall_in_the_middle_of_a_request_hold_nobody_up(running: Running) -> None:
    before = peak_mib(running)
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(half_a_request(running.otlp))
        serves(running, "beside-stalled")
    assert peak_mib(running) - before < 100


def test_a_crowd_of_connections_is_served(running: Running) -> None:
    before = peak_mib(running)
    with ExitStack() as stack:
        alone = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
        channels = [
            stack.enter_context(grpc.insecure_channel(running.otlp, options=alone)) for _ in range(300)
        ]
        pending = [channel.unary_unary(METHOD).future(b"", timeout=60) for channel in channels]
        assert {b""} == {each.result(60) for each in pending}
        serves(running, "beside-crowd")
    assert peak_mib(running) - before < 100
