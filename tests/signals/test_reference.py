"""The reference reads a baseline back, and says how windows vary."""

from __future__ import annotations

import numpy as np
import pytest

from barograph.baseline import Baseline, Header, encode_baseline
from barograph.errors import StateError
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.fit import OutputRows, fit
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.reference import Reference, entry_of

DAY_NS = 86_400 * 10**9
AGE = StreamId(StreamKind.FEATURE_VALUE, "age")


def with_phi(phi: dict[str, float], *, days: int = 10, rows: int = 1_000) -> Reference:
    state = CategoryCounts.of({"a": rows})
    header = Header(model="m", version="1", rows=rows, start_unix_nano=0, end_unix_nano=days * DAY_NS)
    stored = [entry_of(StreamId(StreamKind.FEATURE_CATEGORIES, "town"), state, phi)]
    return Reference(Baseline(encode_baseline(header, stored)))


def phi(reference: Reference, length_s: float, rows: float | None = None) -> float:
    return reference.phi(StreamId(StreamKind.FEATURE_CATEGORIES, "town"), length_s, rows)


def test_states_are_given_by_the_basis_that_sources_counted_on() -> None:
    values = np.arange(100.0)
    reference = Reference(Baseline(fit({"age": values}, model="m")))
    own = reference.state(AGE._replace(basis=reference.id))
    bare = reference.state(AGE)
    assert isinstance(own, ExplicitHistogram)
    assert isinstance(bare, ExponentialHistogram)
    assert own.rows == bare.rows == 100
    assert reference.state(AGE._replace(basis="another")) is None
    assert own is reference.state(AGE._replace(basis=reference.id))  # decoded once


def test_streams_are_listed_with_their_bases() -> None:
    reference = Reference(Baseline(fit({"age": np.arange(9.0), "town": ["a"] * 9}, model="m")))
    found = set(reference.streams())
    assert AGE in found
    assert AGE._replace(basis=reference.id) in found
    assert StreamId(StreamKind.FEATURE_CATEGORIES, "town", basis=reference.id) in found
    assert all(reference.state(stream) is not None for stream in found)


def test_an_output_is_found_by_its_name_and_features_belong_to_all() -> None:
    outputs = [
        OutputRows(name="eta", task="regression", predicted=np.arange(40.0)),
        OutputRows(name="late", predicted=["no", "yes"] * 20),
    ]
    baseline = Baseline(fit({"age": np.arange(40.0)}, model="m", outputs=outputs))
    eta, late = Reference(baseline, "eta"), Reference(baseline, "late")
    assert eta.output is not None
    assert late.output is not None
    assert ("regression", "binary") == (eta.output.task, late.output.task)
    assert eta.state(StreamId(StreamKind.PREDICTION_VALUE, basis=eta.id)) is not None
    assert late.state(StreamId(StreamKind.PREDICTION_VALUE, basis=late.id)) is None
    assert late.state(AGE._replace(basis=late.id)) is not None
    assert Reference(baseline, "other").output is None


def test_phi_is_of_the_same_length_else_the_longest_shorter_else_the_shortest_longer() -> None:
    reference = with_phi({"3600": 3.0, "86400": 9.0})
    assert phi(reference, 86_400) == 9.0
    assert phi(reference, 30 * 86_400) == 9.0
    assert phi(reference, 7_200) == 3.0
    assert phi(reference, 300) == 3.0


def test_phi_follows_the_number_of_rows_because_what_days_vary_by_does_not_shrink_with_traffic() -> None:
    reference = with_phi({"86400": 9.0})  # 100 rows a day
    assert phi(reference, 86_400, 100) == pytest.approx(9.0)
    assert phi(reference, 86_400, 1_000) == pytest.approx(81.0)
    assert phi(reference, 10 * 86_400, 1_000) == pytest.approx(9.0)  # ten days at the same rate
    tau = [(phi(reference, 86_400, rows) - 1) / rows for rows in (10, 10_000)]
    assert tau[0] == pytest.approx(tau[1])


def test_phi_of_blocks_of_rows_does_not_know_their_length() -> None:
    assert phi(with_phi({"0": 4.0}), 86_400, 10_000) == 4.0
    assert phi(with_phi({}), 86_400, 10_000) == 1.0
    assert with_phi({"0": 4.0}).phi(AGE, 60) == 1.0


def test_phi_of_a_histogram_is_the_same_for_sources_with_and_without_the_baseline() -> None:
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(30), 200)
    values = rng.normal(days % 7, 1.0)
    reference = Reference(Baseline(fit({"age": values}, model="m", time_ns=days * DAY_NS)))
    found = reference.phi(AGE, 86_400, 200)
    assert found > 5
    assert found == reference.phi(AGE._replace(basis=reference.id), 86_400, 200)


def test_damaged_state_bytes_are_told_when_they_are_read() -> None:
    content = bytearray(fit({"age": np.arange(9.0)}, model="m"))
    content[-1] ^= 1
    reference = Reference(Baseline(bytes(content)))
    last = list(reference.streams())[-1]
    with pytest.raises(StateError, match="damaged"):
        reference.state(last)
