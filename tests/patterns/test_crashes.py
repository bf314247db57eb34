"""With durability `disk` every acknowledged row is in the restored state exactly once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barograph_processor.components.api import Position
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS
from barograph_processor.stores.memory import MemoryStore
from engine.world import NOON, contents, predictions, rows_points, truths
from stores.fragile import Crashed, FragileFiles

from .crashes import CONFIG, Published, StillClock, alive, engine_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph_processor.engine.batch import Batch
    from barograph_processor.patterns.service import Parts

IDS = st.integers(0, 12)


class Act(NamedTuple):
    """Something that happens to a service: batches come, time passes, or a checkpoint is made."""

    kind: str
    batches: tuple[Batch, ...] = ()
    minutes: int = 0


def predicted(ids: Sequence[int]) -> Batch:
    return predictions([(f"id-{one}", NOON + one * 7 * MINUTE_NS, one / 13) for one in ids])


def observed(ids: Sequence[int]) -> Batch:
    return truths([(f"id-{one}", NOON + one * 7 * MINUTE_NS + HOUR_NS, str(one % 2)) for one in ids])


def counted(flushes: Sequence[int]) -> Batch:
    return rows_points(3, NOON + flushes[0] * 5 * MINUTE_NS, flush=flushes[0], source="b")


BATCH = st.builds(
    lambda make, ids: make(ids),
    st.sampled_from([predicted, observed, counted]),
    st.lists(IDS, min_size=1, max_size=4, unique=True),
)
ACTS = st.lists(
    st.one_of(
        st.builds(Act, st.just("feed"), st.lists(BATCH, min_size=1, max_size=2).map(tuple)),
        st.builds(Act, st.just("advance"), minutes=st.sampled_from([0, 1, 30, 70])),
        st.just(Act("checkpoint")),
    ),
    min_size=3,
    max_size=20,
)
CRASHES = st.lists(st.tuples(st.integers(1, 90), st.sampled_from(["kill", "power"])), max_size=4)


def act(parts: Parts, clock: StillClock, published: Published, one: Act) -> None:
    if one.kind == "feed":
        parts.steps.feed(one.batches, Position("receiver/test", {"batches": repr(one.batches).encode()}))
    elif one.kind == "advance":
        parts.steps.advance(lambda closed, _: published.offer_windows(closed))
    else:
        assert parts.keeping is not None
        parts.keeping.keep()


def figures(engine: Engine) -> tuple[object, ...]:
    stats = engine.stats(NOON)
    return (
        contents(engine), stats.predictions, stats.labels_accepted, stats.labels_joined,
        stats.labels_waiting, stats.pending,
    )  # fmt: skip


def undisturbed(acts: Sequence[Act]) -> tuple[object, ...]:
    """The same without a journal, without a crash, and each act once."""
    engine = Engine(settings_for(CONFIG, None), store=MemoryStore(), signals=[])
    clock = StillClock()
    for one in acts:
        clock.time_ns += one.minutes * MINUTE_NS
        if one.kind == "feed":
            engine.feed(one.batches, clock.now_ns())
        elif one.kind == "advance":
            engine.advance(clock.now_ns())
    engine.drain(clock.now_ns())
    return figures(engine)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=ACTS, crashes=CRASHES, seed=st.integers(0, 2**32))
def test_a_crash_at_any_moment_changes_nothing(
    acts: list[Act], crashes: list[tuple[int, str]], seed: int
) -> None:
    clock, published = StillClock(), Published()
    files = FragileFiles()
    done = 0
    moved = False
    while True:
        dies_at, how = crashes.pop() if crashes else (None, "")
        files.dies_at = dies_at
        try:
            with alive(files, clock, published) as parts:
                while done < len(acts):
                    if not moved:
                        clock.time_ns += acts[done].minutes * MINUTE_NS
                        moved = True
                    act(parts, clock, published, acts[done])
                    done += 1  # acknowledged; what was not is sent again
                    moved = False
                engine = engine_of(parts)
                remembered = parts.machine.remembered("receiver/test")
                parts.steps.drain(lambda closed, _: published.offer_windows(closed))
                break
        except Crashed:
            files = files.after_kill() if how == "kill" else files.after_power_loss(Random(seed))
    assert undisturbed(acts) == figures(engine)
    fed = [repr(one.batches).encode() for one in acts if one.kind == "feed"]
    assert {"batches": fed[-1]} == remembered if fed else not remembered
