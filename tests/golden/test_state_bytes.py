"""Stored state bytes are read for ever: the files here are never changed, only added to.

Run as a program, it writes the files that don't exist yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from barograph_processor.signals import codec
from barograph_processor.signals.codec import decode, encode
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from barograph_processor.signals.api import State

FOLDER = Path(__file__).parent / "states"
VALUES = np.array([-2.5, 0.0, 0.125, 0.5, 0.75, 1.0, 1e300])
SHARES = np.array([0.0, 0.125, 0.5, 0.5, 1.0])
TRUE = np.array([False, False, True, False, True])
CODES = np.array([0, 1, 1, 2, 0, 3], np.int32)

STATES: dict[str, State] = {
    "explicit-1": ExplicitHistogram.zero([-1.0, 0.0, 0.5]).observe(VALUES),
    "explicit-unknown-range-1": ExplicitHistogram.from_point([0.5], [3, 4], 1.5),
    "exponential-1": ExponentialHistogram.zero(3, 20).observe(VALUES),
    "exponential-empty-1": ExponentialHistogram.zero(),
    "categories-1": CategoryCounts.of({"EWR": 3, "JFK": 1, "": 2, "é": 4, "__other__": 5}),
    "categories-pooled-1": CategoryCounts.of({"EWR": 3, "JFK": 1, "LGA": 2}, limit=2),
    "confusion-1": ConfusionCounts.zero(3).observe(CODES, CODES[::-1], ("a", "b", "c", "d")),
    "scores-1": ScoreCounts.zero().observe(np.append(SHARES, [-0.5, 2.0]), np.append(TRUE, [True, False])),
    "probabilities-1": ProbabilityErrors.zero().observe(np.array([1.0]), np.array([0.25])),
    "regression-1": RegressionErrors.zero().observe(VALUES[:-1], VALUES[:-1][::-1]),
}


@pytest.mark.parametrize("name", STATES)
def test_bytes_of_every_version_are_read(name: str) -> None:
    stored = (FOLDER / f"{name}.bgst").read_bytes()
    assert STATES[name] == decode(stored)


@pytest.mark.parametrize("name", STATES)
def test_the_bytes_written_have_not_changed(name: str) -> None:
    assert (FOLDER / f"{name}.bgst").read_bytes() == encode(STATES[name])


def test_every_kind_and_every_file_is_here() -> None:
    assert {kind for kind in codec.kinds() if kind < codec.FIRST_PLUGIN_KIND} == {
        int.from_bytes(encode(state)[6:8], "little") for state in STATES.values()
    }
    assert set(STATES) == {path.stem for path in FOLDER.glob("*.bgst")}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, golden in STATES.items():
        path = FOLDER / f"{file_name}.bgst"
        if not path.exists():
            path.write_bytes(encode(golden))
