"""A BentoML service with monitors of every kind, for `record.py` to call."""

from __future__ import annotations

import os

import bentoml

MONITORING = {
    "enabled": True,
    "type": "otlp",
    "options": {
        "endpoint": os.environ["RECORD_ENDPOINT"],
        "protocol": "http",
        "meta_sample_rate": float(os.environ["RECORD_META_SAMPLE_RATE"]),
    },
}


@bentoml.service(name="loans", monitoring=MONITORING)
class Loans:
    """Answers that have nothing to do with loans but their names."""

    @bentoml.api
    def judge(self, age: float, job: str, owns: bool) -> str:  # noqa: FBT001  # what is posted
        """One row: a class."""
        with bentoml.monitor("answers") as monitor:
            monitor.log(age, "age", "feature", "numerical")
            monitor.log(job, "job", "feature", "categorical")
            monitor.log(owns, "owns", "feature", "categorical")
            answer = "grant" if age > 30 else "refuse"
            monitor.log(answer, "answer", "prediction", "categorical")
        return answer

    @bentoml.api
    def price(self, areas: list[float]) -> list[float]:
        """A batch: numbers, with their truth."""
        with bentoml.monitor("prices") as monitor:
            prices = [area * 2.5 for area in areas]
            monitor.log_batch(areas, "area", "feature", "numerical")
            monitor.log_batch(prices, "price", "prediction", "numerical")
            monitor.log_batch([price + 1 for price in prices], "sold", "target", "numerical")
        return prices

    @bentoml.api
    def weigh(self, age: float) -> float:
        """A class beside its probability, with its truth."""
        chance = min(age / 100, 1.0)
        with bentoml.monitor("chances") as monitor:
            monitor.log(age, "age", "feature", "numerical")
            monitor.log("yes" if chance >= 0.5 else "no", "answer", "prediction", "categorical")
            monitor.log(chance, "chance", "prediction", "numerical")
            monitor.log("yes", "happened", "target", "categorical")
        return chance

    @bentoml.api
    def spread(self, values: list[float]) -> list[float]:
        """Probabilities by position, of a feature that is a list."""
        total = sum(values)
        shares = [value / total for value in values]
        with bentoml.monitor("shares") as monitor:
            monitor.log(values, "values", "feature", "numerical_sequence")
            monitor.log(shares, "shares", "prediction", "numerical_sequence")
        return shares
