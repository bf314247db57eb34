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
from typing import Any

import pandas as pd
import recompute
from collect import Backend
from data import between, load_flights
from faults import FAULTS, inject
from processes import free_port, program, run, scrape, started, stop, tell, wait_for_port
from replay import replay
from report import Result
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).parent
console = Console(highlight=False, soft_wrap=True)


def say(label: str, text: str) -> None:
    """One line of the story."""
    console.print(f"  {label:<9}: {text}", markup=False)


def prepare(output: Path) -> Path:
    """Train the model and fit the baseline, each by its own program."""
    run([sys.executable, str(HERE / "train.py"), "--output", str(output)], output / "train.log")
    baseline = output / "flights.baseline"
    columns = ["--id", "flight_id", "--time", "scheduled", "--label", "late", "--score", "score"]
    model = ["--model", "flights", "--version", "1", "--task", "binary", "--positive", "true", "--threshold", "0.5"]
    fit = [program("barograph"), "baseline", "fit", str(output / "march.parquet"), "-o", str(baseline)]
    run([*fit, *model, *columns, "--window", "1d"], output / "baseline.log")
    say("trained", "on January and February 2013; baseline from March")
    return baseline


def serving_environment(baseline: Path, receiver: int) -> dict[str, str]:
    """All that tells the serving program about barograph."""
    return {
        "OTEL_SERVICE_NAME": "flights",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "BAROGRAPH_MODEL": "flights:1",
        "BAROGRAPH_BASELINE": str(baseline),
        "BAROGRAPH_COLUMNS": "id=flight_id,time=scheduled",
        "BAROGRAPH_PANE": "1h",
    }


def replay_year(flights: pd.DataFrame, port: int, responses: Path, clock: Any) -> tuple[int, int]:
    """Replay with a progress line; off a terminal, a line a month."""
    days = flights["scheduled"].dt.date.nunique()
    bar = [TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn()]
    with Progress(*bar, console=console, disable=not console.is_terminal) as progress:
        shown = progress.add_task(f"replaying {days} days, {len(flights):,} predictions", total=len(flights))
        month = ""

        def tick(hour: pd.Timestamp, rows: int) -> None:
            nonlocal month
            tell(clock, hour.isoformat())
            progress.advance(shown, rows)
            if not console.is_terminal and f"{hour:%Y-%m}" != month:
                month = f"{hour:%Y-%m}"
                say("replaying", month)

        return replay(flights, port, responses, tick)


def show(result: Result, table: list[dict[str, Any]]) -> None:
    """Print the table by month and the two faults."""
    console.print()
    console.print(f"  {'month':<8} {'rows':>7} {'labels':>8}  {'prediction drift':>16}  {'accuracy':<24} AUC [bounds]")
    for row in table:
        accuracy = f"{row['accuracy']:.3f} [{row['accuracy_lower']:.3f} {row['accuracy_upper']:.3f}]"
        auc = f"{row['auc']:.4f} [{row['auc_lower']:.4f} {row['auc_upper']:.4f}]"
        drift = f"psi {row['prediction_drift']:.3f}"
        labels = f"{row['maturity']:.1%}"
        console.print(f"  {row['month']:<8} {row['rows']:>7,} {labels:>8}  {drift:>16}  {accuracy:<24} {auc}", markup=False)
        drifted = ", ".join(row["drifted"]) or "none"
        console.print(f"  {'':<8} significant on at least half the days: {drifted}", markup=False)
    console.print()
    for fault in FAULTS:
        told = result.fault(fault)
        share = told["clean_significant"] / told["clean_days"]
        say("fault", f"{told['name']}, {fault.start} … 7 days: significant on {told['significant']}/{told['days']} days")
        say("", f"{told['feature']} on clean days: {told['clean_significant']}/{told['clean_days']} ({share:.0%})")


def check(output: Path, until: str, table: list[dict[str, Any]], drained: dict[str, Any], rows: int) -> None:
    """Stop with an error where telemetry and raw files disagree."""
    (output / "table.json").write_text(json.dumps(table, indent=1))
    recomputation = [sys.executable, str(HERE / "recompute.py"), "--output", str(output), "--until", until]
    run(recomputation, output / "recompute.log")
    sent = sum(1 for _ in (output / "labels.csv").open()) - 1
    labels = drained["labels"]
    dropped = sum(labels["dropped"].values())
    if labels["joined"] != sent - dropped:
        raise SystemExit(f"labels joined {labels['joined']:,} ≠ sent {sent:,} − dropped {dropped:,}: {drained}")
    if sum(row["rows"] for row in table) != rows:
        raise SystemExit(f"the months hold {sum(row['rows'] for row in table):,} rows, {rows:,} were replayed")
    say("checked", "every month recomputed from raw responses and the CSV: agree")
    say("", f"labels joined {labels['joined']:,} = sent {sent:,} − dropped {dropped:,}")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=HERE / "output", help="folder for models, logs and raw files")
    parser.add_argument("--until", default=recompute.END_DAY, help="end of the replay, a UTC date (for a quick look)")
    options = parser.parse_args()
    output: Path = options.output
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    begun = time.monotonic()

    baseline = prepare(output)
    flights = inject(between(load_flights(), recompute.FIRST_DAY, options.until))
    outcomes = flights.loc[flights["late"].notna(), ["flight_id", "landed", "late"]]
    outcomes.to_csv(output / "outcomes.csv", index=False)
    receiver, metrics, http_port = free_port(4317), free_port(9464), free_port(8080)

    with ExitStack() as stack:
        backend = Backend(output / "windows.jsonl")
        stack.callback(backend.close)
        processor_log = output / "processor.log"
        command = [program("barograph"), "run", "--window", "1d", "--window", "month", "--pane", "1h"]
        command += ["--baseline", str(baseline), "--otlp", f"http://127.0.0.1:{backend.port}"]
        command += ["--listen", f"127.0.0.1:{receiver}", "--prometheus", f"127.0.0.1:{metrics}"]
        processor = stack.enter_context(started(command, processor_log))
        wait_for_port(processor, receiver, processor_log)
        wait_for_port(processor, metrics, processor_log)
        say("processor", f"barograph run                                               :{receiver}, /metrics :{metrics}")

        serving_log = output / "serving.log"
        command = [program("opentelemetry-instrument"), sys.executable, str(HERE / "serve.py")]
        command += ["--model", str(output / "model.joblib"), "--port", str(http_port)]
        serving = stack.enter_context(started(command, serving_log, serving_environment(baseline, receiver)))
        wait_for_port(serving, http_port, serving_log)
        say("serving", f"examples/flights/serve.py under opentelemetry-instrument    :{http_port}")

        command = [sys.executable, str(HERE / "feedback.py"), "--outcomes", str(output / "outcomes.csv")]
        command += ["--sent", str(output / "labels.csv")]
        place = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver}", "OTEL_SERVICE_NAME": "feedback"}
        feedback_log = output / "feedback.log"
        feedback = stack.enter_context(started(command, feedback_log, place, stdin=subprocess.PIPE))
        say("feedback", "examples/flights/feedback.py, ids and outcomes only")

        requests, rows = replay_year(flights, http_port, output / "responses.jsonl", feedback.stdin)
        if feedback.stdin is not None:
            feedback.stdin.close()
        if stop(serving) not in (0, -15) or feedback.wait(90) != 0:
            raise SystemExit(f"a process failed; see {serving_log} and {feedback_log}")
        drain = [program("barograph"), "drain", "--endpoint", f"127.0.0.1:{metrics}", "--json"]
        drained = json.loads(run(drain, output / "drain.log"))
        took = time.monotonic() - begun
        say("replayed", f"{rows:,} predictions in {requests:,} requests; all of it in {took:.0f} s")

        result = Result(backend)
        table = result.table()
        show(result, table)
        console.print()
        check(output, options.until, table, drained, rows)
        names = sorted({line.split("{")[0] for line in scrape(metrics).splitlines() if line.startswith("ml_performance")})
        say("look", f"curl -s localhost:{metrics}/metrics | grep {names[0] if names else 'ml_performance'}")
        say("next", "docs/start.md: your own model, no code change")
        if console.is_terminal:
            say("", "running until Ctrl-C")
            try:
                processor.wait()
            except KeyboardInterrupt:
                console.print("  stopped")


if __name__ == "__main__":
    main()
