"""What `barograph run` leaves unloaded until it is needed."""

from __future__ import annotations

import sys

import pytest

from barograph_processor.cli.sparing import LATER
from children import run

pytestmark = pytest.mark.slow
PROGRAM = """
import os, sys, types
from barograph_processor.cli.sparing import LATER, spare_memory
spare_memory()
from barograph_processor.engine.engine import Engine
print(*[name for name in LATER if type(sys.modules[name]) is not types.ModuleType])
from barograph_processor.signals.significance import noise_floor
import numpy, numpy.ma.core
from numpy.testing import assert_allclose
assert_allclose(noise_floor(1.0, 1, 0.05), 3.841459, atol=1e-6)
print(numpy.ma.array([1.0, 2.0], mask=[True, False]).sum(), numpy.ma.core is sys.modules["numpy.ma.core"])
print(*[name for name in LATER if type(sys.modules[name]) is not types.ModuleType])
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


def told(**environment: str) -> list[str]:
    """What the program prints in a process of its own."""
    finished = run([sys.executable, "-c", PROGRAM], environ=environment)
    assert finished.stderr == ""
    return finished.stdout.splitlines()


def test_an_engine_loads_needless_modules_when_they_are_used_and_not_before() -> None:
    assert [
        " ".join(LATER),
        "2.0 True",
        "numpy.ctypeslib numpy.f2py numpy.polynomial",
        "system",
    ] == told()


def test_the_environment_chooses_the_pool_of_arrow() -> None:
    assert told(ARROW_DEFAULT_MEMORY_POOL="mimalloc")[-1] == "mimalloc"


TOGETHER = """
import sys, threading
from barograph_processor.cli.sparing import spare_memory
spare_memory()
import barograph_processor.wire.decode_logs
import numpy as np, pyarrow as pa
ready, said = threading.Barrier(8), []
def first():
    ready.wait(60)
    try:
        said.append(len(pa.array(np.arange(3))))
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
print(*said)
"""


def test_the_first_requests_may_come_at_the_same_time() -> None:
    """What Arrow looks at for every array is there before threads are: loading late is for one thread."""
    finished = run([sys.executable, "-c", TOGETHER])
    assert ("", "3 3 3 3 3 3 3 3\n") == (finished.stderr, finished.stdout)
