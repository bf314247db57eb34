"""The operator's pages name metrics, reasons and settings that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import grpc
import pytest

from barograph_processor.exporters.prometheus_names import label_name, metric_name
from barograph_processor.receivers.otlp_http import CODES

from .blocks import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from barograph_processor.exporters.prometheus_names import Kind

PAGES = sorted((CHECKOUT / "docs" / "operate").glob("*.md"))
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("processor", "instrumentation")
    for path in (CHECKOUT / folder).rglob("*.py")
)
METRICS, ATTRIBUTES = (
    (CHECKOUT / "docs" / "reference" / name).read_text(encoding="utf-8")
    for name in ("metrics.md", "attributes.md")
)
SETTINGS = "\n".join(
    (CHECKOUT / "docs" / name).read_text(encoding="utf-8") for name in ("configuration.md", "limits.md")
)


def words(page: Path) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))


def test_there_are_four_pages() -> None:
    assert ["sizing", "troubleshooting", "upgrading", "wiring"] == [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_reasons_and_states_are_in_the_code(page: Path) -> None:
    reasons = {word for word in words(page) if re.fullmatch(r"[a-z]+(_[a-z]+)*", word)}
    single = {word for word in reasons if "_" in word and not word.startswith(("barograph_", "ml_"))}
    elsewhere = SETTINGS + (CHECKOUT / "collector-config" / "README.md").read_text(encoding="utf-8")
    assert [] == sorted(word for word in single if f'"{word}"' not in SOURCES and word not in elsewhere)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_are_in_the_reference(page: Path) -> None:
    roots = "engine|export|exporters|labels|limits|receivers|storage"
    settings = {word for word in words(page) if re.fullmatch(rf"({roots})(\.[a-z_]+)+", word)}
    known, section = set(), ""
    for line in SETTINGS.splitlines():
        if line.startswith("### "):
            section = line.strip("# `") + "."
            known.add(section.strip("."))
        elif line.startswith("## "):
            section = ""
        elif found := re.match(r"\| `([a-z_.]+)` \|", line):
            known |= {section + found[1], found[1]}
    assert set() == {word for word in settings if word not in known}


def names_in_prometheus() -> set[str]:
    """Every metric as Prometheus has it, and every attribute."""
    kinds: dict[str, Kind] = {"Gauge": "gauge", "Counter": "counter", "Histogram": "histogram"}
    found = {label_name(name) for name in re.findall(r"^### ([a-z_.]+)$", ATTRIBUTES, re.MULTILINE)}
    for name, kind, unit in re.findall(
        r"^### (\S+)\n\n(?:.+\n)+?(Gauge|Counter|Histogram), unit `([^`]+)`", METRICS, re.MULTILINE
    ):
        found.add(metric_name(name, unit, kinds[kind]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_metrics_have_the_names_that_prometheus_gives_them(page: Path) -> None:
    known = names_in_prometheus()
    assert {"ml_telemetry_dropped_total", "barograph_process_memory_rss_bytes", "ml_model_name"} <= known
    metrics = {word for word in words(page) if re.fullmatch(r"(barograph|ml)_[a-z_]+\*?", word)}
    unknown = [word for word in metrics if word not in known and not any(_fits(each, word) for each in known)]
    assert [] == sorted(unknown)


def _fits(name: str, word: str) -> bool:
    return word.endswith("*") and name.startswith(word[:-1])


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    text = page.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_answers_have_the_codes_that_receivers_give() -> None:
    """Those of gRPC as Collectors write them, and those of HTTP beside them."""
    (page,) = (page for page in PAGES if page.stem == "troubleshooting")
    told: dict[int, str] = {}
    for cell, *_ in rows(page, "What a Collector or SDK says"):
        if code := re.match(r"`([A-Z][a-zA-Z]+)`((?:, \d{3})*)", cell):
            told |= {int(status): code[1] for status in code[2].split(", ")[1:]}
    names = {code.value[0]: code.name.replace("_", "").lower() for code in grpc.StatusCode}
    given = {status: names[code] for status, code in CODES.items()}
    assert told.pop(403) == "PermissionDenied", "the one that isn't the receiver's"
    assert {400, 401, 413, 415, 503} == told.keys()
    assert {status: given[status] for status in told} == {
        status: code.lower() for status, code in told.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_program_is_said_to_write_it_writes(page: Path) -> None:
    """Sentences that begin with the place of a setting, between what varies."""
    plain = re.sub(r'"\s*f?"', "", SOURCES)
    sentences = {word for word in words(page) if re.match(r"\$\.[a-z_.]+: ", word)}
    parts = {part.strip() for each in sentences for part in each.split("…")} - {""}
    assert [] == sorted(part for part in parts if part not in plain)
    assert bool(sentences) is (page.stem == "troubleshooting")


def test_reasons_of_the_tables_are_reasons() -> None:
    (page,) = (page for page in PAGES if page.stem == "troubleshooting")
    text = page.read_text(encoding="utf-8")
    first = {line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")}
    found = {word for cell in first for word in re.findall(r"`([a-z_]+)`", cell)}
    reasons = {word for word in found if not word.startswith(("barograph_", "ml_"))}
    assert {"foreign", "late", "evicted", "conflict", "duplicate", "pane_mismatch"} <= reasons
    assert [] == sorted(word for word in reasons if f': Final = "{word}"' not in SOURCES)
