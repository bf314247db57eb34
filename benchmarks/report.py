"""Puts what `results/*.json` hold into README.md: figures beside their aims, and the machines they are of.

python benchmarks/report.py            writes the tables anew
python benchmarks/report.py --check    says whether they are as the results are
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FOLDER = Path(__file__).parent
BEGIN = "<!-- results: made by report.py -->"
NONE = "No results are kept here yet; `make bench` writes them."


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail where it would")
    parser.add_argument("--readme", type=Path, default=FOLDER / "README.md", help="what is written")
    parser.add_argument("--results", type=Path, default=FOLDER / "results", help="what is read")
    options = parser.parse_args()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(options.results.glob("*.json"))]
    plots = [path.relative_to(options.readme.parent) for path in sorted(options.results.glob("*.svg"))]
    text = options.readme.read_text(encoding="utf-8")
    before, mark, _ = text.partition(BEGIN)
    if not mark:
        sys.exit(f"{options.readme} has no line {BEGIN}")
    wanted = before + "\n".join([BEGIN, "", *told(found), *_pictures(plots)])
    if options.check:
        sys.exit(
            0 if text == wanted else f"{options.readme} isn't as the results are; run {Path(__file__).name}"
        )
    options.readme.write_text(wanted, encoding="utf-8")


def told(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of Markdown for results as `measuring.Report` writes them."""
    if not found:
        return [NONE, ""]
    figures = [(result["benchmark"], figure) for result in found for figure in result["figures"]]
    aimed = [each for each in figures if "holds" in each[1]]
    short = sum(not figure["holds"] for _, figure in aimed)
    return [
        f"{len(aimed) - short} of {len(aimed)} aims are reached. The median of all runs counts.",
        "",
        "| program | figure | aim | median | least to greatest | reached |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{program}` | {figure['name']} | {_aim(figure)} | {_value(figure['median'], figure)} "
            f"| {_spread(figure)} | {_reached(figure)} |"
            for program, figure in aimed
        ),
        "",
        "Measured without an aim:",
        "",
        "| program | figure | median | least to greatest |",
        "|---|---|---|---|",
        *(
            f"| `{program}` | {figure['name']}{_note(figure)} | {_value(figure['median'], figure)} "
            f"| {_spread(figure)} |"
            for program, figure in figures
            if "holds" not in figure
        ),
        "",
        "Of these machines and commits; above a load of 0.5 before the run, absolute values mean little:",
        "",
        "| program | finished | commit | machine | load before |",
        "|---|---|---|---|---|",
        *_machines(found),
        "",
    ]


def _machines(found: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for result in found:
        machine = result["machine"]
        described = (
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, "
            f"Linux {machine['kernel']}, Python {machine['python']}"
        )
        yield (
            f"| `{result['benchmark']}` | {result['finished'][:10]} | {machine['commit']} | {described} "
            f"| {machine['load_before']:g} |"
        )


def _pictures(plots: Iterable[Path]) -> Iterable[str]:
    for plot in plots:
        yield from (f"![Curves of {plot.stem}]({plot.as_posix()})", "")


def _aim(figure: Mapping[str, Any]) -> str:
    signs = {"at_least": "≥", "at_most": "≤"}
    return " and ".join(
        f"{sign} {_value(figure[name], figure)}" for name, sign in signs.items() if name in figure
    )


def _reached(figure: Mapping[str, Any]) -> str:
    return ("yes" if figure["holds"] else "**no**") + _note(figure)


def _note(figure: Mapping[str, Any]) -> str:
    return f"; {figure['note']}" if "note" in figure else ""


def _spread(figure: Mapping[str, Any]) -> str:
    if figure["runs"] == 1:
        return "one run"
    return f"{figure['minimum']:,.6g} to {figure['maximum']:,.6g}"


def _value(value: float, figure: Mapping[str, Any]) -> str:
    unit = "" if figure["unit"] == "ratio" else f" {figure['unit']}"
    return f"{value:,.6g}{unit}"


if __name__ == "__main__":
    main()
