"""Probes are put aside, joined by the code that joins everything, and bounded."""

from __future__ import annotations

import numpy as np

from barograph_processor.engine.batch import Batch, Key, Point, Points, Predictions, Texts, Truths
from barograph_processor.engine.probes import MAX_PROBES, PROBE_MODEL, STORE_BYTES, Probe, Probes, parted
from barograph_processor.stores.memory import MemoryStore

from .world import rows_point

NOW_NS = 1_767_268_800_000_000_000


def key(model: str, tenant: str = "default") -> Key:
    return Key(tenant, "", "", model, "0", "")


def texts(value: str) -> Texts:
    return Texts(np.zeros(1, np.int32), (value,))


def prediction(name: str, model: str = PROBE_MODEL, tenant: str = "default") -> Predictions:
    nothing = np.full(1, np.nan)
    return Predictions(
        key(model, tenant), name, [name], np.array([NOW_NS]), texts("true"), nothing,
        np.empty((1, 0)), (), nothing, {},
    )  # fmt: skip


def truth(name: str, model: str = PROBE_MODEL, tenant: str = "default") -> Truths:
    return Truths(tenant, model, None, "", [name], np.array([NOW_NS]), texts("true"), np.full(1, np.nan))


def point(name: str, model: str = PROBE_MODEL) -> Point:
    return rows_point(1, NOW_NS, source=name, key=key(model))


def probes() -> Probes:
    return Probes(MemoryStore(STORE_BYTES))


def test_probes_are_parted_from_what_is_monitored() -> None:
    mixed = Points([point("a"), point("b", "credit")])
    batches: list[Batch] = [
        prediction("a"),
        prediction("b", "credit"),
        truth("a"),
        truth("b", "credit"),
        mixed,
    ]
    ordinary, ours = parted(batches)
    assert [batches[1], batches[3], Points([mixed.points[1]])] == ordinary
    assert [batches[0], batches[2], Points([mixed.points[0]])] == ours
    assert ([], [Points([mixed.points[0]])]) == parted([Points([mixed.points[0]])])


def test_a_prediction_and_its_label_join_whichever_comes_first() -> None:
    orders: list[list[Batch]] = [[prediction("a"), truth("a")], [truth("a"), prediction("a")]]
    for batches in orders:
        subject = probes()
        subject.take(batches[:1])
        assert not subject.seen("a").joined
        subject.take(batches[1:])
        assert Probe(1, 1, joined=True) == subject.seen("a")


def test_what_differs_in_id_or_tenant_does_not_join() -> None:
    subject = probes()
    subject.take([prediction("a"), truth("b"), prediction("c", tenant="one"), truth("c", tenant="two")])
    assert Probe(predictions=1) == subject.seen("a")
    assert Probe(labels=1) == subject.seen("b")
    assert Probe(1, 1, joined=False) == subject.seen("c")


def test_points_are_counted_by_their_source() -> None:
    subject = probes()
    assert 2 == subject.take([Points([point("a"), point("a")])])
    assert Probe(points=2) == subject.seen("a")
    assert Probe() == subject.seen("b")


def test_the_oldest_probes_are_forgotten() -> None:
    subject = probes()
    for number in range(MAX_PROBES + 1):
        subject.take([prediction(f"p-{number}")])
    assert Probe() == subject.seen("p-0")
    assert Probe(predictions=1) == subject.seen(f"p-{MAX_PROBES}")
