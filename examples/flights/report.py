"""The table by month, read from the events that the processor pushed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from data import FEATURES
from faults import FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable


SIGNIFICANT = "ml.feature.drift.significant"


def day(event: dict[str, Any], form: str = "%Y-%m-%d") -> str:
    """First day of the event's window."""
    return datetime.fromtimestamp(event["ml.window.start"] / 1e9, tz=timezone.utc).strftime(form)


def reading(event: dict[str, Any], name: str, **wanted: str) -> float | None:
    """The value of one reading of the event; attributes are written with `_` for `.`."""
    attributes = {key.replace("_", "."): value for key, value in wanted.items()}
    for item in event["ml.window.readings"]:
        if item["name"] == name and all(item.get(key) == value for key, value in attributes.items()):
            return float(item["value"])
    return None


def required(event: dict[str, Any], name: str, **wanted: str) -> float:
    """As `reading`, for figures that the demo can't do without."""
    value = reading(event, name, **wanted)
    if value is None:
        raise SystemExit(
            f"the window {event['ml.window.name']} from {day(event)} has no reading {name} {wanted}"
        )
    return value


def significant_features(event: dict[str, Any]) -> set[str]:
    """Features that drifted significantly in the event's window."""
    return {
        item["ml.feature.name"]
        for item in event["ml.window.readings"]
        if item["name"] == SIGNIFICANT and item["value"] == 1
    }


class Result:
    """What the telemetry tells about the nine months."""

    def __init__(self, windows: Iterable[dict[str, Any]]) -> None:
        """Take the newest revision of every window."""
        events = sorted(windows, key=lambda event: event["ml.window.start"])
        self.days = [event for event in events if event["ml.window.name"] == "1d"]
        self.months = [event for event in events if event["ml.window.name"] == "month"]

    def table(self) -> list[dict[str, Any]]:
        """One row a month."""
        return [self._row(event) for event in self.months]

    def _row(self, event: dict[str, Any]) -> dict[str, Any]:
        month = day(event, "%Y-%m")
        days = [one for one in self.days if day(one, "%Y-%m") == month]
        counts = Counter(name for one in days for name in significant_features(one))
        end = {"ml_label_horizon": "all"}
        return {
            "month": month,
            "rows": round(required(event, "ml.window.observations")),
            "labels": round(required(event, "ml.performance.observations", **end)),
            "maturity": required(event, "ml.label.maturity", **end),
            "drifted": [name for name in FEATURES if 2 * counts[name] >= len(days)],
            "drifted_over_month": [name for name in FEATURES if name in significant_features(event)],
            "prediction_drift": required(event, "ml.prediction.drift.psi", ml_class_name="true"),
            "accuracy": required(event, "ml.performance.accuracy", **end),
            "accuracy_lower": required(event, "ml.performance.accuracy.confidence.lower", **end),
            "accuracy_upper": required(event, "ml.performance.accuracy.confidence.upper", **end),
            "auc": required(event, "ml.performance.roc_auc", **end),
            "auc_lower": required(event, "ml.performance.roc_auc.lower", **end),
            "auc_upper": required(event, "ml.performance.roc_auc.upper", **end),
        }

    def fault(self, fault: Fault) -> dict[str, Any]:
        """On how many of the fault's days its feature was significant, and on what share of clean days."""
        hit = [event for event in self.days if fault.start <= day(event) < fault.end]
        clean = [
            event for event in self.days if not any(other.start <= day(event) < other.end for other in FAULTS)
        ]
        return {
            "name": fault.name,
            "feature": fault.feature,
            "days": len(hit),
            "significant": self._count(hit, fault.feature),
            "clean_days": len(clean),
            "clean_significant": self._count(clean, fault.feature),
        }

    @staticmethod
    def _count(events: Iterable[dict[str, Any]], feature: str) -> int:
        return sum(feature in significant_features(event) for event in events)
