"""Recomputes every monthly figure from the raw responses, the sent labels and the CSV.

Imports nothing of barograph: its only inputs are what the serving program answered, what the
feedback program sent, and the public data. Exits with 1 where a figure of the table disagrees.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from data import between, load_flights
from sklearn.metrics import roc_auc_score

FIRST_DAY, END_DAY = "2013-04-01", "2014-01-01"


def answered(responses: Path) -> pd.DataFrame:
    """What the serving program answered, one row a flight."""
    columns: dict[str, list[Any]] = {"flight_id": [], "late": [], "score": []}
    for line in responses.open():
        record = json.loads(line)
        for name, values in {"flight_id": record["flight_id"], **json.loads(record["response"])}.items():
            columns[name] += values
    return pd.DataFrame(columns).rename(columns={"late": "predicted"})


def monthly(output: Path, until: str) -> dict[str, dict[str, Any]]:
    """Month (UTC scheduled departure) to rows, labels, right answers and AUC."""
    flights = between(load_flights(), FIRST_DAY, until)
    rows = flights[["flight_id", "scheduled", "late"]].merge(
        answered(output / "responses.jsonl"), on="flight_id"
    )
    sent = pd.read_csv(output / "labels.csv").rename(columns={"late": "truth"})
    rows = rows.merge(sent[["flight_id", "truth"]], on="flight_id", how="left")
    known = rows["late"].notna()
    if len(rows) != len(flights) or not (rows["truth"].notna() == known).all():
        raise SystemExit(
            "the raw files do not hold every flight once: delete the output folder and run again"
        )
    if not (rows.loc[known, "truth"].astype(bool) == rows.loc[known, "late"].astype(bool)).all():
        raise SystemExit("a sent label differs from the CSV")
    result = {}
    for month, part in rows.groupby(rows["scheduled"].dt.strftime("%Y-%m")):
        labelled = part[part["truth"].notna()]
        truth = labelled["truth"].astype(bool)
        result[str(month)] = {
            "rows": len(part),
            "labels": len(labelled),
            "accuracy": float((truth == labelled["predicted"].astype(bool)).mean()),
            "auc": float(roc_auc_score(truth, labelled["score"])),
        }
    return result


def disagreements(table: list[dict[str, Any]], computed: dict[str, dict[str, Any]]) -> list[str]:
    """Where the table that the telemetry gave differs from the recomputation."""
    found = []
    if sorted(row["month"] for row in table) != sorted(computed):
        found.append(f"months: table {[row['month'] for row in table]}, recomputed {sorted(computed)}")
    for row in table:
        own = computed.get(row["month"])
        if own is None:
            continue
        for name in ("rows", "labels"):
            if row[name] != own[name]:
                found += [f"{row['month']} {name}: table {row[name]}, recomputed {own[name]}"]
        if abs(row["accuracy"] - own["accuracy"]) > 1e-12:
            found.append(f"{row['month']} accuracy: table {row['accuracy']}, recomputed {own['accuracy']}")
        if not row["auc_lower"] <= own["auc"] <= row["auc_upper"]:
            found.append(
                f"{row['month']} AUC: [{row['auc_lower']}, {row['auc_upper']}], recomputed {own['auc']}"
            )
    return found


def main() -> None:
    """Compare the table in the output folder with the recomputation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder that the demo wrote")
    parser.add_argument("--until", default=END_DAY, help="end of the replay, a UTC date")
    options = parser.parse_args()
    computed = monthly(options.output, options.until)
    table = json.loads((options.output / "table.json").read_text())
    found = disagreements(table, computed)
    for line in found:
        print(line)
    if found:
        sys.exit(1)
    print(f"{len(computed)} months recomputed from raw responses: agree")


if __name__ == "__main__":
    main()
