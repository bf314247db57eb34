"""What signals of other packages may call their metrics."""

from __future__ import annotations

import pytest

from barograph.errors import ConfigError
from barograph.semconv import attributes, metrics
from barograph.semconv.metrics import METRICS, Metric
from barograph_processor.engine.batch import Key
from barograph_processor.signals import declared
from barograph_processor.signals.declared import about, declare
from barograph_processor.wire.reading_attributes import reading_attributes

ENTROPY = Metric(
    "acme.prediction.entropy", "gauge", "{bit}", "Entropy of the predicted classes.", ("ml.class.name",)
)


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_declared", {})


def test_the_registry_speaks_for_its_own_names() -> None:
    assert [*METRICS.values()] == [about(name) for name in METRICS]


def test_a_declared_name_is_known_from_then_on_and_may_be_declared_again() -> None:
    declare([ENTROPY])
    declare([ENTROPY])
    assert ENTROPY == about(ENTROPY.name)


def test_a_name_that_nobody_declares_is_a_gauge_without_a_meaning() -> None:
    assert Metric("acme.gone", "gauge", "", "", ()) == about("acme.gone")


@pytest.mark.parametrize(
    "name",
    [
        metrics.ML_WINDOW_END,
        metrics.ML_WINDOW_END.replace(".", "_", 1) + ".x",
        "barograph.signals",
        "otel.entropy",
        "entropy",
        "Acme.entropy",
        "acme..entropy",
        "acme.entropy ",
        "acme." + "x" * 200,
        "",
        "acme",
    ],
)
def test_names_of_the_registry_and_names_without_an_owner_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"begin with your own|such as acme"):
        declare([ENTROPY._replace(name=name)])


@pytest.mark.parametrize(
    "other", ["acme.prediction.entropy", "acme.prediction_entropy", "acme.prediction__entropy"]
)
def test_one_name_has_one_meaning_also_where_prometheus_writes_two_alike(other: str) -> None:
    declare([ENTROPY])
    with pytest.raises(ConfigError, match=r"already, as acme\.prediction\.entropy in {bit}"):
        declare([ENTROPY._replace(name=other, unit="s")])
    assert ENTROPY == about(ENTROPY.name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"instrument": "counter"}, "as readings are"),
        ({"unit": ""}, "wanted UCUM"),
        ({"unit": "a b"}, "wanted UCUM"),
        ({"brief": " "}, "no brief"),
        ({"attributes": (attributes.ML_MODEL_NAME,)}, "added to every reading"),
        ({"attributes": ("Group",)}, "no name such as"),
    ],
)
def test_what_is_missing_or_wrong_is_said(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        declare([ENTROPY._replace(**change)])  # type: ignore[arg-type]


def test_nothing_is_declared_where_something_is_wrong_and_every_problem_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        declare([ENTROPY, ENTROPY._replace(name="x", brief=""), ENTROPY._replace(unit="s")])
    assert 3 == len(str(caught.value).splitlines())
    assert "" == about(ENTROPY.name).unit


def test_what_every_reading_gets_is_not_a_signals_to_declare() -> None:
    """Whatever the registry lets figures of performance carry, but their source and class."""
    key = Key("tenant", "shop", "prod", "m", "1", "out")
    assert set() == set(reading_attributes(key, "1h", "baseline")) - declared.ADDED
    carried = set(METRICS[metrics.ML_PERFORMANCE_PRECISION].attributes)
    assert {attributes.ML_PERFORMANCE_SOURCE, attributes.ML_CLASS_NAME} == carried - declared.ADDED
