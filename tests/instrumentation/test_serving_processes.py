"""Serving processes as they are: forked workers with threads, ended by signals, sending to nobody."""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest

from .upstreams import COUNTING, PATIENT, finished, nothing, printed, started, upstream

pytestmark = pytest.mark.slow

WORKERS, THREADS, CALLS = 3, 4, 1_000
# As a server with an application loaded before it forks: the parent has predicted, too, and its
# background threads run when it forks. Workers end as servers end them, by SystemExit.
PREFORK = f"""{PATIENT}
import json, os, sys, threading
monitor = barograph.Monitor("m", "1")

def serve(name, calls):
    for number in range(calls):
        with monitor.predict({{"a": float(number), "b": "x"}}, ids=f"{{name}}-{{number}}") as call:
            call.outputs("yes", scores=0.5)

serve("parent", 100)
if WARM:
    barograph.flush(60.0)
children = []
for worker in range({WORKERS}):
    child = os.fork()
    if child:
        children.append(child)
        continue
    names = [f"w{{worker}}-t{{thread}}" for thread in range({THREADS})]
    threads = [threading.Thread(target=serve, args=(name, {CALLS})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(0)
serve("late", 100)
print(json.dumps([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.mark.parametrize("warm", [True, False], ids=["sent before forking", "waiting while forking"])
def test_forked_workers_with_threads_count_every_row_once(warm: bool) -> None:
    with upstream() as (found, port):
        lines = finished(PREFORK.replace("WARM", str(warm)), port)
    assert [[0] * WORKERS] == [json.loads(line) for line in lines]
    expected = {f"{name}-{number}" for name in ("parent", "late") for number in range(100)}
    expected |= {
        f"w{worker}-t{thread}-{number}"
        for worker in range(WORKERS)
        for thread in range(THREADS)
        for number in range(CALLS)
    }
    assert {} == found.dropped()
    assert Counter(expected) == Counter(found.ids())
    assert [200, *[THREADS * CALLS] * WORKERS] == sorted(found.predictions().values())
    slices = found.slices()
    assert len(slices) == len(set(slices))


# As a server: the signal ends the main thread's loop, threads finish what they have begun.
LOADED = (
    PATIENT
    + """
import signal, sys, threading
monitor = barograph.Monitor("m", "1")
ending = threading.Event()
recorded = [0] * 4

def serve(place):
    while not ending.is_set():
        monitor.record({"a": 1.0, "b": "x"}, "yes", scores=0.5, ids=f"{place}-{recorded[place]}")
        recorded[place] += 1
        if recorded[place] % 10 == 0:
            ending.wait(0.001)

def end(number, frame):
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
threads = [threading.Thread(target=serve, args=(place,), daemon=DAEMON) for place in range(4)]
for thread in threads:
    thread.start()
try:
    print("serving", flush=True)
    while True:
        ending.wait(0.1)
finally:
    ATTHEEND
"""
)
JOINED = """
    ending.set()
    for thread in threads:
        thread.join()
    print(sum(recorded), flush=True)
"""
# Threads that nobody ends go on predicting while the process ends.
LEFT = """
    import atexit, json
    from barograph.guard import guard

    def tell():
        ending.set()
        for thread in threads:
            thread.join()
        untold = sum(count for (lane, _), count in guard.counts().items() if lane == "histograms")
        print(json.dumps([sum(recorded), untold]))

    # Told after barograph's end, for which it has to be registered before it.
    atexit.unregister(barograph.worker.WORKER._exit)
    atexit.register(tell)
    atexit.register(barograph.worker.WORKER._exit)
"""


def terminated(program: str, port: int) -> list[str]:
    with started(program, port) as child:
        assert "serving\n" == child.line()
        child.process.send_signal(signal.SIGTERM)
        _, *lines = printed(child)
        return lines


def test_what_was_recorded_under_load_leaves_when_the_process_is_terminated() -> None:
    program = LOADED.replace("DAEMON", "False").replace("    ATTHEEND\n", JOINED)
    with upstream() as (found, port):
        (recorded,) = terminated(program, port)
    dropped = found.dropped()
    assert {("histograms", "queue_full")} >= dropped.keys()
    assert int(recorded) - dropped.total() == found.predictions().total() == len(found.ids())
    assert len(found.ids()) == len(set(found.ids()))
    assert int(recorded) > 0


def test_what_is_recorded_while_the_process_ends_is_counted_one_way_or_the_other() -> None:
    program = LOADED.replace("DAEMON", "True").replace("    ATTHEEND\n", LEFT)
    with upstream() as (found, port):
        (line,) = terminated(program, port)
    recorded, untold = json.loads(line)
    told = sum(count for (lane, _), count in found.dropped().items() if lane == "histograms")
    assert recorded == found.predictions().total() + told + untold


# 2 million predictions with features to nobody, singly and in batches.
ENDLESS = f"""{COUNTING}
import json
import numpy as np
import barograph

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

monitor = barograph.Monitor("m", "1", rows="all")
batch = np.random.default_rng(1).normal(size=(900, 10))
scores = np.full(900, 0.5)
monitor.record(batch, scores=scores)
barograph.flush(1.0)
found = [megabytes()]
for number in range(2_000):
    monitor.record(batch, scores=scores, ids=[f"b-{{number}}-{{row}}" for row in range(900)])
    for row in range(100):
        monitor.record(batch[row], scores=0.5, ids=f"s-{{number}}-{{row}}")
    if number % 200 == 199:
        barograph.flush(1.0)
        found.append(megabytes())
barograph.shutdown(1.0)
print(json.dumps([found, sum(count for (lane, _), count in dropped.items() if lane == "outcomes")]))
"""
# What may wait: 128 MB for the background thread, 32 MB of points and 32 MB of events for the
# upstream, as they are on the wire; and a quarter more for the objects around it.
BOUND_MB = 1.25 * (128 + 32 + 32)


def test_memory_is_bounded_while_nobody_takes_two_million_predictions() -> None:
    with nothing() as port:
        (line,) = finished(ENDLESS, port, OTEL_EXPORTER_OTLP_TIMEOUT="2")
    found, lost = json.loads(line)
    print("megabytes at first and after each tenth:", [round(one) for one in found])
    assert max(found) - found[0] < BOUND_MB
    assert lost > 100_000  # the queue was full, or more would have waited
