"""Trains on January and February; writes the model, and March as the model saw it."""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
from data import CATEGORIES, FEATURES, NUMBERS, between, load_flights
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder


def build_model() -> Pipeline:
    """A pipeline that takes the request's table as it is and uses the columns that it knows."""
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": float("nan")}
    columns = ColumnTransformer(
        [("numbers", "passthrough", NUMBERS), ("categories", OrdinalEncoder(**unknown), CATEGORIES)],
        remainder="drop",
    )
    categorical = [False] * len(NUMBERS) + [True] * len(CATEGORIES)
    trees = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.1, max_leaf_nodes=15, categorical_features=categorical, random_state=0
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def main() -> None:
    """Train, then score March."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for model.joblib and march.parquet"
    )
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    flights = load_flights()
    training = between(flights, "2013-01-01", "2013-03-01").dropna(subset=["late"])
    model = build_model()
    model.fit(training[FEATURES], training["late"].astype(bool))
    joblib.dump(model, options.output / "model.joblib")

    march = between(flights, "2013-03-01", "2013-04-01")
    march["score"] = model.predict_proba(march[FEATURES])[:, 1]
    march["late"] = march["late"].astype("boolean")
    march.drop(columns="landed").to_parquet(options.output / "march.parquet", index=False)


if __name__ == "__main__":
    main()
