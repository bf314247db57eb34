"""The same five rows in every form that callers have them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from barograph.baseline import Output

ROWS: list[dict[str, Any]] = [
    {"a": 1.0, "b": 2.5, "c": "x"},
    {"a": 1.5, "b": None, "c": "y"},
    {"a": -999.0, "b": 9.0, "c": "z"},
    {"a": 0.25, "b": 3.0, "c": None},
    {"a": 3.0, "b": 1.0, "c": 3},
]
NAMES = ("a", "b", "c")
COLUMNS: dict[str, list[Any]] = {name: [row[name] for row in ROWS] for name in NAMES}
NUMBERS = np.array([[row["a"], np.nan if row["b"] is None else row["b"]] for row in ROWS])
TEXTS = [None if row["c"] is None else str(row["c"]) for row in ROWS]
PREDICTION = ["yes", "no", "yes", "no", "yes"]
SCORES = [0.9, 0.2, 0.8, 0.1, 0.7]
OUTPUT = Output(task="binary", classes=("no", "yes"), positive="yes", score_edges=(0.25, 0.5, 0.75))

FORMS: dict[str, Any] = {
    "dict of lists": COLUMNS,
    "dict of arrays": {"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "c": np.array(COLUMNS["c"], dtype=object)},
    "list of dicts": ROWS,
    "list of lists": [list(row.values()) for row in ROWS],
    "object array": np.array([list(row.values()) for row in ROWS], dtype=object),
    "structured array": np.array(
        [(row["a"], np.nan if row["b"] is None else row["b"], str(row["c"])) for row in ROWS[:3]]
        + [(row["a"], row["b"], "" if row["c"] is None else str(row["c"])) for row in ROWS[3:]],
        dtype=[("a", "f8"), ("b", "f8"), ("c", "O")],
    ),
    "pandas": pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "c": TEXTS}),
    "pandas nullable": pd.DataFrame(
        {
            "a": pd.array(NUMBERS[:, 0], dtype="Float64"),
            "b": pd.array(COLUMNS["b"], dtype="Float64"),
            "c": pd.Categorical(TEXTS),
        }
    ),
    "pandas arrow": pd.DataFrame({"a": NUMBERS[:, 0], "b": COLUMNS["b"], "c": TEXTS}).astype(
        {"b": "double[pyarrow]", "c": "string[pyarrow]"}
    ),
    "polars": pl.DataFrame({"a": NUMBERS[:, 0], "b": COLUMNS["b"], "c": TEXTS}),
    "polars categorical": pl.DataFrame(
        {"c": pl.Series(TEXTS, dtype=pl.Categorical), "b": COLUMNS["b"], "a": NUMBERS[:, 0]}
    ),
    "arrow table": pa.table({"a": NUMBERS[:, 0], "b": COLUMNS["b"], "c": TEXTS}),
    "arrow batch": pa.record_batch(
        {"a": NUMBERS[:, 0], "b": COLUMNS["b"], "c": pa.array(TEXTS).dictionary_encode()}
    ),
}
FORMS["structured array"]["c"][3] = None

ROW_FORMS: dict[str, Any] = {
    "dict": lambda place: ROWS[place],
    "list": lambda place: list(ROWS[place].values()),
    "tuple": lambda place: tuple(ROWS[place].values()),
    "object row": lambda place: np.array(list(ROWS[place].values()), dtype=object),
    "pandas row": lambda place: FORMS["pandas"].iloc[place],
    "pandas frame of one": lambda place: FORMS["pandas"].iloc[[place]],
    "polars frame of one": lambda place: FORMS["polars"][place],
    "arrow slice": lambda place: FORMS["arrow table"].slice(place, 1),
    "structured row": lambda place: FORMS["structured array"][place],
}
