"""Benchmarks measure in one way, so that `make bench` can keep what they find."""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING

import pytest

import children

from .sources import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = CHECKOUT / "benchmarks"
PROGRAMS = [path for path in sorted(FOLDER.glob("*.py")) if "if __name__" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_reports_in_the_common_way_and_is_told_about(program: Path) -> None:
    tree = ast.parse(program.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "measuring.report" in calls
    assert f"| `{program.stem}` |" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_report_is_printed_and_kept(tmp_path: Path) -> None:
    program = """
import itertools, sys
sys.path.insert(0, sys.argv.pop(1))
import measuring
ticks = itertools.count()
with measuring.report("Counts.") as report:
    both = {"one": lambda: next(ticks), "two": lambda: next(ticks)}
    times = measuring.alternated(both, calls=3, runs=report.runs)
    calls = next(ticks)
    report.add("calls", calls, "calls", at_most=100, at_least=1)
    ratio = measuring.Samples((1.0, 4.0, 2.0)).over(measuring.Samples((2.0, 2.0, 2.0)))
    report.add("ratio", ratio, "ratio", at_most=0.5)
    assert len(times["one"].values) == report.runs
"""
    kept = tmp_path / "results" / "found.json"
    command = [sys.executable, "-c", program, str(FOLDER), "--runs", "4", "--json", str(kept)]
    done = children.run(command)
    assert 0 == done.returncode, done.stderr
    document = json.loads(kept.read_text(encoding="utf-8"))
    calls, ratio = document["figures"]
    assert ((4 + 1) * 2 * 3, True) == (calls["median"], calls["holds"])  # one run of each warms up
    assert (0.5, 1.0, 2.0, False) == (ratio["minimum"], ratio["median"], ratio["maximum"], ratio["holds"])
    assert {"processor", "cores", "pinned_to", "python", "packages"} <= document["machine"].keys()
    assert "wanted at most 0.5: NO" in done.stdout
