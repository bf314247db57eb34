"""Files are short, names of modules say something, nothing of one machine stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .sources import CHECKOUT, package_files, python_files, shown

MAX_LINES = 400
EMPTY_NAMES = frozenset(("util", "utils", "helper", "helpers", "common", "manager", "base", "misc"))
FOLDERS = tuple(
    CHECKOUT / name
    for name in ("instrumentation", "processor", "semconv", "tests", "examples", "benchmarks", "tools")
)
TEXTS = ("*.md", "*.toml", "*.txt", "*.yaml", "*.py", "*.sh", "Makefile", ".ci/run", "*.j2")


def texts() -> list[Path]:
    kept = {".venv", ".git", "build", "dist", "output", "node_modules"}
    return sorted(
        path
        for pattern in TEXTS
        for path in CHECKOUT.rglob(pattern)
        if path.is_file() and not any(part in kept or part.startswith(".venv") for part in path.parts)
    )


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*FOLDERS)}
    assert [] == [f"{shown(path)}: {lines}" for path, lines in lengths.items() if lines > MAX_LINES]


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [] == [shown(path) for path in package_files() if path.stem in EMPTY_NAMES]


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        shown(path)
        for path in python_files(*FOLDERS)
        if (text := path.read_text(encoding="utf-8").strip()) and not text.lstrip("#!/ \n").startswith('"""')
        if not re.match(r'(#[^\n]*\n)*\s*"""', text)
    ]
    assert [] == silent


@pytest.mark.parametrize(
    "pattern",
    [
        r"/(?:home|Users)/[a-z]",  # someone's folder
        r"/root/",
        r"--(?:extra-)?index-url[ =]|--find-links",  # where packages come from is the installer's setting
    ],
)
def test_nothing_of_one_machine_is_written_down(pattern: str) -> None:
    found = [
        f"{shown(path)}: {match.group()}"
        for path in texts()
        if path != Path(__file__)
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]
    assert [] == found


@pytest.mark.parametrize(
    "path", sorted((CHECKOUT / "requirements").glob("*.txt")), ids=lambda path: path.name
)
def test_pins_have_hashes_and_name_no_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.findall(
        r"^[a-z0-9][^\n]*==[^\n]*\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE
    )
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))


def test_what_tests_need_includes_what_the_demo_and_the_image_need() -> None:
    """So that one environment serves both, and what ships is what was tested."""

    def pins(name: str) -> set[str]:
        text = (CHECKOUT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[a-z0-9][^\\\n]*", text, re.MULTILINE))

    assert set() == (pins("demo.txt") | pins("processor.txt")) - pins("test.txt")


def test_a_task_left_for_later_has_an_owner() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\([a-z])")
    assert [] == [
        f"{shown(path)}: {match.group()}"
        for path in python_files(*FOLDERS)
        for match in marks.finditer(path.read_text(encoding="utf-8"))
    ]
