"""What a rule hides is nowhere in the bytes that leave, and is counted as what it was."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from barograph.baseline import Feature
from barograph.errors import ConfigError
from barograph.guard import guard
from barograph.redact import Redactor
from barograph.semconv import attributes, metrics

from .listening import ListeningSink, baseline, monitor
from .row_reading import features, told_rows
from .wire_sink import WireSink

SECRETS: dict[str, Any] = {
    "ssn": "078-05-1120",
    "name": "Ada Lovelace",
    "income": 2712.671875,
    "account": 31415926535.0,
    "city": "Winterthur",
}
KNOWN = (
    Feature(name="income", kind="number", edges=(1_000.0, 2_000.0, 3_000.0), low=10.0, high=9_000.0),
    Feature(name="account", kind="number", edges=(1e10, 5e10), low=1e9, high=9e10),
    Feature(name="ssn", kind="category"),
    Feature(name="name", kind="category", categories=("Ada Lovelace", "Grace Hopper")),
    Feature(name="city", kind="category", categories=("Bern", "Winterthur")),
)
RULES = "ssn=drop,name=hash,income=bucket,account=hash,city=bucket"


def recorded(outcomes: str = "packed", **settings: Any) -> WireSink:
    sink = WireSink()
    settings = {"rows": "all", "redact": RULES, "baseline": baseline(features=KNOWN)} | settings
    watch = monitor(sink, outcomes=outcomes, **settings)
    watch.record(SECRETS, "granted", ids="a-17")
    assert watch.flush()
    return sink


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_without_rules_the_bytes_hold_what_the_row_held(outcomes: str) -> None:
    sink = recorded(outcomes, redact=None)
    held = {name for name, value in SECRETS.items() if sink.holds(value)}
    assert {"name", "income", "account", "city"} == held  # the vocabulary has no ssn: it is hashed
    assert Redactor("m").hashed(SECRETS["ssn"]) == features(sink.told)["a-17"]["ssn"]


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_with_rules_the_bytes_hold_no_hidden_number_and_the_row_no_hidden_text(outcomes: str) -> None:
    sink = recorded(outcomes)
    hashed = Redactor("m").hashed
    assert {
        "income": 2_500.0,
        "account": hashed("31415926535"),
        "name": hashed("Ada Lovelace"),
        "city": "Winterthur",
    } == features(sink.told)["a-17"]
    # Of a number neither the row nor the pane's sum, least and greatest value give it away.
    assert [] == [name for name in ("ssn", "income", "account") if sink.holds(SECRETS[name])]
    events = WireSink()
    events.events(sink.told)
    assert not events.holds(SECRETS["name"])  # the histograms count the baseline's categories by name


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
@pytest.mark.parametrize("rule", ["drop", "hash", "bucket"])
def test_without_a_baseline_no_hidden_value_leaves_at_all(lenient: None, rule: str, outcomes: str) -> None:
    sink = recorded(outcomes, baseline=None, redact=f"*={rule}")
    assert [] == [name for name, value in SECRETS.items() if sink.holds(value)]
    assert "granted" == told_rows(sink.told)["a-17"][attributes.ML_PREDICTION_CLASS]
    expected = {("income", "valid"): 1, ("ssn", "valid"): 1}
    assert expected.items() <= dict(sink.states()).items()
    left = features(sink.told).get("a-17", {})
    assert {"drop": set(), "hash": set(SECRETS), "bucket": {"ssn", "name", "city"}}[rule] == set(left)
    assert set(left.values()) <= {
        "__other__",
        *(Redactor("m").hashed(_text(one)) for one in SECRETS.values()),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"


def test_a_stated_width_needs_no_baseline() -> None:
    sink = recorded(baseline=None, redact="income=bucket:500,account=bucket:1e9,*=drop")
    assert {"income": 2_750.0, "account": 31_500_000_000.0} == features(sink.told)["a-17"]
    assert [] == [name for name, value in SECRETS.items() if sink.holds(value)]


def test_buckets_that_nobody_knows_are_said_and_counted(lenient: None) -> None:
    sink = recorded(baseline=None, redact={"income": "bucket"})
    assert "income" not in features(sink.told)["a-17"]
    assert 1 == dropped(sink)["no_buckets"]


def dropped(sink: ListeningSink) -> Counter[Any]:
    waiting = Counter({reason: count for (_, reason), count in guard.counts().items()})
    return sink.sums(metrics.ML_TELEMETRY_DROPPED, attributes.ML_TELEMETRY_REASON) + waiting


def test_hashes_need_the_key_to_be_made_again() -> None:
    found = [features(recorded(hash_key=key).told)["a-17"]["name"] for key in ("k", "k", "another", None)]
    assert found[0] == found[1]
    assert 3 == len(set(found))


@pytest.mark.parametrize("outcomes", ["packed", "readable"])
def test_missing_stays_missing_and_invalid_invalid_under_every_rule(outcomes: str) -> None:
    sink = ListeningSink()
    watch = monitor(
        sink,
        rows="all",
        outcomes=outcomes,
        baseline=baseline(features=KNOWN),
        redact="income=bucket,account=hash,name=hash,city=bucket,ssn=clear",
    )
    missing: dict[str, Any] = dict.fromkeys(SECRETS)
    invalid = {"income": np.inf, "account": "none", "ssn": ["x"], "name": ["x"], "city": {"x": 1}}
    watch.record([missing, invalid], ["x", "y"], ids=["missing", "invalid"])
    assert watch.flush()
    assert {
        "missing": dict.fromkeys(SECRETS),
        "invalid": dict.fromkeys(SECRETS, np.inf),
    } == features(sink.told)


@pytest.mark.parametrize("rule", ["bucket", "clear"])
def test_redacted_numbers_are_counted_in_the_same_buckets(rule: str) -> None:
    sink = ListeningSink()
    watch = monitor(sink, rows="off", baseline=baseline(features=KNOWN[:2]), redact=f"*={rule}")
    values = np.random.default_rng(7).lognormal(7.5, 2.0, (500, 2)) * [1.0, 1e7]
    watch.record(values)
    assert watch.flush()
    told = {
        point.attributes[attributes.ML_FEATURE_NAME]: list(point.data.counts)  # type: ignore[union-attr]
        for point in sink.of(metrics.ML_FEATURE_VALUE)
    }
    for place, known in enumerate(KNOWN[:2]):
        assert known.low is not None
        assert known.high is not None
        cells = np.searchsorted(known.edges, values[:, place], side="left")
        assert np.bincount(cells, minlength=len(known.edges) + 1).tolist() == told[known.name]
        assert sink.states()[known.name, "below"] == (values[:, place] < known.low).sum()
        assert sink.states()[known.name, "above"] == (values[:, place] > known.high).sum()


@pytest.mark.parametrize(
    ("rule", "expected"), [("drop", None), ("hash", Redactor("m").hashed("north")), ("clear", "north")]
)
def test_a_rule_that_names_a_segment_holds_for_the_segment(rule: str, expected: str | None) -> None:
    sink = WireSink()
    watch = monitor(sink, columns="segment=region", redact={"region": rule, "*": "drop"})
    watch.record({"region": "north", "a": 1.0}, "x", ids="a-17", segments={"age": 41})
    assert watch.flush()
    segments = told_rows(sink.told)["a-17"][attributes.ML_SEGMENTS]
    assert ({"age": "41"} | ({} if expected is None else {"region": expected})) == segments
    assert (expected == "north") == sink.holds("north")


def test_a_segment_leaves_by_its_bucket() -> None:
    sink = ListeningSink()
    watch = monitor(sink, redact="age=bucket:10,channel=bucket")
    watch.record({"a": 1.0}, "x", ids="a-17", segments={"age": 41, "channel": "private"})
    assert watch.flush()
    assert {"age": "45", "channel": "__other__"} == told_rows(sink.told)["a-17"][attributes.ML_SEGMENTS]


@pytest.mark.parametrize("wrong", [{"redact": "ssn=burn"}, {"rows": "most"}])
def test_a_slip_in_the_rules_sends_less_not_more(lenient: None, wrong: dict[str, str]) -> None:
    sink = WireSink()
    watch = monitor(sink, columns="segment=city", **({"rows": "all", "redact": RULES} | wrong))
    watch.record(SECRETS, "granted", ids="a-17")
    assert watch.flush()
    assert [] == [name for name, value in SECRETS.items() if sink.holds(value)]
    assert {"a-17"} == set(told_rows(sink.told))
    assert {} == features(sink.told)
    assert 1 == dropped(sink)["wrong_rows"]


@pytest.mark.parametrize("wrong", [{"redact": "ssn=burn"}, {"rows": "most"}])
def test_a_slip_in_the_rules_raises_in_strict_mode(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="wanted"):
        monitor(ListeningSink(), **wrong)
