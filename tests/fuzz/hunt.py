"""Hunts for requests that crash, hang, leak or are judged otherwise than protobuf judges them.

usage: python tests/fuzz/hunt.py [--first N] [--count N | --minutes M] [--keep FOLDER]

Workers judge the cases; one that dies is replaced, and the case that it died of is a finding. With --keep
each finding is shrunk and written to a folder; move it to tests/fuzz/corpus with the fix.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:  # run by itself
    sys.path.insert(0, str(TESTS))

from children import child, run  # noqa: E402  # found by the line above

CHUNK = 2_000
OVERHEAD_S = 60.0
CASE_S = 0.1  # more than ten times what one takes


@dataclass
class Found:
    """What a hunt found.

    Attributes:
        verdicts: How often the decoder and protobuf agreed, in words.
        findings: Number of the case, and what happened.
        judged: How many cases were judged.
    """

    verdicts: dict[str, int] = field(default_factory=dict)
    findings: list[tuple[int, str]] = field(default_factory=list)
    judged: int = 0


def hunt(first: int, count: int) -> Found:
    """Judge cases in processes of their own.

    Args:
        first: Number of the first case.
        count: How many.
    """
    found = Found()
    end = first + count
    with TemporaryDirectory() as folder:
        progress = Path(folder) / "progress"
        while first < end:
            progress.write_bytes(bytes(8))
            first = _judge(first, min(CHUNK, end - first), progress, found)
    return found


def _judge(first: int, count: int, progress: Path, found: Found) -> int:
    """Let one worker judge; returns the number of the next case."""
    command = [sys.executable, "-m", "fuzz.worker", str(first), str(count), str(progress)]
    with child(command, folder=TESTS, environ={**os.environ, "RUST_BACKTRACE": "0"}) as worker:
        try:
            ended = f"ended with {worker.ends(OVERHEAD_S + count * CASE_S)}"
        except AssertionError:  # its own guard didn't end it
            ended = "hung"
        worker.kill()
    for line in worker.lines:
        said = json.loads(line)
        if "number" in said:
            found.findings.append((said["number"], said["what"]))
        for name, times in said.get("verdicts", {}).items():
            found.verdicts[name] = found.verdicts.get(name, 0) + times
    if ended == "ended with 0":
        found.judged += count
        return first + count
    number = max(first, int.from_bytes(progress.read_bytes()[:8], "little", signed=True))
    found.findings.append((number, f"the process {ended}: {worker.said[-2_000:]}"))
    found.judged += number - first + 1
    return number + 1


def keep(number: int, folder: Path) -> Path:
    """Write the shrunk request of a finding to a folder."""
    from fuzz.mutations import REQUESTS, case, shrunk  # noqa: PLC0415  # not for --help

    original = case(number)

    candidate = folder / f"{original.signal}-candidate.bin"

    def fails(data: bytes) -> bool:
        candidate.write_bytes(data)
        command = [sys.executable, "-m", "fuzz.one", str(candidate)]
        try:
            done = run(command, folder=TESTS, timeout_s=OVERHEAD_S)
        except AssertionError:  # it hangs
            return True
        said = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        return done.returncode != 0 or not said["agreed"]

    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{original.signal}-{number}.bin"
    kept.write_bytes(shrunk(original.data, REQUESTS[original.signal], fails))
    candidate.unlink(missing_ok=True)
    return kept


def main() -> None:
    """Hunt from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    ends = time.monotonic() + given.minutes * 60
    at, total = given.first, Found()
    while total.judged < given.count if given.count else time.monotonic() < ends:
        found = hunt(at, CHUNK)
        at += CHUNK
        total.judged += found.judged
        total.findings += found.findings
        for number, what in found.findings:
            print(f"{number}: {what}")
            if given.keep is not None:
                print(f"  kept as {keep(number, given.keep)}")
    print(f"{total.judged:,} cases, {len(total.findings)} findings")
    sys.exit(bool(total.findings))


if __name__ == "__main__":
    main()
