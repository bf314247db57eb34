"""Reports which flights were late, as they land. It knows ids and outcomes, nothing of the model's inputs.

Reads the clock of the replay from standard input, one UTC time a line, and reports all that had
landed by then. Every label that was sent is also written down.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from barograph import Feedback


def main() -> None:
    """Report until standard input ends, then report the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=Path, required=True, help="CSV of flight_id, landed, late")
    parser.add_argument("--sent", type=Path, required=True, help="CSV to write the sent labels to")
    options = parser.parse_args()
    outcomes = pd.read_csv(options.outcomes, parse_dates=["landed"]).sort_values("landed", ignore_index=True)
    feedback = Feedback("flights")
    reported = 0
    with options.sent.open("w") as sent:
        sent.write("flight_id,landed,late\n")

        def report(until: int) -> int:
            part = outcomes.iloc[reported:until]
            if len(part):
                feedback.observe_batch(ids=part["flight_id"], values=part["late"], times=part["landed"])
                part.to_csv(sent, header=False, index=False, columns=["flight_id", "landed", "late"])
            return until

        for line in sys.stdin:
            clock = pd.Timestamp(line.strip())
            reported = report(int(outcomes["landed"].searchsorted(clock, side="right")))
        report(len(outcomes))
    if not feedback.flush(timeout_s=60):
        raise SystemExit("the last labels could not be sent within 60 s")


if __name__ == "__main__":
    main()
