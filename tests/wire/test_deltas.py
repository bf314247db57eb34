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


@pytest.mark.parametrize(
    ("low", "high", "counts", "bounds"),
    [
        (0.0, 9.0, (3, 0, 0), (0.0, 1.0)),  # the least value may have come before; none is above the edge
        (-2.0, 9.0, (0, 0, 3), (5.0, 9.0)),
        (-2.0, 9.0, (1, 0, 1), (-2.0, 9.0)),
        (None, None, (0, 3, 0), (1.0, 5.0)),
        (None, None, (1, 0, 0), (None, 1.0)),
        (None, None, (0, 0, 1), (5.0, None)),
        (0.0, 9.0, (0, 0, 0), (None, None)),
    ],
)
def test_explicit_buckets_are_subtracted_and_their_extremes_are_bounds(
    low: float | None,
    high: float | None,
    counts: tuple[int, ...],
    bounds: tuple[float | None, float | None],
) -> None:
    edges, held = np.array([1.0, 5.0]), np.array([2, 2, 2])
    before = ExplicitContent(edges, held, 6.0, low, high)
    after = ExplicitContent(edges, held + np.array(counts), 10.0, low, high)
    staged = Deltas(STARTED).stage([point(2_000, 3_000, before), point(2_000, 4_000, after)])
    expected = ExplicitHistogram.from_point(edges, counts, 4.0, *bounds)
    assert expected.to_bytes() == staged.points[1].state.to_bytes()


def test_extremes_of_all_increments_are_those_of_the_whole() -> None:
    values = np.random.default_rng(5).normal(0, 3, 200)
    edges = np.array([-4.0, -1.0, 0.0, 2.0])
    whole, cumulative = ExplicitHistogram.zero(edges), []
    for i, part in enumerate(np.split(values, 8), 1):
        whole = whole.observe(part)
        cumulative.append(
            point(
                2_000,
                2_000 + i,
                ExplicitContent(edges, whole.counts, float(values[: 25 * i].sum()), whole.low, whole.high),
            )
        )
    increments_of = [p.state for p in Deltas(STARTED).stage(cumulative).points]
    merged = ExplicitHistogram.zero(edges)
    for state in increments_of:
        assert isinstance(state, ExplicitHistogram)
        merged = merged.merge(state)
    assert (whole.low, whole.high) == (merged.low, merged.high)
    assert whole.counts.tolist() == merged.counts.tolist()


def test_a_stream_whose_start_nobody_knows_begins_with_a_start_and_no_count() -> None:
    """As the data model has it: the first point is as old as itself, later ones keep that as their start."""
    deltas = Deltas(STARTED)
    staged = deltas.stage([point(3_000, 3_000, 1_000_000)])
    assert ([], {"cumulative_start": 1}) == (staged.points, staged.ignored)
    staged.commit()
    assert [(3_000, 4_000, 3)] == increments(deltas, point(3_000, 4_000, 1_000_003))
    assert [(4_000, 5_000, 2)] == increments(deltas, point(3_000, 5_000, 1_000_005))


def test_a_stream_that_never_states_its_start_is_counted_by_differences() -> None:
    deltas = Deltas(STARTED)
    assert [] == increments(deltas, point(3_000, 3_000, 10))
    assert [(3_000, 4_000, 2)] == increments(deltas, point(4_000, 4_000, 12))
    assert [(4_000, 5_000, 5)] == increments(deltas, point(5_000, 5_000, 5)), "it fell: begun anew since"


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
