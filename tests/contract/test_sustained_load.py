"""The benchmark of a steady load, for seconds instead of minutes: everything that is sent gets counted."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import children

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "sustained.py"
LOADS = {"spans": (1_000, 2_000), "packed": (8_000, 16_000)}


@pytest.mark.slow
@pytest.mark.real("otelcol")
@pytest.mark.parametrize("lane", LOADS)
def test_what_passes_a_collector_for_a_while_is_counted_and_drawn(lane: str, tmp_path: Path) -> None:
    rate, sent = LOADS[lane]
    found = tmp_path / "sustained.json"
    command: list[str | Path] = [sys.executable, PROGRAM, "--lane", lane, "--rate", str(rate)]
    command += ["--seconds", "2", "--json", found]
    done = children.run(command)
    assert 0 == done.returncode, done.stdout + done.stderr
    document = json.loads(found.read_text(encoding="utf-8"))
    figures = {figure["name"]: figure for figure in document["figures"]}
    assert sent == figures["predictions sent"]["median"]
    assert 0 == figures["sent and not counted"]["median"]
    assert figures["dropped on the way"]["holds"]
    series = document["series"]
    assert sent == series["sent"][-1]
    assert {len(series["seconds"])} == {len(values) for values in series.values()}
    assert all(value > 10 for value in series["Collector_mb"] + series["barograph_mb"])
    drawn = ET.parse(found.with_suffix(".svg")).getroot()
    curves = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(series["seconds"])] * 5 == [len(str(curve.get("points")).split()) for curve in curves]
