"""Cumulative streams: increments, resets, repeats, retries."""

from __future__ import annotations

import numpy as np
import pytest

from barograph_processor.engine.batch import Key
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.wire.contents import Content, ExplicitContent, ExponentialContent, SumContent
from barograph_processor.wire.deltas import Cumulative, Deltas

KEY = Key("default", "", "", "m", "1", "")
STARTED = 1_000


def point(start: int, end: int, content: Content | int, source: str = "s") -> Cumulative:
    """A cumulative point of one stream."""
    held = SumContent("", content) if isinstance(content, int) else content
    return Cumulative(KEY, source, StreamId(StreamKind.ROWS), "", start, end, 0, held)


def explicit(*counts: int) -> ExplicitContent:
    """Buckets on fixed edges, the sum following the counts."""
    return ExplicitContent(np.array([1.0]), np.array(counts), float(sum(counts)), 0.0, 9.0)


def increments(deltas: Deltas, *points: Cumulative) -> list[tuple[int, int, int]]:
    """Stage and commit; start, end and rows of each increment."""
    staged = deltas.stage(points)
    staged.commit()
    return [
        (p.start_ns, p.end_ns, p.state.total) for p in staged.points if isinstance(p.state, CategoryCounts)
    ]


def test_increments_cover_the_time_since_the_point_before() -> None:
    deltas = Deltas(STARTED)
    assert [(2_000, 3_000, 5), (3_000, 4_000, 2)] == increments(
        deltas, point(2_000, 3_000, 5), point(2_000, 4_000, 7)
    )
    assert [(4_000, 5_000, 0)] == increments(deltas, point(2_000, 5_000, 7))


def test_a_stream_older_than_the_processor_begins_with_a_start_and_no_count() -> None:
    deltas = Deltas(STARTED)
    staged = deltas.stage([point(500, 3_000, 1_000_000)])
    assert ([], {"cumulative_start": 1}) == (staged.points, staged.ignored)
    staged.commit()
    assert [(3_000, 4_000, 3)] == increments(deltas, point(500, 4_000, 1_000_003))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (point(3_500, 4_000, 4), (3_500, 4_000, 4)),  # begun anew, stated
        (point(3_500, 4_000, 9), (3_500, 4_000, 9)),  # the same, having counted more since
        (point(2_000, 4_000, 4), (3_000, 4_000, 4)),  # begun anew, seen by a count that fell
    ],
)
def test_a_stream_that_began_anew_counts_in_full(after: Cumulative, expected: tuple[int, int, int]) -> None:
    deltas = Deltas(STARTED)
    increments(deltas, point(2_000, 3_000, 5))
    assert [expected] == increments(deltas, after)


def test_repeats_give_nothing_and_older_points_are_refused() -> None:
    deltas = Deltas(STARTED)
    increments(deltas, point(2_000, 3_000, 5), point(2_000, 4_000, 6))
    staged = deltas.stage([point(2_000, 4_000, 6), point(2_000, 3_000, 5)])
    assert ([], {"cumulative_repeat": 1}, {"out_of_order": 1}) == (
        staged.points,
        staged.ignored,
        staged.rejected,
    )


def test_what_was_not_committed_can_be_sent_again() -> None:
    deltas = Deltas(STARTED)
    first = deltas.stage([point(2_000, 3_000, 5)])
    again = deltas.stage([point(2_000, 3_000, 5)])
    assert first.points[0].state.to_bytes() == again.points[0].state.to_bytes()


def test_explicit_buckets_are_subtracted_and_their_extremes_unknown() -> None:
    deltas = Deltas(STARTED)
    staged = deltas.stage([point(2_000, 3_000, explicit(1, 2)), point(2_000, 4_000, explicit(4, 2))])
    expected = ExplicitHistogram.from_point([1.0], [3, 0], 3.0)
    assert expected.to_bytes() == staged.points[1].state.to_bytes()


def test_other_edges_begin_a_stream_anew() -> None:
    deltas = Deltas(STARTED)
    other = ExplicitContent(np.array([2.0]), np.array([9, 9]), 18.0, None, None)
    staged = deltas.stage([point(2_000, 3_000, explicit(1, 2)), point(2_000, 4_000, other)])
    assert other.state().to_bytes() == staged.points[1].state.to_bytes()


def test_exponential_buckets_are_subtracted_at_the_later_ones_scale() -> None:
    empty = np.array([], np.int64)
    before = ExponentialContent(1, 1, 2, np.array([1, 2, 3]), 0, empty, 10.0, None, None)
    after = ExponentialContent(0, 4, 0, np.array([0, 5, 4, 7]), -2, np.array([3]), 25.0, None, None)
    staged = Deltas(STARTED).stage([point(2_000, 3_000, before), point(2_000, 4_000, after)])
    expected = ExponentialHistogram.from_point(0, 3, 0, [0, 2, 1, 7], -2, [3], 15.0)
    assert expected.to_bytes() == staged.points[1].state.to_bytes()


def test_an_exponential_count_that_falls_begins_anew() -> None:
    empty = np.array([], np.int64)
    before = ExponentialContent(0, 0, 0, np.array([5]), 0, empty, 10.0, None, None)
    for after in (
        ExponentialContent(0, 0, 0, np.array([4]), 0, empty, 8.0, None, None),
        ExponentialContent(0, 0, 1, np.array([9]), 0, empty, 8.0, None, None),
        ExponentialContent(1, 0, 0, np.array([9]), 0, empty, 8.0, None, None),
    ):
        staged = Deltas(STARTED).stage([point(2_000, 3_000, before), point(2_000, 4_000, after)])
        assert after.state().to_bytes() == staged.points[1].state.to_bytes()


def test_the_longest_unused_streams_are_forgotten_first() -> None:
    deltas = Deltas(STARTED, max_streams=2)
    for source in ("a", "b", "a", "c"):
        increments(deltas, point(2_000, 3_000 + len(deltas) * 10, 5, source))
    assert len(deltas) == 2
    assert deltas.newest((KEY, "b", StreamId(StreamKind.ROWS), "")) is None
