"""A day of rows with features, as edges and owners count it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord

from barograph.semconv import attributes, events

from .processes import last_revisions, prediction, truth

if TYPE_CHECKING:
    from .processes import Running

HOUR_NS = 3_600 * 10**9
START_NS = 1_357_016_400 * 10**9 // (24 * HOUR_NS) * 24 * HOUR_NS


def rows(count: int) -> list[dict[str, Any]]:
    """A day of predictions with features; some without an id."""
    chance = random.Random(7)
    return [
        {
            "id": None if index % 10 == 9 else f"a-{index}",
            "time_ns": START_NS + index * 23 * HOUR_NS // count,
            "score": (score := chance.random()),
            "predicted": "true" if score >= 0.5 else "false",
            "truth": "true" if chance.random() < score else "false",
            "features": {
                "age": chance.choice([chance.gauss(40, 9), None, float("inf")]),
                "town": chance.choice(["Bern", "Graz", "Linz"]),
            },
        }
        for index in range(count)
    ]


def row_record(row: dict[str, Any]) -> LogRecord:
    """A prediction with its features."""
    record = prediction(row)
    values = {
        name: value
        for name, value in {**(record.attributes or {}), attributes.ML_FEATURES: row["features"]}.items()
        if value is not None
    }
    return LogRecord(timestamp=row["time_ns"], event_name=events.ML_INFERENCE_PREDICTION, attributes=values)


def labels(data: list[dict[str, Any]]) -> list[LogRecord]:
    """The truth of those that have an id."""
    return [truth(row, HOUR_NS) for row in data if row["id"] is not None]


def day_of(owner: Running) -> list[tuple[object, ...]]:
    """The readings of the day."""
    (day,) = last_revisions(owner.windows, "1d")
    return sorted(
        (
            reading["name"],
            round(float(reading["value"]), 9),
            sorted((k, str(v)) for k, v in reading.items() if k not in {"name", "value"}),
        )
        for reading in day["readings"]
    )
