"""The registry is sound, the checks find faults, and the outputs are what the registry says."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

import pytest

import barograph.semconv
import children
from barograph.semconv import attributes, events, metrics, processor, spans
from checking import check
from generate import CHECKOUT, load, main, render, stale
from reading import Raw, RegistryError, expand, read_raw, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Entry = dict[str, Any]
REGISTRY = load()


def test_outputs_are_what_the_registry_says() -> None:
    assert [] == stale(render(REGISTRY), CHECKOUT)
    assert 0 == main(["--check"])


def test_a_stale_output_is_shown_as_a_difference(tmp_path: Path) -> None:
    outputs = render(REGISTRY)
    for path, text in outputs.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert [] == stale(outputs, tmp_path)
    changed = next(iter(outputs))
    (tmp_path / changed).write_text("something else\n", encoding="utf-8")
    (difference,) = stale(outputs, tmp_path)
    assert difference.startswith(f"--- {changed}")
    assert "-something else" in difference


def test_constants_and_tables_are_the_registry() -> None:
    names = {value for name, value in vars(attributes).items() if name.isupper()}
    assert {attribute.key for attribute in REGISTRY.attributes} == names
    tables = {**metrics.METRICS, **processor.METRICS}
    for metric in REGISTRY.metrics:
        found = tables[metric.name]
        assert (metric.instrument, metric.unit, metric.brief) == (found.instrument, found.unit, found.brief)
        assert tuple(use.attribute.key for use in metric.uses) == found.attributes
    assert {event.name for event in REGISTRY.events} == events.EVENTS.keys()
    assert {span.name for span in REGISTRY.spans} == spans.SPANS.keys()
    assert barograph.semconv.SCHEMA_URL == REGISTRY.schema_url


def test_values_of_an_enumerated_attribute_are_a_class() -> None:
    assert "out_of_range" not in vars(attributes.MlFeatureState).values()
    assert "sentinel" == attributes.MlFeatureState.SENTINEL


def test_the_schema_url_ends_in_the_version_of_the_package() -> None:
    assert REGISTRY.schema_url.rpartition("/")[2] == barograph.__version__


def _drop(section: str, key: str) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        del raw.entries[section][0][1][key]

    return change


def _set(section: str, key: str, value: object) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        raw.entries[section][0][1][key] = value

    return change


def _repeat(section: str) -> Callable[[Raw], None]:
    return lambda raw: raw.entries[section].append(raw.entries[section][0])


def _refer(use: Entry) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        (drift,) = (entry for _, entry in raw.entries["metrics"] if entry["name"] == "ml.feature.drift.psi")
        drift["attributes"].append(use)

    return change


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (_drop("metrics", "unit"), "unit is missing"),
        (_drop("metrics", "instrument"), "instrument is missing"),
        (_drop("metrics", "brief"), "brief is missing"),
        (_drop("metrics", "stability"), "stability is missing"),
        (_drop("attributes", "type"), "type is missing"),
        (_set("metrics", "instrument", "timer"), "instrument timer is none of"),
        (_set("metrics", "unit", "percent"), "unit 'percent'"),
        (_set("metrics", "unti", "s"), "key unti is unknown"),
        (_set("metrics", "name", "ml.Feature.Drift"), "dotted snake_case"),
        (_set("metrics", "name", "model.drift"), "dotted snake_case"),
        (_set("attributes", "type", "number"), "type number is none of"),
        (_set("attributes", "brief", "no sentence"), "must be a sentence"),
        (_set("attributes", "stability", "perhaps"), "stability perhaps is none of"),
        (_repeat("attributes"), "is defined 2 times"),
        (_repeat("metrics"), "is defined 2 times"),
        (_refer({"ref": "ml.nowhere"}), "ref ml.nowhere is not defined"),
        (_refer({"ref_group": "nowhere"}), "ref_group nowhere is not defined"),
        (_refer({"ref": "ml.model.name", "requirement_level": "always"}), "requirement_level always"),
        (_refer({"ref_group": "identity"}), "two groups bring ml.model.name"),
        (_refer({"ref_group": "reading", "brief": "x"}), "a ref_group alone"),
    ],
)
def test_a_fault_is_found_and_named(change: Callable[[Raw], None], finding: str) -> None:
    raw = copy.deepcopy(read_raw(CHECKOUT / "semconv" / "registry"))
    change(raw)
    with pytest.raises(RegistryError) as caught:
        check(raw)
    assert any(finding in each for each in caught.value.findings), caught.value.findings


def test_groups_are_expanded_and_references_refine_them() -> None:
    groups: dict[str, Entry] = {
        "inner": {"attributes": [{"ref": "ml.a"}, {"ref": "ml.b"}]},
        "outer": {"attributes": [{"ref_group": "inner"}, {"ref": "ml.c"}]},
    }
    entry = {"attributes": [{"ref": "ml.b", "requirement_level": "required"}, {"ref_group": "outer"}]}
    assert [
        {"ref": "ml.a"},
        {"ref": "ml.b", "requirement_level": "required"},
        {"ref": "ml.c"},
    ] == expand(entry, groups, "test")


def test_a_group_within_itself_is_refused() -> None:
    groups: dict[str, Entry] = {
        "a": {"attributes": [{"ref_group": "b"}]},
        "b": {"attributes": [{"ref_group": "a"}]},
    }
    with pytest.raises(RegistryError, match="group a contains itself"):
        expand(groups["a"], groups, "test", ("a",))


def test_an_attribute_of_a_dependency_can_be_referred_to_and_is_generated() -> None:
    registry = resolve(read_raw(CHECKOUT / "semconv" / "registry"))
    assert "error.type" in {attribute.key for attribute in registry.attributes}


def test_loading_the_names_loads_nothing_else() -> None:
    names = "attributes, metrics, events, spans"
    program = f"""
import __future__, importlib, sys, typing
before = set(sys.modules)
from barograph.semconv import {names}
print(*sorted(set(sys.modules) - before))
"""
    done = children.run([sys.executable, "-c", program])
    ours = {"barograph", "barograph.semconv", *(f"barograph.semconv.{name}" for name in names.split(", "))}
    assert (0, ours) == (done.returncode, set(done.stdout.split())), done.stderr
