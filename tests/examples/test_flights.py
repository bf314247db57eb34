"""The demo itself: three real processes, the real data, and the figures recomputed without barograph."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

import children

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_weeks_are_told_over_real_sockets_and_recompute(tmp_path: Path) -> None:
    command = [sys.executable, str(FLIGHTS / "demo.py"), "--output", str(tmp_path), "--until", "2013-04-15"]
    done = children.run(command, timeout_s=500)
    assert 0 == done.returncode, done.stdout + done.stderr
    (month,) = json.loads((tmp_path / "table.json").read_text())
    assert "2013-04" == month["month"]
    assert "agree" in (tmp_path / "recompute.log").read_text()
    sent = len((tmp_path / "labels.csv").read_text().splitlines()) - 1
    assert sent == month["labels"]
    assert len((tmp_path / "responses.jsonl").read_text().splitlines()) > 200
    events = [json.loads(line) for line in (tmp_path / "windows.jsonl").read_text().splitlines()]
    days = {event["ml.window.start"] for event in events if event["ml.window.name"] == "1d"}
    assert 14 == len(days)


def test_the_recomputation_notices_a_figure_that_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the demo can fail: one right answer too many is found."""
    monkeypatch.syspath_prepend(str(FLIGHTS))
    recompute = importlib.import_module("recompute")
    own = {"rows": 10, "labels": 8, "accuracy": 0.75, "auc": 0.6}
    row = {"month": "2013-04", **own, "auc_lower": 0.59, "auc_upper": 0.61}
    assert [] == recompute.disagreements([row], {"2013-04": own})
    for wrong in (
        {"rows": 11},
        {"labels": 7},
        {"accuracy": 0.875},
        {"auc_lower": 0.605},
        {"month": "2013-05"},
    ):
        assert recompute.disagreements([row | wrong], {"2013-04": own})


def test_the_serving_program_and_the_recomputation_know_nothing_of_barograph() -> None:
    for name in ("serve.py", "recompute.py", "train.py", "data.py", "replay.py", "faults.py"):
        imports = [line for line in (FLIGHTS / name).read_text().splitlines() if "import" in line]
        assert not [line for line in imports if "import barograph" in line or "from barograph" in line], name
