"""What all benchmarks share: the machine in words, pinned cores, repeated timing, ratios, JSON.

A benchmark is a program with a `main` of this shape::

    def main() -> None:
        with measuring.report(__doc__) as report:
            times = measuring.alternated({"ours": ours, "theirs": theirs}, calls=100, runs=report.runs)
            report.add("ours, a call", times["ours"].times(1e6), "µs", at_most=5)
            report.add("ours to theirs", times["ours"].over(times["theirs"]), "ratio", at_most=0.05)

Run as a program it prints a table; with ``--json FILE`` it also writes the figures and the machine
to the file, which is how ``make bench`` fills ``benchmarks/results``. What falls short is printed as it
is and never fails the program: absolute times are the machine's, ratios are the code's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

RUNS = 15
# Whose versions decide figures; what isn't installed isn't told.
PACKAGES = ("barograph", "numpy", "opentelemetry-sdk", "pandas", "pyarrow", "ptars", "protobuf", "grpcio")


@dataclass(frozen=True, slots=True)
class Samples:
    """One figure, measured several times, in the order of the runs."""

    values: tuple[float, ...]

    @property
    def minimum(self) -> float:
        """Least."""
        return min(self.values)

    @property
    def median(self) -> float:
        """Median."""
        return statistics.median(self.values)

    @property
    def maximum(self) -> float:
        """Greatest."""
        return max(self.values)

    def times(self, factor: float) -> Samples:
        """In another unit."""
        return Samples(tuple(value * factor for value in self.values))

    def rate(self, items: float) -> Samples:
        """Items a second, where the values are the seconds that so many items took."""
        return Samples(tuple(items / value for value in self.values))

    def over(self, other: Samples) -> Samples:
        """Ratios, run by run: what disturbs one run of an alternation disturbs both sides of it.

        Raises:
            ValueError: The two were measured in unlike numbers of runs.
        """
        return Samples(tuple(mine / its for mine, its in zip(self.values, other.values, strict=True)))


def seconds(
    call: Callable[[], object], *, calls: int = 1, before: Callable[[], object] | None = None
) -> float:
    """Mean time of one call, of so many in a row.

    Args:
        call: What is measured.
        calls: How often it is called.
        before: Called once before the clock starts, such as to empty a queue.
    """
    if before is not None:
        before()
    begun = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begun) / calls


def repeated(
    call: Callable[[], object],
    *,
    calls: int = 1,
    runs: int = RUNS,
    before: Callable[[], object] | None = None,
) -> Samples:
    """Seconds a call, of several runs; one more run before them warms up."""
    return alternated({"": call}, calls=calls, runs=runs, before=before)[""]


def alternated(
    alternatives: Mapping[str, Callable[[], object]],
    *,
    calls: int | Mapping[str, int] = 1,
    runs: int = RUNS,
    before: Callable[[], object] | None = None,
) -> dict[str, Samples]:
    """Seconds a call of each alternative, measured in turn, so that ratios are taken within one run.

    Args:
        alternatives: What is compared, by name.
        calls: Calls of a run: of all, or by name.
        runs: Runs that count; one more before them warms up.
        before: Called before every run of every alternative, outside the time.
    """
    found: dict[str, list[float]] = {name: [] for name in alternatives}
    for run in range(runs + 1):
        for name, call in alternatives.items():
            count = calls if isinstance(calls, int) else calls[name]
            taken = seconds(call, calls=count, before=before)
            if run:
                found[name].append(taken)
    return {name: Samples(tuple(taken)) for name, taken in found.items()}


def pin(cores: Iterable[int], process: int = 0) -> None:
    """Keep a process (0: this one, and what it starts from here on) on some cores."""
    os.sched_setaffinity(process, set(cores))


def cores() -> list[int]:
    """The cores that this process may use, in order."""
    return sorted(os.sched_getaffinity(0))


def cpu_s(pid: int) -> float:
    """Processor time that a process used so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process that is no mapped file, in MB.

    Raises:
        OSError: It has gone, or this kernel doesn't tell.
    """
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise OSError("this kernel doesn't tell RssAnon")


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, memory, kernel, Python, packages, commit, load."""
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in processors if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model or platform.machine(),
        "cores": os.cpu_count(),
        "pinned_to": cores(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": _versions(),
        "commit": _commit(),
        # Of the last minute, before the benchmark: above 0.5 or so, absolute times mean little.
        "load_before": round(os.getloadavg()[0], 2),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _commit() -> str:
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


@dataclass(slots=True)
class Report:
    """The figures of one benchmark.

    Attributes:
        benchmark: Name of the program.
        machine: What `machine` said at the start.
        options: The command line: ``runs``, ``core``, and what the program's own parser added.
        figures: One mapping a figure, as in the JSON.
        series: What was read while time passed, by name; the first is the time.
    """

    benchmark: str
    machine: dict[str, Any]
    options: argparse.Namespace
    figures: list[dict[str, Any]] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """How often each figure is to be measured."""
        return int(self.options.runs)

    def add(  # noqa: PLR0913 - one argument a fact
        self,
        name: str,
        value: Samples | float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """Take a figure and print it.

        Args:
            name: What was measured.
            value: Samples, or a single value.
            unit: Unit of the values; ``ratio`` for ratios.
            at_most: What it shall not exceed, if the project has promised so; the median counts.
            at_least: What it shall reach.
            note: Why it falls short, or what to know of it.
        """
        samples = value if isinstance(value, Samples) else Samples((float(value),))
        figure: dict[str, Any] = {
            "name": name,
            "unit": unit,
            "minimum": _rounded(samples.minimum),
            "median": _rounded(samples.median),
            "maximum": _rounded(samples.maximum),
            "runs": len(samples.values),
        }
        wanted = {"at_most": at_most, "at_least": at_least}
        figure |= {bound: limit for bound, limit in wanted.items() if limit is not None}
        if at_most is not None or at_least is not None:
            figure["holds"] = (at_most is None or samples.median <= at_most) and (
                at_least is None or samples.median >= at_least
            )
        if note:
            figure["note"] = note
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def document(self) -> dict[str, Any]:
        """What is written as JSON."""
        written = {
            "benchmark": self.benchmark,
            "machine": self.machine,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "figures": self.figures,
        }
        return {**written, "series": self.series} if self.series else written


@contextmanager
def report(
    description: str | None, *, pinned: bool = True, parser: argparse.ArgumentParser | None = None
) -> Iterator[Report]:
    """Read the command line, pin, describe the machine, and write what was found.

    Args:
        description: The program's docstring.
        pinned: Run on one core (``--core``, else the last one allowed); False for programs that
            pin several processes themselves.
        parser: With options of the program's own, where it has some.
    """
    parser = parser or argparse.ArgumentParser()
    parser.description = description
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="how often each figure is measured (default: %(default)s)"
    )
    parser.add_argument("--core", type=int, default=cores()[-1], help="where to run (default: %(default)s)")
    options = parser.parse_args()
    if pinned:
        pin([options.core])
    made = Report(Path(sys.argv[0]).stem, machine(), options)
    print(f"{'':46} {'minimum':>12} {'median':>12} {'maximum':>12}")
    yield made
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps(made.document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _line(figure: Mapping[str, Any]) -> str:
    wanted = ""
    for bound, words in (("at_most", "wanted at most"), ("at_least", "wanted at least")):
        if bound in figure:
            wanted += f"  {words} {figure[bound]:,g}"
    if wanted:
        wanted += ": yes" if figure["holds"] else ": NO"
    spread = " ".join(f"{figure[one]:12,.6g}" for one in ("minimum", "median", "maximum"))
    note = f"\n    {figure['note']}" if "note" in figure else ""
    return f"{figure['name']:46} {spread} {figure['unit']}{wanted}{note}"
