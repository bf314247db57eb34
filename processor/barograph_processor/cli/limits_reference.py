"""docs/limits.md, made from the limits themselves.

`python -m barograph_processor.cli.limits_reference > docs/limits.md`
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from barograph_processor.cli.configuration_reference import keys
from barograph_processor.components.delivery import CHUNK
from barograph_processor.components.guarded import READINGS_MOST, STATE_BYTES_MOST, STREAMS_MOST
from barograph_processor.components.reasons import Reason as Leaving
from barograph_processor.components.registry import Registry
from barograph_processor.config.model import Config
from barograph_processor.config.values import as_text
from barograph_processor.engine.pending import MAX_ENTRIES
from barograph_processor.engine.reasons import Reason
from barograph_processor.wire import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Beyond(NamedTuple):
    """What happens beyond a limit.

    Attributes:
        answer: In words.
        reasons: Values of ``ml.telemetry.reason`` that it is counted under; empty where nothing is lost.
    """

    answer: str
    reasons: tuple[str, ...] = ()


_REFUSED = "the item is refused, the others of the request are taken"
_EVENT = "the packed event is refused, the other items of the request are taken"
_NOT_TAKEN = "rows and points beyond it are not taken; the answer says so"
_TOO_LARGE = "answered RESOURCE_EXHAUSTED without RetryInfo, so that senders don't repeat it"

BEYOND: Mapping[str, Beyond] = {
    "limits.keys": Beyond(_NOT_TAKEN + "; models that are over make room", (Reason.KEY_LIMIT,)),
    "limits.features": Beyond(
        f"{_NOT_TAKEN}; features out of use make room. Streams: four a feature, and 256",
        (Reason.FEATURE_LIMIT, Reason.STREAM_LIMIT),
    ),
    "limits.sources": Beyond(f"{_NOT_TAKEN}; sources out of use make room", (Reason.SOURCE_LIMIT,)),
    "limits.segment_values": Beyond("counted as `__other__`", (Reason.SEGMENT_LIMIT,)),
    "limits.windows": Beyond(
        "the oldest window ends early: later labels and data for it are not taken", (Reason.WINDOW_LIMIT,)
    ),
    "limits.panes": Beyond("the oldest are put into their windows early; nothing is lost"),
    "limits.pane_rows": Beyond("all are put into their windows early; nothing is lost"),
    "limits.counted_panes": Beyond(
        "for the older half rows count for good; histograms that come later are not taken",
        (Reason.PANE_LIMIT,),
    ),
    "limits.feature_bytes": Beyond(
        "put into their windows early; of those that stand in, as for `limits.counted_panes`",
        (Reason.PANE_LIMIT,),
    ),
    "limits.slices": Beyond(
        "the oldest are forgotten; points of that time, which may be repeats, are not taken",
        (Reason.SLICE_LIMIT,),
    ),
    "limits.cumulative_streams": Beyond(
        "the longest unused is forgotten; its next point is a start, not a count", (reasons.CUMULATIVE_START,)
    ),
    "limits.request.name_length": Beyond(_REFUSED, (reasons.NAME_TOO_LONG,)),
    "limits.request.id_length": Beyond(_REFUSED, (reasons.ID_TOO_LONG,)),
    "limits.request.keys": Beyond(_REFUSED, (reasons.TOO_MANY_KEYS,)),
    "limits.request.classes": Beyond(_REFUSED, (reasons.TOO_MANY_CLASSES,)),
    "limits.request.segments": Beyond(_REFUSED, (reasons.TOO_MANY_SEGMENTS,)),
    "limits.request.score_cells": Beyond(_REFUSED, (reasons.TOO_MANY_CLASSES,)),
    "limits.request.features": Beyond(_REFUSED, (reasons.TOO_MANY_FEATURES,)),
    "limits.request.feature_cells": Beyond(_REFUSED, (reasons.TOO_MANY_FEATURES,)),
    "limits.request.buckets": Beyond(_REFUSED, (reasons.TOO_MANY_BUCKETS,)),
    "limits.request.packed_bytes": Beyond(_EVENT, (reasons.TOO_LARGE,)),
    "limits.request.unpacked_bytes": Beyond(_EVENT, (reasons.TOO_LARGE,)),
    "limits.request.request_unpacked_bytes": Beyond(_EVENT, (reasons.TOO_LARGE,)),
    "limits.request.packed_rows": Beyond(_EVENT, (reasons.TOO_LARGE,)),
    "limits.request.packed_columns": Beyond(_EVENT, (reasons.BAD_COLUMN,)),
    "storage.pending_bytes": Beyond("the oldest entries leave early", (Reason.EVICTED,)),
    "export.queue": Beyond(
        "half full: receivers answer UNAVAILABLE or 503; full: the oldest windows are dropped",
        (Leaving.QUEUE_FULL,),
    ),
    "export.retry_for": Beyond("the windows are dropped", (Leaving.EXPORT_FAILED,)),
    "forward.queue_bytes": Beyond("half full: receivers answer UNAVAILABLE or 503"),
    "forward.remember": Beyond("the longest unused are forgotten; the features of such a row count again"),
    "receivers.otlp.grpc.max_receive_bytes": Beyond(_TOO_LARGE),
    "receivers.otlp.grpc.max_receiving": Beyond("further requests wait unread"),
    "receivers.otlp.grpc.max_buffered_bytes": Beyond("answered UNAVAILABLE with RetryInfo"),
    "receivers.otlp.grpc.workers": Beyond("further requests wait"),
    "receivers.otlp.grpc.body_timeout": Beyond("the call is cancelled; senders repeat it"),
    "receivers.otlp.grpc.max_connections": Beyond("further connections are refused"),
    "receivers.otlp.grpc.max_streams": Beyond("further requests of the connection wait at the sender"),
    "receivers.otlp.http.max_receive_bytes": Beyond("answered 413; senders don't repeat it"),
    "receivers.otlp.http.max_buffered_bytes": Beyond("answered 503 with Retry-After"),
    "receivers.otlp.http.max_connections": Beyond("the connection idle the longest is closed"),
    "receivers.otlp.http.workers": Beyond("further requests wait"),
    "receivers.files.max_line_bytes": Beyond("the line is left out", (reasons.LINE_TOO_LONG,)),
    "receivers.otlp.http.head_timeout": Beyond("answered 408, and the connection is closed"),
    "receivers.otlp.http.body_timeout": Beyond("answered 408, and the connection is closed"),
}
"""By the key of the configuration."""

FIXED = (
    (
        "Predictions, and labels, of one id",
        MAX_ENTRIES,
        Beyond("further ones are not taken", (Reason.RECORD_LIMIT,)),
    ),
    ("Windows of one request to an exporter", CHUNK, Beyond("sent in several requests")),
    (
        "Readings of one window by one signal of a plug-in",
        READINGS_MOST,
        Beyond("the rest is left out", (Leaving.READING_LIMIT,)),
    ),
    (
        "Streams of one signal of a plug-in",
        STREAMS_MOST,
        Beyond("further ones are left out", (Leaving.READING_LIMIT,)),
    ),
    (
        "Bytes of a state that a plug-in makes of the rows of a request",
        STATE_BYTES_MOST,
        Beyond("left out", (Leaving.STATE_INVALID,)),
    ),
)

INTRODUCTION = """\
# Limits

Made from the limits themselves by `python -m barograph_processor.cli.limits_reference > docs/limits.md`.

Nothing of the processor grows without bound, and nothing is given up in silence. What is refused or let go
of is counted in `ml.telemetry.dropped` under the reason named here, and a sender learns it from its answer: a
partial success with the number of items and, in words, why. What can never be taken is refused for good
(INVALID_ARGUMENT, 400); what can't be taken now is put off (UNAVAILABLE, 503, with the time to wait). What
the serving process bounds is in [instrumentation](instrumentation.md#drops).

Each key stands in the [configuration](configuration.md). Raising one costs memory in proportion. A model here
is one with its version, output, namespace and environment.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_table(), *_fixed()])


def settings() -> Iterator[tuple[str, msgspec.structs.FieldInfo, str]]:
    """Path, field and meaning of every setting of the processor and of our receivers."""
    yield from keys(Config)
    for factory in Registry():
        if factory.kind == "receiver":
            yield from keys(factory.config_type, f"{factory.kind}s.{factory.name}.")


def _table() -> Iterator[str]:
    known = {path: (field, meaning) for path, field, meaning in settings()}
    rows = []
    for path, beyond in BEYOND.items():
        field, meaning = known[path]
        rows.append(f"| `{path}` | {_value(field.default)} | {meaning} | {beyond.answer} | {_told(beyond)} |")
    yield "\n".join(
        ["| key | default | what is bounded | beyond it | counted as |", "|---|---|---|---|---|", *rows]
    )


def _fixed() -> Iterator[str]:
    yield "\n## What can't be configured\n"
    rows = [
        f"| {what} | {_value(most)} | {beyond.answer} | {_told(beyond)} |" for what, most, beyond in FIXED
    ]
    yield "\n".join(["| what | most | beyond it | counted as |", "|---|---|---|---|", *rows]) + "\n"


def _told(beyond: Beyond) -> str:
    return ", ".join(f"`{reason}`" for reason in beyond.reasons)


def _value(value: object) -> str:
    plain = msgspec.to_builtins(value, enc_hook=as_text)
    return f"{plain:,}" if isinstance(plain, int) else str(plain)


if __name__ == "__main__":
    sys.stdout.write(reference())
