"""What the receiver's benchmark sends: predictions with 20 features in two forms, ids and times new."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import TYPE_CHECKING

import grpc
import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from barograph.packing import pack
from barograph.semconv import attributes as names
from barograph.semconv import events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

ROWS = 1_000
PACKED_EVENTS = 8
NUMBERS = tuple(f"n{i:02}" for i in range(16))
CATEGORIES = tuple(f"c{i}" for i in range(4))
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
IN_FLIGHT = 4
_ID = "0" * 32
_MARK = 0x1122334455667788
MINUTE_NS = 60_000_000_000


def value_of(value: str | float) -> AnyValue:
    """Text or a number as AnyValue."""
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(double_value=value)


class Spans:
    """Requests of `ROWS` spans with 25 attributes; each has new ids and is a little later than the last."""

    path = TRACES
    rows = ROWS

    def __init__(self, start_ns: int, step_ns: int) -> None:
        """Build one request, and find what has to change in it.

        Args:
            start_ns: Event time of the first request.
            step_ns: Event time between requests.
        """
        random = np.random.default_rng(7)
        request = ExportTraceServiceRequest()
        carrier = request.resource_spans.add()
        carrier.resource.attributes.append(KeyValue(key="service.name", value=value_of("shop")))
        scope = carrier.scope_spans.add()
        scope.scope.name = "shop"
        for row in range(ROWS):
            attributes: dict[str, str | float] = {
                "app.request_id": _ID,
                "app.model": "credit",
                "app.version": "3",
                "app.score": float(random.random()),
                "app.answer": "yes" if random.random() < 0.3 else "no",
            }
            attributes |= {f"app.features.{name}": float(random.normal()) for name in NUMBERS}
            attributes |= {f"app.features.{name}": f"category-{random.integers(8)}" for name in CATEGORIES}
            scope.spans.add(
                name="POST /predict",
                trace_id=random.bytes(16),
                span_id=random.bytes(8),
                start_time_unix_nano=_MARK,
                end_time_unix_nano=_MARK,
                attributes=[KeyValue(key=key, value=value_of(value)) for key, value in attributes.items()],
            )
            assert len(attributes) == 25, row
        data = request.SerializeToString()
        self._bytes = np.frombuffer(data, np.uint8).copy()
        self._ids = _places(data, _ID.encode())
        self._times = _places(data, _MARK.to_bytes(8, "little"))
        self._time_ns = start_ns
        self._step_ns = step_ns
        self._sent = 0

    def next(self) -> bytes:
        """The next request."""
        self._bytes[self._ids] = _hex(self._sent, ROWS)
        self._bytes[self._times] = np.frombuffer(self._time_ns.to_bytes(8, "little"), np.uint8)
        self._sent += ROWS
        self._time_ns += self._step_ns
        return self._bytes.tobytes()


class Packed:
    """Requests of `PACKED_EVENTS` events with `ROWS` packed rows each, of the same content."""

    path = LOGS
    rows = ROWS * PACKED_EVENTS

    def __init__(self, start_ns: int, step_ns: int) -> None:
        """As `Spans`."""
        random = np.random.default_rng(7)
        self._scores = random.random(ROWS)
        self._answers = ["yes" if one else "no" for one in random.random(ROWS) < 0.3]
        self._features: dict[str, NDArray[np.float64] | list[str]] = {
            name: random.normal(size=ROWS) for name in NUMBERS
        }
        self._features |= {
            name: [f"category-{one}" for one in random.integers(8, size=ROWS)] for name in CATEGORIES
        }
        self._time_ns = start_ns
        self._step_ns = step_ns
        self._sent = 0

    def next(self) -> bytes:
        """The next request."""
        request = ExportLogsServiceRequest()
        scope = request.resource_logs.add().scope_logs.add()
        scope.scope.name = "barograph"
        for _ in range(PACKED_EVENTS):
            ids = _hex(self._sent, ROWS).tobytes().decode()
            blob = pack(
                {
                    names.ML_INFERENCE_ID: [ids[i : i + 32] for i in range(0, len(ids), 32)],
                    "time_unix_nano": np.full(ROWS, self._time_ns),
                    names.ML_PREDICTION_CLASS: self._answers,
                    names.ML_PREDICTION_SCORE: self._scores,
                    names.ML_FEATURES: self._features,
                }
            )
            attributes = {
                names.ML_MODEL_NAME: value_of("credit"),
                names.ML_MODEL_VERSION: value_of("3"),
                names.ML_SOURCE_ID: value_of("one"),
                names.ML_BATCH_ROWS: AnyValue(int_value=ROWS),
                names.ML_BATCH_ARROW: AnyValue(bytes_value=blob),
            }
            scope.log_records.add(
                event_name=events.ML_INFERENCE_PREDICTION_BATCH,
                time_unix_nano=self._time_ns,
                attributes=[KeyValue(key=key, value=value) for key, value in attributes.items()],
            )
            self._sent += ROWS
        self._time_ns += self._step_ns
        return request.SerializeToString()


class Sender:
    """Sends requests to one server, a few at a time."""

    def __init__(self, endpoint: str, load: Spans | Packed) -> None:
        self.load = load
        self.rows = 0
        self._channel = grpc.insecure_channel(endpoint, options=[("grpc.max_send_message_length", -1)])
        self._call: Callable[..., grpc.Future] = self._channel.unary_unary(load.path)

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def send(self, requests: int) -> float:
        """Send so many requests, each acknowledged; returns the seconds that took."""
        made = [self.load.next() for _ in range(requests)]
        waiting: deque[grpc.Future] = deque()
        began = time.perf_counter()
        for data in made:
            if len(waiting) == IN_FLIGHT:
                self._taken(waiting.popleft())
            waiting.append(self._call.future(data, timeout=120, wait_for_ready=True))
        while waiting:
            self._taken(waiting.popleft())
        taken = time.perf_counter() - began
        self.rows += requests * self.load.rows
        return taken

    def _taken(self, answer: grpc.Future) -> None:
        said = ExportTraceServiceResponse.FromString(answer.result()).partial_success  # of logs: the same
        if said.rejected_spans or said.error_message:
            raise RuntimeError(f"the server refused something: {said}")


def collector(ports: Mapping[str, int]) -> str:
    """A Collector's configuration that makes a histogram of each number and counts each category."""
    identity = "[{key: app.model}, {key: app.version}]"
    metrics = [
        f"      - {{name: {name}, exponential_histogram: {{value: 'attributes[\"app.features.{name}\"]'}}, "
        f"attributes: {identity}}}"
        for name in NUMBERS
    ]
    metrics += [
        f"      - {{name: {name}, sum: {{value: Int(AdjustedCount())}}, "
        f"attributes: [{{key: app.model}}, {{key: app.version}}, {{key: app.features.{name}}}]}}"
        for name in CATEGORIES
    ]
    listed = "\n".join(metrics)
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{ports["otlp"]}", max_recv_msg_size_mib: 16}}}}}}
connectors:
  signal_to_metrics:
    spans:
{listed}
exporters:
  debug: {{verbosity: basic}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [signal_to_metrics]}}
    metrics: {{receivers: [signal_to_metrics], exporters: [debug]}}
"""


FEATURES_ALONE = """
mappings:
  - signal: spans
    when: {name: POST /predict}
    model: {attribute: app.model}
    version: {attribute: app.version}
    features: app.features.*
"""
EVERYTHING = f"{FEATURES_ALONE}    id: app.request_id\n    class: app.answer\n    score: app.score\n"


def _places(data: bytes, mark: bytes) -> NDArray[np.int64]:
    """int64 [times, bytes], where the bytes of a mark are, wherever it occurs."""
    starts = np.array([match.start() for match in re.finditer(re.escape(mark), data)])
    return starts[:, None] + np.arange(len(mark))


def _hex(first: int, count: int) -> NDArray[np.uint8]:
    """uint8 [count, 32], consecutive numbers, spread like random ids, as hexadecimal text."""
    numbers = (np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).byteswap()
    half = np.frombuffer(numbers.tobytes(), np.uint8).reshape(count, 8)
    digits = np.stack([half >> 4, half & 15], axis=-1).reshape(count, 16)
    text = np.frombuffer(b"0123456789abcdef", np.uint8)[digits]
    return np.concatenate([text, text], axis=1)
