"""Sends the flights to the serving program in the order of their departure, one request an hour."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from data import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

COLUMNS = ["flight_id", "scheduled", *FEATURES]


def columns_of(table: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns of a request as JSON has them: missing values are None, times are text."""
    columns: dict[str, list[Any]] = {}
    for name in COLUMNS:
        column = table[name]
        if name == "scheduled":
            column = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        columns[name] = column.astype(object).where(column.notna(), None).tolist()
    return columns


def by_hour(flights: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, dict[str, list[Any]]]]:
    """Each hour of departures with its columns, which are converted once and cut then."""
    hours = flights["scheduled"].dt.floor("h").sort_values(kind="stable")
    columns = columns_of(flights.loc[hours.index])
    begin = 0
    for hour, rows in hours.value_counts(sort=False).sort_index().items():
        yield hour, {name: column[begin : begin + rows] for name, column in columns.items()}
        begin += rows


def replay(
    flights: pd.DataFrame, port: int, responses: Path, tick: Callable[[pd.Timestamp, int], None]
) -> tuple[int, int]:
    """Replay; every raw response is kept, and `tick(hour, rows)` is called after each.

    Returns:
        Number of requests and of rows.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    requests = rows = 0
    with responses.open("w") as kept:
        for hour, columns in by_hour(flights):
            connection.request("POST", "/predict", json.dumps(columns).encode())
            response = connection.getresponse()
            answer = response.read().decode()
            if response.status != http.client.OK:
                raise SystemExit(f"the serving program answered {response.status} for {hour}: {answer[:200]}")
            flight_ids = columns["flight_id"]
            kept.write(json.dumps({"flight_id": flight_ids, "response": answer}) + "\n")
            requests += 1
            rows += len(flight_ids)
            tick(hour, len(flight_ids))
    connection.close()
    return requests, rows
