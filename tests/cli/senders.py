"""Senders that never give up: what they were told was taken, they count, and the rest they send again."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, NamedTuple

import grpc
import pyarrow as pa
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from barograph.semconv import attributes, events, metrics
from wire.otlp_requests import arrow, key_values, logs, record
from wire.otlp_requests import metrics as metrics_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wire.otlp_requests import Value

HOUR_NS = 3_600 * 10**9
DAY_NS = 1_357_016_400 * 10**9 // (24 * HOUR_NS) * 24 * HOUR_NS  # a midnight in 2013
METHOD = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
LOGS = METHOD.format("logs", "Logs")
METRICS = METHOD.format("metrics", "Metrics")
AGAIN_S = 0.02
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]
MODEL: dict[str, Value] = {attributes.ML_MODEL_NAME: "credit", attributes.ML_MODEL_VERSION: "3"}
RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}


class Tally(NamedTuple):
    """What a sender was told was taken.

    Attributes:
        predictions: Predictions by id.
        right: Those of them whose truth was sent too and agrees with what was predicted.
        labels: Truths.
        counted: Predictions that were only counted, in points.
        valid: Values of a feature.
        missing: Missing values of it.
    """

    predictions: int = 0
    right: int = 0
    labels: int = 0
    counted: int = 0
    valid: int = 0
    missing: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(mine + its for mine, its in zip(self, other, strict=True)))


class Request(NamedTuple):
    """What is sent, and what it adds once it is taken."""

    method: str
    data: bytes
    adds: Tally


def requests(sender: int, *, seed: int) -> Iterator[list[Request]]:
    """Endless: predictions one by one or packed, their truth, and points of a source of its own."""
    chance = random.Random(f"{seed} {sender}")
    number = 0
    while True:
        rows = [_row(f"s{sender}-{number}-{row}", chance) for row in range(chance.randint(1, 20))]
        predictions = chance.choice([_readable, _packed])(sender, rows)
        truths = _truths(rows[: chance.randrange(len(rows) + 1)])
        in_order = chance.random() < 0.5
        yield [
            *([predictions, truths] if in_order else [truths, predictions]),
            _points(sender, number, chance),
        ]
        number += 1


class Row(NamedTuple):
    """A prediction and its truth."""

    id: str
    time_ns: int
    score: float
    truth: float


def _row(name: str, chance: random.Random) -> Row:
    return Row(name, DAY_NS + chance.randrange(20 * HOUR_NS), chance.random(), chance.random())


def _class(probability: float) -> str:
    return "true" if probability >= 0.5 else "false"


def _truths(rows: Sequence[Row]) -> Request:
    right = sum(_class(row.score) == _class(row.truth) for row in rows)
    request = logs(
        record(
            events.ML_GROUND_TRUTH_OBSERVED,
            {
                **MODEL,
                attributes.ML_INFERENCE_ID: row.id,
                attributes.ML_GROUND_TRUTH_VALUE: _class(row.truth),
            },
            row.time_ns + HOUR_NS,
        )
        for row in rows
    )
    return Request(LOGS, request.SerializeToString(), Tally(labels=len(rows), right=right))


def _readable(sender: int, rows: Sequence[Row]) -> Request:
    request = logs(
        record(
            events.ML_INFERENCE_PREDICTION,
            {
                **MODEL,
                attributes.ML_SOURCE_ID: f"rows-{sender}",
                attributes.ML_INFERENCE_ID: row.id,
                attributes.ML_PREDICTION_CLASS: _class(row.score),
                attributes.ML_PREDICTION_SCORE: row.score,
            },
            row.time_ns,
        )
        for row in rows
    )
    return Request(LOGS, request.SerializeToString(), Tally(predictions=len(rows)))


def _packed(sender: int, rows: Sequence[Row]) -> Request:
    columns = {
        attributes.ML_INFERENCE_ID: pa.array([row.id for row in rows]),
        "time_unix_nano": pa.array([row.time_ns for row in rows], pa.int64()),
        attributes.ML_PREDICTION_CLASS: pa.array([_class(row.score) for row in rows]),
        attributes.ML_PREDICTION_SCORE: pa.array([row.score for row in rows], pa.float64()),
    }
    held: dict[str, Value] = {
        **MODEL,
        attributes.ML_SOURCE_ID: f"rows-{sender}",
        attributes.ML_BATCH_ROWS: len(rows),
        attributes.ML_BATCH_ARROW: arrow(columns),
    }
    request = logs([record(events.ML_INFERENCE_PREDICTION_BATCH, held, rows[0].time_ns)])
    return Request(LOGS, request.SerializeToString(), Tally(predictions=len(rows)))


def _points(sender: int, number: int, chance: random.Random) -> Request:
    rows, missing = chance.randint(1, 50), chance.randint(1, 5)
    start_ns = DAY_NS + chance.randrange(20) * HOUR_NS + number * 1_000_000
    feature = {attributes.ML_FEATURE_NAME: "age"}
    held = [
        _sum(name, count, start_ns, {attributes.ML_SOURCE_ID: f"points-{sender}", **labels})
        for name, count, labels in (
            (metrics.ML_INFERENCE_PREDICTIONS, rows, {}),
            (metrics.ML_FEATURE_OBSERVATIONS, rows, {**feature, attributes.ML_FEATURE_STATE: "valid"}),
            (metrics.ML_FEATURE_OBSERVATIONS, missing, {**feature, attributes.ML_FEATURE_STATE: "missing"}),
        )
    ]
    data = metrics_request(held).SerializeToString()
    return Request(METRICS, data, Tally(counted=rows, valid=rows, missing=missing))


def _sum(name: str, count: int, start_ns: int, labels: Mapping[str, Value]) -> Metric:
    metric = Metric(name=name)
    metric.sum.aggregation_temporality = 1  # type: ignore[assignment]
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(
        start_time_unix_nano=start_ns,
        time_unix_nano=start_ns + 1_000_000,
        as_int=count,
        attributes=key_values({**MODEL, attributes.ML_PANE_LENGTH: 3600, **labels}),
    )
    return metric


class Senders:
    """Threads that send until they are told to stop, and then until everything begun is taken.

    Attributes:
        taken: Requests that were taken.
        refused: Answers and failures that made senders try again.
    """

    def __init__(self, endpoint: str, count: int = 6, *, seed: int = 1) -> None:
        self.taken = 0
        self.refused: dict[str, int] = {}
        self._endpoint = endpoint
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._total = Tally()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number, seed), daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int, timeout_s: float = 60.0) -> None:
        """Return when so many more requests were taken."""
        enough = self.taken + more
        self._wait(lambda: self.taken >= enough, timeout_s)

    def wait_until_refused(self, text: str, timeout_s: float = 60.0) -> None:
        """Return when an answer that holds a text was given."""
        self._wait(lambda: any(text in told for told in self.refused), timeout_s)

    def stop(self, timeout_s: float = 60.0) -> Tally:
        """Begin nothing more; everything that was taken, when all that was begun is."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)
            assert not thread.is_alive(), self.refused
        assert not self._failed, self._failed
        return self._total

    def _wait(self, until: Callable[[], bool], timeout_s: float) -> None:
        with self._changed:
            happened = self._changed.wait_for(lambda: until() or self._failed, timeout_s)
        assert happened, self.refused
        assert not self._failed, self._failed

    def _run(self, number: int, seed: int) -> None:
        chance = random.Random(f"again {seed} {number}")
        before: Request | None = None
        try:
            with grpc.insecure_channel(self._endpoint, options=OPTIONS) as channel:
                for group in requests(number, seed=seed):
                    if self._stop.is_set():
                        return
                    for request in group:
                        self._send(channel, request)
                        with self._changed:
                            self.taken += 1
                            self._total = self._total.plus(request.adds)
                            self._changed.notify_all()
                        if before is not None and chance.random() < 0.2:  # as Collectors do
                            self._send(channel, before)
                        before = request
        except BaseException as error:  # noqa: BLE001  # told to the thread that waits
            with self._changed:
                self._failed.append(error)
                self._changed.notify_all()

    def _send(self, channel: grpc.Channel, request: Request) -> None:
        send = channel.unary_unary(request.method)
        while (told := _told(send, request.data)) is not None:
            with self._changed:
                self.refused[told] = self.refused.get(told, 0) + 1
                self._changed.notify_all()
            threading.Event().wait(AGAIN_S)


def _told(send: Callable[..., bytes], data: bytes) -> str | None:
    """Why a request has to be sent again; None where it was taken whole."""
    try:
        answer = send(data, timeout=60)
    except grpc.RpcError as error:
        if isinstance(error, grpc.Call) and error.code() in RETRYABLE:
            return str(error.details())
        raise
    assert b"" == answer, answer
    return None
