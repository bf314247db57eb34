"""An upstream that is dead, refuses, hangs or is slow: senders keep their data, and nothing grows."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration as DurationMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from barograph.semconv import processor
from contract.waiting import until

from .processing import OTLP, QUEUE, Upstream, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REASONS = ("queue_full", "export_failed", "shutdown", "rejected")
BEHAVIOURS = {"dead": lambda upstream: None, "refuses": Upstream.refuse, "hangs": Upstream.hang}


@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_senders_are_asked_to_wait_and_nothing_is_lost_when_it_recovers(
    upstream: Upstream, behave: Callable[[Upstream], None]
) -> None:
    behave(upstream)
    with world(upstream) as processing:
        error = processing.press()
        assert grpc.StatusCode.UNAVAILABLE == error.code()
        assert "exporter/otlp is behind with" in str(error.details())
        trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
        wait = RetryInfo(retry_delay=DurationMessage(seconds=1, nanos=500_000_000))
        assert wait == RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
        (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
        assert wait == RetryInfo.FromString(detail.value)
        assert processing.value(processor.BAROGRAPH_EXPORTER_QUEUE_SIZE, **OTLP) <= QUEUE
        assert QUEUE == processing.value(processor.BAROGRAPH_EXPORTER_QUEUE_CAPACITY, **OTLP)
        until(lambda: processing.value(processor.BAROGRAPH_EXPORTER_FAILED_SENDS, **OTLP))
        # Nothing else waits for it.
        until(lambda: "ml_window_observations{" in processing.scrape())
        assert {"status": "ok"} == json.loads(processing.scrape("/healthz"))
        upstream.recover()
        until(lambda: processing.send() is None)
        processing.running.service.drain(60)
        assert set(range(processing.minute)) == upstream.windows()
        assert 0 == sum(map(processing.dropped, REASONS))


def test_an_upstream_that_is_slow_sets_the_pace_and_gets_everything(upstream: Upstream) -> None:
    upstream.up()
    pace = threading.Semaphore(0)

    def slow(context: grpc.ServicerContext) -> None:
        pace.acquire(timeout=60)

    upstream.taken.abort = slow
    exporters = {
        "otlp": {"endpoint": f"http://127.0.0.1:{upstream.port}", "timeout": "60s"},
        "prometheus": {"endpoint": "127.0.0.1:0"},
    }
    with world(upstream, exporters=exporters) as processing:
        for _ in range(3):
            before = processing.minute
            processing.press()
            pace.release(4)
            until(lambda: processing.send() is None)
            assert processing.minute > before
        upstream.taken.abort = None
        pace.release(1_000)
        processing.running.service.drain(60)
        assert set(range(processing.minute)) == upstream.windows()


@pytest.mark.parametrize(
    ("code", "reason"),
    [(grpc.StatusCode.PERMISSION_DENIED, "never"), (grpc.StatusCode.UNAVAILABLE, "for too long")],
)
def test_what_can_not_be_sent_is_dropped_counted_and_holds_up_nobody(
    upstream: Upstream, code: grpc.StatusCode, reason: str
) -> None:
    upstream.up()
    upstream.taken.abort = lambda context: context.abort(code, reason)
    with world(upstream, export={"retry_for": "0s"}) as processing:
        for _ in range(4 * QUEUE):
            until(lambda: processing.send() is None)
        until(lambda: processing.dropped("export_failed") >= 3 * QUEUE)
        upstream.recover()
        processing.running.service.drain(60)
        sent = processing.value(processor.BAROGRAPH_EXPORTER_SENT_WINDOWS, **OTLP)
        service = processing.running.service
        assert service.closed_windows == processing.minute
        closed = service.closed_windows + service.revised_windows
        assert closed == sent + processing.dropped("export_failed")


def test_an_upstream_that_asks_for_longer_than_windows_are_kept_is_not_waited_for(upstream: Upstream) -> None:
    upstream.up()

    def busy(context: grpc.ServicerContext) -> None:
        wait = RetryInfo(retry_delay=DurationMessage(seconds=10**9))
        context.set_trailing_metadata((("google.rpc.retryinfo-bin", wait.SerializeToString()),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")

    upstream.taken.abort = busy
    with world(upstream) as processing:
        for _ in range(2):
            until(lambda: processing.send() is None)
        until(lambda: processing.dropped("export_failed"))


@pytest.mark.parametrize("durability", ["memory", "disk"])
def test_windows_that_could_not_be_sent_before_a_stop_are_sent_after_it(
    upstream: Upstream, tmp_path: Path, durability: str
) -> None:
    storage = {"directory": str(tmp_path), "durability": durability}
    with world(upstream, storage=storage) as processing:
        processing.press()
        minutes = processing.minute
    assert 0 == sum(map(processing.dropped, REASONS))
    upstream.up()
    with world(upstream, storage=storage) as processing:
        processing.running.service.drain(60)
    assert set(range(minutes)) == upstream.windows()
