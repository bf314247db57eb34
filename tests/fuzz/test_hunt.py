"""Malformed and mutated requests get an answer: the receiver never crashes, hangs or takes much memory.

`python tests/fuzz/hunt.py --minutes 60 --first 1000000` looks further; what it finds joins the corpus.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import children

from . import hunt as hunting
from .hunt import TESTS, hunt
from .judge import judge
from .mutations import Case, case
from .seeds import Seed, seeds

if TYPE_CHECKING:
    from collections.abc import Mapping

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bin"))
CASES = 8_000


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_thousands_of_mutated_requests_are_judged_as_protobuf_judges_them() -> None:
    found = hunt(0, CASES)
    assert [] == found.findings, found.findings[:3]
    assert CASES == found.judged == sum(found.verdicts.values())
    for both in ("accepted=True protobuf=True", "accepted=False protobuf=False"):
        assert found.verdicts[both] > CASES // 4, found.verdicts


@pytest.mark.slow
def test_a_worker_that_takes_too_long_is_ended_and_its_case_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hunting, "OVERHEAD_S", 0.001)
    monkeypatch.setattr(hunting, "CASE_S", 0.0)
    found = hunt(0, 1)
    assert [(0, "the process hung: ")] == found.findings
    assert 1 == found.judged


@pytest.fixture(scope="module")
def judged() -> Mapping[str, Mapping[str, object]]:
    """What became of the files of the corpus, in a process of its own."""
    command = [sys.executable, "-m", "fuzz.one", *map(str, CORPUS)]
    done = children.run(command, folder=TESTS, environ={**os.environ, "RUST_BACKTRACE": "0"})
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert 0 == done.returncode, (said[-1:], done.stderr[-2_000:])
    return {each["file"]: each for each in said if "accepted" in each}


@pytest.mark.slow
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_found_once_stays_answered(path: Path, judged: Mapping[str, Mapping[str, object]]) -> None:
    """The file's name says what becomes of it."""
    verdict = path.stem.split("-")[1]
    assert {"accepted": True, "refused": False}[verdict] is judged[path.name]["accepted"]


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_the_requests_that_mutations_start_from_are_taken(seed: Seed) -> None:
    verdict = judge(Case(0, seed.signal, seed.data), thorough=True)
    assert (True, True) == (verdict.accepted, verdict.protobuf)


def test_a_number_makes_the_same_case_each_time() -> None:
    assert [case(number) for number in range(50)] == [case(number) for number in range(50)]
    assert 40 < len({case(number).data for number in range(50)})
