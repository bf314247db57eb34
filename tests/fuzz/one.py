"""Judges requests from files, named SIGNAL-VERDICT-….bin: ends with 0 where none crashes, hangs or leaks.

usage: python -m fuzz.one FILE…

A line of JSON for each, before it is judged and after, so that the one that the process dies of is known.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fuzz.judge import judge
from fuzz.mutations import Case
from fuzz.worker import HANGS_S, limited

if TYPE_CHECKING:
    from barograph_processor.receivers.otlp_intake import Signal


def main() -> None:
    """Judge each request thoroughly."""
    limited()
    for path in map(Path, sys.argv[1:]):
        print(json.dumps({"file": path.name}), flush=True)
        signal = cast("Signal", path.name.partition("-")[0])
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        verdict = judge(Case(0, signal, path.read_bytes()), thorough=True)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps({"file": path.name, **verdict._asdict(), "agreed": verdict.agreed}), flush=True)


if __name__ == "__main__":
    main()
