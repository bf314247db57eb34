"""Sends the flights to the serving program in the order of their departure, one request an hour."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from data import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

COLUMNS = ["flight_id", "scheduled", *FEATURES]


def request_body(table: pd.DataFrame) -> bytes:
    """The table as the JSON that the serving program takes; missing values are null."""
    columns: dict[str, list[Any]] = {}
    for name in COLUMNS:
        column = table[name]
        if name == "scheduled":
            column = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        columns[name] = column.astype(object).where(column.notna(), None).tolist()
    return json.dumps(columns).encode()


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
        for hour, table in flights.groupby(flights["scheduled"].dt.floor("h"), sort=True):
            connection.request("POST", "/predict", request_body(table))
            response = connection.getresponse()
            answer = response.read().decode()
            if response.status != http.client.OK:
                raise SystemExit(f"the serving program answered {response.status} for {hour}: {answer[:200]}")
            record = {"flight_id": table["flight_id"].tolist(), "response": answer}
            kept.write(json.dumps(record) + "\n")
            requests += 1
            rows += len(table)
            tick(hour, len(table))
    connection.close()
    return requests, rows
