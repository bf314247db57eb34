"""The operator's pages name metrics, reasons and settings that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .blocks import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted((CHECKOUT / "docs" / "operate").glob("*.md"))
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("processor", "instrumentation")
    for path in (CHECKOUT / folder).rglob("*.py")
)
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in (CHECKOUT / "docs" / "reference").glob("*.md")
)
SETTINGS = "\n".join(
    (CHECKOUT / "docs" / name).read_text(encoding="utf-8") for name in ("configuration.md", "limits.md")
)
ADDED_BY_PROMETHEUS = re.compile(r"(_total|_bytes|_seconds)+$")


def words(page: Path) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))


def test_there_are_four_pages() -> None:
    assert ["sizing", "troubleshooting", "upgrading", "wiring"] == [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_metrics_are_in_the_registry(page: Path) -> None:
    known = re.sub(r"[._]", "_", REFERENCE)
    metrics = {word for word in words(page) if re.fullmatch(r"(barograph|ml)_[a-z_]+", word)}
    assert [] == sorted(m for m in metrics if ADDED_BY_PROMETHEUS.sub("", m).rstrip("_") not in known)


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
