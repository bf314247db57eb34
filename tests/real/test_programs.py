"""What every other test of this kind relies on: programs are found, started, ended, and missed aloud."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

import children
from contract.waiting import until

from .collector import collector
from .processes import NotStarted, PortTaken, _listens, free_ports, process, tail
from .programs import LEFT_OUT, NOT_IN_IT, VARIABLE, leave_out, left_out, program, report
from .prometheus import prometheus

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:PORT_OTLP}"}}}}
exporters: {debug: {}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
"""
LISTENS = "import socket, sys, signal; s = socket.create_server(('', int(sys.argv[1]))); signal.pause()"


def test_ports_differ_and_are_free() -> None:
    ports = free_ports("one", "two", "three")
    assert ["one", "two", "three"] == list(ports)
    assert 3 == len(set(ports.values()))


@pytest.mark.slow
def test_a_process_is_ready_when_it_listens_and_gone_after_the_context(tmp_path: Path) -> None:
    ports = free_ports("only")
    command = [sys.executable, "-c", LISTENS, str(ports["only"])]
    with process(command, log=tmp_path / "log", ports=ports) as running:
        assert None is running.status
        assert f"127.0.0.1:{ports['only']}" == running.endpoint("only")
    assert running.status is not None


@pytest.mark.slow
def test_a_program_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        pytest.raises(NotStarted, match="status 1 before it was ready\nno such thing"),
        process(command, log=tmp_path / "log", ports=free_ports("only")),
    ):
        pass


@pytest.mark.slow
def test_a_program_that_listens_is_not_ready_before_it_says_so_itself(tmp_path: Path) -> None:
    """A restart appends to the log of the one before, whose words are not its own."""
    (tmp_path / "log").write_text("ready\n", encoding="utf-8")
    listens = "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1]))).accept()"
    ports = free_ports("only")
    command = [sys.executable, "-c", listens, str(ports["only"])]
    with (
        pytest.raises(NotStarted, match="status 0 before it was ready"),
        process(command, log=tmp_path / "log", ports=ports, says="ready"),
    ):
        pass


@pytest.mark.slow
def test_a_port_that_somebody_took_is_told_apart(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('bind: address already in use')"]
    with pytest.raises(PortTaken), process(command, log=tmp_path / "log", ports=free_ports("only")):
        pass


@pytest.mark.slow
def test_a_process_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    ports = free_ports("only")
    starts = (
        "import pathlib, sys\n"
        "from real.processes import process\n"
        f"command = [sys.executable, '-c', {LISTENS!r}, '{ports['only']}']\n"
        f"with process(command, log=pathlib.Path({str(tmp_path / 'log')!r}), ports={ports!r}) as running:\n"
        "    print(running.pid, flush=True)\n"
        "    sys.stdin.read()\n"
        "    import os; os._exit(1)\n"
    )
    environ = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    parent = children.run([sys.executable, "-c", starts], environ=environ)
    assert 1 == parent.returncode, parent.stderr
    assert parent.stdout.strip().isdigit()
    until(lambda: not _listens(ports["only"]))  # the kernel ends it, which is soon and not at once
    with process([sys.executable, "-c", LISTENS, str(ports["only"])], log=tmp_path / "log", ports=ports):
        pass  # its port is free again


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_a_collector_listens_counts_itself_and_ends_when_asked(tmp_path: Path) -> None:
    with collector(CONFIG, tmp_path) as running:
        assert "otelcol_process_uptime" in running.metrics()
        assert 0.0 < running.metric("otelcol_process_memory_rss_bytes") + running.metric(
            "otelcol_process_memory_rss"
        )
        assert 0 == running.stop()
    assert "Shutdown complete" in running.said()


@pytest.mark.slow
@pytest.mark.real("prometheus")
def test_prometheus_answers_as_soon_as_the_context_begins(tmp_path: Path) -> None:
    for attempt in range(5):  # it listens some tens of milliseconds earlier
        with prometheus(tmp_path / str(attempt)) as running:
            assert [] == running.query("up")


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_a_collector_is_started_again_where_it_was(tmp_path: Path) -> None:
    with collector(CONFIG, tmp_path) as first:
        first.kill()
        with collector(CONFIG, tmp_path, keep=first.ports) as second:
            assert first.endpoint("otlp") == second.endpoint("otlp")
            assert 0 == second.stop()
    assert "Shutdown complete" in second.said()


@pytest.mark.slow
@pytest.mark.real("otelcol")
def test_a_wrong_configuration_is_shown_as_the_collector_tells_it(tmp_path: Path) -> None:
    with (
        pytest.raises(NotStarted, match='unknown type: "teapot"'),
        collector(CONFIG.replace("{debug: {}}", "{teapot: {}}"), tmp_path),
    ):
        pass


def test_a_program_that_is_missing_is_no_reason_to_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="`tools/real/build FOLDER otelcol` makes it"):
        program("otelcol")


@pytest.mark.parametrize(
    ("named", "reason"), [(False, LEFT_OUT), (True, NOT_IN_IT)], ids=["no folder", "not in it"]
)
def test_what_was_left_out_is_counted_by_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool, reason: str
) -> None:
    if named:
        monkeypatch.setenv(VARIABLE, str(tmp_path))
    else:
        monkeypatch.delenv(VARIABLE, raising=False)
    assert [
        "NOT SHOWN: 1 test with otelcol, 3 tests with prometheus",
        f"  {reason}",
    ] == report(Counter(prometheus=3, otelcol=1))


def test_only_a_folder_that_is_older_than_alertmanager_leaves_tests_out(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = pytest.Function.from_parent(request.node.parent, name="asking", callobj=lambda: None)
    asking.add_marker(pytest.mark.real("prometheus", "alertmanager"))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert {"prometheus": 1, "alertmanager": 1} == left_out([asking])
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert {"alertmanager": 1} == left_out([asking]), "a missing Prometheus fails"
    leave_out([asking])
    skipped = asking.get_closest_marker("skip")
    assert skipped is not None
    assert NOT_IN_IT == skipped.kwargs["reason"]
    (tmp_path / "alertmanager").touch()
    assert {} == left_out([asking])


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert "two\nthree" == tail(tmp_path / "log", 2)
