"""What every side of the comparison tells of itself: time, memory, and that it called nobody.

It runs in the environments of others, so it knows the standard library alone.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _stay_here(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: whoever connects to another machine stops the program."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not (host.startswith("127.") or host in {"localhost", "::1"}):
            raise RuntimeError(f"it wanted to connect to {host}")


class Watch:
    """Seconds by what was done in them."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        begun, cpu_begun = time.perf_counter(), time.process_time()
        yield
        self.told[f"{name}_s"] = time.perf_counter() - begun
        self.told[f"{name}_cpu_s"] = time.process_time() - cpu_begun

    def tell(self, **more: float) -> None:
        """Print everything as one line of JSON; peak memory is that of the whole program."""
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**self.told, "peak_mb": peak_mb, **more}))


sys.addaudithook(_stay_here)
