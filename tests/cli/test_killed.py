"""`barograph run` that is killed, stopped and starved under load: what was acknowledged counts once."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from barograph.semconv import attributes, metrics
from real.processes import free_ports

from .processes import Running, barograph, last_revisions, service, value
from .senders import Senders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .senders import Tally

pytestmark = pytest.mark.slow
HORIZON = {attributes.ML_LABEL_HORIZON: "all"}


@pytest.fixture
def port() -> int:
    return free_ports("otlp")["otlp"]


@contextmanager
def alive(folder: Path, port: int, **storage: object) -> Iterator[Running]:
    """A life of the service, with checkpoints made as often as they can be."""
    config = folder / "barograph.yaml"
    settings = {
        "directory": str(folder / "state"),
        "checkpoint_every": "1s",
        "journal_bytes": 2**20,
        **storage,
    }
    config.write_text(
        json.dumps({"windows": ["1d"], "engine": {"pane": "1h"}, "storage": settings}), encoding="utf-8"
    )
    with service("--config", str(config), "--listen", f"127.0.0.1:{port}") as running:
        yield running


def check(summary: Mapping[str, Any], windows: Sequence[Mapping[str, Any]], sent: Tally) -> None:
    """Compare what the service says with what senders were told was taken."""
    assert sent.predictions == summary["predictions"]
    labels = summary["labels"]
    assert (sent.labels, sent.labels, 0, 0) == (
        labels["accepted"], labels["joined"], labels["waiting"], labels["conflicts"],
    )  # fmt: skip
    (day,) = last_revisions(windows, "1d")
    everything = sent.predictions + sent.counted
    assert everything == value(day, metrics.ML_WINDOW_OBSERVATIONS)
    assert sent.right / sent.labels == pytest.approx(value(day, metrics.ML_PERFORMANCE_ACCURACY, **HORIZON))
    assert sent.labels / everything == pytest.approx(value(day, metrics.ML_LABEL_MATURITY, **HORIZON))
    ratio = value(day, metrics.ML_FEATURE_MISSING_RATIO, **{attributes.ML_FEATURE_NAME: "age"})
    assert sent.missing / (sent.valid + sent.missing) == pytest.approx(ratio)


@pytest.mark.parametrize("sync", ["always", "interval"])
def test_killed_again_and_again_under_load_every_acknowledged_row_counts_once(
    tmp_path: Path, port: int, sync: str
) -> None:
    chance = random.Random(sync)
    senders = Senders(f"127.0.0.1:{port}", seed=3)
    for _ in range(4):
        with alive(tmp_path, port, durability="disk", sync=sync) as running:
            senders.wait_for(chance.randrange(20, 300))
            running.kill()
    with alive(tmp_path, port, durability="disk", sync=sync) as running:
        senders.wait_for(50)
        sent = senders.stop()
        summary = running.drain()
        running.stop()
    assert 0 == running.process.returncode, running.said
    check(summary, running.windows, sent)
    assert "with the checkpoint of" in running.said


@pytest.mark.parametrize("durability", ["memory", "disk"])
def test_stopped_in_order_under_load_nothing_acknowledged_is_lost(
    tmp_path: Path, port: int, durability: str
) -> None:
    senders = Senders(f"127.0.0.1:{port}", seed=4)
    for _ in range(2):
        with alive(tmp_path, port, durability=durability) as running:
            senders.wait_for(100)
            running.stop()
        assert 0 == running.process.returncode, running.said
        assert "stopping: no more intake" in running.said
    with alive(tmp_path, port, durability=durability) as running:
        senders.wait_for(20)
        sent = senders.stop()
        summary = running.drain()
        running.stop()
    check(summary, running.windows, sent)


def test_a_directory_changes_its_durability_without_losing_what_it_holds(tmp_path: Path, port: int) -> None:
    senders = Senders(f"127.0.0.1:{port}", count=3, seed=5)
    for durability, ends in (("memory", "stop"), ("disk", "kill"), ("memory", "stop"), ("disk", "stop")):
        with alive(tmp_path, port, durability=durability) as running:
            senders.wait_for(50)
            running.stop() if ends == "stop" else running.kill()
    with alive(tmp_path, port, durability="memory") as running:
        sent = senders.stop()
        summary = running.drain()
        running.stop()
    check(summary, running.windows, sent)


def test_a_second_signal_ends_the_process_at_once_and_loses_nothing_acknowledged(
    tmp_path: Path, port: int
) -> None:
    senders = Senders(f"127.0.0.1:{port}", count=3, seed=6)
    with alive(tmp_path, port, durability="disk") as running:
        senders.wait_for(50)
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        running.collect()
    assert running.process.returncode in {0, -signal.SIGTERM}  # it may have been quicker than the second
    with alive(tmp_path, port, durability="disk") as running:
        senders.wait_for(10)
        sent = senders.stop()
        summary = running.drain()
        running.stop()
    check(summary, running.windows, sent)


def test_while_files_can_not_grow_senders_wait_health_says_why_and_it_recovers_by_itself(
    tmp_path: Path, port: int
) -> None:
    senders = Senders(f"127.0.0.1:{port}", count=3, seed=7)
    with alive(tmp_path, port, durability="disk") as running:
        senders.wait_for(50)
        limits = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        senders.wait_until_refused("can't be written: File too large")
        assert "storage: the journal in" in running.health()
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, limits)
        senders.wait_for(50)
        sent = senders.stop()
        running.wait_until_well()
        running.kill()
    with alive(tmp_path, port, durability="disk") as running:
        summary = running.drain()
        running.stop()
    check(summary, running.windows, sent)


def test_a_directory_that_was_removed_is_told_and_nothing_more_is_acknowledged(
    tmp_path: Path, port: int
) -> None:
    senders = Senders(f"127.0.0.1:{port}", count=2, seed=8)
    with alive(tmp_path, port, durability="disk") as running:
        senders.wait_for(20)
        shutil.rmtree(tmp_path / "state")
        senders.wait_until_refused("was removed")
        assert "was removed" in running.health()


def test_a_directory_in_use_or_out_of_reach_is_refused_in_one_line(tmp_path: Path, port: int) -> None:
    with alive(tmp_path, port, durability="disk"):
        config = str(tmp_path / "barograph.yaml")
        done = barograph("run", "--config", config, "--listen", "127.0.0.1:0", status=2)
        assert "is in use by another process; stop it" in done.stderr
    done = barograph("run", "--storage", "/proc/barograph", "--listen", "127.0.0.1:0", status=2)
    assert done.stderr.startswith("Error: $.storage.directory: /proc/barograph: ")
    assert 1 == len(done.stderr.splitlines())


def test_damaged_state_is_refused_with_what_to_do_and_started_without_once_moved(
    tmp_path: Path, port: int
) -> None:
    with alive(tmp_path, port, durability="disk") as running:
        running.stop()
    (state,) = (tmp_path / "state" / "checkpoints").glob("*/state")
    state.write_bytes(state.read_bytes()[:-1])
    done = barograph("run", "--config", str(tmp_path / "barograph.yaml"), status=1)
    assert f"can't be restored from {tmp_path / 'state'}: {state}: it is damaged" in done.stderr
    assert "move checkpoints and journal out of it" in done.stderr
    for name in ("checkpoints", "journal"):
        (tmp_path / "state" / name).rename(tmp_path / name)
    with alive(tmp_path, port, durability="disk") as running:
        running.stop()
    assert 0 == running.process.returncode
