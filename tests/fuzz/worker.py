"""Judges cases in a process of its own, so that a crash, a hang or a leak is seen and survived.

usage: python -m fuzz.worker FIRST COUNT PROGRESS   (in the folder of the tests)

The number of the case at hand stands in the file PROGRESS; a line of JSON tells each finding.
"""

from __future__ import annotations

import collections
import faulthandler
import json
import resource
import struct
import sys
import traceback
from mmap import mmap
from pathlib import Path

from fuzz.judge import judge
from fuzz.mutations import case

HANGS_S = 20.0
ADDRESS_SPACE_BYTES = 6 * 2**30
THOROUGH_EVERY = 4


def limited() -> None:
    """Let this process neither take all memory of the machine nor leave an image of itself."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Judge cases one after the other."""
    first, count, progress = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    limited()
    verdicts: collections.Counter[str] = collections.Counter()
    with progress.open("r+b") as file, mmap(file.fileno(), 8) as shown:
        for number in range(first, first + count):
            shown[:8] = struct.pack("<q", number)
            faulthandler.dump_traceback_later(HANGS_S, exit=True)
            try:
                verdict = judge(case(number), thorough=number % THOROUGH_EVERY == 0)
            except Exception:  # noqa: BLE001  # that is what is looked for
                print(json.dumps({"number": number, "what": traceback.format_exc()}), flush=True)
                continue
            finally:
                faulthandler.cancel_dump_traceback_later()
            verdicts[f"accepted={verdict.accepted} protobuf={verdict.protobuf}"] += 1
            if not verdict.agreed:
                what = f"accepted={verdict.accepted}, protobuf={verdict.protobuf}: {verdict.told[:200]}"
                print(json.dumps({"number": number, "what": what}), flush=True)
    print(json.dumps({"verdicts": verdicts}), flush=True)


if __name__ == "__main__":
    main()
