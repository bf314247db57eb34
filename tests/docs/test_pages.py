"""Every block of every page runs and does what the page says; every link leads somewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml
from pytest_examples import CodeExample, EvalExample, find_examples

from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load

from .blocks import CHECKOUT, PAGES, Block, Shell, blocks_of, matches, steps_of

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LANGUAGES = {"", "text", "python", "console", "yaml", "json", "toml", "mermaid", "promql", "make"}
TOP_LEVEL_OF_A_COLLECTOR = {"receivers", "processors", "exporters", "extensions", "connectors", "service"}
CONSOLE_PAGES = [page for page in PAGES if any(block.language == "console" for block in blocks_of(page))]
SHOWN = [block for block in BLOCKS if block.language in {"yaml", "json", "toml"}]


def _skip(block: Block) -> None:
    if block.not_run:
        pytest.skip(f"{block}: {block.not_run}")


def test_every_block_is_of_a_language_that_is_run_or_read() -> None:
    assert [] == [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in LANGUAGES]


@pytest.mark.parametrize("example", list(find_examples(*(str(page) for page in PAGES))), ids=str)
def test_python_runs_and_prints_what_is_shown(example: CodeExample, eval_example: EvalExample) -> None:
    reasons = [
        b.not_run for b in blocks_of(example.path) if b.language == "python" and b.text == example.source
    ]
    if any(reasons):
        pytest.skip(f"{example}: {reasons[0]}")
    eval_example.run_print_check(example)


@pytest.mark.slow
@pytest.mark.parametrize("page", CONSOLE_PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_commands_do_what_is_shown(page: Path, tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        for block in blocks_of(page):
            if block.language != "console":
                continue
            if block.not_run:
                print(f"{block} is not run: {block.not_run}")
                continue
            for step in steps_of(block.text):
                code, output = shell.run(step.command)
                if step.output is None:
                    assert 0 == code, f"{block}: $ {step.command}\n{output}"
                else:
                    assert matches(step.output, output), f"{block}: $ {step.command}\n{output}"


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_what_is_shown_can_be_read(block: Block) -> None:
    _skip(block)
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        tomllib = pytest.importorskip("tomllib", reason="reading TOML needs Python 3.11")
        tomllib.loads(block.text)
    else:
        _check_yaml(block.text)


def _check_yaml(text: str) -> None:
    content = yaml.safe_load(text)
    pipelines = content.get("service", {}).get("pipelines")
    if pipelines is not None:
        assert content.keys() <= TOP_LEVEL_OF_A_COLLECTOR
        for pipeline in pipelines.values():
            for kind in ("receivers", "processors", "exporters"):
                known = content.get(kind, {}).keys() | content.get("connectors", {}).keys()
                assert set() == set(pipeline.get(kind, ())) - known
    else:
        environ = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), "example")
        load(text, catalog=Registry(), environ=environ)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    content = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", content):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            dead.append(target)
    assert [] == dead


def _anchors(page: Path) -> set[str]:
    """The anchors that forges make of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("shown", "real", "agrees"),
    [
        ("a\nb", "a\nb\n", True),
        ("a … c", "a whole lot of c", True),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("a\n…\nz", "a\nz", True),
        ("a", "a\nb", False),
        ("a … c", "a\nc", False),
        ("1.5", "125", False),
    ],
)
def test_an_ellipsis_stands_for_what_varies(shown: str, real: str, *, agrees: bool) -> None:
    assert agrees is matches(shown, real)


def test_a_shell_keeps_what_earlier_commands_set(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        assert (0, "") == shell.run("export A=1")
        assert (0, "1") == shell.run("echo $A")
        assert (3, "no") == shell.run("(echo no; exit 3)")
