"""Cumulative streams go on over a restart from where their increments were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.errors import Retryable, StateError
from barograph_processor.components.api import Position
from barograph_processor.engine.batch import Fed, Key, Points
from barograph_processor.receivers.cumulative import START, CumulativeStreams, others
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.wire.contents import ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.decode import Decoded
from barograph_processor.wire.delta_bytes import decode_cumulative, encode_cumulative, stream_name
from barograph_processor.wire.deltas import Cumulative, Deltas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.signals.api import State
    from barograph_processor.wire.contents import Content

KEY = Key("default", "", "", "m", "1", "")
STARTED = 1_000


class Kept:
    """An intake that keeps batches and positions together, or refuses both."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.names: dict[str, bytes] = {}
        self.refuses = False
        self.feeds = 0

    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        if self.refuses:
            raise Retryable("not now")
        self.feeds += 1
        for batch in batches:
            assert isinstance(batch, Points)
            for point in batch.points:
                self.counts[point.source] = self.counts.get(point.source, 0) + total(point.state)
        for name, value in (position.changes if position is not None else {}).items():
            self.names.pop(name, None)
            if value is not None:
                self.names[name] = value
        return Fed(0, {})

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        return self.names

    def streams(self, start_ns: int = STARTED) -> CumulativeStreams:
        return CumulativeStreams(self, start_ns, "receiver/otlp", dict(self.names))


def total(state: State) -> int:
    if isinstance(state, CategoryCounts):
        return state.total
    assert isinstance(state, (ExplicitHistogram, ExponentialHistogram))
    return state.rows


def explicit(count: int) -> Content:
    return ExplicitContent(np.array([1.0]), np.array([0, count]), float(count), None, 2.0)


def exponential(count: int) -> Content:
    empty = np.zeros(0, np.int64)
    return ExponentialContent(2, 0, 3, np.array([count]), 0, empty, None, None, None)


def rows(count: int) -> Content:
    return SumContent("", count)


def point(source: str, end: int, content: Content, start: int = 2_000) -> Cumulative:
    return Cumulative(KEY, source, StreamId(StreamKind.ROWS), "", start, end, 0, content)


def feed(streams: CumulativeStreams, *points: Cumulative) -> None:
    streams.feed(Decoded(cumulative=list(points)))


MAKERS = {"rows": rows, "explicit": explicit, "exponential": exponential}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(MAKERS)), st.sampled_from(["take", "restart", "again", "refuse"])),
        max_size=30,
    )
)
def test_whatever_happens_between_points_a_stream_counts_once(steps: list[tuple[str, str]]) -> None:
    kept = Kept()
    streams = kept.streams()
    expected: dict[str, int] = {}
    for at, (source, happens) in enumerate(steps):
        one = point(source, 3_000 + at, MAKERS[source](10 * (at + 1)))
        if happens == "refuse":
            kept.refuses = True
            with pytest.raises(Retryable):
                feed(streams, one)
            kept.refuses = False
        if happens == "restart":
            streams = kept.streams(start_ns=10**9)
        feed(streams, one)
        if happens == "again":
            streams = kept.streams(start_ns=10**9)  # the answer was lost with the process
            feed(streams, one)
        expected[source] = 10 * (at + 1)
    assert expected == kept.counts


def test_a_stream_that_was_a_start_before_the_restart_counts_what_comes_after_it() -> None:
    kept = Kept()
    feed(kept.streams(), point("s", 3_000, rows(1_000_000), start=500))
    feed(kept.streams(start_ns=9_000), point("s", 10_000, rows(1_000_003), start=500))
    assert {"s": 3} == kept.counts


def test_a_stream_that_began_while_the_processor_was_down_counts_in_full() -> None:
    kept = Kept()
    kept.streams()
    feed(kept.streams(start_ns=9_000), point("s", 10_000, rows(7), start=5_000))
    assert {"s": 7} == kept.counts


def test_an_intake_that_takes_nothing_at_first_is_told_the_start_later() -> None:
    kept = Kept()
    kept.refuses = True
    streams = kept.streams()
    kept.refuses = False
    assert START not in kept.names
    feed(streams, point("s", 3_000, rows(1)))
    assert STARTED == int.from_bytes(kept.names[START], "little")


def test_a_repeat_is_not_written_again() -> None:
    kept = Kept()
    streams = kept.streams()
    feed(streams, point("s", 3_000, rows(1)))
    before = kept.feeds
    feed(streams, point("s", 3_000, rows(1)))
    assert before == kept.feeds


def test_without_a_place_to_keep_it_nothing_is_told() -> None:
    kept = Kept()
    feed(CumulativeStreams(kept, STARTED), point("s", 3_000, rows(5)))
    assert ({"s": 5}, {}) == (kept.counts, kept.names)


def test_streams_that_are_forgotten_are_those_unused_longest() -> None:
    deltas = Deltas(STARTED, max_streams=2)
    for source in ("a", "b", "a"):
        deltas.stage([point(source, 3_000 + len(deltas), rows(1))]).commit()
    staged = deltas.stage([point("c", 4_000, rows(1)), point("a", 4_000, rows(1))])
    assert ["b"] == [stream[1] for stream in deltas.forgotten_for(staged.newest)]
    staged.commit()
    assert [] == deltas.forgotten_for({})
    assert 2 == len(deltas)


@pytest.mark.parametrize("make", MAKERS.values())
def test_points_come_back_from_their_bytes(make: Any) -> None:
    one = point("é", 3_000, make(3))
    again = decode_cumulative(encode_cumulative(one))
    assert one[:-1] == again[:-1]
    assert encode_cumulative(one) == encode_cumulative(again)
    assert type(one.content) is type(again.content)
    with pytest.raises(StateError):
        decode_cumulative(encode_cumulative(one)[:-1])


def test_streams_have_names_of_their_own() -> None:
    stream = (KEY, "s", StreamId(StreamKind.ROWS), "")
    others = [(KEY._replace(tenant="t"), *stream[1:]), (KEY, "t", *stream[2:]), (*stream[:3], "item")]
    assert 4 == len({stream_name(one) for one in [stream, *others]})


def test_a_receiver_keeps_what_it_says_itself_beside_its_streams() -> None:
    kept = Kept()
    position = Position("receiver/otlp", {"file": b"7", "gone": None})
    kept.streams().feed(Decoded(cumulative=[point("s", 3_000, rows(5))]), position)
    assert {"file": b"7"} == others(kept.names)
    feed(kept.streams(start_ns=9_000), point("s", 10_000, rows(7)))
    assert {"s": 7} == kept.counts
