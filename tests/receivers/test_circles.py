"""No request leaves its bytes to Python's collector, which the service calls seldom."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from barograph.errors import Retryable

from .http_client import PROTOBUF, http_running
from .otlp_server import Running, predictions, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE_BYTES = 500_000
GOOD = predictions(*(f"{row:032}" for row in range(10_000))).SerializeToString()
BAD = GOOD[:-1]


def later() -> None:
    raise Retryable("later")


def broken() -> None:
    raise RuntimeError("on purpose")


def leave_a_circle(held: object) -> None:
    circle = [held]
    circle.append(circle)


def answered(otlp: Running, data: bytes) -> bool:
    """Whether a request succeeds; the error isn't kept, for it refers to what was sent."""
    try:
        otlp.raw(data)
    except grpc.RpcError:
        return False
    return True


@contextmanager
def no_large_circles() -> Iterator[None]:
    """Nothing in it may leave large bytes to the collector, which is off meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        held = [each for found in gc.garbage for each in gc.get_referents(found)]
        sizes = [len(each) for each in held if isinstance(each, (bytes, bytearray, memoryview))]
        assert [] == [size for size in sizes if size >= LARGE_BYTES]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_large_bytes_in_a_circle_would_be_seen() -> None:
    with pytest.raises(AssertionError), no_large_circles():
        leave_a_circle(bytes(LARGE_BYTES))


@pytest.mark.parametrize(("data", "engine"), [(GOOD, None), (BAD, None), (GOOD, later), (GOOD, broken)])
def test_no_request_by_grpc_leaves_its_bytes_in_a_circle(
    data: bytes, engine: Callable[[], None] | None
) -> None:
    assert len(data) >= LARGE_BYTES
    with running() as otlp:
        otlp.engine.before = engine
        with no_large_circles():
            assert answered(otlp, data) is (data is GOOD and engine is None)


@pytest.mark.parametrize(("data", "engine"), [(GOOD, None), (BAD, None), (GOOD, later), (GOOD, broken)])
def test_no_request_by_http_leaves_its_bytes_in_a_circle(
    data: bytes, engine: Callable[[], None] | None
) -> None:
    with http_running() as otlp:
        otlp.engine.before = engine
        with no_large_circles():
            answer = otlp.request("POST", "/v1/logs", data, **{"content-type": PROTOBUF})
            assert (answer.status == 200) is (data is GOOD and engine is None)
