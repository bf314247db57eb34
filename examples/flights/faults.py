"""The two faults of the feature pipeline. Dates were fixed before the first run and are not tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

KILOMETRES_PER_MILE = 1.609344


@dataclass(frozen=True)
class Fault:
    """A week in which one column arrives wrong."""

    name: str
    feature: str
    start: str
    end: str

    def rows(self, flights: pd.DataFrame) -> pd.Series:
        """Which flights are hit (UTC scheduled departure)."""
        day = flights["scheduled"].dt.strftime("%Y-%m-%d")
        return (day >= self.start) & (day < self.end)


UNITS = Fault("units of distance", "distance", "2013-06-10", "2013-06-17")
STUCK = Fault("stuck wind speed", "wind_speed", "2013-09-09", "2013-09-16")
FAULTS = (UNITS, STUCK)


def inject(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights as the broken pipeline delivers them: kilometres for miles, a column that stands still."""
    flights = flights.copy()
    hit = UNITS.rows(flights)
    flights["distance"] = flights["distance"].astype(float)
    flights.loc[hit, "distance"] *= KILOMETRES_PER_MILE
    hit = STUCK.rows(flights)
    flights.loc[hit, "wind_speed"] = flights.loc[: hit.idxmax() - 1, "wind_speed"].dropna().iloc[-1]
    return flights
