"""The receiver ``files``: serving code that only writes is monitored like any other."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from barograph.errors import ConfigError
from barograph_processor.components.api import Factory, Position
from barograph_processor.receivers.cumulative import CumulativeStreams, others
from barograph_processor.receivers.files.config import Config
from barograph_processor.receivers.files.following import READ_BYTES, Follower
from barograph_processor.receivers.files.lines import LineReader
from barograph_processor.receivers.files.polling import Polling, drop
from barograph_processor.receivers.files.positions import decode_position, encode_position, name_of
from barograph_processor.receivers.files.rows import RowReader, Source
from barograph_processor.receivers.otlp_intake import OtlpIntake
from barograph_processor.wire import reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from barograph_processor.components.api import Context
    from barograph_processor.receivers.files.following import Read
    from barograph_processor.receivers.files.lines import Content
    from barograph_processor.receivers.files.positions import FilePosition
    from barograph_processor.telemetry import Telemetry

_WORTH_A_PIECE_BYTES: Final = READ_BYTES // 8

_log = logging.getLogger(__name__)


class FileReceiver:
    """Follows files in a thread of its own and feeds what they hold.

    A piece of a file counts as read when the engine has taken it; until then it is read again.
    """

    def __init__(  # noqa: PLR0913  # one argument a fact
        self,
        config: Config,
        intake: OtlpIntake,
        telemetry: Telemetry,
        component_id: str,
        *,
        known: Iterable[FilePosition] = (),
        pass_on: bool = False,
    ) -> None:
        """Begin; `start` sets it going.

        Args:
            config: What is followed, and what its rows mean.
            intake: Takes requests.
            telemetry: Where lines are counted.
            component_id: ``receiver/files`` …
            known: How far files were read in an earlier run.
            pass_on: Whether objects that are no rows of ours go on to mappings, as bodies of log records.
        """
        self._config = config
        self._intake = intake
        self._telemetry = telemetry
        self._component_id = component_id
        self.follower = Follower(
            config.include,
            exclude=config.exclude,
            known=known,
            from_end=config.start_at == "end",
            linger_s=config.linger.seconds,
            longest_line=config.max_line_bytes,
        )
        source = Source(config.model, config.version, config.source_id or socket.gethostname())
        self._reader = LineReader(config, RowReader(config.columns, source, pass_on=pass_on))
        self._noted = {name_of(each) for each in self.follower.positions}
        self._unsent: tuple[Read, Content] | None = None
        self._polling = Polling(self._take, name=component_id, interval_s=config.poll.seconds, finishes=True)

    def start(self) -> None:
        """Begin to follow."""
        self._polling.start()

    def close(self) -> None:
        """Take what was written so far, then stop."""
        self._polling.close()
        self.follower.close()

    def _take(self, stopping: bool) -> bool:  # noqa: FBT001  # as `Polling` tells it
        return self.poll(time.monotonic(), time.time_ns()) and (stopping or self._is_behind())

    def poll(self, now_s: float, now_ns: int) -> bool:
        """Take what was added to each file since the last call, at most one piece of each.

        Args:
            now_s: A clock that never goes back.
            now_ns: Unix nanoseconds.

        Returns:
            Whether there was anything.

        Raises:
            Retryable: The engine can't take more now; nothing of the file's piece counts as read.
        """
        self._finish()
        some = False
        for read in self.follower.poll(now_s):
            content = self._reader.content(read, now_ns)
            self._unsent = (read, content)
            self._finish()
            some = True
        return some

    def _finish(self) -> None:
        """Give the engine the piece at hand that it has not taken yet."""
        if self._unsent is None:
            return
        read, content = self._unsent
        place = read.after(pending=content.pending, columns=content.columns)
        position = Position(self._component_id, self._changes(place))
        for why in self._intake.export_together(content.requests, position):
            drop(self._telemetry, reasons.MALFORMED, 1)
            _log.warning("%s: %s", self._component_id, why)
        self._noted = {name for name in self._noted if name not in position.changes} | {name_of(place)}
        read.taken(place)
        self._unsent = None
        drop(self._telemetry, reasons.FOREIGN, content.foreign)
        drop(self._telemetry, reasons.MALFORMED, content.malformed)
        drop(self._telemetry, reasons.LINE_TOO_LONG, content.too_long)

    def _changes(self, place: FilePosition) -> dict[str, bytes | None]:
        """What to remember of the files, and which of them to forget."""
        held = {name_of(each) for each in self.follower.positions}
        gone: dict[str, bytes | None] = dict.fromkeys(self._noted - held)
        return gone | {name_of(place): encode_position(place)}

    def _is_behind(self) -> bool:
        """Whether so much waits that it makes a piece of its own; a few lines are cheaper with the next."""
        return self.follower.waiting_bytes >= _WORTH_A_PIECE_BYTES


@contextmanager
def _open(config: Config, context: Context) -> Iterator[FileReceiver]:
    if context.intake is None:
        raise ConfigError("a receiver needs an engine to feed")
    if not config.include:
        _log.warning(
            "%s follows nothing: include is empty; wanted paths or patterns such as /var/log/app/*.jsonl",
            context.component_id,
        )
    streams = CumulativeStreams(
        context.intake,
        time.time_ns(),
        context.component_id,
        context.remembered,
        max_streams=context.limits.max_cumulative_streams,
    )
    intake = OtlpIntake(context.intake, context.telemetry, streams, context.limits, dialects=context.dialects)
    known = [decode_position(each) for each in others(context.remembered or {}).values()]
    receiver = FileReceiver(
        config,
        intake,
        context.telemetry,
        context.component_id,
        known=known,
        pass_on=bool(context.dialects),
    )
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.close()


FACTORY: Factory[Config, FileReceiver] = Factory(
    kind="receiver",
    name="files",
    config_type=Config,
    open=_open,
    stability="alpha",
    summary="Files that grow: rows as JSON or CSV, OTLP in JSON, and containers' logs.",
)
