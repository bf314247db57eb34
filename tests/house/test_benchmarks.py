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
REPORT = FOLDER / "report.py"  # measures nothing
PROGRAMS = [
    path
    for path in sorted(FOLDER.glob("*.py"))
    if path != REPORT and "if __name__" in path.read_text(encoding="utf-8")
]


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


def test_the_readme_tells_what_the_results_hold() -> None:
    done = children.run([sys.executable, REPORT, "--check"])
    assert 0 == done.returncode, done.stderr


def test_a_table_has_aims_beside_figures_and_says_what_falls_short(tmp_path: Path) -> None:
    machine = {"processor": "P", "cores": 2, "memory_gib": 8.0, "kernel": "6.1", "python": "3.11.7"}
    result = {
        "benchmark": "serving",
        "machine": {**machine, "commit": "abc", "load_before": 0.25},
        "finished": "2026-01-02T03:04:05Z",
        "figures": [
            {"name": "row", "unit": "µs", "minimum": 1, "median": 6.5, "maximum": 9, "runs": 7}
            | {"at_most": 5, "holds": False, "note": "a list is slow"},
            {"name": "to SDK", "unit": "ratio", "minimum": 0.5, "median": 0.5, "maximum": 0.5, "runs": 1}
            | {"at_least": 0.25, "at_most": 1, "holds": True},
            {"name": "p99", "unit": "µs", "minimum": 1_000, "median": 2_000, "maximum": 3_000, "runs": 7},
        ],
    }
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "serving.json").write_text(json.dumps(result), encoding="utf-8")
    (tmp_path / "results" / "serving.svg").touch()
    readme = tmp_path / "README.md"
    readme.write_text("kept\n<!-- results: made by report.py -->\ngone\n", encoding="utf-8")
    command: list[str | Path] = [
        sys.executable,
        REPORT,
        "--readme",
        readme,
        "--results",
        tmp_path / "results",
    ]
    statuses = [children.run([*command, *more]).returncode for more in (["--check"], [], ["--check"])]
    assert [1, 0, 0] == statuses
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("kept\n")
    assert "gone" not in text
    assert "1 of 2 aims are reached" in text
    assert "| `serving` | row | ≤ 5 µs | 6.5 µs | 1 to 9 | **no**; a list is slow |" in text
    assert "| `serving` | to SDK | ≥ 0.25 and ≤ 1 | 0.5 | one run | yes |" in text
    assert "| `serving` | p99 | 2,000 µs | 1,000 to 3,000 |" in text
    assert "| `serving` | 2026-01-02 | abc | P, 2 cores, 8 GiB, Linux 6.1, Python 3.11.7 | 0.25 |" in text
    assert "![Curves of serving](results/serving.svg)" in text
