"""Rows with features through decoder and engine: all states and windows updated, in one thread.

    python benchmarks/rows.py

20 features (16 numbers, 4 categories) with id, score and class; every id is new, truth is awaited in memory.
Packed rows come as sources send them, some 1,000 an event (256 KiB), 8 events a request; readable rows
and spans 1,000 a request. Each figure is rows a second through decoder, `Engine.feed` and `Engine.advance`;
the ratios compare with spans of others, read by a mapping, and with walking protobuf's objects, which
updates nothing. An edge counts packed rows and encodes what it passes on, without its journal; its owner
takes that, of the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import measuring
import numpy as np
import pyarrow as pa
import wire_decode
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from barograph.baseline import Baseline
from barograph.semconv import attributes as names
from barograph.semconv import events
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.relay import Relay
from barograph_processor.engine.settings import Settings
from barograph_processor.patterns.parcels import Request, requests_of
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.stores.memory import MemoryStore
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_traces
from barograph_processor.wire.mapped import Mapped
from barograph_processor.wire.mapping import Attribute, Mapping, When

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from barograph_processor.wire.decode import Decoded

Sent = TypeVar("Sent")
NUMBERS = [f"n{place:02}" for place in range(16)]
CATEGORIES = [f"c{place:02}" for place in range(4)]
VALUES = np.array([f"value-{place}" for place in range(12)])
TIME_NS = 1_767_268_800_000_000_000
STEP_NS = 2_000_000  # 500 rows a second of event time
PACKED_ROWS, EVENTS = 1_024, 8
REQUESTS = 8
IDENTITY = wire_decode.IDENTITY
SPANS = Mapping(
    signal="spans",
    when=When(name="predict"),
    model=Attribute(attribute=names.ML_MODEL_NAME),
    version=Attribute(attribute=names.ML_MODEL_VERSION),
    id=names.ML_INFERENCE_ID,
    score="app.score",
    features="app.features.*",
)


class Rows(NamedTuple):
    """Rows as they are before they are sent."""

    first: int
    score: np.ndarray
    numbers: np.ndarray
    categories: np.ndarray

    @classmethod
    def drawn(cls, first: int, count: int) -> Rows:
        """So many rows, the first with this number."""
        random = np.random.default_rng(first)
        return cls(
            first,
            random.random(count),
            random.normal(size=(len(NUMBERS), count)) * np.arange(1, 17)[:, None],
            VALUES[random.integers(0, len(VALUES), (len(CATEGORIES), count))],
        )

    def __len__(self) -> int:
        return len(self.score)

    def ids(self) -> list[str]:
        """An id a row."""
        return [f"flight-{self.first + place:010}" for place in range(len(self))]

    def features(self, place: int) -> dict[str, object]:
        """The features of one row."""
        found: dict[str, object] = dict(zip(NUMBERS, self.numbers[:, place].tolist(), strict=True))
        return found | dict(zip(CATEGORIES, self.categories[:, place].tolist(), strict=True))


def packed(number: int, *, features: bool) -> bytes:
    """A request of packed events."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for event in range(EVENTS):
        rows = Rows.drawn((number * EVENTS + event) * PACKED_ROWS, PACKED_ROWS)
        columns = {
            names.ML_INFERENCE_ID: pa.array(rows.ids()),
            "time_unix_nano": pa.array(TIME_NS + (rows.first + np.arange(len(rows))) * STEP_NS),
            names.ML_PREDICTION_CLASS: pa.array(np.where(rows.score >= 0.5, "1", "0")),
            names.ML_PREDICTION_SCORE: pa.array(rows.score),
        }
        if features:
            children = [pa.array(one) for one in (*rows.numbers, *rows.categories)]
            columns[names.ML_FEATURES] = pa.StructArray.from_arrays(children, names=NUMBERS + CATEGORIES)
        table = pa.table(columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        more = {names.ML_BATCH_ROWS: len(rows), names.ML_BATCH_ARROW: sink.getvalue().to_pybytes()}
        scope.log_records.add(
            time_unix_nano=TIME_NS,
            event_name=events.ML_INFERENCE_PREDICTION_BATCH,
            attributes=wire_decode.pairs(IDENTITY | more),
        )
    return request.SerializeToString()


def readable(number: int) -> bytes:
    """A request of 1,000 readable predictions."""
    rows, request = Rows.drawn(number * 1_000, 1_000), ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for place, identifier in enumerate(rows.ids()):
        more = {
            names.ML_INFERENCE_ID: identifier,
            names.ML_PREDICTION_SCORE: float(rows.score[place]),
            names.ML_FEATURES: rows.features(place),
        }
        scope.log_records.add(
            time_unix_nano=TIME_NS + (rows.first + place) * STEP_NS,
            event_name=events.ML_INFERENCE_PREDICTION,
            attributes=wire_decode.pairs(IDENTITY | more),
        )
    return request.SerializeToString()


def spans(number: int) -> bytes:
    """A request of 1,000 spans with 25 attributes."""
    rows, request = Rows.drawn(number * 1_000, 1_000), ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for place, identifier in enumerate(rows.ids()):
        end_ns = TIME_NS + (rows.first + place) * STEP_NS
        more: dict[str, object] = {
            names.ML_INFERENCE_ID: identifier,
            "app.score": float(rows.score[place]),
        }
        more |= {f"app.features.{name}": value for name, value in rows.features(place).items()}
        scope.spans.add(
            name="predict",
            trace_id=(rows.first + place + 1).to_bytes(16, "big"),
            span_id=(rows.first + place + 1).to_bytes(8, "big"),
            start_time_unix_nano=end_ns - 1_000_000,
            end_time_unix_nano=end_ns,
            attributes=wire_decode.pairs(IDENTITY | more),
        )
    return request.SerializeToString()


def baseline() -> Baseline:
    """What the rows are counted on: 64 buckets a number."""
    rows = Rows.drawn(1_000_000, 20_000)
    columns = dict(zip(NUMBERS + CATEGORIES, [*rows.numbers, *rows.categories], strict=True))
    labels = np.where(rows.score >= 0.5, "1", "0").tolist()
    output = OutputRows(scores=rows.score, labels=labels, task="binary")
    return Baseline(fit(columns, model="flights", version="3", outputs=[output]))


def through(
    requests: Sequence[Sent],
    decode: Callable[[Sent, DecodeContext], Decoded],
    baselines: Sequence[Baseline],
    context: DecodeContext,
) -> Engine:
    """All requests through a new engine."""
    engine = Engine(Settings(), store=MemoryStore(2**31), baselines=baselines)
    now_ns = TIME_NS + 86_400 * 10**9
    for data in requests:
        engine.feed(decode(data, context).batches, now_ns)
        engine.advance(now_ns)
    return engine


def at_edge(requests: Sequence[bytes], baselines: Sequence[Baseline]) -> list[Request]:
    """All requests through a new edge; what it passes on."""
    relay = Relay(Settings(), edge="edge", remember=1_000_000, seed=1, baselines=baselines)
    for data in requests:
        relay.feed(decode_logs(data, DecodeContext()).batches, TIME_NS)
    return requests_of(relay.take_out())


def decode_passed_on(request: Request, context: DecodeContext) -> Decoded:
    """By its signal."""
    return (decode_metrics if request.signal == "metrics" else decode_logs)(request.data, context)


def main() -> None:
    """Measure every lane in turns."""
    with measuring.report(__doc__) as report:
        known, context = [baseline()], DecodeContext(dialects=(Mapped("$.mappings[0]", SPANS),))
        with_features = [packed(number, features=True) for number in range(REQUESTS)]
        without = [packed(number, features=False) for number in range(REQUESTS)]
        singly = [readable(number) for number in range(REQUESTS)]
        passed_on = at_edge(with_features, known)
        of_others = [spans(number) for number in range(REQUESTS)]
        lanes = {
            "packed rows": lambda: through(with_features, decode_logs, known, context),
            "packed rows, no baseline": lambda: through(with_features, decode_logs, (), context),
            "packed rows, without features": lambda: through(without, decode_logs, known, context),
            "packed rows, at an edge": lambda: at_edge(with_features, known),
            "packed rows, at an edge's owner": lambda: through(passed_on, decode_passed_on, known, context),
            "readable rows": lambda: through(singly, decode_logs, known, context),
            "mapped spans": lambda: through(of_others, decode_traces, known, context),
            "protobuf objects of readable rows": lambda: [wire_decode.walk_logs(data) for data in singly],
        }
        rows = {name: REQUESTS * (EVENTS * PACKED_ROWS if "packed" in name else 1_000) for name in lanes}
        for name, lane in lanes.items():
            found = lane()
            assert not isinstance(found, Engine) or found.stats(TIME_NS).predictions == rows[name], name
        times = measuring.alternated(lanes, runs=report.runs)
        rates = {name: taken.rate(rows[name]) for name, taken in times.items()}
        for name, rate in rates.items():
            report.add(name, rate, "rows/s", at_least=500_000 if name == "packed rows" else None)
        ratio = rates["packed rows"].over(rates["mapped spans"])
        report.add("packed rows to mapped spans", ratio, "ratio", at_least=5)
        ratio = rates["readable rows"].over(rates["protobuf objects of readable rows"])
        report.add("readable rows to protobuf objects", ratio, "ratio")


if __name__ == "__main__":
    main()
