"""What runtimes write around a program's lines."""

from __future__ import annotations

import json

from barograph.times import NOT_A_TIME
from barograph_processor.receivers.files.containers import Message, container_of, unwrap

AT = "2026-01-01T12:00:00.25Z"
AT_NS = 1_767_268_800_250_000_000


def docker(text: str, stream: str = "stdout") -> bytes:
    return json.dumps({"log": text, "stream": stream, "time": AT}).encode()


def test_formats_are_told_by_a_line() -> None:
    assert "docker" == container_of(docker("hello\n"))
    assert "cri" == container_of(b"2026-01-01T12:00:00.25Z stderr F hello")
    assert "none" == container_of(b'{"id": "a", "log": 7}')
    assert "none" == container_of(b"now stdout F hello")


def test_parts_of_a_line_are_joined_by_stream() -> None:
    lines = [
        b'2026-01-01T12:00:00.25Z stdout P {"a":',
        b"2026-01-01T12:00:00.25Z stderr F warning",
        b"2026-01-01T12:00:00.25Z stdout F  1}",
        b"2026-01-01T12:00:00.25Z stdout P begun",
    ]
    found = unwrap("cri", lines, {}, longest=100)
    assert [Message(b"warning", AT_NS), Message(b'{"a": 1}', AT_NS)] == found.messages
    assert {"stdout": b"begun"} == found.pending
    rest = unwrap("cri", [b"2026-01-01T12:00:00.25Z stdout F  and done"], found.pending, longest=100)
    assert [Message(b"begun and done", AT_NS)] == rest.messages
    assert {} == rest.pending


def test_docker_breaks_long_lines_without_an_end() -> None:
    found = unwrap("docker", [docker("he"), docker("err\n", "stderr"), docker("llo\n")], {}, longest=100)
    assert [Message(b"err", AT_NS), Message(b"hello", AT_NS)] == found.messages


def test_a_line_that_is_too_long_is_left_out_whole_however_many_parts_it_has() -> None:
    parts = [docker("x" * 6), docker("x" * 6), docker("x\n"), docker("short\n")]
    found = unwrap("docker", parts, {}, longest=10)
    assert [Message(b"short", AT_NS)] == found.messages
    assert 1 == found.too_long
    assert 1 == unwrap("none", [b"x" * 11, b"y"], {}, longest=10).too_long


def test_a_line_of_another_format_stands_for_itself() -> None:
    assert [Message(b"plain", NOT_A_TIME)] == unwrap("cri", [b"plain"], {}, longest=100).messages
