"""A year of flights out of New York, told by OpenTelemetry metrics.

Three processes, as in production: a serving program without a line of barograph, `barograph run`,
and a feedback program that knows ids and outcomes only. This one trains the model, replays the
flights, plays the backend that the processor pushes to, and prints what arrived there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recompute
from collect import Backend
from data import between, load_flights
from faults import FAULTS, inject
from processes import free_port, program, run, started, stop, tell, wait_for_port
from replay import replay
from report import Result
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent
console = Console(highlight=False, soft_wrap=True)


def say(label: str, text: str) -> None:
    """One line of the story."""
    console.print(f"  {label:<9}{':' if label else ' '} {text}", markup=False)


def prepare(output: Path) -> Path:
    """Train the model and fit the baseline, each by its own program."""
    run([sys.executable, str(HERE / "train.py"), "--output", str(output)], output / "train.log")
    baseline = output / "flights.baseline"
    command = [program("barograph"), "baseline", "fit", str(output / "march.parquet"), "-o", str(baseline)]
    command += ["--model", "flights", "--version", "1", "--task", "binary"]
    command += ["--id", "flight_id", "--time", "scheduled", "--label", "late", "--score", "score"]
    command += ["--positive", "true", "--threshold", "0.5", "--window", "1d"]
    run(command, output / "baseline.log")
    say("trained", "on January and February 2013; baseline from March")
    return baseline


class Demo:
    """The three processes, and what this one keeps of them."""

    def __init__(self, stack: ExitStack, output: Path, baseline: Path) -> None:
        """Nothing runs yet; what is started ends with `stack`."""
        self._stack = stack
        self._output = output
        self._baseline = baseline
        self.receiver, self.metrics, self.http = free_port(4317), free_port(9464), free_port(8080)
        self.backend = Backend(output / "windows.jsonl")
        stack.callback(self.backend.close)

    def start_processor(self) -> subprocess.Popen[str]:
        """`barograph run`, as the README has it."""
        log = self._output / "processor.log"
        command = [program("barograph"), "run", "--window", "1d", "--window", "month", "--pane", "1h"]
        command += ["--baseline", str(self._baseline), "--otlp", f"http://127.0.0.1:{self.backend.port}"]
        command += ["--listen", f"127.0.0.1:{self.receiver}", "--prometheus", f"127.0.0.1:{self.metrics}"]
        process = self._stack.enter_context(started(command, log))
        wait_for_port(process, self.receiver, log)
        wait_for_port(process, self.metrics, log)
        say("processor", f"barograph run, OTLP on :{self.receiver}, /metrics on :{self.metrics}")
        return process

    def start_serving(self) -> subprocess.Popen[str]:
        """The serving program; its environment is all that it knows of barograph."""
        environment = {
            "OTEL_SERVICE_NAME": "flights",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.receiver}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "BAROGRAPH_MODEL": "flights:1",
            "BAROGRAPH_BASELINE": str(self._baseline),
            "BAROGRAPH_COLUMNS": "id=flight_id,time=scheduled",
            "BAROGRAPH_PANE": "1h",
        }
        log = self._output / "serving.log"
        command = [program("opentelemetry-instrument"), sys.executable, str(HERE / "serve.py")]
        command += ["--model", str(self._output / "model.joblib"), "--port", str(self.http)]
        process = self._stack.enter_context(started(command, log, environment))
        wait_for_port(process, self.http, log)
        say("serving", f"examples/flights/serve.py under opentelemetry-instrument, :{self.http}")
        return process

    def start_feedback(self, flights: pd.DataFrame) -> subprocess.Popen[str]:
        """The feedback program; it is given ids and outcomes, and the clock by standard input."""
        outcomes = self._output / "outcomes.csv"
        known = flights["late"].notna()
        flights.loc[known, ["flight_id", "landed", "late"]].to_csv(outcomes, index=False)
        environment = {
            "OTEL_SERVICE_NAME": "flights-feedback",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.receiver}",
        }
        command = [sys.executable, str(HERE / "feedback.py"), "--outcomes", str(outcomes)]
        command += ["--sent", str(self._output / "labels.csv")]
        log = self._output / "feedback.log"
        process = self._stack.enter_context(started(command, log, environment, stdin=subprocess.PIPE))
        say("feedback", "examples/flights/feedback.py, ids and outcomes only")
        return process

    def replay(
        self, flights: pd.DataFrame, serving: subprocess.Popen[str], feedback: subprocess.Popen[str]
    ) -> None:
        """Replay with progress, end the sources, and have the processor close every window."""
        days = flights["scheduled"].dt.date.nunique()
        columns = [TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")]
        with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
            shown = bar.add_task(f"replaying {days} days, {len(flights):,} predictions", total=len(flights))
            month = ""

            def tick(hour: pd.Timestamp, rows: int) -> None:
                nonlocal month
                tell(feedback.stdin, hour.isoformat())
                bar.advance(shown, rows)
                if not console.is_terminal and f"{hour:%Y-%m}" != month:
                    month = f"{hour:%Y-%m}"
                    say("replaying", month)

            requests, rows = replay(flights, self.http, self._output / "responses.jsonl", tick)
        if feedback.stdin is not None:
            feedback.stdin.close()
        if stop(serving) != 0 or feedback.wait(90) != 0:
            raise SystemExit(f"a process failed; see {self._output}/serving.log and feedback.log")
        say("replayed", f"{rows:,} predictions in {requests:,} requests, one an hour of departures")

    def drain(self) -> dict[str, Any]:
        """Close every window and every label horizon; what became of the labels."""
        command = [program("barograph"), "drain", "--endpoint", f"127.0.0.1:{self.metrics}", "--json"]
        summary: dict[str, Any] = json.loads(run(command, self._output / "drain.log"))
        return summary


def show(result: Result, table: list[dict[str, Any]]) -> None:
    """Print the table by month and the two faults."""
    heads = f"{'rows':>7} {'labels':>7}  {'prediction drift':<17} {'accuracy [95 %]':<20} AUC [bounds]"
    console.print(f"\n  {'month':<8} {heads}", markup=False)
    for row in table:
        accuracy = f"{row['accuracy']:.3f} [{row['accuracy_lower']:.3f} {row['accuracy_upper']:.3f}]"
        auc = f"{row['auc']:.4f} [{row['auc_lower']:.4f} {row['auc_upper']:.4f}]"
        figures = (
            f"{row['rows']:>7,} {row['maturity']:>7.1%}  psi {row['prediction_drift']:<13.3f} {accuracy:<20}"
        )
        console.print(f"  {row['month']:<8} {figures} {auc}", markup=False)
        drifted = ", ".join(row["drifted"]) or "none"
        over_month = ", ".join(row["drifted_over_month"]) or "none"
        console.print(
            f"  {'':<8} drifted on at least half the days: {drifted}; over the month: {over_month}",
            markup=False,
        )
    console.print()
    for fault in FAULTS:
        told = result.fault(fault)
        if not told["days"]:
            continue
        share = told["clean_significant"] / max(told["clean_days"], 1)
        say("fault", f"{told['name']}, the week of {fault.start}")
        say("", f"{told['feature']} significant on {told['significant']}/{told['days']} of its days,")
        say("", f"and on {told['clean_significant']}/{told['clean_days']} clean days ({share:.0%})")


def check(output: Path, until: str, table: list[dict[str, Any]], drained: dict[str, Any]) -> None:
    """Stop with an error where telemetry and raw files disagree."""
    (output / "table.json").write_text(json.dumps(table, indent=1))
    command = [sys.executable, str(HERE / "recompute.py"), "--output", str(output), "--until", until]
    run(command, output / "recompute.log")
    sent = sum(1 for _ in (output / "labels.csv").open()) - 1
    labels = drained["labels"]
    dropped = sum(labels["dropped"].values())
    if labels["joined"] != sent - dropped:
        raise SystemExit(
            f"labels: joined {labels['joined']:,}, sent {sent:,}, dropped {dropped:,}: {drained}"
        )
    say("checked", "every month recomputed from raw responses and the CSV: agree")
    say("", f"labels joined {labels['joined']:,} = sent {sent:,} - dropped {dropped:,}")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=HERE / "output", help="folder for what is made and kept"
    )
    parser.add_argument("--until", default=recompute.END_DAY, help="end of the replay, a UTC date")
    options = parser.parse_args()
    output: Path = options.output
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    begun = time.monotonic()
    with console.status("training a model and fitting its baseline"):  # on a terminal
        baseline = prepare(output)
    year = inject(between(load_flights(), recompute.FIRST_DAY, recompute.END_DAY))
    flights = between(year, recompute.FIRST_DAY, options.until)
    with ExitStack() as stack:
        demo = Demo(stack, output, baseline)
        processor = demo.start_processor()
        demo.replay(flights, demo.start_serving(), demo.start_feedback(flights))
        drained = demo.drain()
        result = Result(demo.backend.events.windows.values())
        table = result.table()
        show(result, table)
        console.print()
        check(output, options.until, table, drained)
        say("took", f"{time.monotonic() - begun:.0f} s in all")
        if console.is_terminal:
            say("look", f"curl -s localhost:{demo.metrics}/metrics | grep ml_performance")
        else:
            say("look", f"{output}: all windows, the table, logs (in a terminal everything goes on running)")
        say("next", "docs/start.md: your own model, no code change")
        if console.is_terminal:
            say("", "running until Ctrl-C")
            try:
                processor.wait()
            except KeyboardInterrupt:
                console.print("  stopped")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # what was started has been ended on the way here
        console.print("  stopped")
        sys.exit(130)
