"""Lines of a followed file, to OTLP requests."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from barograph.errors import Permanent
from barograph.times import NOT_A_TIME
from barograph_processor.receivers.files.containers import Message, container_of, unwrap
from barograph_processor.wire.otlp_json import to_protobuf
from barograph_processor.wire.text import number_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from barograph_processor.receivers.files.config import Config
    from barograph_processor.receivers.files.following import Read
    from barograph_processor.receivers.files.rows import Row, RowReader
    from barograph_processor.wire.otlp_json import Lane

_LANES: Final[tuple[tuple[bytes, Lane], ...]] = (
    (b'"resourceSpans"', "traces"),
    (b'"resourceMetrics"', "metrics"),
    (b'"resourceLogs"', "logs"),
)
_HEAD_BYTES: Final = 64  # of a line, in which OTLP's outermost key stands
_TABS: Final = (".tsv", ".tab")
_JSON: Final = msgspec.json.Decoder()
_SPELLED: Final[dict[str, bool | float]] = {
    "true": True,
    "false": False,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}


class Content(NamedTuple):
    """What some lines hold.

    Attributes:
        requests: One OTLP request for each lane that there is something for.
        foreign: Lines that are nothing of ours: a program's other output.
        malformed: Lines that look like ours and can't be read.
        too_long: Lines that were left out for their length.
        pending: As of `FilePosition`, after these lines.
        columns: Likewise.
    """

    requests: Sequence[tuple[Lane, bytes]]
    foreign: int
    malformed: int
    too_long: int
    pending: dict[str, bytes]
    columns: tuple[str, ...]


class LineReader:
    """Makes requests of the lines that a follower reads."""

    def __init__(self, config: Config, rows: RowReader) -> None:
        self._config = config
        self._rows = rows

    def content(self, read: Read, now_ns: int) -> Content:
        """What the lines hold.

        Args:
            read: The lines.
            now_ns: Event time of rows that tell none, neither themselves nor by a container's log.
        """
        position = read.file.position
        container = self._config.container
        if container == "auto":
            container = container_of(read.lines[0]) if read.lines else "none"
        unwrapped = unwrap(container, read.lines, position.pending, longest=self._config.max_line_bytes)
        columns = position.columns
        counted = [0, 0]  # foreign, malformed
        found: Iterator[tuple[Lane | None, Any, int]]
        if self._is_csv(position.path):
            if not columns and position.offset == 0 and unwrapped.messages:
                columns = tuple(_cells(unwrapped.messages[0].content, position.path))
            found = self._csv_rows(unwrapped.messages, columns, position.path, counted, self._rows.names)
        else:
            found = self._json_rows(unwrapped.messages, counted)
        rows: list[tuple[Row, int]] = []
        requests: dict[Lane, bytes] = {}
        for lane, told, moment_ns in found:
            if lane is None:
                rows.append((told, now_ns if moment_ns == NOT_A_TIME else moment_ns))
            else:  # one request after the other reads as one that has the items of both
                requests[lane] = requests.get(lane, b"") + told
        if rows:
            request = self._rows.request(rows)
            counted[0] += request.foreign
            if request.records:
                requests["logs"] = requests.get("logs", b"") + request.data
        pending = dict(unwrapped.pending)
        return Content(list(requests.items()), counted[0], counted[1], unwrapped.too_long, pending, columns)

    def _is_csv(self, path: str) -> bool:
        if self._config.form != "auto":
            return self._config.form == "csv"
        return any(part in path for part in (".csv", *_TABS))

    @staticmethod
    def _json_rows(messages: Sequence[Message], counted: list[int]) -> Iterator[tuple[Lane | None, Any, int]]:
        for message in messages:
            content = message.content.strip()
            if not content.startswith(b"{"):
                counted[0] += bool(content)
                continue
            lane = next((lane for key, lane in _LANES if key in content[:_HEAD_BYTES]), None)
            try:
                if lane is not None:
                    yield lane, to_protobuf(lane, content), message.time_ns
                else:
                    yield None, _object(content), message.time_ns
            except (msgspec.DecodeError, ValueError, RecursionError, Permanent):
                counted[1] += 1

    @staticmethod
    def _csv_rows(
        messages: Sequence[Message],
        columns: tuple[str, ...],
        path: str,
        counted: list[int],
        names: Collection[str],
    ) -> Iterator[tuple[Lane | None, Any, int]]:
        readers = [_name if column in names else _cell for column in columns]
        for message in messages:
            if not message.content:
                continue
            cells = _cells(message.content, path)
            if tuple(cells) == columns:
                continue  # the first line, of this file or of the one after a rotation
            if len(cells) != len(columns):
                counted[1] += 1
                continue
            values = (read(cell) for read, cell in zip(readers, cells, strict=True))
            yield None, dict(zip(columns, values, strict=True)), message.time_ns


def _object(content: bytes) -> Row:
    """A line of JSON, or of what Python's json module writes where a number is NaN or infinite."""
    try:
        decoded: Row = _JSON.decode(content)
    except msgspec.DecodeError:
        if b"NaN" not in content and b"Infinity" not in content:
            raise
        decoded = json.loads(content)
    return decoded


def _cells(line: bytes, path: str) -> list[str]:
    delimiter = "\t" if any(part in path for part in _TABS) else ","
    return next(csv.reader([line.decode("utf-8-sig", "replace")], delimiter=delimiter), [])


def _name(text: str) -> str | None:
    """A cell of a column of names, such as ids: 007 is not 7."""
    return text or None


def _cell(text: str) -> str | float | bool | None:
    """A cell as the value that it spells: nothing, a truth, a number, or text."""
    if not text:
        return None
    if text.lower() in _SPELLED:
        return _SPELLED[text.lower()]
    number = number_in(text)
    if math.isnan(number):
        return text
    return int(text) if number.is_integer() and text.lstrip("+-").isdecimal() else number
