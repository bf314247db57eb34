"""One data set: what a model saw and answered, and the truth, late, repeated, and some of it never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from barograph.baseline import Baseline
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows

START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
HOURS = 30
ROWS = 1_500
MODEL, VERSION = "credit", "3"
PANE_S = 300
THRESHOLD = 0.375
CONFIG = f"""
windows: [6h, 1d]
labels: {{within: 7d}}
segments: [region]
engine: {{pane: {PANE_S}s, ttl: 10d}}
models:
  {MODEL}:
    schema:
      age: {{type: number, min: 18, max: 75, required: true}}
      income: {{required: true, tolerance: 0.1}}
      region: {{values: [north, south]}}
"""


@dataclass(frozen=True)
class Data:
    """Columns of n predictions, in order of time, and of their truths, in the order of observation.

    Attributes:
        ids: Of the predictions.
        time_s: Event time, whole seconds since 1970.
        features: With missing values, values out of range and a category that the baseline never saw.
        score: Probability of the positive class.
        truth: Row of the prediction, whether it was positive, and when that was observed; repeats among them.
        baseline: What the model is compared with; None: what is learned from its first rows.
        two_scores: Whether the model tells the probability of either class, and names none.
    """

    ids: list[str]
    time_s: list[int]
    features: dict[str, list[Any]]
    score: list[float]
    truth: list[tuple[int, bool, int]]
    baseline: Baseline | None
    two_scores: bool = False

    def probabilities(self, score: float) -> float | dict[str, float]:
        """What the model answers in one row."""
        return {"true": score, "false": 1 - score} if self.two_scores else score

    def calls(self, chosen: slice) -> list[float] | dict[str, list[float]]:
        """What the model answers in one call."""
        score = self.score[chosen]
        return {"false": [1 - one for one in score], "true": score} if self.two_scores else score

    def features_of(self, row: int) -> dict[str, Any]:
        """One row's, missing values as None."""
        return {name: column[row] for name, column in self.features.items()}


def make() -> Data:
    """The data set; the same at every call."""
    before, _ = _columns(np.random.default_rng(1), shift=0.0)
    chance = np.random.default_rng(2)
    score = chance.random(ROWS)
    positive = chance.random(ROWS) < score
    output = OutputRows(task="binary", scores=score, labels=positive, threshold=THRESHOLD)
    times = START_S * 10**9 + np.arange(ROWS) * 10**9
    content = fit(before, model=MODEL, version=VERSION, outputs=[output], time_ns=times)
    after, listed = _columns(np.random.default_rng(3), shift=12.0)
    assert after
    score = chance.random(ROWS).round(6)
    positive = chance.random(ROWS) < score
    time_s = START_S + np.sort(chance.integers(0, HOURS * 3600, ROWS))
    delay_s = chance.choice([60, 5_000, 50_000, 400_000], ROWS)  # within an hour, a day, a week
    known = np.flatnonzero(chance.random(ROWS) < 0.9)
    observed = sorted((int(time_s[row] + delay_s[row]), int(row)) for row in known)
    truth = [(row, bool(positive[row]), at) for at, row in observed]
    truth += truth[::20]
    return Data(
        ids=[f"a-{row}" for row in range(ROWS)],
        time_s=time_s.tolist(),
        features=listed,
        score=score.tolist(),
        truth=truth,
        baseline=Baseline(content),
    )


def _columns(random: np.random.Generator, shift: float) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Features as arrays, and as lists with None where missing."""
    age = random.normal(40 + shift, 10, ROWS).round(3)
    income = random.lognormal(8, 1, ROWS).round(2)
    income[random.random(ROWS) < 0.05] = np.nan
    regions = ["north", "south"] if not shift else ["north", "south", "east"]
    columns = {"age": age, "income": income, "region": random.choice(regions, ROWS)}
    listed = {
        "age": age.tolist(),
        "income": [None if np.isnan(value) else value for value in income.tolist()],
        "region": columns["region"].tolist(),
    }
    return columns, listed
