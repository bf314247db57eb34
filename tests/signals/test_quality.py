"""Shares of bad values, and when they are too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from barograph.semconv import metrics
from barograph.semconv.attributes import MlFeatureState
from barograph_processor.signals import observed
from barograph_processor.signals.api import StreamId, StreamKind, View
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.quality import QualitySignal, VolumeSignal
from barograph_processor.signals.quality_excess import excesses, p_value

from .windows import DAY_S, reference, value, view

SIGNAL = QualitySignal()
NUMBERS = np.arange(1_000.0)


def test_shares_are_of_all_rows_and_out_of_range_is_of_the_valid_ones() -> None:
    known = reference({"x": NUMBERS})
    column = np.concatenate((NUMBERS[:60], [np.nan] * 20, [np.inf] * 10, [5_000.0, -5.0] * 5))
    found = list(SIGNAL.readings(view({"x": column}, known)))
    assert value(found, metrics.ML_FEATURE_MISSING_RATIO) == 0.2
    assert value(found, metrics.ML_FEATURE_INVALID_RATIO) == 0.1
    assert value(found, metrics.ML_FEATURE_SENTINEL_RATIO) == 0.0
    assert value(found, metrics.ML_FEATURE_OUT_OF_RANGE_RATIO) == pytest.approx(10 / 70)
    assert value(found, metrics.ML_FEATURE_UNSEEN_RATIO) is None


def test_unseen_is_told_for_categories_whose_source_knows_the_vocabulary() -> None:
    known = reference({"town": ["Bern"] * 50})
    towns = {"town": ["Bern"] * 9 + ["Wien"]}
    assert value(SIGNAL.readings(view(towns, known)), metrics.ML_FEATURE_UNSEEN_RATIO) == 0.1
    assert value(SIGNAL.readings(view(towns, known, known=False)), metrics.ML_FEATURE_UNSEEN_RATIO) is None


def test_the_top_value_shows_a_stuck_column() -> None:
    known = reference({"x": NUMBERS, "town": ["a", "b"] * 500})
    found = list(SIGNAL.readings(view({"x": np.full(80, 7.0), "town": ["a"] * 60 + ["b"] * 20}, known)))
    assert value(found, metrics.ML_FEATURE_TOP_VALUE_RATIO, "x") == 1.0
    assert value(found, metrics.ML_FEATURE_TOP_VALUE_RATIO, "town") == 0.75
    bare = list(SIGNAL.readings(view({"x": np.full(80, 7.0)}, None)))
    assert value(bare, metrics.ML_FEATURE_TOP_VALUE_RATIO, "x") == 1.0


def test_states_of_several_bases_are_one_feature() -> None:
    rows = [CategoryCounts.of({"valid": 3, "missing": 1}), CategoryCounts.of({"valid": 4})]
    window = {
        StreamId(StreamKind.FEATURE_STATES, "x", basis=basis): state
        for basis, state in zip("ab", rows, strict=True)
    }
    assert value(SIGNAL.readings(View(window, None, DAY_S, 8)), metrics.ML_FEATURE_MISSING_RATIO) == 0.125


def test_the_volume_is_always_told() -> None:
    assert value(VolumeSignal().readings(View({}, None, DAY_S, 0)), metrics.ML_WINDOW_OBSERVATIONS) == 0.0


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 2_000), st.data(), st.floats(0, 0.5))
def test_the_p_value_is_the_binomial_tail(rows: int, data: st.DataObject, share: float) -> None:
    bad = data.draw(st.integers(0, rows))
    expected = stats.binom.sf(bad - 1, rows, share + 0.01)
    assert expected == pytest.approx(p_value(bad, rows, share), abs=1e-9)


def test_overdispersion_makes_the_same_share_less_surprising() -> None:
    assert p_value(30, 1_000, 0.0) < 1e-6 < p_value(30, 1_000, 0.0, phi=20.0)
    assert p_value(5, 10, 0.995) == 1.0


def test_a_few_missing_rows_are_no_excess_and_a_tenth_is() -> None:
    rng = np.random.default_rng(3)
    known = reference({"x": rng.normal(size=5_000), "y": rng.normal(size=5_000)})
    clean, holes = rng.normal(size=500), rng.normal(size=500)
    holes[:4] = np.nan
    assert [] == excesses(view({"x": holes, "y": clean}, known))
    holes[:50] = np.nan
    assert [("x", observed.MISSING)] == excesses(view({"x": holes, "y": clean}, known))
    assert [] == excesses(view({"z": holes}, known))  # not a feature of the reference
    assert [] == excesses(view({"x": holes}, None))


def test_the_states_are_the_registrys() -> None:
    registry = Path(__file__).parents[2] / "semconv" / "registry" / "attributes.yaml"
    declared = next(
        one for one in yaml.safe_load(registry.read_text())["attributes"] if one["key"] == "ml.feature.state"
    )
    known = {member["value"] for member in declared["type"]["members"]}
    of_unknown_kind = {MlFeatureState.NUMBER, MlFeatureState.TEXT}  # what an edge tells of those
    assert known == {*observed.DISJOINT, observed.BELOW, observed.ABOVE, *of_unknown_kind}
