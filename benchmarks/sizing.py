"""What a service holds, piece by piece: panes of rows, a window, a feature, a waiting prediction, a record.

    python benchmarks/sizing.py

One engine is fed 100 rows a minute, as receivers feed it, in several arrangements that differ in one thing;
what the allocator holds at the end is compared. Panes of rows that stand in for histograms are held for two
days; no label comes, so what performance and its segments take is left out.
"""

from __future__ import annotations

import gc
import hashlib
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import measuring
import numpy as np

from barograph.baseline import Baseline
from barograph_processor.engine.batch import FeatureColumn, Features, Key, Predictions, Texts
from barograph_processor.engine.engine import Engine
from barograph_processor.engine.settings import HOUR_NS, MINUTE_NS, Settings, Window
from barograph_processor.patterns.entries import feed_body
from barograph_processor.signals.fit import fit
from barograph_processor.signals.fit_output import OutputRows
from barograph_processor.signals.special_functions import special
from barograph_processor.stores.disk import DiskStore
from barograph_processor.stores.memory import MemoryStore

KEY = Key("default", "", "", "credit", "3", "")
START_NS = 1_767_225_600 * 10**9
ROWS_A_MINUTE = 100
ROOM = 2**40
HOURS = 8


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is fed, and how it is asked to be kept."""

    features: int = 20
    hours: int = HOURS
    models: int = 1
    windows: tuple[str, ...] = ("1h",)
    given: bool = True


def baseline(model: str, features: int) -> Baseline:
    """What a model is compared with."""
    random = np.random.default_rng(1)
    score = random.random(5_000)
    output = OutputRows(task="binary", scores=score, labels=(random.random(5_000) < score) * 1, positive="1")
    columns = {f"f{number}": random.normal(number, 1, 5_000) for number in range(features)}
    return Baseline(fit(columns, model=model, version=KEY.version, outputs=[output]))


def rows(arrangement: Arrangement, model: str, start_ns: int, first: int) -> Predictions:
    """A minute of one model."""
    random = np.random.default_rng(first)
    count = ROWS_A_MINUTE
    score = random.random(count)
    names = (f"f{number}" for number in range(arrangement.features))
    features = Features({name: FeatureColumn(random.normal(0, 1, count)) for name in names})
    return Predictions(
        key=KEY._replace(model=model),
        source="a",
        ids=[hashlib.blake2b(b"%d" % (first + row), digest_size=16).hexdigest() for row in range(count)],
        time_ns=start_ns + np.arange(count) * (MINUTE_NS // count),
        classes=Texts((score >= 0.5).astype(np.int32), ("0", "1")),
        score=score,
        scores=np.empty((count, 0)),
        score_classes=(),
        value=np.full(count, np.nan),
        segments={},
        features=features if arrangement.features else None,
    )


def held_kb(arrangement: Arrangement) -> float:
    """What an engine holds when it was fed all of it, without what waits for labels, in KB."""
    lengths = {"1h": HOUR_NS, "5m": 5 * MINUTE_NS}
    settings = Settings(windows=tuple(Window(name, lengths[name]) for name in arrangement.windows))
    models = [f"credit-{number}" for number in range(arrangement.models)]
    given = [baseline(model, arrangement.features) for model in models] if arrangement.given else []
    gc.collect()
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        store = DiskStore(Path(folder) / "pending", ROOM)  # what waits is on disk, out of the account
        engine = Engine(settings, store=store, baselines=given)
        first = 0
        for minute in range(arrangement.hours * 60):
            start_ns = START_NS + minute * MINUTE_NS
            for model in models:
                engine.feed([rows(arrangement, model, start_ns, first)], start_ns + MINUTE_NS)
                first += ROWS_A_MINUTE
            engine.advance(start_ns + MINUTE_NS)
        gc.collect()
        found = tracemalloc.get_traced_memory()[0] / 1024
        tracemalloc.stop()
        store.close()
    return found


def waiting_bytes(count: int = 200_000) -> tuple[float, float]:
    """What a prediction that waits takes, on disk and in memory, in bytes."""
    settings = Settings(windows=(Window("1h", HOUR_NS),))
    arrangement = Arrangement(features=0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pending"
        store = DiskStore(place, ROOM)
        engine = Engine(settings, store=store, baselines=[])
        for first in range(0, count, ROWS_A_MINUTE):
            engine.feed([rows(arrangement, "credit", START_NS, first)], START_NS)
        store.flush()
        store.close()
        on_disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / count
    gc.collect()
    tracemalloc.start()
    memory = MemoryStore(ROOM)
    engine = Engine(settings, store=memory, baselines=[])
    before = tracemalloc.get_traced_memory()[0]
    for first in range(0, count // 10, ROWS_A_MINUTE):
        engine.feed([rows(arrangement, "credit", START_NS, first)], START_NS)
    in_memory = (tracemalloc.get_traced_memory()[0] - before) / (count // 10)
    tracemalloc.stop()
    return on_disk, in_memory


def journal_bytes(features: int) -> float:
    """What the journal writes for a row, in bytes."""
    batch = rows(Arrangement(features=features), "credit", START_NS, 0)
    return len(feed_body([batch], None)) / ROWS_A_MINUTE


def main() -> None:
    """Measure each piece by what one more of it adds."""
    with measuring.report(__doc__) as report:
        special()  # else the first window that is judged would load scipy, into the account
        plain = held_kb(Arrangement())
        report.add("one model, 20 features, eight hours of rows", plain, "KB")
        shorter = held_kb(Arrangement(hours=HOURS // 2))
        window = (plain - shorter) / (HOURS - HOURS // 2)
        report.add("an hour of it: 60 panes and a window", window, "KB")
        fewer = held_kb(Arrangement(features=5))
        report.add("one feature in an hour of it", (plain - fewer) / 15 / HOURS, "KB")
        longer = held_kb(Arrangement(windows=("1h", "5m")))
        report.add("a window alone, of 20 features", (longer - plain) / (12 * HOURS), "KB")
        learned = held_kb(Arrangement(given=False))
        report.add("without a given baseline to with one", learned / plain, "ratio")
        more = held_kb(Arrangement(models=3, hours=HOURS // 2))
        report.add("three models to one", more / shorter, "ratio")
        on_disk, in_memory = waiting_bytes()
        report.add("a prediction that waits for its label, on disk", on_disk, "bytes")
        report.add("the same in memory", in_memory, "bytes")
        report.add("a row in the journal, without features", journal_bytes(0), "bytes")
        report.add("a row in the journal, with 20 features", journal_bytes(20), "bytes")


if __name__ == "__main__":
    main()
